"""
Erase a person in all offices, page by page, until nothing more is found (C6).

    fence       the mark stands from here on: the gate lets nothing through to them
    lists       the contact goes, and out of the list's count
    campaigns   what is open is settled, their place in the frozen audience goes, texts and
                numbers leave the rows; the rows stay, or a lead would be free to be sent again
    senders     the same for what answered no campaign; answers that wait are dropped
    files       uploads that were read go; rejected rows about them go
    consent     last: the number leaves suppressions and ledger, the mark remains

Each step can be repeated. A planner, an import or another erasure that was under way may put
something back that it had read before, so passes go on, some time apart, until one finds
nothing; only then the request is done and forgets the number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from carillon.domain.audience import part_key, without_recipient
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.clock import from_iso
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import NotFound
from carillon.domain.ids import lead_key, part_of
from carillon.domain.lead import LeadStatus
from carillon.domain.listing import Position
from carillon.domain.media import items_of
from carillon.domain.message import Claim, RowRef
from carillon.domain.person_requests import PersonRequest, RequestStatus, Step, Work
from carillon.ports import (
    Clock,
    ImportDirectory,
    Leads,
    PersonFiles,
    PersonRecords,
    PersonRequests,
    Queue,
)
from carillon.usecases.erase_from_files import erase_from_file

# What was read before the last pass has been written by then, or its function has ended.
NEXT_PASS_AFTER_S = 900
# No call is under way any more under a claim of that age (send_lead.CLAIM_MAX_AGE_S).
CLAIM_IS_OLD_AFTER = timedelta(minutes=5)
_PREFIXES = ("uploads/", "rejected/")
# Pictures that are to go with a campaign's messages: nobody's data, and no lines to read.
_CAMPAIGNS_UPLOADS = "uploads/cmp_"
_FILES_PER_PAGE = 20
_LIVE = frozenset({CampaignStatus.PROCESSING, CampaignStatus.ACTIVE, CampaignStatus.PAUSED})


@dataclass(frozen=True, kw_only=True)
class Erasing:
    """What an erasure needs."""

    requests: PersonRequests
    records: PersonRecords
    leads: Leads
    lists: ImportDirectory
    files: PersonFiles
    queue: Queue
    clock: Clock
    new_claim_id: Callable[[], str]


def _early_s(request: PersonRequest, now: datetime) -> float:
    """Return for how long nothing is to be done yet."""
    if request.status is not RequestStatus.RUNNING or request.not_before is None:
        return 0.0
    return (request.not_before - now).total_seconds()


def erase_person(world: Erasing, request: PersonRequest, budget_s: float) -> PersonRequest:
    """
    Carry the erasure on for about *budget_s* seconds; return it as this runner left it.

    Asks the queue to go on when something is left. Safe at any time, any number of times.
    """
    early_s = _early_s(request, world.clock.now())
    if early_s > 0:
        # A message of its own, of whoever repeated the request: it shortens nothing.
        world.queue.put({"request_id": request.id}, delay_s=ceil(early_s))
        return request
    until = world.clock.monotonic() + budget_s
    while request.status is RequestStatus.RUNNING and request.phone is not None:
        work, rest = Work(), None
        page = _PAGES[request.step]
        rest = page(world, request, request.phone, work)
        after = request.after_page(work, rest)
        delay_s = 0
        if after.is_pass_over:
            if after.found or not request.passes:
                delay_s = NEXT_PASS_AFTER_S
                after = after.after_pass(world.clock.now() + timedelta(seconds=delay_s))
            else:
                after = after.done(world.clock.now())
        if not world.requests.advance(request, after):
            # Another runner has done this page: the rest is its work.
            return request
        request = after
        if request.status is RequestStatus.RUNNING and (
            delay_s or world.clock.monotonic() >= until
        ):
            world.queue.put({"request_id": request.id}, delay_s=delay_s)
            return request
    return request


def _fence(world: Erasing, request: PersonRequest, phone: str, _work: Work) -> Position | None:
    world.records.fence(phone, request)
    return None


def _lists(world: Erasing, request: PersonRequest, phone: str, work: Work) -> Position | None:
    found, rest = world.records.lists(request.cursor)
    for one in found:
        work.add("contacts", world.records.forget_contact(one, lead_key(phone)))
    return rest


def _campaigns(world: Erasing, request: PersonRequest, phone: str, work: Work) -> Position | None:
    found, rest = world.records.campaigns(request.cursor)
    for campaign in found:
        if campaign.parts:
            _campaign(world, campaign, phone, work)
        # Its parts are being written: they are looked at once they stand.
        work.busy += campaign.status is CampaignStatus.PROCESSING
    return rest


def _campaign(world: Erasing, campaign: Campaign, phone: str, work: Work) -> None:
    key = lead_key(phone)
    part = part_of(key, campaign.parts)
    thread = RowRef(f"{campaign.id}#{part:05d}", key)
    stored = part_key(campaign.id, part)
    without = _part_without(world, stored, key)
    is_free = without is not None and campaign.status in _LIVE
    if not _settle(world, campaign, phone, thread, is_free=is_free):
        # Something may be under way: its row and its place are still needed.
        work.busy += 1
        return
    # The row stands before the place goes: a lead without either would be forgotten by counts,
    # and one whose place another runner puts back must find its row settled.
    if without is not None:
        world.files.put(stored, without, content_type="application/gzip")
        work.add("audiences")
    _thread(world, thread, work)


def _part_without(world: Erasing, stored: str, key: str) -> bytes | None:
    try:
        return without_recipient(world.files.get(stored), key)
    except NotFound:
        return None


def _settle(
    world: Erasing, campaign: Campaign, phone: str, thread: RowRef, *, is_free: bool
) -> bool:
    """Bring every message of *thread* to its end; False while one may be on its way."""
    rows = world.records.rows(thread)
    if is_free and not any(row["sk"] == thread.sk for row in rows):
        _suppress(world, _claim(world, campaign, phone, thread))
    return _settle_rows(world, phone, rows)


def _settle_rows(world: Erasing, phone: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    is_settled = True
    for row in rows:
        ref, status = RowRef(row["pk"], row["sk"]), row.get("status")
        if status == LeadStatus.RETRYING:
            _suppress(world, _retry_of(world, phone, row))
        elif status == LeadStatus.SUBMITTED or _is_old_claim(row, world.clock.now()):
            world.leads.record_unconfirmed(ref, row["claim_id"], world.clock.now())
        elif status == LeadStatus.CLAIMED:
            is_settled = False
        if row.get("steps_left"):
            world.leads.close_steps(ref, reached_by_step=False)
    return is_settled


def _suppress(world: Erasing, claim: Claim) -> None:
    """End the message that *claim* is for, by the same door as a sender, or leave it to one."""
    if not world.leads.claim(claim):
        return
    world.leads.record_suppressed(claim, world.clock.now())


def _claim(world: Erasing, campaign: Campaign, phone: str, thread: RowRef) -> Claim:
    return Claim(
        id=world.new_claim_id(),
        ref=thread,
        phone=phone,
        sender_id=campaign.sender_ids[0],
        office_id=campaign.office_id,
        segments=0,
        content_version=campaign.version,
        text_digest="",
        claimed_at=world.clock.now(),
    )


def _retry_of(world: Erasing, phone: str, row: Mapping[str, Any]) -> Claim:
    return Claim(
        id=world.new_claim_id(),
        ref=RowRef(row["pk"], row["sk"]),
        phone=phone,
        sender_id=row["sender_id"],
        office_id=row["office_id"],
        segments=row["segments"],
        content_version=row["content_version"],
        text_digest="",
        claimed_at=world.clock.now(),
        attempts=row["attempts"],
        retry_of=row["claim_id"],
        step=row.get("step", 0),
        variant=row.get("variant"),
    )


def _is_old_claim(row: Mapping[str, Any], now: datetime) -> bool:
    if row.get("status") != LeadStatus.CLAIMED:
        return False
    return from_iso(row["claimed_at"]) + CLAIM_IS_OLD_AFTER <= now


def _thread(world: Erasing, thread: RowRef, work: Work) -> None:
    """Take texts, files and conversation of *thread* away; its rows stay."""
    for row in world.records.rows(thread):
        for item in items_of(row.get("media", {})):
            if item.is_kept:
                world.files.delete(item.key)
                work.add("files")
        work.add("messages", world.records.scrub(row))
    conversation = world.records.conversation(thread)
    if conversation is not None:
        world.records.forget_conversation(conversation)
        work.add("conversations")


def _senders(world: Erasing, request: PersonRequest, phone: str, work: Work) -> Position | None:
    found, rest = world.records.senders(request.cursor)
    for sender_id in found:
        thread = world.records.unsolicited(sender_id, lead_key(phone))
        work.add("traces", world.records.forget_traces(sender_id, phone))
        if _settle_rows(world, phone, world.records.rows(thread)):
            _thread(world, thread, work)
        else:
            work.busy += 1
    if rest is None:
        work.add("traces", world.records.forget_parked(phone))
    return rest


def _files(world: Erasing, request: PersonRequest, phone: str, work: Work) -> Position | None:
    cursor = request.cursor or {"prefix": "0", "after": ""}
    prefixes = (*_PREFIXES, export_prefix(request.mark))
    number = int(cursor["prefix"])
    prefix = prefixes[number]
    keys = world.files.keys(prefix, cursor["after"], _FILES_PER_PAGE)
    for key in keys:
        if key.startswith(_CAMPAIGNS_UPLOADS):
            continue
        if prefix == export_prefix(request.mark):
            world.files.delete(key)
            work.add("files")
            continue
        match _status_of(world, key):
            case ImportStatus.DONE | ImportStatus.FAILED if prefix == "uploads/":
                # It has been read and never is again: whom it names need not be asked.
                world.files.delete(key)
            case ImportStatus.QUEUED | ImportStatus.RUNNING:
                # Whoever reads it needs the others' lines: their opt-outs may be among them.
                work.busy += 1
            case _:
                work.add("files", erase_from_file(world.files, key, phone))
    if len(keys) == _FILES_PER_PAGE:
        return {"prefix": str(number), "after": keys[-1]}
    return {"prefix": str(number + 1), "after": ""} if number + 1 < len(prefixes) else None


def export_prefix(mark: str) -> str:
    """Return where the exports of the person with *mark* are kept."""
    return f"exports/people/{mark.partition('#')[2]}/"


def _status_of(world: Erasing, key: str) -> ImportStatus | None:
    """Return how far the import is that the object *key* belongs to, None when that is over."""
    _, list_id, rest = (*key.split("/", 2), "", "")[:3]
    import_id = rest.partition("/")[0].removesuffix(".csv")
    if list_id == "opt-outs":
        is_running = world.records.is_opt_out_job_running(import_id)
        return ImportStatus.RUNNING if is_running else None
    try:
        return world.lists.contact_import(list_id, import_id).status
    except NotFound:
        return None


def _consent(world: Erasing, _request: PersonRequest, phone: str, work: Work) -> Position | None:
    work.add("consents", world.records.forget_consent(phone))
    return None


_Page = Callable[[Erasing, PersonRequest, str, Work], Position | None]
_PAGES: dict[Step, _Page] = {
    Step.FENCE: _fence,
    Step.LISTS: _lists,
    Step.CAMPAIGNS: _campaigns,
    Step.SENDERS: _senders,
    Step.FILES: _files,
    Step.CONSENT: _consent,
}
