"""
A run's messages that are to be sent now, part by part, in bounded memory (F9).

Nothing here is truth: what is left of a part is what its rows leave to be sent, read anew
by whoever walks it. The hint ``next_part`` only passes parts whose every lead has been
dispatched, or rests until a known time, and which have a watch, so losing it repeats
reads, not sends.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carillon.domain.campaign import Campaign, Run, Sender
from carillon.domain.campaign_media import CampaignMedia
from carillon.domain.content import StepCondition, variant_of
from carillon.domain.message import LeadRow, Recipient, Watch
from carillon.domain.progress import Due, next_of
from carillon.domain.segments import segment_count
from carillon.ports import Audiences, Leads, SendingDirectory, Watches
from carillon.usecases.readiness import Readiness, Rules, Slot, text_or_problem
from carillon.usecases.render_texts import Texts
from carillon.usecases.send_lead import Assignment, SendResult, Sent

# Receipts of a part usually are all in by then; looking costs a few reads.
WATCH_AFTER = timedelta(seconds=5)
# What may go within this time is kept in memory, with its part; what rests longer is left
# to the part's watch.
KEEP_FOR = timedelta(seconds=60)
# A part whose retries wait keeps its leads in memory; more than this many wait for it.
MAX_OPEN_PARTS = 8


@dataclass(frozen=True, kw_only=True)
class Walking:
    """What a feed reads and notes."""

    leads: Leads
    audiences: Audiences
    watches: Watches
    directory: SendingDirectory
    rules: Rules
    now: Callable[[], datetime]


class Feed:
    """Hands out the assignments of one run and notes the parts that are done."""

    def __init__(
        self,
        run: Run,
        campaign: Campaign,
        sender: Sender,
        *,
        texts: Texts,
        available: frozenset[str],
        world: Walking,
    ) -> None:
        self.run = run
        self.campaign = campaign
        self.available = available
        # The earliest time at which a lead that rests may go, if any does.
        self.rests_until: datetime | None = None
        self.stale = False
        self._sender = sender
        self._texts = texts
        self._world = world
        self._ready_when = Readiness(campaign, world.rules)
        self._next_load = run.next_part
        self._ready: deque[Assignment] = deque()
        self._later: list[tuple[datetime, int, Assignment]] = []
        self._tie = itertools.count()
        self._open: dict[int, _OpenPart] = {}

    def take(self) -> Assignment | None:
        """Return the next assignment that may go now, loading parts as needed, or None."""
        while (assignment := self._next()) is not None:
            now = self._world.now()
            if assignment.closes_at is None or now < assignment.closes_at:
                return assignment
            self._rest_until_open(assignment, now)
        return None

    def next_due(self) -> datetime | None:
        """Return when the earliest of those that wait in memory may go, or None."""
        return self._later[0][0] if self._later else None

    def exhausted(self) -> bool:
        """Whether every part has been dispatched to the last lead that may go."""
        return not self._open and self._next_load >= self.run.parts

    def settle(self, assignment: Assignment, result: SendResult) -> None:
        """Note what became of *assignment*; a part that is through is watched and passed."""
        match result.outcome:
            case Sent.THROTTLED | Sent.HELD | Sent.ACCOUNT_BLOCKED:
                self._ready.appendleft(assignment)
            case Sent.BROKEN:
                # Its part stays open, so the hint cannot pass it; the next walk reads the rows.
                self.stale = True
            case Sent.RETRY:
                self._wait(
                    replace(assignment, attempts=assignment.attempts + 1, retry_of=result.claim_id),
                    self._world.now() + timedelta(seconds=result.after_s),
                )
            case Sent.WAITS if result.until is not None:
                # It has a row that says until when.
                self._rest(assignment.part, result.until, unsent=False)
                self._one_less(assignment.part)
            case Sent.WAITS:
                self._rest_until_open(assignment, self._world.now())
            case _:
                self._open[assignment.part].is_touched = True
                self._one_less(assignment.part)

    def _next(self) -> Assignment | None:
        if self._later and self._later[0][0] <= self._world.now():
            return heapq.heappop(self._later)[2]
        while not self._ready and self._may_load():
            self._load(self._next_load)
        return self._ready.popleft() if self._ready else None

    def _may_load(self) -> bool:
        return self._next_load < self.run.parts and len(self._open) < MAX_OPEN_PARTS

    def _load(self, part: int) -> None:
        rows = self._world.leads.rows(self.campaign.id, part)
        mine = [
            recipient
            for recipient in self._world.audiences.part(self.campaign.id, part)
            if self.run.sender_of(recipient, self.available) == self._sender.id
        ]
        # Only now: the hint passes what is loaded and not open, and reading may have failed.
        self._next_load = part + 1
        # A part in which something is under way is looked at soon, as if we had sent it.
        self._open[part] = _OpenPart(leads=1, is_touched=bool(rows))
        for recipient in mine:
            self._admit(part, recipient, rows)
        self._one_less(part)

    def _admit(self, part: int, recipient: Recipient, rows: Mapping[str, LeadRow]) -> None:
        due = next_of(recipient.key, rows, self.campaign.follow_ups)
        if not isinstance(due, Due):
            return
        now = self._world.now()
        slot = self._ready_when.slot(recipient, due, now)
        if slot.at > now + KEEP_FOR:
            unsent = not due.step and due.retry_of is None
            self._rest(part, slot.at, unsent=unsent)
            return
        self._open[part].leads += 1
        assignment = self._assignment(part, recipient, due, slot)
        if slot.at > now:
            self._wait(assignment, slot.at)
        else:
            self._ready.append(assignment)

    def _assignment(self, part: int, recipient: Recipient, due: Due, slot: Slot) -> Assignment:
        variant = variant_of(self.campaign.id, recipient.key, self.campaign.variants)
        name = variant.id if variant else None
        text, problem = self._rendered(due.step, name, recipient)
        if slot.problem is not None:
            text, problem = None, slot.problem
        media = () if due.step else self.campaign.media
        return Assignment(
            campaign_id=self.campaign.id,
            office_id=self.campaign.office_id,
            part=part,
            recipient=recipient,
            sender_id=self._sender.id,
            sender_phone=self._sender.phone,
            text=text,
            problem=problem,
            segments=parts_of(text, media),
            content_version=self.campaign.version,
            attempts=due.attempts,
            retry_of=due.retry_of,
            step=due.step,
            steps_left=0 if due.step else len(self.campaign.follow_ups),
            variant=name,
            media=media,
            unless_clicked=self._is_unless_clicked(due.step),
            closes_at=slot.closes_at,
            ends_at=self.campaign.ends_at,
            # A test reaches nobody, so it uses up nothing of anybody's.
            caps=()
            if self.campaign.is_test
            else self._ready_when.caps(recipient, self._world.now()),
            is_test=self.campaign.is_test,
        )

    def _is_unless_clicked(self, step: int) -> bool:
        follow_ups = self.campaign.follow_ups
        return step > 0 and follow_ups[step - 1].condition is StepCondition.NO_CLICK

    def _rendered(
        self, step: int, variant: str | None, recipient: Recipient
    ) -> tuple[str | None, str | None]:
        return text_or_problem(
            lambda: self._texts.render(step, variant, recipient.fields, recipient.key)
        )

    def _wait(self, assignment: Assignment, until: datetime) -> None:
        heapq.heappush(self._later, (until, next(self._tie), assignment))

    def _rest_until_open(self, assignment: Assignment, now: datetime) -> None:
        """Leave *assignment* to its part's watch: its window has closed before its turn came."""
        due = Due(step=assignment.step, attempts=assignment.attempts, retry_of=assignment.retry_of)
        slot = self._ready_when.slot(assignment.recipient, due, now)
        if slot.problem is not None or slot.at <= now:
            # The window was the old one of a longer day: it goes on, with the new end.
            problem = slot.problem
            text = None if problem else assignment.text
            again = replace(assignment, text=text, problem=problem, closes_at=slot.closes_at)
            self._ready.append(again)
            return
        unsent = not assignment.step and assignment.retry_of is None
        self._rest(assignment.part, slot.at, unsent=unsent)
        self._one_less(assignment.part)

    def _rest(self, part: int, until: datetime, *, unsent: bool) -> None:
        self._open[part].rest(until, unsent=unsent)
        self.rests_until = _earliest(self.rests_until, until)

    def _one_less(self, part: int) -> None:
        standing = self._open[part]
        standing.leads -= 1
        if standing.leads:
            return
        # The watch comes first: once the hint has passed a part, only its watch leads back.
        self._world.watches.put(standing.watch(self.campaign.id, part, self._world.now()))
        del self._open[part]
        self._advance()

    def _advance(self) -> None:
        passed = min(self._open, default=self._next_load)
        if passed > self.run.next_part and not self.stale:
            if self._world.directory.advance_run(self.run, passed):
                self.run = replace(self.run, next_part=passed)
            else:
                # The reconciler sent the run back to an earlier part: walk it anew.
                self.stale = True


@dataclass
class _OpenPart:
    """
    A loaded part: how many of its leads are neither dispatched for good nor at rest.

    ``is_touched`` says that something of it is under way and wants a look soon.
    """

    leads: int
    is_touched: bool
    rests_until: datetime | None = None
    is_unsent: bool = False

    def rest(self, until: datetime, *, unsent: bool) -> None:
        """Note that one of its leads rests."""
        self.rests_until = _earliest(self.rests_until, until)
        self.is_unsent |= unsent

    def watch(self, campaign_id: str, part: int, now: datetime) -> Watch:
        """Return the watch that leads back to it."""
        due_at = now + WATCH_AFTER
        if self.rests_until is not None and not self.is_touched:
            due_at = max(due_at, self.rests_until)
        return Watch(campaign_id=campaign_id, part=part, due_at=due_at, unsent=self.is_unsent)


def parts_of(text: str | None, media: Sequence[CampaignMedia]) -> int:
    """Return what the message takes of its sender's rate: an MMS is one part."""
    if not text:
        return 0
    return 1 if media else segment_count(text)


def _earliest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
