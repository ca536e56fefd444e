"""The dashboard's analytics, comparison, variants and leads in a real browser."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from carillon.domain.lead_list import LEAD_FIGURES
from tests.browser.canned import (
    SERIES,
    a_listed_lead,
    as_people_read_it,
    fill,
    shown_metric,
    table_texts,
)
from tests.support.dashboard_server import Platform

pytestmark = pytest.mark.browser

# Past the five seconds after which live analytics ask again.
POLL_MS = 5_100
# In the page they are the audience's, which many campaigns have not got.
OF_ONE_AUDIENCE = {
    "contacts_per_sender",
    "partial",
    "pending",
    "progress",
    "reply_pct_of_total",
    "total",
}
# The same figures under names that the campaign's own page shows.
SAME_AS_OTHERS = {"initials_sent", "replies", "reply_pct", "sent", "failed"}


@pytest.fixture(autouse=True)
def campaigns(platform_state: Platform) -> None:
    fill(platform_state)


def last_query(platform: Platform, path: str) -> dict[str, str]:
    """Return what the page asked *path* last."""
    asked = [one for one in platform.requests if urlsplit(one).path.endswith(path)]
    return {name: values[0] for name, values in parse_qs(urlsplit(asked[-1]).query).items()}


def wait_for_query(page: Any, platform: Platform, path: str, **expected: str) -> None:
    """Return as soon as the page has asked *path* with *expected*; fail after a while."""
    for _ in range(80):
        if expected.items() <= last_query(platform, path).items():
            return
        page.wait_for_timeout(50)
    assert expected.items() <= last_query(platform, path).items()


def test_every_figure_of_the_analytics_page_equals_the_apis(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    metrics = platform_state.summary()["metrics"]

    page = signed_in("#/analytics")

    for key in metrics.keys() - OF_ONE_AUDIENCE - SAME_AS_OTHERS:
        figure = metrics[key]
        expected = as_people_read_it(key, figure["value"])
        assert (key, *shown_metric(page, key)) == (key, expected, figure["reason"] or "")
    page.get_by_text("1 active of 3 campaigns in the time frame").wait_for()
    page.get_by_text("As of 16:50:00 GMT+1").wait_for()


def test_the_tables_behind_the_charts_equal_the_series(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/analytics")
    page.locator("#by-hour svg").wait_for()

    shown = {}
    for name in ("by-hour", "by-day", "by-date", "launches"):
        card = page.locator(f"#{name}")
        card.get_by_role("button", name="Show as table").click()
        shown[name] = table_texts(card)

    assert [int(amount) for _, amount in shown["by-hour"]] == SERIES["responses_by_hour"]
    assert shown["by-hour"][9] == ["09:00", "30"]
    assert [int(amount) for _, amount in shown["by-day"]] == SERIES["responses_by_weekday"]
    assert shown["by-day"][0] == ["Monday", "20"]
    by_date = [int(amount) for _, amount in shown["by-date"]]
    assert by_date == [one["responses"] for one in SERIES["responses_by_date"]]
    assert shown["launches"][-1] == ["Fri, Nov 20, 2026", "1"]


def test_filters_are_asked_of_the_api_and_stay_in_the_address(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/analytics")
    page.get_by_text("As of").wait_for()
    asked = {
        "preset": "last_month",
        "zone": "Asia/Kathmandu",
        "office_id": "off_berlin",
        "campaign_status": "paused",
        "campaign_type": "mms",
        "tags": "spring,north",
        "operated_by": "assistant",
    }

    page.get_by_label("Time frame").select_option("Last month")
    page.get_by_label("Time zone").fill("Asia/Kathmandu")
    page.get_by_label("Office").select_option("Berlin")
    page.get_by_label("Status").select_option("Paused")
    page.get_by_label("Type").fill("mms")
    page.get_by_label("Tags").fill("spring,north")
    page.get_by_label("Operated by").select_option("Assistant")

    for path in ("summary", "series", "campaigns"):
        wait_for_query(page, platform_state, f"/analytics/{path}", **asked)
    page.reload()
    page.get_by_text("As of").wait_for()
    assert last_query(platform_state, "/analytics/summary") == asked
    assert page.get_by_label("Office").input_value() == "off_berlin"
    assert page.get_by_label("Time frame").input_value() == "last_month"


def test_a_custom_range_takes_the_place_of_the_preset(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/analytics")
    page.get_by_text("As of").wait_for()

    page.get_by_label("Time frame").select_option("Custom range")
    page.get_by_label("From").fill("2026-11-01")
    page.get_by_label("To", exact=True).fill("2026-11-15")
    page.get_by_label("To", exact=True).blur()

    wait_for_query(
        page, platform_state, "/analytics/summary", **{"from": "2026-11-01", "to": "2026-11-15"}
    )
    assert "preset" not in last_query(platform_state, "/analytics/summary")


def test_a_question_that_the_api_refuses_is_explained(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/analytics?zone=Nowhere")

    page.get_by_text("zone must be the name of a time zone.").wait_for()

    assert page.get_by_label("Time zone").input_value() == "Nowhere"


def test_the_list_is_sorted_and_saved_as_exactly_the_rows_shown(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/analytics?preset=all&zone=UTC")
    table = page.locator("#campaign-list tbody")

    page.get_by_role("button", name="Messaged").click()
    page.locator("th[aria-sort=descending]", has_text="Messaged").wait_for()
    table.locator("tr").first.get_by_role("link", name="Clinic reminder").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()

    listed = last_query(platform_state, "/analytics/campaigns")
    saved = download.value.path().read_text().splitlines()[1:]
    assert download.value.suggested_filename == "campaigns.csv"
    assert last_query(platform_state, "/analytics/campaigns/csv") == listed
    assert [line.split(",")[1] for line in saved] == table.locator("th a").all_inner_texts()
    assert table.locator("tr").first.locator("td[data-label]").all_inner_texts() == [
        "Sep 21, 2026, 17:30 GMT+2",
        "usr_1",
        "Agent",
        "1,000",
        "0",
        "0%",
    ]


def test_analytics_move_by_themselves_while_a_campaign_runs(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/analytics")
    assert shown_metric(page, "contacts_messaged")[0] == "2,070"

    platform_state.counts["cmp_1"]["delivered"] += 30
    page.clock.fast_forward(POLL_MS)

    page.locator("[data-metric=contacts_messaged]", has_text="2,100").first.wait_for()


def test_campaigns_ticked_in_the_list_are_compared_in_words(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/analytics")
    page.get_by_label("Compare Autumn check-in").check()
    page.get_by_label("Compare Library renewal").check()

    page.get_by_role("link", name="Compare 2").click()
    page.locator("#comparison").wait_for()

    answer = platform_state.comparison(["cmp_1", "cmp_3"])
    assert answer["delivery_rate"]["winner"] == "cmp_1"
    assert page.locator(".verdicts li").all_inner_texts() == [
        "Delivery: Autumn check-in is ahead, with over 99.9% confidence.",
        "Response: Autumn check-in is ahead, with over 99.9% confidence.",
        "Conversion: no difference shown. What is seen may be chance.",
    ]
    assert page.locator("#comparison .rate-text").all_inner_texts() == [
        f"{one[rate]:g}%"
        for one in answer["campaigns"]
        for rate in ("delivery_rate", "response_rate", "conversion_rate")
    ]


def test_another_campaign_is_added_to_a_comparison(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/comparison")
    page.get_by_text("Nothing to compare yet").wait_for()

    page.get_by_label("Autumn check-in").check()
    page.get_by_label("Clinic reminder").check()
    page.locator("#comparison").wait_for()

    wait_for_query(page, platform_state, "/comparison", campaign_ids="cmp_1,cmp_2")
    assert page.url.endswith("#/comparison?campaign_ids=cmp_1%2Ccmp_2")


def test_variants_are_shown_with_what_their_test_allows_to_say(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/campaigns/cmp_1")
    page.locator("#variants tbody tr").first.wait_for()

    variants = platform_state.variants("cmp_1")
    assert variants["response_rate"]["winner"] == "a"
    assert variants["delivery_rate"]["verdict"] == "no_difference_shown"
    assert page.locator("#variants .verdicts li").all_inner_texts() == [
        "Delivery: no difference shown. What is seen may be chance.",
        "Response: a is ahead, with over 99.9% confidence.",
        "Conversion: no difference shown. What is seen may be chance.",
    ]
    counts = ("submitted", "delivered", "failed", "responded", "opted_out", "converted")
    shown = [line[:7] for line in table_texts(page.locator("#variants"))]
    assert shown == [
        [one["variant"], *(f"{one[name]:,}" for name in counts)] for one in variants["variants"]
    ]


def test_leads_are_filtered_and_paged(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    platform_state.leads = [a_listed_lead(n) for n in range(60)]
    page = signed_in("#/campaigns/cmp_1")
    leads = page.locator("#leads")

    leads.locator("summary").click()
    leads.get_by_text("50 on this page").wait_for()
    leads.get_by_role("button", name="Next page").click()
    leads.get_by_text("10 on this page").wait_for()
    leads.get_by_label("Status").select_option("Failed")
    leads.get_by_label("Sender").select_option("snd_1")
    leads.get_by_label("Failed reason").select_option("30007")
    leads.get_by_role("button", name="Filter").click()
    leads.get_by_text("6 on this page").wait_for()

    assert leads.locator("tbody tr").first.locator("th, td").all_inner_texts() == [
        "***0009",
        "Failed",
        "snd_1",
        "Nov 20, 2026, 16:30 GMT+1",
        "1",
        "Filtered. (30007)\nReview it.",
    ]
    assert last_query(platform_state, "/leads") == {
        "limit": "50",
        "status": "failed",
        "sender_id": "snd_1",
        "reason": "30007",
    }


def test_a_number_leads_to_the_leads_behind_it(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    """T9: explain this number, by mouse or key, for whatever counts leads."""
    platform_state.behind = {"contacts_responded": [platform_state.leads[n]["key"] for n in (2, 5)]}
    page = signed_in("#/campaigns/cmp_1")
    leads = page.locator("#leads")

    page.get_by_role("button", name="96 Contacts responded: show the leads").focus()
    page.keyboard.press("Enter")
    leads.get_by_text("2 on this page").wait_for()

    assert leads.locator("tbody th").all_inner_texts() == ["***0002", "***0005"]
    assert leads.get_by_label("Counted in").input_value() == "contacts_responded"
    assert last_query(platform_state, "/leads") == {"limit": "50", "figure": "contacts_responded"}
    assert page.locator("#leads summary").evaluate("one => one === document.activeElement")


def test_a_failure_leads_to_the_leads_that_failed_for_it(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/campaigns/cmp_1")

    page.get_by_role("row").filter(has_text="30007").get_by_role("button").click()
    page.locator("#leads").get_by_text("on this page").wait_for()

    assert last_query(platform_state, "/leads") == {"limit": "50", "reason": "30007"}


def test_the_page_offers_every_figure_whose_leads_the_api_lists(
    signed_in: Callable[..., Any],
) -> None:
    page = signed_in("#/campaigns/cmp_1")
    page.get_by_text("As of").wait_for()

    offered = page.locator("#lead-figure option").evaluate_all("all => all.map((one) => one.value)")

    assert {*offered} == {"", *LEAD_FIGURES}
    assert page.get_by_role("button", name="0 Conversions: show the leads").is_disabled()
