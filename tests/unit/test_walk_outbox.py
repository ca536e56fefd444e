"""The walk over one sender's answers: one never stops the others, and none is asked for ever."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.clock import to_iso
from carillon.domain.lead import LeadStatus
from carillon.domain.message import LeadRow, QueuedReply, RowRef
from carillon.usecases.resolve_ambiguous import Resolution
from carillon.usecases.send_lead import SendResult, Sent
from carillon.usecases.walk_outbox import MOST_AT_ONCE, MOST_RESOLVED, Answering, Replies
from tests.support.clock import FakeClock
from tests.support.conversations import FakeBook
from tests.support.messages import after
from tests.support.outbox import FakeOutbox, a_reply
from tests.support.sending import FakeMessages, a_sender

GRACE, POLL_AFTER = timedelta(seconds=60), timedelta(minutes=10)


class Unreadable:
    """The fake messages, some of whose rows cannot be read."""

    def __init__(self, messages: FakeMessages) -> None:
        self._messages = messages
        self.refs: set[RowRef] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._messages, name)

    def answer(self, ref: RowRef) -> LeadRow | None:
        if ref in self.refs:
            raise ValueError("what stands there is no row")
        return self._messages.answer(ref)


class Failing(FakeOutbox):
    """An outbox that is out of reach while ``is_down``, and in which ``twice`` stand twice."""

    is_down = False
    twice: tuple[QueuedReply, ...] = ()

    def waiting(self, sender_id: str, now: datetime, limit: int) -> list[QueuedReply]:
        if self.is_down:
            raise ConnectionError
        return [*super().waiting(sender_id, now, limit), *self.twice][:limit]

    def done(self, reply: QueuedReply) -> None:
        if reply in self.twice:
            self.twice = ()
        else:
            super().done(reply)


@dataclass
class Scene:
    clock: FakeClock = field(default_factory=lambda: FakeClock(after(0)))
    messages: FakeMessages = field(default_factory=FakeMessages)
    resolved: list[RowRef] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    resolve: Callable[[RowRef], Resolution] = lambda _: Resolution.WAITING

    def __post_init__(self) -> None:
        self.outbox = Failing(self.messages)
        self.rows = Unreadable(self.messages)
        self.replies = Replies(
            a_sender(),
            Answering(
                outbox=self.outbox,
                conversations=self.rows,
                book=FakeBook(),
                resolve=self._resolve,
                grace=GRACE,
                poll_after=POLL_AFTER,
                now=self.clock.now,
                on_error=self.errors.append,
            ),
        )

    def _resolve(self, ref: RowRef, row: LeadRow) -> Resolution:
        self.resolved.append(ref)
        return self.resolve(ref)

    def put(self, number: int, **row: Any) -> QueuedReply:
        """Queue an answer *number* seconds after noon; *row* is what its row says by now."""
        phone = f"+1415555{number:04d}"
        reply = a_reply(f"r{number:02d}", phone=phone, queued_at=after(number))
        self.outbox.put(reply)
        values = {
            name: to_iso(value) if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        self.messages.items[reply.ref] |= values
        return reply

    def pass_to(self, seconds: float) -> None:
        self.clock.sleep((after(seconds) - self.clock.now()).total_seconds())

    def ready(self) -> list[str]:
        self.replies.look()
        taken = []
        while (assignment := self.replies.take()) is not None:
            assert assignment.answer is not None
            taken.append(assignment.answer.sk.rpartition(".")[2])
        return taken


def test_an_answer_whose_row_cannot_be_read_is_put_off_and_the_others_go() -> None:
    scene = Scene()
    broken, _ = scene.put(0), scene.put(1)
    scene.rows.refs.add(broken.ref)
    scene.pass_to(2)

    assert scene.ready() == ["r01"]

    assert [type(error) for error in scene.errors] == [ValueError]
    assert scene.outbox.entries[broken.id].next_look_at == after(12)


def test_an_answer_that_stays_broken_is_looked_at_less_and_less_and_goes_once_mended() -> None:
    scene = Scene()
    broken = scene.put(0)
    scene.rows.refs.add(broken.ref)

    looks = []
    while scene.clock.now() < after(1800):
        assert scene.ready() == []
        looks.append(len(scene.errors))
        scene.pass_to((scene.outbox.entries[broken.id].next_look_at - after(0)).total_seconds())
    scene.rows.refs.clear()

    assert len(scene.errors) <= 9
    assert scene.ready() == ["r00"]


def test_an_outbox_out_of_reach_stops_no_run_and_is_asked_again_a_little_later() -> None:
    scene = Scene()
    scene.put(0)
    scene.outbox.is_down = True

    assert scene.ready() == []
    assert scene.replies.is_any_due() is False
    assert len(scene.errors) == 2
    assert scene.replies.ready_at == after(10)

    scene.outbox.is_down = False
    scene.pass_to(10)
    assert scene.replies.take() is not None


def test_claims_without_a_result_are_asked_about_a_few_at_a_time() -> None:
    scene = Scene()
    claimed = [
        scene.put(number, status=LeadStatus.CLAIMED, claimed_at=after(number))
        for number in range(12)
    ]
    scene.put(50)
    scene.pass_to(100)

    scene.replies.look()

    assert len(scene.resolved) == MOST_RESOLVED
    assert scene.replies.take() is not None
    # The others come back by themselves, a few at a time as well.
    for at in (110, 120):
        scene.pass_to(at)
        scene.replies.look()
    assert set(scene.resolved) == {one.ref for one in claimed}
    assert len(scene.resolved) == len(claimed)


def test_a_provider_that_is_slow_to_answer_is_asked_about_one_claim_at_a_time() -> None:
    scene = Scene()

    def slowly(_: RowRef) -> Resolution:
        scene.clock.sleep(10)
        return Resolution.WAITING

    scene.resolve = slowly
    for number in range(4):
        scene.put(number, status=LeadStatus.CLAIMED, claimed_at=after(number))
    scene.pass_to(100)

    scene.replies.look()

    assert len(scene.resolved) == 1


def test_answers_that_wait_for_their_next_try_do_not_hide_a_newer_one() -> None:
    scene = Scene()
    for number in range(MOST_AT_ONCE):
        scene.put(number, due_at=after(300 + number))
    scene.put(60)
    scene.pass_to(100)

    scene.replies.look()

    assert scene.ready() == ["r60"]
    # And each comes back at its time.
    assert scene.replies.ready_at == after(300)
    scene.pass_to(301)
    assert scene.ready() == ["r00", "r01"]


def test_an_answer_is_too_late_by_when_it_was_to_go_and_not_by_when_it_was_put_off_to() -> None:
    scene = Scene()
    scene.put(0, due_at=after(3700))
    scene.ready()
    scene.pass_to(3700)

    scene.replies.look()
    assignment = scene.replies.take()

    assert assignment is not None
    assert (assignment.text, assignment.problem) == (None, "answer_too_late")


def test_an_answer_that_broke_is_not_tried_again_at_once() -> None:
    scene = Scene()
    scene.put(0)
    scene.replies.look()
    assignment = scene.replies.take()
    assert assignment is not None

    scene.replies.settle(assignment, SendResult(outcome=Sent.BROKEN))

    assert scene.replies.take() is None
    assert scene.replies.ready_at == after(10)


def test_the_recipients_hours_bind_an_answer_while_it_waits_for_its_turn() -> None:
    scene = Scene()
    closes_at = after(60)
    scene.outbox.put(a_reply(closes_at=closes_at))
    scene.replies.look()

    before = scene.replies.take()
    assert before is not None
    scene.replies.settle(before, SendResult(outcome=Sent.WAITS))
    scene.pass_to(60)
    after_them = scene.replies.take()

    assert (before.closes_at, before.problem) == (closes_at, None)
    assert after_them is not None
    # Without a time of its own, so that it can be noted as failed.
    assert (after_them.text, after_them.problem, after_them.closes_at) == (
        None,
        "outside_hours",
        None,
    )


@pytest.mark.parametrize("status", [LeadStatus.CLAIMED, LeadStatus.RETRYING])
def test_whether_anything_is_due_is_told_without_touching_anything(status: LeadStatus) -> None:
    scene = Scene()
    scene.put(0, status=status)
    before = dict(scene.outbox.entries)
    scene.pass_to(100)

    assert scene.replies.is_any_due()

    assert scene.outbox.entries == before
    assert scene.resolved == []


@pytest.mark.parametrize("outcome", Sent)
def test_two_entries_of_one_answer_are_one_answer(outcome: Sent) -> None:
    scene = Scene()
    reply = scene.put(0)
    scene.outbox.twice = (replace(reply, look_at=after(1)),)
    scene.pass_to(2)
    scene.replies.look()
    first, second = scene.replies.take(), scene.replies.take()

    assert first is not None
    assert second is None
    assert not scene.outbox.twice
    scene.replies.settle(first, SendResult(outcome=outcome))
    assert scene.errors == []
