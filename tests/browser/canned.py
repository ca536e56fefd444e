"""What the pages are tried with, and how tests read what they show."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from carillon.domain.campaign import CampaignStatus
from carillon.domain.clock import to_iso
from tests.support.dashboard_server import NEW_YORK, NOON, Platform, a_campaign

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PERCENTAGES = {
    "click_rate",
    "conversion_rate",
    "rate_of_engagement",
    "reply_pct",
    "reply_pct_of_total",
    "progress",
    "delivery_rate",
}
HEALTH = {
    "high": "High (over 95%)",
    "moderate": "Moderate (80–95%)",
    "low": "Low (under 80%)",
}
UNDER_WAY = {
    "submitted": 812,
    "delivered": 760,
    "failed_provider": 21,
    "failed_local": 4,
    "suppressed": 11,
    "unconfirmed": 3,
    "segments": 905,
    "responded": 96,
    "responded_opted_out": 17,
    "inbound": 1121,
    "auto_opt_outs": 17,
    "manual_opt_outs": 2,
    "fail#30003": 12,
    "fail#30007": 9,
    "fail#opted_out": 11,
    "fail#missing_field": 4,
}
ACTIVITY = {
    "granularity": "hour",
    "buckets": [
        {"at": "2026-11-20T16:00+01:00", "messages": 1420, "delivered": 380, "responses": 20},
        {"at": "2026-11-20T17:00+01:00", "messages": 0, "delivered": 0, "responses": 0},
        {"at": "2026-11-20T18:00+01:00", "messages": 92, "delivered": 90, "responses": 60},
    ],
}
VARIANTS = {
    "v#a#submitted": 400,
    "v#a#delivered": 390,
    "v#a#failed": 10,
    "v#a#responded": 80,
    "v#b#submitted": 412,
    "v#b#delivered": 370,
    "v#b#failed": 11,
    "v#b#responded": 16,
}
SERIES: dict[str, Any] = {
    "responses_by_hour": [0] * 8 + [12, 30, 24, 9, 7, 15, 11, 4] + [0] * 8,
    "responses_by_weekday": [20, 31, 18, 22, 17, 3, 1],
    "responses_by_date": [
        {"date": f"2026-11-{day}", "responses": day - 13} for day in range(14, 21)
    ],
    "launches_by_date": [
        {"date": f"2026-11-{day}", "launches": int(day == 20)} for day in range(14, 21)
    ],
}
USED = {
    f"2026-11-{day}": {
        "submitted": 100 * (day - 13),
        "segments": 120 * (day - 13),
        "mms_messages": 10,
        "cost#USD": 790_000 * (day - 13),
    }
    for day in range(14, 20)
}


def fill(platform: Platform) -> None:
    """Give *platform* four campaigns with figures, one of them under way."""
    platform.campaigns = [
        a_campaign("cmp_1"),
        a_campaign(
            "cmp_2",
            title="Clinic reminder",
            status=CampaignStatus.FINISHED,
            office_id=NEW_YORK["id"],
            launched_at=NOON - timedelta(days=60),
        ),
        a_campaign("cmp_3", title="Library renewal", status=CampaignStatus.PAUSED),
        a_campaign(
            "cmp_4",
            title="Planned for spring",
            status=CampaignStatus.SCHEDULED,
            launched_at=None,
            schedule_at=NOON + timedelta(days=120),
            total=0,
        ),
    ]
    platform.counts = {
        "cmp_1": {**UNDER_WAY, **VARIANTS},
        "cmp_2": {"submitted": 1000, "delivered": 1000, "segments": 1000},
        "cmp_3": {"submitted": 500, "delivered": 310, "failed_provider": 90, "fail#30005": 90},
    }
    platform.activity = {"cmp_1": ACTIVITY}
    platform.series = SERIES
    platform.used = USED
    platform.senders = {"snd_1": ("Reception", 700), "snd_2": ("=2+2", 1200)}
    platform.leads = [a_listed_lead(n) for n in range(12)]


def a_listed_lead(number: int) -> dict[str, Any]:
    failed = number % 10 == 9
    return {
        "key": f"{number:024x}",
        "phone": f"***{number:04}",
        "status": "failed" if failed else "delivered",
        "ambiguous": False,
        "partial": False,
        "sender_id": "snd_1",
        "last_action_at": to_iso(NOON),
        "attempts": 1,
        "reason": {"code": "30007", "reason": "Filtered.", "advice": "Review it."}
        if failed
        else None,
    }


def row(page: Any, title: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=title))


def shown_metric(page: Any, key: str) -> tuple[str, str]:
    """Return a figure's text and the reason below it."""
    figure = page.locator(f'[data-metric="{key}"]').first
    figure.locator(".value").wait_for()
    return figure.locator(".value").inner_text(), figure.locator(".reason").text_content()


def as_people_read_it(key: str, value: Any) -> str:
    """Format a figure as the page should: an independent second opinion."""
    if value is None:
        return "–"
    if key == "health":
        return HEALTH[value]
    if key in PERCENTAGES:
        return f"{value:g}%"
    return f"{value:,}"


def table_texts(card: Any) -> list[list[str]]:
    rows = card.locator("tbody tr").all()
    return [line.locator("th, td").all_inner_texts() for line in rows]


def serious_violations(page: Any, scheme: str) -> list[str]:
    """Return what axe objects to; the dark theme differs from the light one in its colours only."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if scheme == "dark":
        options["runOnly"] = ["color-contrast"]
    found = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{rule['id']}: {node['html'][:120]} ({node['failureSummary'][:200]})"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
