"""The page of what was used (T8) in a real browser: every figure is the API's."""

import csv
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.canned import fill, serious_violations, table_texts
from tests.browser.conftest import SCREENSHOTS
from tests.support.dashboard_server import Platform

pytestmark = pytest.mark.browser

CHARTS = ("by-period", "by-sender", "by-office", "by-channel")


@pytest.fixture(autouse=True)
def campaigns(platform_state: Platform) -> None:
    fill(platform_state)


def tables(page: Any) -> dict[str, list[list[str]]]:
    """Return the rows behind each chart of the page."""
    for name in CHARTS:
        page.locator(f"#{name}").get_by_role("button", name="Show as table").click()
    return {name: table_texts(page.locator(f"#{name}")) for name in CHARTS}


def test_every_figure_of_the_usage_page_equals_the_apis(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    """T8: messages and segments by period, sender, office and channel."""
    total = platform_state.usage({"preset": "last_7_days"})["total"]

    page = signed_in("#/usage?preset=last_7_days")
    page.locator("#by-period svg").wait_for()
    shown = tables(page)

    assert (total["messages"], total["segments"]) == (2100, 2520)
    assert page.locator("[data-total] .value").all_inner_texts() == ["2,100", "2,520", "$16.59"]
    assert len(shown["by-period"]) == 7
    assert shown["by-period"][1] == ["Sun, Nov 15, 2026", "200", "240", "$1.58"]
    assert shown["by-period"][6] == ["Fri, Nov 20, 2026", "0", "0", "–"]
    assert shown["by-sender"] == [
        ["=2+2, Berlin", "1,200", "1,200"],
        ["Reception, Berlin", "700", "700"],
    ]
    assert shown["by-office"] == [["Berlin", "2,100", "2,520", "$16.59"]]
    assert shown["by-channel"] == [["SMS", "2,040", "2,520"], ["MMS", "60", "0"]]
    page.get_by_text("As of 15:50:00 UTC").wait_for()


def test_the_file_holds_exactly_what_is_shown_and_runs_in_no_spreadsheet(
    signed_in: Callable[..., Any],
) -> None:
    page = signed_in("#/usage?from=2026-11-19&to=2026-11-20")
    page.locator("#by-period svg").wait_for()

    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()

    rows = list(csv.reader(download.value.path().read_text().splitlines()))
    assert download.value.suggested_filename == "usage.csv"
    assert rows == [
        ["by", "id", "name", "messages", "segments", "cost"],
        ["total", "2026-11-19/2026-11-20", "Custom", "600", "720", "USD 4.740000"],
        ["period", "2026-11-19/2026-11-19", "Thu, Nov 19, 2026", "600", "720", "USD 4.740000"],
        ["period", "2026-11-20/2026-11-20", "Fri, Nov 20, 2026", "0", "0", ""],
        ["sender", "snd_2", "'=2+2, Berlin", "1200", "1200", ""],
        ["sender", "snd_1", "Reception, Berlin", "700", "700", ""],
        ["office", "off_berlin", "Berlin", "600", "720", "USD 4.740000"],
        ["channel", "sms", "SMS", "590", "720", ""],
        ["channel", "mms", "MMS", "10", "0", ""],
    ]


def test_another_period_is_asked_for_and_stays_in_the_address(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/usage")
    page.get_by_text("As of").wait_for()

    page.get_by_label("Period", exact=True).select_option("Custom range")
    page.get_by_label("From").fill("2026-11-01")
    page.get_by_label("To", exact=True).fill("2026-11-05")
    page.locator("#by-period").get_by_text("Nothing was sent within this period.").wait_for()

    assert page.url.endswith("#/usage?from=2026-11-01&to=2026-11-05")
    assert "GET /app/v1/analytics/usage?from=2026-11-01&to=2026-11-05" in platform_state.requests


def test_a_period_is_parted_without_a_gap(open_page: Callable[..., Any]) -> None:
    """Days, weeks from the first day, or calendar months, of which the latest twelve."""
    page = open_page()

    parted = page.evaluate(
        """async (frames) => {
            const { partsOf } = await import(new URL("assets/usage_periods.js", location).href);
            return frames.map(([start, end]) => {
                const parts = partsOf(start, end);
                const [first, last] = [parts.at(0), parts.at(-1)];
                return [parts.length, first.from, first.to, last.from, last.to];
            });
        }""",
        [
            ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"],
            ["2026-11-01T00:00:00Z", "2026-11-13T00:00:00Z"],
            ["2026-11-01T00:00:00Z", "2026-11-14T00:00:00Z"],
            ["2026-01-15T00:00:00Z", "2026-11-21T00:00:00Z"],
            ["2020-01-01T00:00:00Z", "2026-11-21T00:00:00Z"],
        ],
    )

    assert parted == [
        [1, "2026-11-20", "2026-11-20", "2026-11-20", "2026-11-20"],
        [12, "2026-11-01", "2026-11-01", "2026-11-12", "2026-11-12"],
        [2, "2026-11-01", "2026-11-07", "2026-11-08", "2026-11-13"],
        [11, "2026-01-15", "2026-01-31", "2026-11-01", "2026-11-20"],
        [12, "2025-12-01", "2025-12-31", "2026-11-01", "2026-11-20"],
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_usage_without_overflow_or_violation(
    signed_in: Callable[..., Any], scheme: str
) -> None:
    page = signed_in("#/usage?preset=last_7_days", width=360, color_scheme=scheme)
    page.locator("#by-period svg").wait_for()

    violations = serious_violations(page, scheme)

    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"usage-phone-{scheme}.png", full_page=True)
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_an_address_of_no_page_says_so(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/nowhere")

    page.get_by_text("No such page").wait_for()

    page.get_by_role("link", name="To the campaigns").click()
    page.get_by_role("link", name="Autumn check-in").wait_for()
