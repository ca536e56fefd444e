"""
Bring every lead of a campaign to a terminal state, and the campaign to its end (F1, F2, R4).

Each part that has been dispatched has a watch. A due watch reads its part: what
is final is done, what is ambiguous is resolved, what has no final receipt is
polled, what has no row at all is walked again. A part whose leads are all
final loses its watch; a campaign whose runs are done and whose watches are gone
is finished, and recounted. When a person ends or archives a campaign, its pacers
drop it where they stand: the parts that they had not come through get their
watches here, or a lead that was under way would never end.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carillon.domain.campaign import Campaign, CampaignStatus, Run
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import LeadRow, RowRef, Watch
from carillon.ports import (
    Audiences,
    Clock,
    Leads,
    MessageProvider,
    Queue,
    SendingDirectory,
    Watches,
)
from carillon.usecases.resolve_ambiguous import (
    Resolution,
    claim_of,
    poll_submitted,
    resolve_claimed,
)
from carillon.usecases.walk_parts import sender_of

_FIRST_CHECK = timedelta(seconds=5)
_LAST_CHECK = timedelta(minutes=15)
_SENDING = frozenset({CampaignStatus.ACTIVE, CampaignStatus.PAUSED})
# Nothing more goes out, whatever its runs say.
_STOPPED = frozenset({CampaignStatus.FINISHED, CampaignStatus.ARCHIVED})
# After so many parts the hint moves, so that a run that dies here does not begin anew.
_WATCHES_PER_STEP = 100


@dataclass(frozen=True, kw_only=True)
class ReconcilingWorld:
    """Everything the reconciler touches. Times: *ambiguous_grace* and *poll_after* per policy."""

    directory: SendingDirectory
    leads: Leads
    audiences: Audiences
    watches: Watches
    provider_of: Callable[[str], MessageProvider]
    clock: Clock
    send_queue: Queue
    recount_queue: Queue
    ambiguous_grace: timedelta
    poll_after: timedelta
    unsolicited_partition: Callable[[str, str], str]


def reconcile_campaign(
    campaign_id: str, world: ReconcilingWorld, *, stop_at: float = math.inf
) -> datetime | None:
    """
    Look at every due watch; return when to look again, or None when all is settled.

    Begins nothing after monotonic *stop_at*; what is left stays due. A part that
    cannot be looked at (its object or its sender's secret is gone) waits for its
    next turn and holds up no other; its error is raised when all have been looked at.

    Idempotent: every step is a conditional write, and a watch goes only after
    its part was seen settled.
    """
    campaign = world.directory.campaign(campaign_id)
    due = world.watches.due(campaign_id, world.clock.now())
    failures: list[Exception] = []
    for watch in due:
        if world.clock.monotonic() >= stop_at:
            break
        try:
            _check(campaign, watch, world, stop_at)
        except Exception as error:  # noqa: BLE001 - one part must not hide the others (F8)
            failures.append(error)
            _look_later(watch, world, patience=_LAST_CHECK, checks=watch.checks)
    if failures:
        raise failures[0]
    return _next_look(campaign, world)


def _next_look(campaign: Campaign, world: ReconcilingWorld) -> datetime | None:
    now = world.clock.now()
    # Runs before watches: a run that is done has left all its watches, so seeing none
    # afterwards means that none are left. The other order could miss the last part's.
    runs = _runs(campaign, world)
    if campaign.status in _STOPPED:
        runs = [_watch_rest(run, world, now) for run in runs]
    next_due = world.watches.next_due(campaign.id)
    if next_due is not None:
        return max(next_due, now + timedelta(seconds=1))
    if campaign.status in _SENDING and any(run.state == "open" for run in runs):
        return None  # the pacer will leave watches, and wake us
    if campaign.status is CampaignStatus.PROCESSING or not runs:
        return None
    if any(run.state == "open" for run in runs):
        return now + timedelta(seconds=1)
    if all(run.state == "settled" for run in runs):
        return None  # somebody else closed it
    world.directory.settle_campaign(campaign.id, now)
    world.recount_queue.put({"campaign_id": campaign.id, "reason": "close"})
    world.directory.settle_runs(campaign, now)
    return None


def _watch_rest(run: Run, world: ReconcilingWorld, now: datetime) -> Run:
    """Leave a watch on every part that the pacer of a stopped campaign had not passed."""
    if run.state != "open":
        return run
    # By then its last call has ended and its claim may be asked about.
    due_at = now + world.ambiguous_grace
    while run.next_part < run.parts:
        step = range(run.next_part, min(run.next_part + _WATCHES_PER_STEP, run.parts))
        for part in step:
            world.watches.put(Watch(campaign_id=run.campaign_id, part=part, due_at=due_at))
        if not world.directory.advance_run(run, step.stop):
            return run  # its pacer, or another reconciler, is at it: the next look goes on
        run = replace(run, next_part=step.stop)
    return replace(run, state="done") if world.directory.finish_run(run, now) else run


def _runs(campaign: Campaign, world: ReconcilingWorld) -> list[Run]:
    found = (world.directory.run(sender, campaign.id) for sender in campaign.sender_ids)
    return [run for run in found if run is not None]


def _check(campaign: Campaign, watch: Watch, world: ReconcilingWorld, stop_at: float) -> None:
    part = _Part(campaign, watch.part, world, stop_at)
    if part.settle():
        world.watches.remove(watch)
    else:
        # What is on the move is looked at soon: a part that was long ambiguous must not
        # keep its campaign open for as long again.
        checks = 0 if part.is_moving else watch.checks
        _look_later(watch, world, patience=part.patience, checks=checks)


def _look_later(watch: Watch, world: ReconcilingWorld, *, patience: timedelta, checks: int) -> None:
    now = world.clock.now()
    wait = min(_FIRST_CHECK * 2 ** min(checks + 1, 10), _LAST_CHECK)
    later = replace(watch, due_at=now + min(wait, patience), checks=checks + 1)
    # The new watch first: a crash in between leaves two, never none.
    world.watches.put(later)
    world.watches.remove(watch)


class _Part:
    """One part's leads and what each still needs."""

    def __init__(
        self, campaign: Campaign, number: int, world: ReconcilingWorld, stop_at: float
    ) -> None:
        self._campaign = campaign
        self._number = number
        self._world = world
        self._stop_at = stop_at
        self._is_sending = campaign.status in _SENDING
        # How soon the next look can be of use.
        self.patience = _LAST_CHECK
        # Whether this look set something going that the next one will find further on.
        self.is_moving = False

    def settle(self) -> bool:
        """Move every lead as far as it goes now; return whether all are final."""
        rows = self._world.leads.rows(self._campaign.id, self._number)
        open_leads = [row for row in rows.values() if not is_final(row.status)]
        unsettled = [row for row in open_leads if not self._settle_row(row)]
        # Whom a stopped campaign had not come to, it leaves alone.
        waiting = self._is_sending and self._walk_again(set(rows))
        return not unsettled and not waiting

    def _settle_row(self, row: LeadRow) -> bool:
        now = self._world.clock.now()
        ref = RowRef(f"{self._campaign.id}#{self._number:05d}", row.key)
        match row.status:
            case LeadStatus.CLAIMED:
                return self._settle_claimed(ref, row, now)
            case LeadStatus.SUBMITTED:
                return self._settle_submitted(ref, row, now)
            case LeadStatus.RETRYING:
                return self._settle_retrying(ref, row, now)
            case _:
                return True

    def _settle_claimed(self, ref: RowRef, row: LeadRow, now: datetime) -> bool:
        if not self._ripe(row.claimed_at, self._world.ambiguous_grace, now):
            return False
        resolution = resolve_claimed(
            ref,
            row,
            sender_phone=self._world.directory.sender(row.sender_id).phone,
            partitions=partitions_of(row.sender_id, row.key, self._world),
            now=now,
            leads=self._world.leads,
            provider=self._world.provider_of(row.sender_id),
        )
        self.is_moving |= resolution is Resolution.SUBMITTED
        if resolution is Resolution.RETRYING and self._is_sending:
            self._reopen(row.sender_id)
        return resolution in (Resolution.FINAL, Resolution.UNCONFIRMED)

    def _settle_submitted(self, ref: RowRef, row: LeadRow, now: datetime) -> bool:
        if not self._ripe(row.submitted_at or row.claimed_at, self._world.poll_after, now):
            return False
        resolution = poll_submitted(
            ref,
            row,
            now=now,
            leads=self._world.leads,
            provider=self._world.provider_of(row.sender_id),
        )
        return resolution in (Resolution.FINAL, Resolution.UNCONFIRMED)

    def _settle_retrying(self, ref: RowRef, row: LeadRow, now: datetime) -> bool:
        if self._is_sending:
            self._reopen(row.sender_id)
            return False
        # Stopped: it waits for nothing any more. Claimed first, so that nobody sends it.
        last = replace(claim_of(ref, row), id=f"{row.claim_id}.end", retry_of=row.claim_id)
        if not self._world.leads.claim(last):
            return False
        self._world.leads.record_failed(last, "campaign_ended", now)
        return True

    def _ripe(self, since: datetime, after: timedelta, now: datetime) -> bool:
        """Whether the provider may be asked now about what happened at *since*."""
        if self._world.clock.monotonic() >= self._stop_at:
            self.patience = min(self.patience, _FIRST_CHECK)
            return False
        left = since + after - now
        if left > timedelta(0):
            self.patience = min(self.patience, left + timedelta(seconds=1))
            return False
        return True

    def _walk_again(self, have_rows: set[str]) -> bool:
        """Send the pacers back for leads without a row; return whether there are any."""
        senders = self._campaign.sender_ids
        recipients = self._world.audiences.part(self._campaign.id, self._number)
        missing = [recipient.key for recipient in recipients if recipient.key not in have_rows]
        for sender in {sender_of(key, senders) for key in missing}:
            self._reopen(sender)
        return bool(missing)

    def _reopen(self, sender_id: str) -> None:
        run = self._world.directory.run(sender_id, self._campaign.id)
        if self._campaign.status is CampaignStatus.ACTIVE:
            # While it is paused nobody walks, and a resume leaves new watches.
            self.patience = min(self.patience, _FIRST_CHECK)
            self.is_moving = True
        if run is None or (run.state == "open" and run.next_part <= self._number):
            return
        self._world.directory.reopen_run(sender_id, self._campaign.id, self._number)
        if self._campaign.status is CampaignStatus.ACTIVE:
            self._world.send_queue.put({"sender_id": sender_id})


def partitions_of(sender_id: str, key: str, world: ReconcilingWorld) -> list[str]:
    """Return every partition in which *sender_id* may have written to the lead *key*."""
    runs = world.directory.runs(sender_id)
    return [
        world.unsolicited_partition(sender_id, key),
        *(run.lead_ref(key).pk for run in runs if run.parts),
    ]


def unsettled_campaigns(directory: SendingDirectory) -> set[str]:
    """Return the campaigns whose runs are not all settled: what the minute's sweep looks at."""
    return {
        run.campaign_id
        for sender in directory.senders()
        for run in directory.runs(sender.id)
        if run.state != "settled"
    }
