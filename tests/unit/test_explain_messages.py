"""Why a person was texted: told as it was, and worked out where it was not kept (O6)."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from carillon.domain.errors import NotFound
from carillon.domain.hours import active_hours
from carillon.domain.law_pack import LawPack, shipped_pack, shipped_version
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Recipient, RowRef, told_in
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.sender_choice import Candidate
from carillon.domain.whereabouts import Whereabouts
from carillon.usecases.explain_messages import ExplainingWorld, explain_messages
from tests.support.clock import NOON, FakeClock
from tests.support.consent import FakeConsentLedger
from tests.support.evidence import FakeMessageEvidence
from tests.support.messages import (
    KEY,
    LEAD,
    PHONE,
    a_claim,
    a_receipt,
    a_run,
    after,
    an_event,
    submit,
)
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeMessages,
    FakeSuppressions,
    a_campaign,
)

DIGITS = PHONE.removeprefix("+")
# Noon UTC is 7 in the morning in New York and 1 in the afternoon in Paris.
PARIS = Whereabouts(("Europe/Paris",), ("FR",), "time zone column")
NEW_YORK = Whereabouts(("America/New_York",), ("US-NY", "US"), "phone number")
DAY = {"days": {day: ["08:00-21:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}


@dataclass
class Archive:
    """A campaign to one person, an hour after it went."""

    where: Whereabouts | None = PARIS
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    messages: FakeMessages = field(default_factory=FakeMessages)
    suppressions: FakeSuppressions = field(default_factory=FakeSuppressions)
    audiences: FakeAudiences = field(default_factory=FakeAudiences)
    clock: FakeClock = field(default_factory=FakeClock)
    pack: LawPack = field(default_factory=lambda: LawPack(()))

    def __post_init__(self) -> None:
        self.directory.campaigns["cmp_a"] = a_campaign(version=3)
        self.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=1)
        self.audiences.parts["cmp_a", 0] = [Recipient(KEY, PHONE, {}, self.where)]
        self.evidence = FakeMessageEvidence(self.messages)
        self.clock.sleep(3600)

    def why(self, digits: str = DIGITS, office: str = "off_north") -> dict[str, Any]:
        access = Access(Caller("usr_1", Role.MANAGER, frozenset({office})), Scope.OWN)
        world = ExplainingWorld(
            directory=self.directory,
            evidence=self.evidence,
            audiences=self.audiences,
            ledger=FakeConsentLedger(self.suppressions),
            pack=self.pack,
            pack_version="cafe",
            clock=self.clock,
        )
        return explain_messages("cmp_a", digits, access, world)

    def message(self) -> dict[str, Any]:
        message: dict[str, Any]
        (message,) = self.why()["messages"]
        return message


def test_a_message_is_told_with_its_attempts_and_what_became_of_it() -> None:
    archive = Archive()
    submit(archive.messages, a_claim(attempts=2), 1)
    archive.messages.apply_receipt(
        a_receipt(LeadStatus.FAILED, claim_id="claim-1", error_code="30003")
    )

    message = archive.message()

    assert (message["kind"], message["status"], message["attempts"]) == ("initial", "failed", 2)
    assert (message["claimed_at"], message["submitted_at"], message["final_at"]) == (
        NOON,
        after(1),
        after(9),
    )
    assert (message["provider_id"], message["reason"]["code"]) == ("SM1", "30003")
    assert message["content"] == {
        "version": 3,
        "variant": None,
        "text_digest": "00ff",
        "changed_since": False,
    }


def test_where_they_may_be_is_told_as_it_was_frozen_with_what_it_rests_on() -> None:
    why = Archive().why()

    assert why["place"] == {
        "zones": ("Europe/Paris",),
        "jurisdictions": ("FR",),
        "evidence": "time zone column",
        "derived": False,
    }
    assert why["law_pack"] == {"version": "cafe", "derived": True}
    assert (why["phone"], why["messages"]) == (PHONE, [])


def test_of_an_audience_without_places_the_place_is_derived() -> None:
    place = Archive(where=None).why()["place"]

    assert (place["evidence"], place["derived"]) == ("unplaced", True)


def test_the_window_is_the_one_that_was_open_at_the_claim() -> None:
    archive = Archive()
    archive.directory.campaigns["cmp_a"] = a_campaign(
        version=3, active_hours=active_hours({"zone": "recipient", **DAY})
    )
    submit(archive.messages, a_claim(), 1)

    assert archive.message()["window"] == {
        "was_open": True,
        "opens_at": NOON.replace(hour=7),
        "closes_at": NOON.replace(hour=20),
        "closed_by": (),
        "changed_since": False,
        "derived": True,
    }


def test_a_window_that_was_shut_says_by_what() -> None:
    archive = Archive(where=NEW_YORK, pack=shipped_pack())
    submit(archive.messages, a_claim(), 1)

    message = archive.message()

    assert message["window"]["was_open"] is False
    assert message["window"]["closed_by"] == ("everywhere-hours", "us-hours")
    assert {rule["jurisdiction"] for rule in message["rules"]} >= {"US"}
    assert all(rule["source_url"].startswith("https://") for rule in message["rules"])


@pytest.mark.parametrize(
    ("version", "policy_s", "changed"),
    [(3, None, False), (4, None, True), (3, 60, True), (3, -60, False)],
)
def test_what_has_changed_since_the_claim_is_said(
    version: int, policy_s: float | None, changed: bool
) -> None:
    archive = Archive()
    archive.directory.campaigns["cmp_a"] = a_campaign(version=version)
    archive.evidence.policy_at = None if policy_s is None else after(policy_s)
    submit(archive.messages, a_claim(), 1)

    assert archive.message()["window"]["changed_since"] is changed


def test_consent_is_what_was_known_at_the_claim_and_what_was_said_later_stands_beside() -> None:
    """O6: why this person was texted, as of then."""
    archive = Archive()
    times = iter([after(-7200), after(-3600), after(60)])
    archive.suppressions = FakeSuppressions(lambda: now)
    for out, at_s, cause in ((True, -7200, "SM1"), (False, -3600, "SM2"), (True, 60, "SM3")):
        now = next(times)
        event = an_event(out, at_s, cause)
        told = told_in(LEAD, wording="stop" if out else "start")
        event = replace(event, told=told)
        (archive.suppressions.opt_out if out else archive.suppressions.opt_in)(event)
    submit(archive.messages, a_claim(), 1)

    consent = archive.message()["consent"]

    assert consent["opted_out"] is False
    assert (consent["entry"]["cause"], consent["entry"]["wording"]) == ("SM2", "start")
    assert [entry["cause"] for entry in consent["later"]] == ["SM3"]


def test_of_somebody_who_never_said_anything_there_is_no_entry() -> None:
    archive = Archive()
    submit(archive.messages, a_claim(), 1)

    assert archive.message()["consent"] == {"opted_out": False, "entry": None, "later": []}


def test_caps_say_how_many_were_counted_before_the_message() -> None:
    archive = Archive()
    archive.directory.standing_policy = OrganisationPolicy(
        max_contacts_per_24h=2, max_contacts_per_week=3
    )
    archive.evidence.times = {
        f"{LEAD.pk}~{LEAD.sk}": after(1),
        "cmp_b#00000~x": after(-3600),
        "cmp_c#00000~x": after(-2 * 24 * 3600),
        "cmp_d#00000~x": after(60),
    }
    submit(archive.messages, a_claim(), 1)

    assert archive.message()["caps"] == [
        {"most": 2, "within_s": 86_400, "counted": 1, "derived": True},
        {"most": 3, "within_s": 604_800, "counted": 2, "derived": True},
    ]


def test_what_was_counted_is_not_told_once_it_is_forgotten() -> None:
    archive = Archive()
    archive.directory.standing_policy = OrganisationPolicy(max_contacts_per_24h=2)
    submit(archive.messages, a_claim(), 1)
    archive.clock.sleep(9 * 24 * 3600)

    assert [cap["counted"] for cap in archive.message()["caps"]] == [None]


def test_the_sender_is_told_with_what_chose_it() -> None:
    archive = Archive()
    near, far = Candidate("snd_a", "+12025550100", 1.0), Candidate("snd_b", "+12135550100", 9.0)
    archive.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=1, candidates=(near, far))
    submit(archive.messages, a_claim(), 1)

    assert archive.message()["sender"] == {
        "id": "snd_a",
        "chosen_by": "own_area_code",
        "candidates": ["snd_a", "snd_b"],
        "derived": True,
    }


def test_a_sender_whose_run_is_gone_is_told_without_a_reason() -> None:
    archive = Archive()
    archive.directory.run_by_key.clear()
    submit(archive.messages, a_claim(), 1)

    sender = archive.message()["sender"]
    assert (sender["chosen_by"], sender["candidates"]) == ("unknown", None)


def test_an_answer_has_neither_window_nor_caps() -> None:
    archive = Archive()
    row = RowRef(LEAD.pk, f"{KEY}#out#help.1")
    archive.messages.claim_answer(a_claim("c9", row), purpose="help")

    message = archive.message()

    assert (message["kind"], message["purpose"], message["author"]) == (
        "answer",
        "help",
        "automatic",
    )
    assert message["sender"] == {"id": "snd_a", "chosen_by": "answered"}
    assert not {"window", "caps", "content"} & message.keys()


@pytest.mark.parametrize(
    ("digits", "office", "code"),
    [
        (DIGITS, "off_south", "campaign_not_found"),
        ("12025550199", "off_north", "lead_not_found"),
        ("x", "off_north", "phone_not_found"),
    ],
)
def test_what_is_not_there_or_not_theirs_is_not_found(digits: str, office: str, code: str) -> None:
    with pytest.raises(NotFound) as raised:
        Archive().why(digits, office)

    assert raised.value.code == code


def test_a_campaign_that_was_never_launched_has_no_leads() -> None:
    archive = Archive()
    archive.directory.campaigns["cmp_a"] = a_campaign(parts=0)

    with pytest.raises(NotFound) as raised:
        archive.why()

    assert raised.value.code == "lead_not_found"


def test_the_shipped_law_pack_has_a_name_that_stays() -> None:
    assert len(shipped_version()) == 12
    assert shipped_version() == shipped_version()
