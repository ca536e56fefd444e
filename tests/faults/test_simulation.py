"""What a simulation says is blocked is what planning and sending then block (K16)."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.adapters.templates import compile_template
from carillon.domain.audience import decode_part, part_key
from carillon.domain.campaign import Campaign, Run
from carillon.domain.hours import active_hours
from carillon.domain.law_pack import LawPack, Policy
from carillon.domain.lead import LeadStatus
from carillon.domain.message import RowRef, Suppression
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.phone import LineType
from carillon.domain.simulation import Look, Simulation
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Windows
from carillon.usecases.audience_sources import sources_of
from carillon.usecases.pace_sender import PacingWorld
from carillon.usecases.plan_audience import Planned, plan_audience
from carillon.usecases.readiness import Rules
from carillon.usecases.render_texts import Texts
from carillon.usecases.simulate_campaign import SimulationWorld, look_at, simulate_campaign
from tests.faults.world import World
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import a_contact
from tests.support.planning import PlanningWorld, a_launched_campaign
from tests.support.simulating import FakeContactStates

NEW_YORK = Whereabouts(("America/New_York",), ("US", "US-NY"), "test")
HONOLULU = Whereabouts(("Pacific/Honolulu",), ("US", "US-HI"), "test")
BERLIN = Whereabouts(("Europe/Berlin",), ("DE",), "test")
PLACES = {"Albany": NEW_YORK, "Hilo": HONOLULU, "Berlin": BERLIN}
# Nothing that a blank template gives is a text; a city that nobody has is a missing field.
BODY = "Hi {{ first_name }}, see you in {{ city }}."
# By then everybody who ever is sent to has been: the caps end at 16:00, Hilo opens at 17:00.
LONG_ENOUGH_S = 12 * 3600.0


def locate(_phone: str, fields: Any, _country: str) -> Whereabouts:
    return PLACES.get(fields.get("city", ""), NEW_YORK)


class TemplatedWorld(World):
    """A world whose texts have merge fields, as people write them."""

    def pacing(self, function: str = "pacer") -> PacingWorld:
        return replace(
            super().pacing(function), compile_body=lambda body: compile_template(body).render
        )


@dataclass
class Simulated:
    """Lists, a campaign over them, and what is known of its people."""

    planning: PlanningWorld
    sending: World
    campaign: Campaign
    rules: Rules

    def simulate(self, **policy: Any) -> Simulation:
        return simulate_campaign(
            self.campaign,
            SimulationWorld(
                look=self._look,
                states=FakeContactStates(
                    self.sending.suppressions, self.sending.holds, self.sending.caps
                ),
                sender_of=self.sending.directory.sender,
                office_zone=lambda _: "America/New_York",
                policy=lambda: OrganisationPolicy(**policy),
                rules_of=lambda _: self.rules,
                render_for=render_for,
                line_of=lambda _: LineType.UNKNOWN,
                clock=FakeClock(),
            ),
        )

    def _look(self, campaign: Campaign) -> Look:
        return look_at(
            self.planning.contacts,
            sources_of(
                self.planning.directory,
                list_ids=campaign.list_ids,
                segments=(),
                exclude_list_ids=campaign.exclude_list_ids,
            ),
            frozen_at=NOON,
            locate=locate,
        )

    def launch_and_send(self) -> None:
        """Freeze the audience and send to it, with the use cases that do."""
        ports = replace(self.planning.ports, locate=locate, sender_of=self.sending.directory.sender)
        assert plan_audience(ports, campaign_id="cmp_a", budget_s=60.0) is Planned.ACTIVE
        planned = self.planning.campaign
        run = self.planning.plans.runs["snd_a", "cmp_a"]
        self._hand_over(planned, run)
        self.sending.run(until_s=LONG_ENOUGH_S)

    def _hand_over(self, planned: Campaign, run: Run) -> None:
        directory = self.sending.directory
        directory.campaigns["cmp_a"] = planned
        directory.run_by_key["snd_a", "cmp_a"] = run
        self.sending.audiences.parts = {
            ("cmp_a", part): decode_part(self.planning.files.objects[part_key("cmp_a", part)])
            for part in range(planned.parts)
        }

    def came_of_it(self) -> Counter[str]:
        """Count the leads' rows: ``sent``, or the code of why not."""
        counts: Counter[str] = Counter()
        for item in self.sending.messages.items.values():
            match LeadStatus(item["status"]):
                case LeadStatus.SUPPRESSED:
                    counts["suppressed"] += 1
                case LeadStatus.FAILED:
                    counts[str(item["error_code"])] += 1
                case LeadStatus.RETRYING:
                    counts["waiting"] += 1
                case _:
                    counts["sent"] += 1
        return counts


def render_for(campaign: Campaign) -> Any:
    texts = Texts(campaign.content, campaign.id, lambda body: compile_template(body).render)
    return lambda one, step, variant: texts.render(step, variant, one.fields, one.key)


def a_world(seed: int, people: int = 60, **changes: Any) -> Simulated:
    draw = random.Random(seed)
    campaign = a_launched_campaign(
        body=BODY, list_ids=("lst_a", "lst_b"), exclude_list_ids=("lst_x",), **changes
    )
    numbers = {
        name: draw.sample(range(people), draw.randint(1, people)) for name in ("lst_a", "lst_b")
    }
    excluded = draw.sample(range(people), 5)
    planning = PlanningWorld(lists={**numbers, "lst_x": excluded}, campaign=campaign)
    for name in numbers:
        for key, contact in planning.contacts.lists[name].items():
            city = draw.choice(["Albany", "Hilo", "Berlin", "", "Łódź"])
            planning.contacts.lists[name][key] = replace(contact, fields={"city": city})
    sending = TemplatedWorld(leads=1, parts=1)
    phones = [a_contact(number).phone for number in range(people)]
    for phone in draw.sample(phones, 8):
        sending.suppressions.opt_out(an_opt_out(phone))
    for phone in draw.sample(phones, 8):
        sending.caps.sent[phone] = {RowRef("cmp_o#00000", "k"): NOON - timedelta(hours=20)}
    for phone in draw.sample(phones, 4):
        sending.holds.hold(phone, "cause", NOON)
    return Simulated(planning, sending, campaign, a_set_of_rules(sending))


def a_set_of_rules(sending: World) -> Rules:
    # One message a day to one person; Germans can never be texted.
    def windows_of(campaign: Campaign) -> Windows:
        return _NoGermans(campaign.active_hours, LawPack(()), Policy(max_contacts_per_24h=1))

    rules = Rules(windows_of=windows_of, lateness_limit=timedelta(hours=1))
    sending.rules = rules
    return rules


class _NoGermans(Windows):
    def opening(self, where: Whereabouts, at: Any) -> Any:
        return None if where == BERLIN else super().opening(where, at)


def an_opt_out(phone: str) -> Suppression:
    return Suppression(
        phone=phone,
        opted_out=True,
        event_at=NOON - timedelta(days=1),
        source="reply",
        cause=phone,
        committed_at=NOON - timedelta(days=1),
    )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"active_hours": active_hours({"days": {"sun": ["07:00-23:00"], "mon": ["07:00-23:00"]}})},
        {"local_at": "2026-11-22T10:00"},
        # In Hawaii it is two in the morning: their day opens after the end.
        {
            "active_hours": active_hours({"days": {"sun": ["07:00-23:00"]}}),
            "ends_at": NOON + timedelta(hours=4),
        },
    ],
    ids=["always", "windows", "local", "ends"],
)
def test_what_is_foretold_comes_of_the_launch(seed: int, changes: dict[str, Any]) -> None:
    """K16: who is blocked and by what, against the launch that follows."""
    world = a_world(seed, **changes)

    told = world.simulate()
    world.launch_and_send()

    came = world.came_of_it()
    assert told.complete
    assert told.recipients == world.planning.campaign.total
    over = told.blocked.get("campaign_over", 0)
    held = told.waiting.get("contact_held", 0)
    blocked = {code: many for code, many in told.blocked.items() if code != "campaign_over"}
    assert {code: came[code] for code in blocked} == blocked
    assert set(came) <= {*blocked, "sent", "waiting"}
    assert came["sent"] == told.sendable
    assert told.recipients == told.sendable + held + sum(told.blocked.values())
    # Who waits for a person, or whose hours open after the end, is neither sent nor failed.
    assert told.recipients - sum(came[code] for code in blocked) - came["sent"] == over + held


def test_a_message_that_each_phone_had_before_waits_for_its_cap() -> None:
    world = a_world(1)
    free = world.simulate()

    capped = free.waiting.get("frequency_cap", 0)

    assert capped > 0
    # The day that the cap lasts is over at 16:00.
    assert free.finishes_at is not None
    assert free.finishes_at >= NOON + timedelta(hours=4)


def test_of_what_is_missing_nothing_is_simulated() -> None:
    world = a_world(1, sender_ids=())

    with pytest.raises(Exception, match="sender_ids"):
        world.simulate()
