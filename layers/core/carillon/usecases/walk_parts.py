"""
A run's leads that still need sending, part by part, in bounded memory (F9).

Nothing here is truth: what is left of a part is what has no row, read anew by
whoever walks it. The hint ``next_part`` only passes parts whose every lead has
been dispatched and which have a watch, so losing it repeats reads, not sends.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carillon.domain.campaign import Campaign, Run, Sender
from carillon.domain.errors import InvalidInput
from carillon.domain.lead import LeadStatus
from carillon.domain.message import LeadRow, Recipient, Watch
from carillon.domain.segments import segment_count
from carillon.ports import Audiences, Leads, SendingDirectory, Watches
from carillon.usecases.send_lead import Assignment, SendResult, Sent

Render = Callable[[Mapping[str, str]], str]

# Receipts of a part usually are all in by then; looking costs a few reads.
WATCH_AFTER = timedelta(seconds=5)
# A part whose retries wait keeps its leads in memory; more than this many wait for it.
_MAX_OPEN_PARTS = 8


def sender_of(key: str, senders: tuple[str, ...]) -> str:
    """Return which of *senders* always speaks to the lead *key* (N3, sticky)."""
    return senders[int(key[-8:], 16) % len(senders)]


@dataclass(frozen=True, kw_only=True)
class Walking:
    """What a feed reads and notes."""

    leads: Leads
    audiences: Audiences
    watches: Watches
    directory: SendingDirectory
    now: Callable[[], datetime]


class Feed:
    """Hands out the assignments of one run and notes the parts that are done."""

    def __init__(
        self, run: Run, campaign: Campaign, sender: Sender, render: Render, world: Walking
    ) -> None:
        self.run = run
        self.campaign = campaign
        self._sender = sender
        self._render = render
        self._world = world
        self._next_load = run.next_part
        self._ready: deque[Assignment] = deque()
        self._later: list[tuple[datetime, int, Assignment]] = []
        self._tie = itertools.count()
        # Part -> how many of its leads are neither dispatched for good nor waiting elsewhere.
        self._open: dict[int, int] = {}
        self.stale = False

    def take(self) -> Assignment | None:
        """Return the next assignment that may go now, loading parts as needed, or None."""
        if self._later and self._later[0][0] <= self._world.now():
            return heapq.heappop(self._later)[2]
        while not self._ready and self._may_load():
            self._load(self._next_load)
        return self._ready.popleft() if self._ready else None

    def next_due(self) -> datetime | None:
        """Return when the earliest waiting retry may go, or None."""
        return self._later[0][0] if self._later else None

    def exhausted(self) -> bool:
        """Whether every part has been dispatched to the last lead."""
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
            case _:
                self._one_less(assignment.part)

    def _may_load(self) -> bool:
        return self._next_load < self.run.parts and len(self._open) < _MAX_OPEN_PARTS

    def _load(self, part: int) -> None:
        rows = self._world.leads.rows(self.campaign.id, part)
        mine = [
            recipient
            for recipient in self._world.audiences.part(self.campaign.id, part)
            if sender_of(recipient.key, self.run.senders) == self._sender.id
        ]
        # Only now: the hint passes what is loaded and not open, and reading may have failed.
        self._next_load = part + 1
        self._open[part] = 1
        for recipient in mine:
            self._admit(part, recipient, rows.get(recipient.key))
        self._one_less(part)

    def _admit(self, part: int, recipient: Recipient, row: LeadRow | None) -> None:
        if row is None:
            self._open[part] += 1
            self._ready.append(self._assignment(part, recipient))
        elif row.status is LeadStatus.RETRYING:
            self._open[part] += 1
            again = replace(
                self._assignment(part, recipient),
                attempts=row.attempts + 1,
                retry_of=row.claim_id,
            )
            self._wait(again, row.due_at or self._world.now())

    def _assignment(self, part: int, recipient: Recipient) -> Assignment:
        text, problem = self._rendered(recipient)
        return Assignment(
            campaign_id=self.campaign.id,
            office_id=self.campaign.office_id,
            part=part,
            recipient=recipient,
            sender_id=self._sender.id,
            sender_phone=self._sender.phone,
            text=text,
            problem=problem,
            segments=segment_count(text) if text else 0,
            content_version=self.campaign.version,
        )

    def _rendered(self, recipient: Recipient) -> tuple[str | None, str | None]:
        # One bad lead never stops the others (F8): what cannot be rendered fails alone.
        try:
            text = self._render(recipient.fields)
        except InvalidInput as error:
            return None, error.code
        return (text, None) if text.strip() else (None, "empty_text")

    def _wait(self, assignment: Assignment, until: datetime) -> None:
        heapq.heappush(self._later, (until, next(self._tie), assignment))

    def _one_less(self, part: int) -> None:
        self._open[part] -= 1
        if self._open[part]:
            return
        now = self._world.now()
        # The watch comes first: once the hint has passed a part, only its watch leads back.
        self._world.watches.put(
            Watch(campaign_id=self.campaign.id, part=part, due_at=now + WATCH_AFTER)
        )
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
