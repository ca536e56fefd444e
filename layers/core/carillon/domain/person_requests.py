"""
What a person may ask of their data: to have it erased, or to have a copy (C6).

    erase    fence -> lists -> campaigns -> senders -> files -> consent -> again, until a whole
             pass has found nothing -> done
    export   lists -> campaigns -> senders -> consent -> done

*Erased* are the contact in every list, their place in frozen audiences, texts and files of
every message, conversations, and the lines about them in uploaded and rejected CSVs. What
stays cannot be read back to them without our key: rows that say that a lead was settled (so
that nobody is texted twice and every counter equals a recount), and, under a keyed hash of the
number, that they must not be texted. To ask for erasure is to opt out: an import of an old
file must not bring them back. Only what they say later, START or an opt-in, does.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from carillon.domain.listing import Position


class RequestKind(StrEnum):
    """What is asked."""

    ERASE = "erase"
    EXPORT = "export"


class RequestStatus(StrEnum):
    """running -> done; a request never fails, it goes on."""

    RUNNING = "running"
    DONE = "done"


class Step(StrEnum):
    """Where a request looks, in this order."""

    FENCE = "fence"
    LISTS = "lists"
    CAMPAIGNS = "campaigns"
    SENDERS = "senders"
    FILES = "files"
    CONSENT = "consent"


STEPS: Mapping[RequestKind, tuple[Step, ...]] = {
    RequestKind.ERASE: tuple(Step),
    RequestKind.EXPORT: (Step.LISTS, Step.CAMPAIGNS, Step.SENDERS, Step.CONSENT),
}


@dataclass(frozen=True, kw_only=True)
class PersonRequest:
    """
    One request and how far it is: *step*, and *cursor* within it.

    ``phone`` is None once it is done; ``mark`` is the keyed hash that remains. ``found`` is
    what this pass has come upon or could not finish, ``counts`` what all passes did by kind.
    Nothing is done ``not_before``: what was read before the last pass must have been written.
    ``pieces`` are the stored pieces of an export, ``result_key`` the whole once done.
    """

    id: str
    kind: RequestKind
    mark: str
    phone: str | None
    created_at: datetime
    created_by: str
    status: RequestStatus = RequestStatus.RUNNING
    step: Step = Step.FENCE
    cursor: Position | None = None
    passes: int = 0
    found: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    pieces: int = 0
    result_key: str | None = None
    finished_at: datetime | None = None
    not_before: datetime | None = None
    version: int = 1

    def after_page(self, work: "Work", rest: Position | None) -> "PersonRequest":
        """Return the request after a page of its step; *rest* is where the next page begins."""
        totals = {**Counter(self.counts) + Counter(work.done)}
        after = replace(
            self,
            counts=totals,
            found=self.found + sum(work.done.values()) + work.busy,
            pieces=self.pieces + work.pieces,
            cursor=rest,
            version=self.version + 1,
        )
        return after if rest is not None else replace(after, step=self._next_step())

    @property
    def is_pass_over(self) -> bool:
        """Whether the step that just ended was the last of its pass."""
        return self.cursor is None and self.step is STEPS[self.kind][0]

    def after_pass(self, not_before: datetime) -> "PersonRequest":
        """Return the request at the beginning of its next pass, which waits for *not_before*."""
        return replace(
            self,
            passes=self.passes + 1,
            found=0,
            not_before=not_before,
            version=self.version + 1,
        )

    def done(self, now: datetime, result_key: str | None = None) -> "PersonRequest":
        """Return the request ended: the number goes with it."""
        return replace(
            self,
            status=RequestStatus.DONE,
            phone=None,
            passes=self.passes + 1,
            finished_at=now,
            result_key=result_key,
            version=self.version + 1,
        )

    def _next_step(self) -> Step:
        steps = STEPS[self.kind]
        return steps[(steps.index(self.step) + 1) % len(steps)]


@dataclass
class Work:
    """What one page came to: *done* by kind, and how much is *busy* and must be looked at again."""

    done: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    pieces: int = 0

    def add(self, kind: str, amount: int = 1) -> None:
        """Count *amount* of *kind*."""
        if amount:
            self.done[kind] = self.done.get(kind, 0) + amount
