"""What a caller is shown of a campaign, and of a time frame, and what is kept from them."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.recount import RecountReport, RecountState
from carillon.domain.short_links import Link
from carillon.usecases.fold_changes import Aggregator
from carillon.usecases.read_analytics import (
    AnalyticsWorld,
    campaign_metrics,
    campaign_report,
    campaign_variants,
    sender_performance,
)
from carillon.usecases.summarize_campaigns import summary
from tests.support.counters import (
    CAMPAIGN,
    NOON,
    OFFICE,
    FakeCatalogue,
    FakeCounters,
    StillClock,
    a_campaign,
    a_change,
    a_lead,
    a_step,
    an_inbound,
    at,
    campaign_of,
    part,
)
from tests.support.sending import a_sender

ADMIN = Access(Caller("usr_1", Role.ADMIN, frozenset()), Scope.ALL)
ANALYST = Access(Caller("usr_2", Role.ANALYST, frozenset({OFFICE})), Scope.OWN)
STRANGER = Access(Caller("usr_3", Role.ANALYST, frozenset({"off_2"})), Scope.OWN)


def a_world(*campaigns: Campaign, rows: tuple[dict[str, Any], ...] = ()) -> AnalyticsWorld:
    """Return a world in which *rows* of the first campaign have been counted."""
    counters = FakeCounters()
    changes = [
        a_change(n, row, partition=part(0, campaigns[0].id)) for n, row in enumerate(rows, 1)
    ]
    Aggregator(counters, StillClock(), campaign_of).fold_changes(changes)
    catalogue = FakeCatalogue(
        *campaigns,
        active=("snd_1", "snd_2"),
        offices=(OFFICE, "off_2"),
        senders=(a_sender("snd_1", office_id=OFFICE),),
    )
    return AnalyticsWorld(counters, catalogue, StillClock())


DELIVERED = a_lead(status="delivered", submitted_at=at(1), final_at=at(16), replied_at=at(20))
FAILED = a_lead(status="failed", submitted_at=at(2), final_at=at(3), error_code="30007")


def test_a_campaign_shows_figures_failures_and_activity() -> None:
    world = a_world(
        a_campaign(total=13, sender_ids=("snd_1", "snd_2", "snd_3")),
        rows=(DELIVERED, FAILED, an_inbound(received_at=at(20))),
    )

    answer = campaign_metrics(CAMPAIGN, ANALYST, world)

    values = {name: figure["value"] for name, figure in answer["metrics"].items()}
    assert (values["initials_sent"], values["total"], values["pending"]) == (2, 13, 11)
    assert (values["contacts_messaged"], values["failed"]) == (1, 1)
    assert values["contacts_per_sender"] == 6
    assert answer["failures"] == [
        {
            "code": "30007",
            "reason": "The carrier filtered the message as unwanted.",
            "advice": "Review message for spam triggers.",
            "count": 1,
        }
    ]
    assert answer["activity"] == [
        {"from": "2026-11-22T12:00:00.000Z", "submitted": 2, "delivered": 0, "inbound": 0},
        {"from": "2026-11-22T12:15:00.000Z", "submitted": 0, "delivered": 1, "inbound": 1},
    ]
    assert (answer["status"], answer["as_of"]) == ("active", "2026-11-22T12:00:00.000Z")
    assert answer["recount"] is None


def test_a_campaign_shows_what_follow_ups_and_prices_came_to() -> None:
    """A18: prices as receipts tell them."""
    priced = {**DELIVERED, "steps_left": 1, "cost_micros": 7900, "currency": "USD"}
    world = a_world(a_campaign(), rows=(priced, a_step(cost_micros=100, currency="USD")))

    answer = campaign_metrics(CAMPAIGN, ANALYST, world)

    assert answer["costs"] == [{"currency": "USD", "cost_micros": 8000}]
    assert answer["follow_ups"] == {"submitted": 1, "delivered": 0, "failed": 0}
    assert (answer["metrics"]["partial"]["value"], answer["metrics"]["sent"]["value"]) == (1, 0)


def test_a_campaign_shows_who_opened_its_links() -> None:
    links = (Link("offer", "https://example.com/a"), Link("terms", "https://example.com/b"))
    clicked = {**DELIVERED, "clicked_at": at(30), "clicks_1": 3, "machine_clicks_1": 1}
    world = a_world(a_campaign(links=links), rows=(clicked, DELIVERED))

    answer = campaign_metrics(CAMPAIGN, ANALYST, world)

    metrics = answer["metrics"]
    assert (metrics["contacts_clicked"]["value"], metrics["click_rate"]["value"]) == (1, 50.0)
    assert [(one["name"], one["clicks"], one["machine_clicks"]) for one in answer["links"]] == [
        ("offer", 0, 0),
        ("terms", 3, 1),
    ]


def test_a_campaign_s_variants_are_compared() -> None:
    rows = ({**DELIVERED, "variant": "a"}, {**FAILED, "variant": "b"})

    answer = campaign_variants(CAMPAIGN, ANALYST, a_world(a_campaign(), rows=rows))

    assert (answer["campaign_id"], answer["as_of"]) == (CAMPAIGN, "2026-11-22T12:00:00.000Z")
    assert [(v["variant"], v["delivery_rate"]) for v in answer["variants"]] == [
        ("a", 100.0),
        ("b", 0.0),
    ]
    assert answer["response_rate"]["verdict"] == "no_difference_shown"


def test_a_sender_s_performance_is_that_of_all_it_sent() -> None:
    rows = tuple({**row, "sender_id": "snd_1"} for row in (DELIVERED, FAILED, a_step()))
    world = a_world(a_campaign(), rows=(*rows, {**DELIVERED, "sender_id": "snd_2"}))

    answer = sender_performance("snd_1", ANALYST, world)

    assert (answer["sender_id"], answer["as_of"]) == ("snd_1", "2026-11-22T12:00:00.000Z")
    assert (answer["lifetime"]["sent"], answer["last_30_days"]["sent"]) == (3, 3)
    assert (answer["success_rate"], answer["health"]) == (50.0, "low")
    assert [cause["cause"] for cause in answer["causes"]] == ["content"]


@pytest.mark.parametrize("sender_id", ["snd_1", "snd_absent"])
def test_a_sender_of_another_office_looks_like_an_absent_one(sender_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        sender_performance(sender_id, STRANGER, a_world(a_campaign()))

    assert refused.value.code == "sender_not_found"


@pytest.mark.parametrize("campaign_id", [CAMPAIGN, "cmp_absent"])
def test_variants_of_another_office_s_campaign_look_like_an_absent_one_s(campaign_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        campaign_variants(campaign_id, STRANGER, a_world(a_campaign()))

    assert refused.value.code == "campaign_not_found"


def test_the_last_recount_is_shown_with_its_drift() -> None:
    world = a_world(a_campaign())
    assert isinstance(world.figures, FakeCounters)
    world.figures.note_recount(
        RecountReport(
            campaign_id=CAMPAIGN,
            at=NOON,
            state=RecountState.HEALED,
            unsettled=4,
            drift={"delivered": 2, "claimed": -1},
        )
    )

    answer = campaign_metrics(CAMPAIGN, ADMIN, world)

    assert answer["recount"] == {
        "at": "2026-11-22T12:00:00.000Z",
        "state": "healed",
        "drift": 3,
        "drift_by_counter": {"delivered": 2, "claimed": -1},
        "unsettled": 4,
    }


@pytest.mark.parametrize("campaign_id", [CAMPAIGN, "cmp_absent"])
def test_a_campaign_of_another_office_looks_like_an_absent_one(campaign_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        campaign_metrics(campaign_id, STRANGER, a_world(a_campaign()))

    assert refused.value.code == "campaign_not_found"


def test_a_summary_counts_only_what_lies_in_the_frame_and_in_reach() -> None:
    """T4: only what was generated inside the range counts."""
    world = a_world(a_campaign(), rows=(DELIVERED, FAILED))

    whole = summary({"preset": "today"}, ANALYST, world)
    first_quarter = summary(
        {"from": "2026-11-22T12:00:00Z", "to": "2026-11-22T12:15:00Z"}, ADMIN, world
    )
    foreign = summary({"preset": "all"}, STRANGER, world)

    assert whole["metrics"]["contacts_submitted"]["value"] == 2
    assert whole["metrics"]["contacts_messaged"]["value"] == 1
    assert whole["offices"] == [OFFICE]
    assert first_quarter["metrics"]["contacts_submitted"]["value"] == 2
    assert first_quarter["metrics"]["contacts_messaged"]["value"] == 0
    assert first_quarter["offices"] == [OFFICE, "off_2"]
    assert foreign["metrics"]["contacts_submitted"]["value"] == 0
    assert foreign["campaigns"] == {"active": 0, "total": 0}


def test_a_summary_names_its_frame_in_utc() -> None:
    answer = summary({"preset": "today", "zone": "Asia/Kathmandu"}, ADMIN, a_world(a_campaign()))

    assert (answer["from"], answer["to"]) == (
        "2026-11-21T18:15:00.000Z",
        "2026-11-22T18:15:00.000Z",
    )
    assert (answer["zone"], answer["preset"]) == ("Asia/Kathmandu", "today")


def test_campaigns_are_counted_when_they_were_live_in_the_frame() -> None:
    """T3: active and total in the time frame."""
    day = timedelta(days=1)
    over = {"status": CampaignStatus.FINISHED}
    world = a_world(
        a_campaign("cmp_running", launched_at=NOON - 9 * day),
        a_campaign("cmp_paused", status=CampaignStatus.PAUSED),
        a_campaign("cmp_today", finished_at=NOON, **over),
        a_campaign("cmp_long_over", launched_at=NOON - 9 * day, finished_at=NOON - 8 * day, **over),
        a_campaign(
            "cmp_archived_today", launched_at=NOON - 9 * day, status=CampaignStatus.ARCHIVED
        ),
        a_campaign("cmp_future", launched_at=NOON + 2 * day),
        a_campaign("cmp_draft", launched_at=None, status=CampaignStatus.DRAFT),
        a_campaign("cmp_foreign", office_id="off_9"),
    )

    answer = summary({"preset": "today"}, ANALYST, world)

    assert answer["campaigns"] == {"active": 2, "total": 4}


@pytest.mark.parametrize(
    ("query", "field"),
    [({"zone": "Nowhere"}, "zone"), ({"preset": "never"}, "preset"), ({"from": "x"}, "from")],
)
def test_a_summary_refuses_what_it_cannot_read(query: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        summary(query, ADMIN, a_world(a_campaign()))

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (CampaignStatus.FINISHED, {"finished_at": NOON}, "report"),
        (CampaignStatus.ACTIVE, {"submitted_all_at": NOON}, "report"),
        (CampaignStatus.ACTIVE, {}, "interim"),
        (CampaignStatus.PAUSED, {}, "interim"),
    ],
)
def test_a_report_is_final_or_says_that_it_is_not(
    status: CampaignStatus, fields: dict[str, Any], kind: str
) -> None:
    """K11."""
    campaign = a_campaign(status=status, launched_at=NOON, total=13, **fields)
    world = a_world(campaign, rows=(DELIVERED,))

    report = campaign_report(CAMPAIGN, ANALYST, world)

    assert (report["kind"], report["interim"]) == (kind, kind == "interim")
    assert report["figures"] == campaign_metrics(CAMPAIGN, ANALYST, world)
    assert report["details"]["total"] == 13


@pytest.mark.parametrize("status", [CampaignStatus.DRAFT, CampaignStatus.SCHEDULED])
def test_what_was_never_live_has_details_and_no_figures(status: CampaignStatus) -> None:
    """K11."""
    world = a_world(a_campaign(status=status, launched_at=None))

    report = campaign_report(CAMPAIGN, ANALYST, world)

    assert (report["kind"], report["figures"], report["launched_at"]) == ("details", None, None)


def test_the_report_of_another_office_s_campaign_is_not_there() -> None:
    with pytest.raises(NotFound):
        campaign_report(CAMPAIGN, STRANGER, a_world(a_campaign()))
