"""What a feed hands out, passes and leaves for a later walk (F1, F8, N3)."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.campaign import Run
from carillon.domain.errors import InvalidInput
from carillon.domain.ids import lead_key, part_of
from carillon.domain.message import Recipient
from carillon.domain.sender_choice import dealt_to
from carillon.usecases.readiness import Rules
from carillon.usecases.render_texts import Texts
from carillon.usecases.send_lead import Assignment, SendResult, Sent
from carillon.usecases.walk_parts import WATCH_AFTER, Feed, Walking
from tests.support.clock import FakeClock
from tests.support.messages import a_claim, a_run
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeMessages,
    a_campaign,
    a_sender,
    no_law,
)

SENT = SendResult(outcome=Sent.SUBMITTED)


@dataclass
class Scene:
    """A campaign over *leads* in *parts*, and feeds that walk it."""

    leads: int = 6
    parts: int = 3
    senders: tuple[str, ...] = ("snd_a",)
    clock: FakeClock = field(default_factory=FakeClock)
    messages: FakeMessages = field(default_factory=FakeMessages)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    audiences: FakeAudiences = field(default_factory=FakeAudiences)
    rules: Rules = field(default_factory=no_law)

    def __post_init__(self) -> None:
        self.phones = [f"+1202555{number:04d}" for number in range(100, 100 + self.leads)]
        for part in range(self.parts):
            self.audiences.parts["cmp_a", part] = []
        for phone in self.phones:
            key = lead_key(phone)
            self.audiences.parts["cmp_a", part_of(key, self.parts)].append(
                Recipient(key=key, phone=phone, fields={"first_name": "Ada"})
            )
        for sender_id in self.senders:
            run = a_run(sender_id=sender_id, parts=self.parts, senders=self.senders)
            self.directory.run_by_key[sender_id, "cmp_a"] = run

    def run(self, sender_id: str = "snd_a") -> Run:
        return self.directory.run_by_key[sender_id, "cmp_a"]

    def feed(
        self, sender_id: str = "snd_a", body: str = "Hi {{first_name}}", **changes: Any
    ) -> Feed:
        def render(fields: object) -> str:
            if body == "bad":
                raise InvalidInput("No such field.", code="missing_field")
            return body

        campaign = a_campaign(parts=self.parts, sender_ids=self.senders, **changes)
        return Feed(
            self.run(sender_id),
            campaign,
            a_sender(sender_id),
            texts=Texts(
                campaign.content, campaign.id, lambda _: lambda fields, _links: render(fields)
            ),
            available=frozenset(self.senders),
            world=Walking(
                leads=self.messages,
                audiences=self.audiences,
                watches=self.directory,
                directory=self.directory,
                rules=self.rules,
                now=self.clock.now,
            ),
        )

    def claim(self, assignment: Assignment) -> None:
        ref = a_run(parts=self.parts).lead_ref(assignment.recipient.key)
        self.messages.claim(a_claim(f"claim-{assignment.recipient.key}", ref))


def drained(feed: Feed) -> list[Assignment]:
    """Take and settle as sent all that the feed has."""
    taken = []
    while (assignment := feed.take()) is not None:
        feed.settle(assignment, SENT)
        taken.append(assignment)
    return taken


@pytest.mark.parametrize("is_test", [True, False])
def test_what_a_test_campaign_hands_out_is_a_test(is_test: bool) -> None:
    """P3: it uses up nothing of what its people may be sent either."""
    taken = drained(Scene().feed(is_test=is_test))

    assert {assignment.is_test for assignment in taken} == {is_test}


def test_every_lead_is_handed_out_once_with_its_text_and_part() -> None:
    scene = Scene()

    taken = drained(scene.feed())

    assert sorted(assignment.recipient.phone for assignment in taken) == scene.phones
    for assignment in taken:
        assert assignment.part == part_of(assignment.recipient.key, scene.parts)
        assert (assignment.text, assignment.segments) == ("Hi {{first_name}}", 1)
        assert (assignment.attempts, assignment.retry_of) == (1, None)


def test_each_sender_hands_out_its_own_leads_and_always_the_same() -> None:
    scene = Scene(leads=60, senders=("snd_a", "snd_b", "snd_c"))

    by_sender = {
        sender_id: {assignment.recipient.phone for assignment in drained(scene.feed(sender_id))}
        for sender_id in scene.senders
    }

    assert sorted(phone for phones in by_sender.values() for phone in phones) == scene.phones
    assert all(by_sender.values())
    for sender_id, phones in by_sender.items():
        assert {dealt_to(lead_key(phone), scene.senders) for phone in phones} == {sender_id}


def test_a_lead_that_has_a_row_is_not_handed_out_again() -> None:
    scene = Scene()
    first = scene.feed().take()
    assert first is not None
    scene.claim(first)

    again = drained(scene.feed())

    assert first.recipient.phone not in {assignment.recipient.phone for assignment in again}
    assert len(again) == scene.leads - 1


def test_a_part_is_passed_when_its_last_lead_is_settled_and_is_watched_before() -> None:
    scene = Scene(leads=4, parts=1)
    feed = scene.feed()
    taken = [assignment for _ in range(4) if (assignment := feed.take())]

    for assignment in taken[:3]:
        feed.settle(assignment, SENT)
    assert (scene.run().next_part, scene.directory.watches, feed.exhausted()) == (0, {}, False)
    feed.settle(taken[3], SENT)

    assert (scene.run().next_part, feed.exhausted()) == (1, True)
    (watch,) = scene.directory.watches.values()
    assert (watch.part, watch.due_at, watch.checks) == (0, scene.clock.now() + WATCH_AFTER, 0)


def test_parts_that_finish_out_of_order_are_passed_in_order() -> None:
    scene = Scene(leads=30, parts=2)
    feed = scene.feed()
    taken = [assignment for _ in range(30) if (assignment := feed.take())]

    for assignment in taken:
        if assignment.part == 1:
            feed.settle(assignment, SENT)
    assert scene.run().next_part == 0
    for assignment in taken:
        if assignment.part == 0:
            feed.settle(assignment, SENT)

    assert scene.run().next_part == 2


def test_a_part_without_leads_of_this_sender_is_passed_and_watched() -> None:
    scene = Scene(leads=0, parts=3)
    feed = scene.feed()

    assert feed.take() is None

    assert feed.exhausted()
    assert scene.run().next_part == 3
    assert sorted(watch.part for watch in scene.directory.watches.values()) == [0, 1, 2]


@pytest.mark.parametrize("outcome", [Sent.THROTTLED, Sent.HELD, Sent.ACCOUNT_BLOCKED])
def test_what_was_not_sent_and_given_back_is_handed_out_next(outcome: Sent) -> None:
    feed = Scene().feed()
    first = feed.take()
    assert first is not None

    feed.settle(first, SendResult(outcome=outcome))

    assert feed.take() == first


def test_a_retry_waits_until_it_is_due_and_names_the_claim_it_repeats() -> None:
    scene = Scene(leads=1, parts=1)
    feed = scene.feed()
    first = feed.take()
    assert first is not None

    feed.settle(first, SendResult(outcome=Sent.RETRY, after_s=8.0, claim_id="claim-1"))

    assert feed.take() is None
    assert not feed.exhausted()
    assert feed.next_due() == scene.clock.now() + timedelta(seconds=8)
    scene.clock.sleep(8)
    assert feed.take() == replace(first, attempts=2, retry_of="claim-1")


def test_a_retry_of_an_earlier_walk_is_taken_up_with_its_attempts_and_time() -> None:
    scene = Scene(leads=1, parts=1)
    ref = a_run(parts=1).lead_ref(lead_key(scene.phones[0]))
    claim = a_claim("claim-7", ref, attempts=2)
    scene.messages.claim(claim)
    due_at = scene.clock.now() + timedelta(seconds=30)
    scene.messages.record_retry(claim, "503", due_at)
    feed = scene.feed()

    assert feed.take() is None
    assert feed.next_due() == due_at
    scene.clock.sleep(30)
    retry = feed.take()

    assert retry is not None
    assert (retry.attempts, retry.retry_of) == (3, "claim-7")


def test_a_lead_whose_outcome_we_broke_keeps_its_part_open_for_another_walk() -> None:
    scene = Scene(leads=2, parts=1)
    feed = scene.feed()
    broken, other = feed.take(), feed.take()
    assert broken is not None
    assert other is not None

    feed.settle(broken, SendResult(outcome=Sent.BROKEN))
    feed.settle(other, SENT)

    assert (feed.stale, feed.exhausted(), scene.run().next_part) == (True, False, 0)
    assert scene.directory.watches == {}


def test_a_feed_whose_run_was_sent_back_is_stale_and_leaves_the_run_alone() -> None:
    scene = Scene(leads=40, parts=4)
    scene.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=4, next_part=2)
    feed = scene.feed()
    scene.directory.reopen_run("snd_a", "cmp_a", 1)

    drained(feed)

    assert feed.stale
    assert scene.run().next_part == 1


def test_what_cannot_be_rendered_is_handed_out_without_a_text() -> None:
    bad = Scene(leads=1, parts=1).feed(body="bad").take()
    empty = Scene(leads=1, parts=1).feed(body=" \n").take()

    assert bad is not None
    assert empty is not None
    assert (bad.text, bad.problem, bad.segments) == (None, "missing_field", 0)
    assert (empty.text, empty.problem) == (None, "empty_text")


def test_a_feed_keeps_only_a_few_parts_open_while_retries_wait() -> None:
    scene = Scene(leads=400, parts=40)
    feed = scene.feed()
    taken = []
    while (assignment := feed.take()) is not None:
        feed.settle(assignment, SendResult(outcome=Sent.RETRY, after_s=60, claim_id="c"))
        taken.append(assignment)

    assert len({assignment.part for assignment in taken}) == 8
