"""
The people's API: what is to come of campaigns that are not launched yet, when and to whom.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.contact_states import DynamoContactStates
from carillon.adapters.dynamodb.contacts import (
    DynamoContacts,
    DynamoImportDirectory,
    DynamoOptOutLookup,
)
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.occurrences import DynamoOccurrences
from carillon.adapters.system_clock import SystemClock
from carillon.adapters.templates import compile_template
from carillon.domain.campaign import Campaign
from carillon.domain.law_pack import shipped_pack
from carillon.domain.locating import whereabouts
from carillon.domain.phone import line_type
from carillon.domain.simulation import Simulation
from carillon.edge.acting import author
from carillon.edge.http import Request, Router, answer, new_app
from carillon.settings import SchedulesApi, from_env
from carillon.usecases.count_audience import Counting
from carillon.usecases.count_audiences import CountAudiences
from carillon.usecases.manage_series import ManageSeries, Series
from carillon.usecases.readiness import rules_of
from carillon.usecases.render_texts import Texts
from carillon.usecases.simulate_campaign import (
    RenderFor,
    SimulateCampaign,
    SimulationWorld,
    look_at,
)

app = new_app("schedules_api")
route = Router(app)

_ONE = "/v1/campaigns/{campaign_id}"


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    series: ManageSeries
    simulation: SimulateCampaign


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's tables."""
    settings = from_env(SchedulesApi)
    entities.connect(settings.control_table, author)
    campaigns, clock = entities.CampaignTable(), SystemClock()
    occurrences = DynamoOccurrences(client("dynamodb"), settings.control_table)
    return UseCases(
        series=ManageSeries(campaigns, occurrences, clock),
        simulation=SimulateCampaign(campaigns, _simulation_world(settings, campaigns, clock)),
    )


def _simulation_world(
    settings: SchedulesApi, campaigns: entities.CampaignTable, clock: SystemClock
) -> SimulationWorld:
    database = client("dynamodb")
    contacts = DynamoContacts(database, settings.contacts_table)
    opt_outs = DynamoOptOutLookup(
        database, settings.suppressions_table, ErasureMarks(database, settings.control_table)
    )
    counts = CountAudiences(
        campaigns,
        entities.ListTable(),
        entities.SegmentTable(),
        directory=DynamoImportDirectory(database, settings.control_table),
        counting=Counting(contacts=contacts, opt_outs=opt_outs, line_of=line_type, clock=clock),
    )
    late = timedelta(seconds=settings.lateness_limit_s)
    return SimulationWorld(
        look=lambda campaign: look_at(
            contacts, counts.sources(campaign), frozen_at=clock.now(), locate=whereabouts
        ),
        states=DynamoContactStates(database, settings.suppressions_table, opt_outs),
        sender_of=entities.SenderTable().get,
        office_zone=lambda office_id: entities.OfficeTable().get(office_id).timezone,
        policy=entities.PolicyTable().get,
        rules_of=lambda policy: rules_of(policy, shipped_pack(), late),
        render_for=lambda campaign: _render_for(campaign, settings.link_base_url),
        line_of=line_type,
        clock=clock,
    )


def _render_for(campaign: Campaign, link_base_url: str) -> RenderFor:
    # Before the launch links have no key: their codes are made up, as long as the real ones.
    content = replace(campaign.content, link_key=campaign.link_key or "simulation")
    texts = Texts(content, campaign.id, lambda body: compile_template(body).render, link_base_url)
    return lambda one, step, variant: texts.render(step, variant, one.fields, one.key)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one REST API request."""
    return answer(app, event, context)


@route("POST", f"{_ONE}/simulation", gives="Simulation")
def simulate_campaign(request: Request, campaign_id: str) -> Simulation:
    """Say what a launch would come to; of a large audience by a sample, which says so."""
    return build().simulation.simulate(request.access, campaign_id)


@route("GET", f"{_ONE}/occurrences", gives="CampaignSeries", query=("limit",))
def show_occurrences(request: Request, campaign_id: str) -> Series:
    """Show when a recurring campaign is due next, and what became of its last occurrences."""
    return build().series.show(request.access, campaign_id, request.page.limit)


@route("POST", f"{_ONE}/occurrences/pause", gives="CampaignSeries")
def pause_occurrences(request: Request, campaign_id: str) -> Series:
    """Let the occurrences of a recurring campaign pass without a launch."""
    build().series.pause(request.access, campaign_id)
    return _series(request, campaign_id)


@route("POST", f"{_ONE}/occurrences/resume", gives="CampaignSeries")
def resume_occurrences(request: Request, campaign_id: str) -> Series:
    """Launch the occurrences of a recurring campaign from now on again."""
    build().series.resume(request.access, campaign_id)
    return _series(request, campaign_id)


def _series(request: Request, campaign_id: str) -> Series:
    return build().series.show(request.access, campaign_id, request.page.limit)
