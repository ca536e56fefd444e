"""What a simulation says of texts, prices, samples and times (K16)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.content import FollowUp, StepCondition, Variant
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.ids import lead_key
from carillon.domain.law_pack import LawPack, Policy
from carillon.domain.message import Recipient
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.phone import LineType
from carillon.domain.recurrence import Recurrence
from carillon.domain.simulation import (
    ContactState,
    EncodingTrap,
    Look,
    Simulation,
    country_of,
    price_micros,
)
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Windows
from carillon.usecases.audience_sources import sources_of
from carillon.usecases.readiness import Rules
from carillon.usecases.simulate_campaign import (
    SimulateCampaign,
    SimulationWorld,
    look_at,
    simulate_campaign,
)
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import FakeContacts, FakeImportDirectory, a_contact, a_list
from tests.support.management import OFFICE, FakeCampaigns
from tests.support.sending import a_campaign, a_sender

NEW_YORK = Whereabouts(("America/New_York",), ("US", "US-NY"), "test")
BERLIN = Whereabouts(("Europe/Berlin",), ("DE",), "test")
SOMEWHERE = Whereabouts(("America/New_York",), ("US", "CA"), "test")


class NothingKnown:
    """Implements ``ContactStates``: nobody has ever been heard of."""

    def of(self, phones: Sequence[str]) -> Mapping[str, ContactState]:
        return {}


def a_person(number: int, where: Whereabouts = NEW_YORK, **fields: str) -> Recipient:
    phone = f"+1202555{number:04d}"
    return Recipient(lead_key(phone), phone, {"name": "Ada", **fields}, where)


def a_draft(**changes: Any) -> Campaign:
    made: dict[str, Any] = {"status": CampaignStatus.DRAFT, "body": "Hi {{name}}"}
    return a_campaign("cmp_a", **{**made, "sender_ids": ("snd_a",), **changes})


def render_for(campaign: Campaign) -> Any:
    """Replace {{field}} by its content; without one there is no text."""

    def render(one: Recipient, step: int, variant: str | None) -> str:
        text = campaign.content.text_of(step, variant) or ""
        for name, content in one.fields.items():
            text = text.replace(f"{{{{{name}}}}}", content)
        if "{{" in text:
            raise InvalidInput("It lacks a field.", code="missing_field")
        return text

    return render


def a_world(*people: Recipient, share: float = 1.0, **changes: Any) -> SimulationWorld:
    windows = Windows(None, LawPack(()), Policy())
    made: dict[str, Any] = {
        "look": lambda _: Look(recipients=people, duplicates=0, excluded=0, share=share),
        "states": NothingKnown(),
        "sender_of": lambda sender_id: a_sender(sender_id, mps=2.0),
        "office_zone": lambda _: "America/New_York",
        "policy": OrganisationPolicy,
        "rules_of": lambda _: Rules(
            windows_of=lambda _campaign: windows, lateness_limit=timedelta(hours=1)
        ),
        "render_for": render_for,
        "line_of": lambda _: LineType.UNKNOWN,
        "clock": FakeClock(),
    }
    return SimulationWorld(**{**made, **changes})


def simulated(*people: Recipient, campaign: Campaign | None = None, **changes: Any) -> Simulation:
    return simulate_campaign(campaign or a_draft(), a_world(*people, **changes))


def test_segments_and_encodings_are_those_of_each_text() -> None:
    told = simulated(
        a_person(1), a_person(2, name="x" * 200), a_person(3, name="Ł"), a_person(4, name="Ł" * 90)
    )

    (sizes,) = told.messages
    assert (sizes.step, sizes.variant) == (0, None)
    assert sizes.by_segments == {"1": 2, "2": 2}
    assert sizes.by_encoding == {"GSM-7": 2, "UCS-2": 2}
    assert told.segments == sizes.segments == 6


def test_a_trap_names_the_character_the_field_and_what_it_costs() -> None:
    """K16: encoding traps."""
    # 103 characters: one segment of GSM-7, two of UCS-2.
    campaign = a_draft(body="{{name}} " + "a" * 100)

    told = simulated(
        a_person(1, name="🎉"), a_person(2, name="Ł"), a_person(3, name="🎉"), campaign=campaign
    )

    assert told.encoding_traps == (
        EncodingTrap(character="🎉", name="name", leads=2, more_segments=2),
        EncodingTrap(character="Ł", name="name", leads=1, more_segments=1),
    )


def test_a_trap_in_the_text_itself_is_the_texts_whatever_the_fields_hold() -> None:
    told = simulated(a_person(1, name="Ł"), campaign=a_draft(body="Łź for {{name}}"))

    assert {(one.character, one.name) for one in told.encoding_traps} == {
        ("Ł", None),
        ("ź", None),
    }


def test_variants_and_follow_ups_are_sized_apart() -> None:
    campaign = a_draft(
        variants=(Variant("a", 1, "A {{name}}"), Variant("b", 1, "B" * 200)),
        follow_ups=(FollowUp(3600, StepCondition.NO_REPLY, "C" * 400),),
    )

    told = simulated(*map(a_person, range(40)), campaign=campaign)

    sizes = {(one.step, one.variant): one for one in told.messages}
    assert set(sizes) == {(0, "a"), (0, "b"), (1, None)}
    first, second = sizes[0, "a"].segments, sizes[0, "b"].segments // 2
    assert first + second == 40
    assert (told.segments, told.follow_up_segments) == (first + 2 * second, 120)


def test_the_cost_is_each_countrys_price_and_what_has_none_is_told() -> None:
    policy = OrganisationPolicy(currency="EUR", segment_prices={"US": "0.0079"})

    told = simulated(a_person(1), a_person(2), a_person(3, BERLIN), policy=lambda: policy)

    assert (told.currency, told.cost_micros, told.unpriced_segments) == ("EUR", 15_800, 1)


def test_without_any_price_there_is_no_cost() -> None:
    told = simulated(a_person(1))

    assert (told.cost_micros, told.unpriced_segments) == (None, 1)


@pytest.mark.parametrize(("where", "country"), [(NEW_YORK, "US"), (BERLIN, "DE"), (SOMEWHERE, "*")])
def test_a_price_is_of_the_one_country_that_somebody_may_be_in(
    where: Whereabouts, country: str
) -> None:
    assert country_of(where) == country


def test_the_price_for_anywhere_stands_in_for_what_nobody_named() -> None:
    assert price_micros({"US": "0.01", "*": "0.0000005"}, "FR") == 1
    assert price_micros({"US": "0.01"}, "FR") is None


def test_a_sample_says_so_and_costs_and_times_are_of_the_whole() -> None:
    policy = OrganisationPolicy(segment_prices={"*": "0.01"})
    people = [a_person(number) for number in range(100)]

    told = simulated(*people, share=0.1, policy=lambda: policy)

    assert (told.complete, told.share, told.recipients, told.sendable) == (False, 0.1, 100, 100)
    assert (told.segments, told.cost_micros) == (1000, 10_000_000)
    # A thousand segments at two a second.
    assert told.finishes_at == NOON + timedelta(seconds=500)
    (sender,) = told.senders
    assert (sender.leads, sender.finishes_at) == (1000, told.finishes_at)


def test_of_a_large_audience_a_range_of_keys_is_looked_at_and_everybody_of_a_small_one() -> None:
    contacts = FakeContacts()
    contacts.add("lst_a", 4, [a_contact(number) for number in range(900)])
    sources = sources_of(
        FakeImportDirectory(a_list(contacts=900, shards=4)), list_ids=("lst_a",), segments=()
    )

    def look(most: int) -> Look:
        return look_at(contacts, sources, frozen_at=NOON, locate=lambda *_: NEW_YORK, most=most)

    part, everybody = look(300), look(900)
    assert part.share == pytest.approx(1 / 3, abs=0.001)
    assert 240 < len(part.recipients) < 360
    assert (everybody.share, len(everybody.recipients)) == (1.0, 900)


def test_landlines_are_sent_to_and_told() -> None:
    lines = {a_person(1).phone: LineType.LANDLINE, a_person(2).phone: LineType.NOT_TEXTABLE}

    told = simulated(
        a_person(1),
        a_person(2),
        a_person(3),
        line_of=lambda phone: lines.get(phone, LineType.MOBILE),
    )

    assert told.unlikely == {"landline": 1, "unreachable": 1}
    assert told.sendable == 3


def test_a_scheduled_campaign_is_simulated_at_its_date() -> None:
    due = NOON + timedelta(days=2)

    told = simulated(a_person(1), a_person(2), campaign=a_draft(schedule_at=due))

    assert (told.starts_at, told.as_of) == (due, NOON)
    assert told.finishes_at == due + timedelta(seconds=1)


def test_of_what_recurs_the_next_occurrence_is_simulated() -> None:
    daily = Recurrence(
        rule="0 10 * * *", zone="recipient", starts_at="2026-11-23T00:00", run_for_s=600
    )
    # The first place on earth reaches 10:00 on the 24th at 20:00 UTC on the 23rd.
    due = datetime.fromisoformat("2026-11-23T20:00Z")

    told = simulated(a_person(1), campaign=a_draft(schedule_at=due, recurrence=daily))

    # Its run is over ten minutes later, long before it is 10:00 in New York.
    assert told.blocked == {"campaign_over": 1}


def test_senders_that_are_all_suspended_are_warned_of() -> None:
    told = simulated(
        a_person(1), sender_of=lambda sender_id: a_sender(sender_id, status="suspended")
    )

    assert told.warnings == ("senders_unavailable",)


def test_what_is_not_ready_or_has_lost_a_sender_is_not_simulated() -> None:
    def gone(_: str) -> Any:
        raise NotFound("There is no such sender.")

    with pytest.raises(InvalidInput) as refused:
        simulated(a_person(1), campaign=a_draft(list_ids=()))
    assert refused.value.code == "campaign_not_ready"
    with pytest.raises(InvalidInput, match="no longer exists"):
        simulated(a_person(1), sender_of=gone)


def test_only_ones_own_unlaunched_campaigns_are_simulated() -> None:
    draft = a_draft(office_id=OFFICE)
    live = replace(draft, id="cmp_b", status=CampaignStatus.ACTIVE)
    simulate = SimulateCampaign(FakeCampaigns(draft, live), a_world(a_person(1)))
    admin = Access(Caller("usr_1", Role.ADMIN, frozenset()), Scope.ALL)
    stranger = Access(Caller("usr_2", Role.MANAGER, frozenset({"off_9"})), Scope.OWN)

    assert simulate.simulate(admin, "cmp_a").sendable == 1
    with pytest.raises(Conflict):
        simulate.simulate(admin, "cmp_b")
    with pytest.raises(NotFound):
        simulate.simulate(stranger, "cmp_a")
