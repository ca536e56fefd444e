"""A reply's effects and their order: consent first, everything once (I2, I3, O1 to O4)."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.consent import Circumstances
from carillon.domain.counters import delta, total_of
from carillon.domain.errors import NotFound, OutcomeUnknown, Rejected, Throttled, Unavailable
from carillon.domain.law_pack import shipped_pack
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    Outgoing,
    ProviderRecord,
    Recipient,
    RecordedReply,
    Reply,
    RowRef,
)
from carillon.domain.optout import Keyword
from carillon.usecases.keep_conversation import Inbox
from carillon.usecases.process_reply import (
    CONFIRM_WITHIN,
    AnswerTexts,
    ReplyWorld,
    process_reply,
)
from tests.support.clock import FakeClock
from tests.support.consent import FakeConsentLedger
from tests.support.conversations import FakeBook
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, a_run, after, submit
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeHolds,
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
    media: FakeQueue = field(default_factory=FakeQueue)
    crash_at: str = ""
    holds: FakeHolds = field(default_factory=FakeHolds)
    opt_out_words: tuple[str, ...] = ()
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
            conversations=_Crashing(self),
            leads=self.messages,
            suppressions=self.suppressions,
            holds=self.holds,
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
            opt_out_words=lambda: self.opt_out_words,
            media=self.media,
        )
        return process_reply(reply, world)

    def _new_claim(self) -> str:
        self._claims += 1
        return f"claim-{self._claims}"

    def kinds(self) -> list[str]:
        return sorted(item["kind"] for item in self.messages.items.values())

    def lead(self) -> dict[str, Any]:
        return self.messages.items[LEAD]


class _Crashing:
    """The scene's conversations; recording a message fails once, where the scene says."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene.messages, name)

    def record_inbound(self, *args: Any, **kwargs: Any) -> RecordedReply:
        crash_at, self._scene.crash_at = self._scene.crash_at, ""
        if crash_at == "before the row":
            raise ConnectionError
        recorded = self._scene.messages.record_inbound(*args, **kwargs)
        if crash_at:
            raise ConnectionError
        return recorded


def test_an_opt_out_is_committed_before_anything_else_can_fail() -> None:
    """O2: the suppression comes first."""
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
    """O4: YES alone is no opt-in."""
    scene = Scene()
    if is_out:
        scene.take(a_reply("STOP", "SMin0", received_at=after(30), handled_by_provider=True))

    for _ in range(2):
        scene.take(a_reply("YES"))

    assert scene.account.texts == expected


def test_help_is_answered_and_changes_no_consent() -> None:
    """O4: HELP changes no consent."""
    scene = Scene()

    scene.take(a_reply("HELP"))

    assert scene.account.texts == ["Call us."]
    assert scene.suppressions.standing == {}


def test_nobody_answers_a_test_campaign() -> None:
    """P3: its messages ended in the sandbox, so the reply is about something else."""
    scene = Scene()
    scene.directory.run_by_key["snd_a", "cmp_a"] = replace(a_run(parts=1), is_test=True)

    scene.take(a_reply("Hello there"))

    (inbound,) = [ref for ref, item in scene.messages.items.items() if item["kind"] == "inbound"]
    assert inbound.pk == "unsolicited#snd_a"


def test_a_reply_to_no_campaign_is_kept_as_unsolicited_at_the_senders_office() -> None:
    """I2: else it is nobody's campaign's."""
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


@pytest.mark.parametrize(
    ("keyword", "seconds", "texts"),
    [
        ("STOP", 300, ["You are out."]),
        ("STOP", 301, []),
        # What somebody asked for may come late.
        ("HELP", 301, ["Call us."]),
    ],
)
def test_an_opt_out_is_confirmed_within_five_minutes_or_not_at_all(
    keyword: str, seconds: int, texts: list[str]
) -> None:
    """O2: it binds all the same, and a later redelivery confirms it no more."""
    scene = Scene()
    reply = a_reply(keyword)
    scene.clock.sleep((reply.received_at - scene.clock.now()).total_seconds() + seconds)

    for _ in range(2):
        scene.take(reply)

    assert scene.account.texts == texts
    standing = scene.suppressions.of(PHONE)
    assert (standing is not None and standing.opted_out) is (keyword == "STOP")


def test_a_confirmation_that_could_not_be_sent_in_time_is_failed_and_says_why() -> None:
    """O2: the provider was down for longer than a confirmation may take."""
    scene = Scene()
    scene.account.answer = Unavailable("not now")
    with pytest.raises(Throttled):
        scene.take(a_reply("STOP"))
    scene.account.answer = None
    scene.clock.sleep(3600)

    scene.take(a_reply("STOP"))

    assert scene.account.texts == []
    row = scene.messages.items[CONFIRMATION]
    assert (row["status"], row["error_code"]) == ("failed", "confirmation_too_late")


def test_confirmations_are_as_quick_as_the_law_asks() -> None:
    """O2, L1: the limit is that of the shipped pack."""
    asked = shipped_pack().confirmation_within_s(("US",), after(0).date())

    assert timedelta(seconds=asked or 0) == CONFIRM_WITHIN


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


# What may have been meant as an opt-out ---------------------------------------------------


def test_somebody_who_may_have_meant_to_opt_out_is_held() -> None:
    scene = Scene()

    keyword = scene.take(a_reply("who gave you my number", "SMin1"))

    assert keyword is Keyword.WEAK
    assert scene.holds.held == {PHONE: "SMin1"}
    assert scene.suppressions.of(PHONE) is None


@pytest.mark.parametrize(("body", "is_out"), [("Ciao!", True), ("ciao for now", False)])
def test_the_organisations_own_words_opt_out_as_whole_messages(body: str, is_out: bool) -> None:
    scene = Scene(opt_out_words=("ciao",))

    scene.take(a_reply(body, "SMin1"))

    assert (scene.suppressions.of(PHONE) is not None) is is_out


@pytest.mark.parametrize("body", ["STOP", "START", "HELP", "when do you open?"])
def test_who_says_plainly_what_they_mean_is_not_held(body: str) -> None:
    scene = Scene()

    scene.take(a_reply(body, "SMin1"))

    assert scene.holds.held == {}


def test_a_message_that_is_delivered_again_after_its_release_holds_nobody_again() -> None:
    scene = Scene()
    scene.take(a_reply("who gave you my number", "SMin1"))
    scene.holds.release(PHONE, after(90))

    scene.take(a_reply("who gave you my number", "SMin1", received_at=after(600)))

    assert scene.holds.held == {}


def test_a_twin_holds_as_the_message_that_it_repeats() -> None:
    scene = Scene()
    scene.take(a_reply("who gave you my number", "SMin1"))
    scene.holds.release(PHONE, after(60))

    scene.take(a_reply("who gave you my number", "SMin2", received_at=after(63)))

    assert scene.holds.held == {}


def test_a_start_ends_the_hold_of_a_weak_signal_before_it() -> None:
    scene = Scene()
    scene.take(a_reply("who gave you my number", "SMin1"))

    scene.take(a_reply("START", "SMin2", received_at=after(70)))

    assert scene.holds.held == {}
    (kept,) = scene.book.standing.values()
    assert not kept.is_held


def test_a_start_that_comes_in_late_does_not_end_the_hold_of_what_was_said_after_it() -> None:
    scene = Scene()
    scene.take(a_reply("who gave you my number", "SMin1", received_at=after(80)))

    scene.take(a_reply("START", "SMin2", received_at=after(70)))

    assert scene.holds.held == {PHONE: "SMin1"}
    (kept,) = scene.book.standing.values()
    assert kept.is_held


def test_a_yes_from_somebody_who_is_not_out_ends_no_hold() -> None:
    scene = Scene()
    scene.take(a_reply("who gave you my number", "SMin1"))

    scene.take(a_reply("YES", "SMin2", received_at=after(70)))

    assert scene.holds.held == {PHONE: "SMin1"}


# The ledger ----------------------------


def test_a_stop_leaves_its_words_and_its_conversation() -> None:
    scene = Scene()

    scene.take(a_reply("Please STOP!!", "SMin1"))

    (entry,) = FakeConsentLedger(scene.suppressions).history(PHONE)
    assert (entry.opted_out, entry.source, entry.cause) == (True, "keyword", "SMin1")
    assert entry.circumstances == Circumstances(
        wording="Please STOP!!", campaign_id="cmp_a", conversation=CallbackRef(LEAD).token
    )


def test_a_start_leaves_its_words_and_its_conversation() -> None:
    scene = Scene()

    scene.take(a_reply("STOP", "SMin1"))
    scene.take(a_reply("Start", "SMin2", received_at=after(90)))

    entry, _ = FakeConsentLedger(scene.suppressions).history(PHONE)
    assert (entry.opted_out, entry.cause) == (False, "SMin2")
    assert entry.circumstances == Circumstances(
        wording="Start", campaign_id="cmp_a", conversation=CallbackRef(LEAD).token
    )


def test_an_ordinary_reply_and_a_yes_of_somebody_in_leave_nothing() -> None:
    scene = Scene()

    scene.take(a_reply("yes", "SMin1"))
    scene.take(a_reply("who is this?", "SMin2"))

    assert scene.suppressions.ledger == {}


def test_an_answer_that_the_provider_refuses_leaves_the_providers_opt_out() -> None:
    scene = Scene()
    scene.account.answer = Rejected("no", provider_code="twilio:21610")

    scene.take(a_reply("HELP", "SMin1"))

    (entry,) = FakeConsentLedger(scene.suppressions).history(PHONE)
    assert (entry.source, entry.circumstances.campaign_id) == ("provider", "cmp_a")


# One message delivered twice under two ids --------------------------------------------------------


def twice(body: str, **changes: Any) -> tuple[Reply, Reply]:
    return (
        a_reply(body, "SMin1", **changes),
        a_reply(body, "SMin2", **{"received_at": after(62), **changes}),
    )


def test_a_message_delivered_under_two_ids_is_one_response_and_one_duplicate() -> None:
    scene = Scene()

    for reply in twice("yes please"):
        scene.take(reply)

    assert scene.kinds() == ["duplicate", "inbound", "lead"]
    changes = scene.messages.changes
    counted = total_of(delta(old, new).totals for old, new in changes)
    assert (counted["responded"], counted["inbound"]) == (1, 1)


@pytest.mark.parametrize("straddles", [False, True])
def test_a_call_for_help_delivered_under_two_ids_is_answered_once(straddles: bool) -> None:
    scene = Scene()
    # Either side of a quarter hour, each of which may have its answer.
    first, second = (898, 902) if straddles else (60, 62)

    scene.take(a_reply("HELP", "SMin1", received_at=after(first)))
    scene.take(a_reply("HELP", "SMin2", received_at=after(second)))

    assert scene.account.texts == ["Call us."]


@pytest.mark.parametrize("crash", ["before the row", "after the row"])
@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 1), (0, 1, 0, 1, 0)])
def test_a_stop_delivered_under_two_ids_opts_out_and_is_confirmed_once_whatever_crashes(
    order: tuple[int, ...], crash: str
) -> None:
    scene = Scene()
    stops = twice("STOP")
    scene.crash_at = crash

    for number in order:
        with contextlib.suppress(ConnectionError):
            scene.take(stops[number])
        assert scene.suppressions.of(PHONE) is not None

    standing = scene.suppressions.of(PHONE)
    assert standing is not None
    assert standing.opted_out
    assert scene.account.texts == ["You are out."]
    assert scene.lead()["opt_out_kind"] == "auto"
    assert scene.kinds() == ["duplicate", "inbound", "lead", "outbound"]


def test_stop_start_and_stop_again_within_seconds_leave_the_person_out_with_each_answered() -> None:
    scene = Scene()
    words = ["STOP", "START", "STOP"]

    for number, word in enumerate(words):
        scene.take(a_reply(word, f"SMin{number}", received_at=after(60 + 2 * number)))

    standing = scene.suppressions.of(PHONE)
    assert standing is not None
    assert standing.opted_out
    assert scene.account.texts == ["You are out.", "You are in.", "You are out."]


# What came along ----------------------------------------------------------------------------------


def test_each_file_of_a_message_is_to_be_fetched_also_a_duplicates() -> None:
    scene = Scene()
    urls = tuple(f"https://media.example.com/{number}" for number in range(2))

    for reply in twice("look", media_urls=urls):
        scene.take(reply)

    assert scene.media.messages == [
        {"pk": LEAD.pk, "sk": f"{KEY}#in#{provider_id}", "index": index}
        for provider_id in ("SMin1", "SMin2")
        for index in (0, 1)
    ]


def test_no_more_files_than_a_provider_carries_are_fetched() -> None:
    scene = Scene()

    scene.take(a_reply(media_urls=("https://media.example.com/1",) * 50))

    assert [message["index"] for message in scene.media.messages] == list(range(10))


def test_a_message_is_fetched_from_again_when_its_answer_must_be_tried_again() -> None:
    scene = Scene()
    scene.account.answer = Unavailable("down")

    with pytest.raises(Throttled):
        scene.take(a_reply("STOP", media_urls=("https://media.example.com/1",)))

    assert len(scene.media.messages) == 1
