"""One lead, one try: claim, look, call, record, in this order and never otherwise (F1 to F4)."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from carillon.domain.budgets import Cap
from carillon.domain.campaign import CampaignStatus
from carillon.domain.campaign_media import CampaignMedia
from carillon.domain.clicks import Click
from carillon.domain.counters import contribution
from carillon.domain.errors import (
    AccountBlocked,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    GateView,
    Lease,
    Outgoing,
    Recipient,
    RowRef,
)
from carillon.usecases.send_lead import (
    CLAIM_MAX_AGE_S,
    GATE_MAX_AGE_S,
    LOOK_AT_HELD_EVERY,
    MAX_ATTEMPTS,
    Assignment,
    SendingWorld,
    SendResult,
    Sent,
    send_lead,
)
from tests.support.clicks import FakeClicks
from tests.support.clock import FakeClock
from tests.support.conversations import a_conversation
from tests.support.messages import KEY, LEAD, PHONE, a_claim, after, an_event
from tests.support.outbox import FakeOutbox, a_reply
from tests.support.sending import (
    FakeContactCaps,
    FakeDirectory,
    FakeGate,
    FakeHolds,
    FakeMessages,
    FakeSuppressions,
    a_campaign,
)

LEASE = Lease(sender_id="snd_a", owner="me", token=1, until=after(15))


class Account:
    """Implements ``ports.MessageProvider.send``; answers with what it was given."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.answer: Exception | str = "SM1"

    def send(self, message: Outgoing) -> Accepted:
        self.taken.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Accepted(self.answer)

    def find(self, **_: object) -> None:
        raise AssertionError("sending never reads the log")

    def fetch(self, provider_id: str) -> Any:
        raise AssertionError("sending never reads the log")


@dataclass
class SlowGate:
    """Lets time pass and things happen around each look."""

    gate: FakeGate
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    looks: int = 0

    def look(self, **asked: Any) -> GateView:
        self.looks += 1
        self.before()
        view = self.gate.look(**asked)
        self.after()
        return view


@dataclass
class Scene:
    clock: FakeClock = field(default_factory=FakeClock)
    messages: FakeMessages = field(default_factory=FakeMessages)
    suppressions: FakeSuppressions = field(default_factory=FakeSuppressions)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    account: Account = field(default_factory=Account)
    caps: FakeContactCaps = field(default_factory=FakeContactCaps)
    claim_ids: Iterator[int] = field(default_factory=partial(itertools.count, 1))

    def __post_init__(self) -> None:
        self.directory.campaigns["cmp_a"] = a_campaign()
        self.directory.acquire("snd_a", "me", after(15), after(0))
        self.holds = FakeHolds()
        gate = FakeGate(self.directory, self.suppressions, self.messages, self.holds)
        self.gate = SlowGate(gate)

    def send(self, *, lease: Lease = LEASE, **changes: Any) -> SendResult:
        defaults: dict[str, Any] = {
            "campaign_id": "cmp_a",
            "office_id": "off_north",
            "part": 0,
            "recipient": Recipient(key=KEY, phone=PHONE),
            "sender_id": "snd_a",
            "sender_phone": "+12025550100",
            "text": "Hi Ada",
            "problem": None,
            "segments": 1,
            "content_version": 1,
        }
        world = SendingWorld(
            leads=self.messages,
            gate=self.gate,
            provider=self.account,
            suppressions=self.suppressions,
            caps=self.caps,
            clock=self.clock,
            new_claim_id=lambda: f"claim-{next(self.claim_ids)}",
            callback_url=lambda sender_id, ref: f"https://h/{sender_id}?ref={ref.token}",
            jitter=lambda: 0.0,
            media_url=lambda key: f"https://files.example/{key}",
        )
        return send_lead(Assignment(**{**defaults, **changes}), lease, world)

    def row(self) -> dict[str, Any]:
        return self.messages.items.get(LEAD, {})


def test_a_lead_is_claimed_before_and_recorded_after_its_one_call() -> None:
    """R3: the callback's address carries the row and the attempt."""
    scene = Scene()
    seen: list[Any] = []
    scene.gate.before = lambda: seen.append((scene.row()["status"], len(scene.account.taken)))

    assert scene.send() == SendResult(outcome=Sent.SUBMITTED)

    assert seen == [(LeadStatus.CLAIMED, 0)]
    assert scene.account.taken == [
        Outgoing(
            sender="+12025550100",
            recipient=PHONE,
            text="Hi Ada",
            status_callback=f"https://h/snd_a?ref={CallbackRef(LEAD, 'claim-1').token}",
            ref_token=CallbackRef(LEAD, "claim-1").token,
        )
    ]
    assert (scene.row()["status"], scene.row()["provider_id"]) == ("submitted", "SM1")


def test_the_provider_is_told_what_is_a_test() -> None:
    """P3"""
    scene = Scene()

    scene.send(is_test=True)

    assert [message.is_test for message in scene.account.taken] == [True]


def test_a_lead_that_somebody_else_has_claimed_is_left_alone() -> None:
    scene = Scene()
    scene.messages.claim(a_claim("claim-0"))

    assert scene.send().outcome is Sent.ALREADY_CLAIMED

    assert scene.account.taken == []
    assert scene.row()["claim_id"] == "claim-0"


def test_a_lead_whose_text_cannot_be_rendered_fails_without_a_call() -> None:
    """F8: a template error fails its lead."""
    scene = Scene()

    result = scene.send(text=None, problem="missing_field", segments=0)

    assert result == SendResult(outcome=Sent.FAILED, code="missing_field")
    assert (scene.row()["status"], scene.row()["error_code"]) == ("failed", "missing_field")
    assert scene.account.taken == []


def test_an_opted_out_person_is_suppressed_without_a_call() -> None:
    scene = Scene()
    scene.suppressions.opt_out(an_event(True, -60, "SMin1"))

    assert scene.send().outcome is Sent.SUPPRESSED

    assert scene.row()["status"] == "suppressed"
    assert scene.account.taken == []


@pytest.mark.parametrize(
    "status", [status for status in CampaignStatus if status is not CampaignStatus.ACTIVE]
)
def test_a_campaign_that_is_not_active_keeps_its_leads(status: CampaignStatus) -> None:
    scene = Scene()
    scene.directory.campaigns["cmp_a"] = a_campaign(status=status)

    assert scene.send().outcome is Sent.HELD

    assert scene.row() == {}
    assert scene.account.taken == []


@pytest.mark.parametrize("token", [0, 2])
def test_a_pacer_whose_lease_is_not_the_newest_sends_nothing(token: int) -> None:
    scene = Scene()

    assert scene.send(lease=replace(LEASE, token=token)).outcome is Sent.HELD

    assert scene.row() == {}
    assert scene.account.taken == []


def test_an_answer_of_the_gate_that_is_too_old_is_asked_for_again() -> None:
    scene = Scene()

    def dawdle() -> None:
        if scene.gate.looks == 1:
            scene.clock.sleep(GATE_MAX_AGE_S + 0.001)
            scene.suppressions.opt_out(an_event(True, 1, "SMin1"))

    scene.gate.after = dawdle

    assert scene.send().outcome is Sent.SUPPRESSED
    assert scene.gate.looks == 2
    assert scene.account.taken == []


def test_an_answer_of_the_gate_is_good_for_its_full_age() -> None:
    scene = Scene()
    scene.gate.after = lambda: scene.clock.sleep(GATE_MAX_AGE_S)

    assert scene.send().outcome is Sent.SUBMITTED
    assert scene.gate.looks == 1


def test_a_gate_that_is_always_slow_gives_the_claim_back() -> None:
    scene = Scene()
    scene.gate.after = lambda: scene.clock.sleep(GATE_MAX_AGE_S + 0.001)

    assert scene.send().outcome is Sent.HELD
    assert scene.gate.looks == 3
    assert (scene.row(), scene.account.taken) == ({}, [])


def test_a_claim_that_is_too_old_never_becomes_a_call() -> None:
    # The reconciler must be able to tell when no call can start any more.
    scene = Scene()

    def stall() -> None:
        if scene.gate.looks == 1:
            scene.clock.sleep(CLAIM_MAX_AGE_S + 0.001)

    scene.gate.before = stall

    assert scene.send().outcome is Sent.HELD
    assert (scene.row(), scene.account.taken) == ({}, [])


def test_a_throttled_call_gives_the_claim_back_and_says_how_long_to_wait() -> None:
    scene = Scene()
    scene.account.answer = Throttled("slower", retry_after_s=7.0)

    assert scene.send() == SendResult(outcome=Sent.THROTTLED, after_s=7.0)
    assert scene.row() == {}


def test_a_blocked_account_gives_the_claim_back() -> None:
    scene = Scene()
    scene.account.answer = AccountBlocked("no", provider_code="20003")

    assert scene.send() == SendResult(outcome=Sent.ACCOUNT_BLOCKED, code="20003")
    assert scene.row() == {}


def test_a_refused_message_fails_with_the_providers_code() -> None:
    scene = Scene()
    scene.account.answer = Rejected("no", provider_code="21211")

    assert scene.send() == SendResult(outcome=Sent.FAILED, code="21211")
    assert (scene.row()["status"], scene.row()["error_code"]) == ("failed", "21211")


def test_a_call_of_unknown_outcome_leaves_the_claim_for_the_reconciler() -> None:
    scene = Scene()
    scene.account.answer = OutcomeUnknown("?", provider_code="ReadTimeoutError")

    assert scene.send().outcome is Sent.AMBIGUOUS
    assert scene.row()["status"] == LeadStatus.CLAIMED
    assert scene.send().outcome is Sent.ALREADY_CLAIMED
    assert len(scene.account.taken) == 1


@pytest.mark.parametrize(("attempts", "after_s"), [(1, 2.0), (2, 8.0), (3, 32.0)])
def test_an_unavailable_provider_is_tried_again_later_and_later(
    attempts: int, after_s: float
) -> None:
    scene = Scene()
    scene.account.answer = Unavailable("not now", provider_code="unreachable")

    result = scene.send(attempts=attempts)

    assert (result.outcome, result.after_s, result.claim_id) == (Sent.RETRY, after_s, "claim-1")
    row = scene.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.due_at) == (
        LeadStatus.RETRYING,
        scene.clock.now() + timedelta(seconds=after_s),
    )


def test_a_provider_that_names_a_longer_wait_gets_it() -> None:
    scene = Scene()
    scene.account.answer = Unavailable("not now", retry_after_s=30.0)

    assert scene.send().after_s == 30.0


def test_the_last_attempt_fails_the_lead() -> None:
    scene = Scene()
    scene.account.answer = Unavailable("not now", provider_code="unreachable")

    assert scene.send(attempts=MAX_ATTEMPTS).outcome is Sent.FAILED
    assert (scene.row()["status"], scene.row()["error_code"]) == ("failed", "unreachable")


# Windows, caps and follow-ups ------------------------------------------------------


def test_nothing_is_claimed_after_the_window_has_closed() -> None:
    scene = Scene()

    result = scene.send(closes_at=after(0))

    assert result == SendResult(outcome=Sent.WAITS)
    assert scene.messages.items == {}


def test_a_window_that_closes_between_claim_and_call_gives_the_claim_back() -> None:
    scene = Scene()
    scene.gate.before = lambda: scene.clock.sleep(0.5)

    result = scene.send(closes_at=after(0.4))

    assert result == SendResult(outcome=Sent.WAITS)
    assert (scene.messages.items, scene.account.taken) == ({}, [])


def test_the_provider_is_told_not_to_try_past_the_window_or_the_campaigns_end() -> None:
    for closes_s, ends_s, valid_for_s in [(90, None, 90), (90, 30, 30), (None, 30, 30)]:
        scene = Scene()

        scene.send(
            closes_at=None if closes_s is None else after(closes_s),
            ends_at=None if ends_s is None else after(ends_s),
        )

        assert [message.valid_for_s for message in scene.account.taken] == [valid_for_s]


def test_a_person_who_has_had_enough_waits_under_a_row_and_uses_no_attempt() -> None:
    caps = (Cap(1, timedelta(hours=24)),)
    scene = Scene()
    scene.caps.sent[PHONE] = {RowRef("cmp_b#00000", KEY): after(-3600)}

    result = scene.send(caps=caps)

    free_at = after(23 * 3600)
    assert result == SendResult(
        outcome=Sent.WAITS, until=free_at, claim_id="claim-1", code="frequency_cap"
    )
    assert scene.account.taken == []
    assert (scene.row()["status"], scene.row()["attempts"]) == ("retrying", 0)


def test_a_text_of_an_older_version_of_the_campaign_is_not_sent() -> None:
    scene = Scene()
    scene.directory.campaigns["cmp_a"] = a_campaign(version=2)

    result = scene.send(content_version=1)

    assert result == SendResult(outcome=Sent.HELD)
    assert (scene.messages.items, scene.account.taken) == ({}, [])


def test_a_follow_up_to_somebody_who_has_replied_is_cancelled() -> None:
    scene = Scene()
    scene.messages.claim(a_claim(steps_left=1))
    scene.messages.note_reply(LEAD, after(5), opt_out_kind=None)

    result = scene.send(step=1)

    assert result == SendResult(outcome=Sent.CANCELLED)
    assert list(scene.messages.items) == [LEAD]
    assert scene.account.taken == []


def test_a_message_with_files_is_an_mms_whose_segments_do_not_count() -> None:
    """M4, M5, A10. K2: SMS or MMS through one port, by whether there are files."""
    scene = Scene()
    picture = CampaignMedia("med_a", "image/png", 7)

    result = scene.send(media=(picture,), segments=1)

    assert result.outcome is Sent.SUBMITTED
    (message,) = scene.account.taken
    assert message.media_urls == ("https://files.example/outbound/med_a.png",)
    assert scene.row()["mms"] is True
    assert "segments" not in contribution(scene.row()).totals


def test_a_message_without_files_is_none() -> None:
    scene = Scene()

    scene.send()

    assert scene.account.taken[0].media_urls == ()
    assert "mms" not in scene.row()


@pytest.mark.parametrize(
    ("unless_clicked", "outcome"), [(True, Sent.CANCELLED), (False, Sent.SUBMITTED)]
)
def test_a_follow_up_for_those_who_have_not_clicked_is_cancelled_by_a_click(
    unless_clicked: bool, outcome: Sent
) -> None:
    """M3: a click alone ends nothing but what was for those who have not."""
    scene = Scene()
    scene.messages.claim(a_claim(steps_left=1))
    FakeClicks(scene.directory, scene.messages).note(Click(LEAD, 0, "request-1", after(5)))

    result = scene.send(step=1, unless_clicked=unless_clicked)

    assert result.outcome is outcome
    assert len(scene.account.taken) == (outcome is Sent.SUBMITTED)


def test_a_person_who_may_have_meant_to_opt_out_waits_until_somebody_has_decided() -> None:
    scene = Scene()
    scene.holds.hold(PHONE, "SMin1", after(0))

    result = scene.send()

    assert (result.outcome, result.code) == (Sent.WAITS, "contact_held")
    assert result.until == scene.clock.now() + LOOK_AT_HELD_EVERY
    assert scene.account.taken == []
    assert (scene.row()["status"], scene.row()["attempts"]) == (LeadStatus.RETRYING, 0)
    scene.holds.release(PHONE, after(1))
    again = scene.send(retry_of=scene.row()["claim_id"])
    assert again.outcome is Sent.SUBMITTED


def test_an_agents_answer_reaches_somebody_who_is_held() -> None:
    scene = Scene()
    reply = a_reply(phone=PHONE)
    FakeOutbox(scene.messages).put(reply)
    scene.holds.hold(PHONE, "SMin1", after(0))

    result = scene.send(answer=reply.ref, retry_of=f"queued.{reply.id}")

    assert result.outcome is Sent.SUBMITTED


@pytest.mark.parametrize("is_known", [True, False], ids=["in its conversation", "in another one"])
def test_an_answer_of_the_assistants_is_withdrawn_from_whoever_is_held_by_now(
    is_known: bool,
) -> None:
    scene = Scene()
    reply = a_reply(phone=PHONE, author="assistant")
    FakeOutbox(scene.messages).put(reply)
    talk = a_conversation(id="cnv_1", operated_by="assistant", awaiting_since=after(0))
    scene.gate.gate.talks["cnv_1"] = replace(talk, is_held=is_known)
    scene.holds.hold(PHONE, "SMin1", after(0))

    result = scene.send(
        answer=reply.ref,
        retry_of=f"queued.{reply.id}",
        by_assistant=True,
        conversation_id="cnv_1",
    )

    assert (result.outcome, result.code) == (Sent.WITHDRAWN, "contact_held")
    assert scene.account.taken == []
