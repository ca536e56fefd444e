"""
Copy out what is kept about one person, page by page, as one JSON document (C6).

Each page becomes a piece; the last step puts the pieces together. Crash anywhere and the page
is done again, under the same name. ``records`` are what stands in our tables, told by kind.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.clock import to_iso
from carillon.domain.ids import lead_key, part_of
from carillon.domain.listing import Position
from carillon.domain.message import RowRef
from carillon.domain.person_requests import PersonRequest, RequestStatus, Step, Work
from carillon.ports import (
    Clock,
    ConsentLedger,
    PersonFiles,
    PersonRecords,
    PersonRequests,
    Queue,
)
from carillon.usecases.erase_person import export_prefix

Records = list[dict[str, Any]]
# Keys of ours, which say nothing about the person.
_INTERNAL = frozenset({"pk", "sk", "claim_id", "request_digest", "write_id", "text_digest"})


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """What an export needs."""

    requests: PersonRequests
    records: PersonRecords
    ledger: ConsentLedger
    files: PersonFiles
    queue: Queue
    clock: Clock


def export_person(world: Exporting, request: PersonRequest, budget_s: float) -> PersonRequest:
    """Carry the export on for about *budget_s* seconds; return it as this runner left it."""
    until = world.clock.monotonic() + budget_s
    while request.status is RequestStatus.RUNNING and request.phone is not None:
        found, rest = _page(world, request, request.phone)
        work = Work()
        if found:
            body = ",".join(json.dumps(one, ensure_ascii=False, default=str) for one in found)
            world.files.put(_piece_key(request), body.encode(), content_type="application/json")
            work.pieces = 1
        after = request.after_page(work, rest)
        if after.is_pass_over:
            key = f"{export_prefix(request.mark)}{request.id}.json"
            world.files.put_stream(key, _whole(world, after), content_type="application/json")
            after = after.done(world.clock.now(), key)
        if not world.requests.advance(request, after):
            # Another runner has done this page: the rest is its work.
            return request
        request = after
        if request.status is RequestStatus.RUNNING and world.clock.monotonic() >= until:
            world.queue.put({"request_id": request.id})
            return request
    return request


def _page(world: Exporting, request: PersonRequest, phone: str) -> tuple[Records, Position | None]:
    key = lead_key(phone)
    match request.step:
        case Step.LISTS:
            lists, rest = world.records.lists(request.cursor)
            standing = [(one, world.records.contact(one, key)) for one in lists]
            return [
                {"kind": "contact", "list_id": one.id, "list": one.name, **_plain(vars(contact))}
                for one, contact in standing
                if contact is not None
            ], rest
        case Step.CAMPAIGNS:
            campaigns, rest = world.records.campaigns(request.cursor)
            return [row for one in campaigns for row in _of_campaign(world, one, key)], rest
        case Step.SENDERS:
            senders, rest = world.records.senders(request.cursor)
            threads = [world.records.unsolicited(one, key) for one in senders]
            return [row for thread in threads for row in _of_thread(world, thread, {})], rest
        case _:
            return [
                {"kind": "consent", **_plain(vars(entry))} for entry in world.ledger.history(phone)
            ], None


def _of_campaign(world: Exporting, campaign: Campaign, key: str) -> Records:
    if not campaign.parts:
        return []
    thread = RowRef(f"{campaign.id}#{part_of(key, campaign.parts):05d}", key)
    return _of_thread(world, thread, {"campaign_id": campaign.id, "campaign": campaign.title})


def _of_thread(world: Exporting, thread: RowRef, about: Mapping[str, str]) -> Records:
    found = [{**about, **_plain(row)} for row in world.records.rows(thread)]
    conversation = world.records.conversation(thread)
    if conversation is not None:
        found.append({**about, "kind": "conversation", **_plain(vars(conversation))})
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value and name not in _INTERNAL}


def _whole(world: Exporting, request: PersonRequest) -> Iterator[bytes]:
    head = {"phone": request.phone, "as_of": to_iso(request.created_at)}
    yield json.dumps(head)[:-1].encode() + b',"records":['
    for piece in range(request.pieces):
        if piece:
            yield b","
        yield from world.files.read_from(_piece_key(request, piece), 0)
    yield b"]}"


def _piece_key(request: PersonRequest, piece: int | None = None) -> str:
    number = request.pieces if piece is None else piece
    return f"{export_prefix(request.mark)}{request.id}/{number:06d}.part"
