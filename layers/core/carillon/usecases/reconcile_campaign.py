"""
Bring every lead of a campaign to a terminal state, and the campaign to its end (F1, F2, R4).

Each part that has been dispatched has a watch. A due watch reads its part: what
is final is done, what is ambiguous is resolved, what has no final receipt is
polled, what has no row at all is walked again. A part whose leads are all
final loses its watch; a campaign whose runs are done and whose watches are gone
is finished, and recounted. A part whose leads only wait, for a window or a follow-up, is
looked at again just then, and its pacers are sent back to it. When a person ends or
archives a campaign, its pacers drop it where they stand: the parts that they had not come
through get their watches here, or a lead that was under way would never end.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carillon.domain.campaign import Campaign, CampaignStatus, Run
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import LeadRow, Recipient, RowRef, Watch, lead_of, step_key, step_of
from carillon.domain.progress import Due, Rest, next_of, reached_by_step
from carillon.ports import (
    Audiences,
    Clock,
    Leads,
    MessageProvider,
    Queue,
    SendingDirectory,
    Watches,
)
from carillon.usecases.availability import Availability
from carillon.usecases.readiness import Readiness, Rules, Slot
from carillon.usecases.resolve_ambiguous import (
    Resolution,
    claim_of,
    poll_submitted,
    resolve_claimed,
)
from carillon.usecases.walk_parts import MAX_OPEN_PARTS

# Beyond this the minute's sweep is as good as a message of one's own.
_LONGEST_CHAIN = timedelta(seconds=60)
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
    rules: Rules
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
    looks = _Looks(campaign, world, stop_at)
    for watch in due:
        if world.clock.monotonic() >= stop_at:
            break
        try:
            looks.check(watch)
        except Exception as error:  # noqa: BLE001 - one part must not hide the others (F8)
            failures.append(error)
            _look_later(watch, world, patience=_LAST_CHECK, checks=watch.checks)
    if failures:
        raise failures[0]
    if looks.have_emptied_a_part:
        _note_all_submitted(campaign, world)
    return _next_look(campaign, world)


def take_turn(
    campaign_id: str,
    turn: datetime | None,
    world: ReconcilingWorld,
    *,
    stop_at: float = math.inf,
) -> datetime | None:
    """
    Look at the campaign if it is *turn* that is planned; return the next turn, or None.

    Whoever finishes a run asks for a look (*turn* None), and every look that finds
    something due soon plans another. There is one chain of them per campaign, however
    many begin: a turn that a nearer one has replaced is dropped when it comes. What is
    further off than a minute the minute's sweep finds. To the millisecond, as stored.
    """
    if turn is not None and not world.watches.is_turn(campaign_id, turn):
        return None
    again_at = reconcile_campaign(campaign_id, world, stop_at=stop_at)
    now = world.clock.now()
    if again_at is None or again_at - now > _LONGEST_CHAIN:
        return None
    next_turn = from_iso(to_iso(again_at))
    return next_turn if world.watches.plan_turn(campaign_id, next_turn, now) else None


def _note_all_submitted(campaign: Campaign, world: ReconcilingWorld) -> None:
    """Note that every lead has had its first message, if it is so."""
    if campaign.submitted_all_at is not None or campaign.status not in _SENDING:
        return
    are_done = all(run.state != "open" for run in _runs(campaign, world))
    if are_done and not world.watches.any_unsent(campaign.id):
        world.directory.note_all_submitted(campaign.id, world.clock.now())


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
    if campaign.status is CampaignStatus.PAUSED:
        # What was under way when it was paused must not wait for its resume.
        _watch_walked(runs, world, now)
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


def _watch_walked(runs: list[Run], world: ReconcilingWorld, now: datetime) -> None:
    """Leave a watch on the parts that the pacers of a paused campaign may have been at."""
    for run in runs:
        if run.state != "open":
            continue
        for part in range(run.next_part, min(run.next_part + MAX_OPEN_PARTS, run.parts)):
            due_at = now + world.ambiguous_grace
            watch = Watch(campaign_id=run.campaign_id, part=part, due_at=due_at, unsent=True)
            world.watches.put(watch)


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


class _Looks:
    """The looks of one pass at the parts of one campaign."""

    def __init__(self, campaign: Campaign, world: ReconcilingWorld, stop_at: float) -> None:
        self._campaign = campaign
        self._world = world
        self._stop_at = stop_at
        self._readiness = Readiness(campaign, world.rules)
        self._runs = {run.sender_id: run for run in _runs(campaign, world)}
        self._available = Availability(world.directory, world.clock.now()).among(self._runs)
        # Whether the last lead of some part has had its first message by now.
        self.have_emptied_a_part = False

    def check(self, watch: Watch) -> None:
        """Look at the part of *watch*; drop the watch, or put it where the next look is of use."""
        part = _Part(self, watch.part)
        if part.settle():
            self._world.watches.remove(watch)
        elif part.only_rests_until is not None:
            _move(watch, part.only_rests_until, self._world, checks=0, unsent=part.is_unsent)
        else:
            # What is on the move is looked at soon: a part that was long ambiguous must not
            # keep its campaign open for as long again.
            checks = 0 if part.is_moving else watch.checks
            _look_later(
                watch, self._world, patience=part.patience, checks=checks, unsent=part.is_unsent
            )
        self.have_emptied_a_part |= watch.unsent and not part.is_unsent

    @property
    def campaign(self) -> Campaign:
        """The campaign as it was when the pass began."""
        return self._campaign

    @property
    def world(self) -> ReconcilingWorld:
        """Everything that the looks touch."""
        return self._world

    @property
    def is_out_of_time(self) -> bool:
        """Whether nothing more may be begun."""
        return self._world.clock.monotonic() >= self._stop_at

    def slot(self, recipient: Recipient, due: Due, now: datetime) -> Slot:
        """Return when *recipient*'s message may go."""
        return self._readiness.slot(recipient, due, now)

    def sender_of(self, recipient: Recipient) -> str | None:
        """Return who speaks to *recipient*; None when the campaign has no run."""
        run = next(iter(self._runs.values()), None)
        return run.sender_of(recipient, self._available) if run else None


def _look_later(
    watch: Watch,
    world: ReconcilingWorld,
    *,
    patience: timedelta,
    checks: int,
    unsent: bool | None = None,
) -> None:
    wait = min(_FIRST_CHECK * 2 ** min(checks + 1, 10), _LAST_CHECK, patience)
    due_at = world.clock.now() + wait
    unsent = watch.unsent if unsent is None else unsent
    _move(watch, due_at, world, checks=checks + 1, unsent=unsent)


def _move(
    watch: Watch, due_at: datetime, world: ReconcilingWorld, *, checks: int, unsent: bool
) -> None:
    # The new watch first: a crash in between leaves two, never none.
    world.watches.put(replace(watch, due_at=due_at, checks=checks, unsent=unsent))
    if due_at != watch.due_at:
        world.watches.remove(watch)


class _Part:
    """One part's leads and what each still needs."""

    def __init__(self, looks: _Looks, number: int) -> None:
        self._looks = looks
        self._campaign = looks.campaign
        self._number = number
        self._pk = f"{looks.campaign.id}#{number:05d}"
        self._world = looks.world
        self._is_sending = looks.campaign.status in _SENDING
        self._rests_until: datetime | None = None
        # Leads that this look found to have a message which may be tried again.
        self._to_retry: set[str] = set()
        self._has_unsettled = False
        # How soon the next look can be of use.
        self.patience = _LAST_CHECK
        # Whether this look set something going that the next one will find further on.
        self.is_moving = False
        # Whether some lead waits for its first message.
        self.is_unsent = False

    @property
    def only_rests_until(self) -> datetime | None:
        """When its leads may go on, if waiting for that is all that is left to do."""
        if self._has_unsettled or self.is_moving:
            return None
        return self._rests_until

    def settle(self) -> bool:
        """Move every lead as far as it goes now; return whether all are final."""
        rows = self._world.leads.rows(self._campaign.id, self._number)
        open_rows = [row for row in rows.values() if not is_final(row.status)]
        unsettled = [row for row in open_rows if not self._settle_row(row)]
        # What waits for another try has no call or receipt out.
        self._has_unsettled = any(row.status is not LeadStatus.RETRYING for row in unsettled)
        if self._is_sending:
            return not self._go_on(rows) and not unsettled
        # Whom a stopped campaign had not come to, it leaves alone; what it began ends here.
        if not unsettled:
            self._close_all(rows)
        return not unsettled

    def _settle_row(self, row: LeadRow) -> bool:
        now = self._world.clock.now()
        ref = RowRef(self._pk, row.key)
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
            partitions=partitions_of(row.sender_id, lead_key(row.phone), self._world),
            now=now,
            leads=self._world.leads,
            provider=self._world.provider_of(row.sender_id),
        )
        self.is_moving |= resolution is Resolution.SUBMITTED
        if resolution is Resolution.RETRYING:
            self._to_retry.add(lead_of(row.key))
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
        # Stopped, or its follow-up was edited away: it waits for nothing any more.
        if self._is_sending and step_of(row.key) <= len(self._campaign.follow_ups):
            return False
        return self._end(ref, row, "campaign_ended", now)

    def _end(self, ref: RowRef, row: LeadRow, code: str, now: datetime) -> bool:
        """Fail a message that waits for another try; claimed first, so that nobody sends it."""
        last = replace(claim_of(ref, row), id=f"{row.claim_id}.end", retry_of=row.claim_id)
        if not self._world.leads.claim(last):
            return False
        self._world.leads.record_failed(last, code, now)
        return True

    def _ripe(self, since: datetime, after: timedelta, now: datetime) -> bool:
        """Whether the provider may be asked now about what happened at *since*."""
        if self._looks.is_out_of_time:
            self.patience = min(self.patience, _FIRST_CHECK)
            return False
        left = since + after - now
        if left > timedelta(0):
            self.patience = min(self.patience, left + timedelta(seconds=1))
            return False
        return True

    def _go_on(self, rows: Mapping[str, LeadRow]) -> bool:
        """Send the pacers back for what may go now; return whether any lead waits."""
        now = self._world.clock.now()
        senders: set[str] = set()
        is_waiting = False
        for recipient in self._world.audiences.part(self._campaign.id, self._number):
            due = next_of(recipient.key, rows, self._campaign.follow_ups)
            if recipient.key in self._to_retry:
                due = Due(retry_of="")
            if due is Rest.CLOSING:
                self._close(recipient.key, rows, now)
            if not isinstance(due, Due):
                continue
            is_waiting = True
            self.is_unsent |= not due.step and due.retry_of is None
            slot = self._looks.slot(recipient, due, now)
            if slot.at > now:
                self._rest(slot.at, now)
            elif (sender_id := self._looks.sender_of(recipient)) is not None:
                senders.add(sender_id)
        for sender_id in sorted(senders):
            self._reopen(sender_id)
        return is_waiting

    def _rest(self, until: datetime, now: datetime) -> None:
        self._rests_until = until if self._rests_until is None else min(self._rests_until, until)
        self.patience = min(self.patience, self._rests_until - now)

    def _close_all(self, rows: Mapping[str, LeadRow]) -> None:
        for row in rows.values():
            if row.steps_left:
                self._close(row.key, rows, self._world.clock.now())

    def _close(self, key: str, rows: Mapping[str, LeadRow], now: datetime) -> None:
        """Note that the lead *key* gets no more follow-ups (M3)."""
        count = len(self._campaign.follow_ups)
        for step in range(1, count + 1):
            row = rows.get(step_key(key, step))
            if row is not None and row.status is LeadStatus.RETRYING:
                self._end(RowRef(self._pk, row.key), row, "follow_up_cancelled", now)
        self._world.leads.close_steps(
            RowRef(self._pk, key), reached_by_step=reached_by_step(key, rows, count)
        )

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
