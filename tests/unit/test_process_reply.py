"""A reply's effects and their order: consent first, everything once (I2, I3, O1 to O4)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.errors import NotFound, OutcomeUnknown, Rejected, Throttled, Unavailable
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    Outgoing,
    ProviderRecord,
    Recipient,
    Reply,
    RowRef,
)
from carillon.domain.optout import Keyword
from carillon.usecases.keep_conversation import Inbox
from carillon.usecases.process_reply import AnswerTexts, ReplyWorld, process_reply
from tests.support.clock import FakeClock
from tests.support.conversations import FakeBook
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, a_run, after, submit
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeMessages,
    FakeQueue,
    FakeSuppressions,
    a_campaign,
    a_sender,
)

CONFIRMATION = RowRef(LEAD.pk, f"{KEY}#out#opt_out_confirmation.SMin1")


class Account:
    """Implements ``ports.MessageProvider``: what it takes, and what its log shows."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.answer: Exception | None = None
        self.logged: ProviderRecord | None = None
        self.calls = 0

    def send(self, message: Outgoing) -> Accepted:
        self.calls += 1
        if self.answer is not None:
            raise self.answer
        self.texts.append(message.text)
        return Accepted(f"SM{len(self.texts)}")

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        return self.logged

    def fetch(self, provider_id: str) -> ProviderRecord:
        raise NotFound("no such message")


@dataclass
class Scene:
    """A contact whom one campaign has texted."""

    clock: FakeClock = field(default_factory=FakeClock)
    messages: FakeMessages = field(default_factory=FakeMessages)
    suppressions: FakeSuppressions = field(default_factory=FakeSuppressions)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    account: Account = field(default_factory=Account)
    book: FakeBook = field(default_factory=FakeBook)
    audiences: FakeAudiences = field(default_factory=FakeAudiences)
    assistant: FakeQueue | None = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.directory.sender_by_id["snd_a"] = a_sender()
        self.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=1)
        self.directory.campaigns["cmp_a"] = a_campaign()
        ada = {"first_name": "Ada", "last_name": "Lovelace"}
        self.audiences.parts["cmp_a", 0] = [Recipient(KEY, PHONE, ada)]
        submit(self.messages, a_claim("claim-lead"), 1)
        self._claims = 0

    def take(self, reply: Reply) -> Keyword:
        world = ReplyWorld(
            directory=self.directory,
            conversations=self.messages,
            leads=self.messages,
            suppressions=self.suppressions,
            inbox=Inbox(
                book=self.book,
                audiences=self.audiences,
                directory=self.directory,
                clock=self.clock,
                assistant=self.assistant,
            ),
            provider_of=lambda _: self.account,
            texts=AnswerTexts(opt_out="You are out.", opt_in="You are in.", help="Call us."),
            clock=self.clock,
            new_claim_id=self._new_claim,
            callback_url=lambda _, ref: ref.token,
            unsolicited_partition=lambda sender_id, _: f"unsolicited#{sender_id}",
            ambiguous_grace=timedelta(seconds=60),
        )
        return process_reply(reply, world)

    def _new_claim(self) -> str:
        self._claims += 1
        return f"claim-{self._claims}"

    def kinds(self) -> list[str]:
        return sorted(item["kind"] for item in self.messages.items.values())

    def lead(self) -> dict[str, Any]:
        return self.messages.items[LEAD]


def test_an_opt_out_is_committed_before_anything_else_can_fail() -> None:
    scene = Scene()

    with pytest.raises(NotFound):
        scene.take(a_reply("STOP", sender_id="snd_none"))

    standing = scene.suppressions.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.event_at) == (True, after(60))


def test_an_ordinary_reply_is_kept_with_its_campaign_and_answered_by_nobody() -> None:
    scene = Scene()

    assert scene.take(a_reply("who is this?")) is Keyword.NONE

    inbound = scene.messages.items[RowRef(LEAD.pk, f"{KEY}#in#SMin1")]
    assert (inbound["body"], inbound["office_id"]) == ("who is this?", "off_north")
    assert scene.lead()["replied_at"] == "2026-11-22T12:01:00.000Z"
    assert "opted_out_at" not in scene.lead()
    assert (scene.account.texts, scene.suppressions.standing) == ([], {})


def test_a_reply_delivered_three_times_is_one_reply_and_one_answer() -> None:
    scene = Scene()

    for _ in range(3):
        scene.take(a_reply("STOP"))

    assert scene.kinds() == ["inbound", "lead", "outbound"]
    assert scene.account.texts == ["You are out."]
    assert scene.lead()["opt_out_kind"] == "auto"


def test_only_the_stop_that_opted_out_is_confirmed() -> None:
    scene = Scene()

    scene.take(a_reply("STOP", "SMin1"))
    scene.take(a_reply("STOP", "SMin2", received_at=after(90)))

    assert scene.account.texts == ["You are out."]


def test_a_start_is_confirmed_and_a_stop_after_it_again() -> None:
    scene = Scene()

    for number, body in enumerate(["STOP", "START", "STOP"]):
        scene.take(a_reply(body, f"SMin{number}", received_at=after(60 + number)))

    assert scene.account.texts == ["You are out.", "You are in.", "You are out."]


def test_an_answer_that_the_provider_has_given_is_not_given_twice() -> None:
    scene = Scene()

    scene.take(a_reply("STOP", handled_by_provider=True))

    assert scene.account.texts == []
    assert scene.suppressions.standing[PHONE].opted_out


@pytest.mark.parametrize(("is_out", "expected"), [(True, ["You are in."]), (False, [])])
def test_yes_opts_in_only_somebody_who_is_out(is_out: bool, expected: list[str]) -> None:
    scene = Scene()
    if is_out:
        scene.take(a_reply("STOP", "SMin0", received_at=after(30), handled_by_provider=True))

    for _ in range(2):
        scene.take(a_reply("YES"))

    assert scene.account.texts == expected


def test_help_is_answered_and_changes_no_consent() -> None:
    scene = Scene()

    scene.take(a_reply("HELP"))

    assert scene.account.texts == ["Call us."]
    assert scene.suppressions.standing == {}


def test_a_reply_to_no_campaign_is_kept_as_unsolicited_at_the_senders_office() -> None:
    scene = Scene()
    scene.directory.run_by_key.clear()

    scene.take(a_reply("STOP"))

    refs = {ref.pk for ref in scene.messages.items if ref != LEAD}
    assert refs == {"unsolicited#snd_a"}
    assert "replied_at" not in scene.lead()
    assert scene.account.texts == ["You are out."]


@pytest.mark.parametrize(
    "error", [Throttled("slower", retry_after_s=1), Unavailable("not now"), OutcomeUnknown("?")]
)
def test_an_answer_that_cannot_be_sent_now_comes_again_after_everything_else_is_done(
    error: Exception,
) -> None:
    scene = Scene()
    scene.account.answer = error

    with pytest.raises(Throttled):
        scene.take(a_reply("STOP"))

    assert scene.kinds() == ["inbound", "lead", "outbound"]
    assert scene.lead()["opt_out_kind"] == "auto"


def test_a_refused_answer_is_failed_and_not_tried_again() -> None:
    scene = Scene()
    scene.account.answer = Rejected("no", provider_code="21610")

    scene.take(a_reply("STOP"))
    scene.take(a_reply("STOP"))

    assert scene.account.calls == 1
    assert scene.messages.items[CONFIRMATION]["error_code"] == "21610"


def test_an_answer_of_unknown_outcome_is_not_sent_again_before_its_grace() -> None:
    scene = Scene()
    scene.account.answer = OutcomeUnknown("?")
    with pytest.raises(Throttled):
        scene.take(a_reply("STOP"))
    scene.account.answer = None

    scene.clock.sleep(59)
    with pytest.raises(Throttled) as caught:
        scene.take(a_reply("STOP"))

    assert scene.account.calls == 1
    assert caught.value.retry_after_s == pytest.approx(1)


LOGGED = ProviderRecord(provider_id="SM9", status=LeadStatus.DELIVERED)


@pytest.mark.parametrize(("logged", "calls"), [(LOGGED, 1), (None, 2)])
def test_after_its_grace_the_providers_log_decides_whether_the_answer_is_sent_again(
    logged: ProviderRecord | None, calls: int
) -> None:
    scene = Scene()
    scene.account.answer = OutcomeUnknown("?")
    with pytest.raises(Throttled):
        scene.take(a_reply("STOP"))
    scene.account.answer, scene.account.logged = None, logged

    scene.clock.sleep(61)
    scene.take(a_reply("STOP"))

    assert scene.account.calls == calls
    status = scene.messages.items[CONFIRMATION]["status"]
    assert status == (LeadStatus.DELIVERED if logged else LeadStatus.SUBMITTED)


def test_two_workers_with_the_same_stop_send_one_answer() -> None:
    scene = Scene()
    once: list[Callable[[], object]] = [lambda: scene.take(a_reply("STOP"))]
    claim_answer = scene.messages.claim_answer

    def overtaken(claim: Any, *, purpose: str, text: str = "") -> bool:
        if once:
            # The other worker gets through between our look and our claim.
            once.pop()()
        return claim_answer(claim, purpose=purpose, text=text)

    scene.messages.claim_answer = overtaken  # type: ignore[method-assign]

    scene.take(a_reply("STOP"))

    assert scene.account.texts == ["You are out."]
