"""The dashboard in a real browser, against a server whose figures the tests decide."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus, HoldReason
from tests.browser.canned import (
    as_people_read_it,
    fill,
    row,
    serious_violations,
    shown_metric,
    table_texts,
)
from tests.browser.conftest import SCREENSHOTS, sign_in
from tests.support.dashboard_server import Platform, a_campaign

pytestmark = pytest.mark.browser

# Past the two seconds after which a live page asks again.
POLL_MS = 2_100


@pytest.fixture(autouse=True)
def campaigns(platform_state: Platform) -> None:
    fill(platform_state)


# Signing in


def test_a_manager_signs_in_and_sees_the_active_campaigns(signed_in: Callable[..., Any]) -> None:
    page = signed_in()

    page.get_by_role("link", name="Autumn check-in").wait_for()

    links = page.locator("tbody th a").all_inner_texts()
    assert links == ["Autumn check-in", "Clinic reminder", "Library renewal"]
    assert page.title() == "Active campaigns · Carillon"


def test_a_wrong_password_is_explained_and_can_be_corrected(open_page: Callable[..., Any]) -> None:
    page = open_page()
    sign_in(page, "manager@example.org", "wrong")

    page.get_by_role("alert").get_by_text("The email or the password is not right.").wait_for()
    sign_in(page, "manager@example.org")

    page.get_by_role("heading", name="Campaigns").wait_for()


def test_a_first_sign_in_sets_a_password_of_ones_own(open_page: Callable[..., Any]) -> None:
    page = open_page()
    sign_in(page, "new@example.org", "first password")

    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password again").fill("short")
    page.get_by_role("button", name="Set password").click()
    page.get_by_text("does not meet the organisation's rules").wait_for()
    page.get_by_label("New password", exact=True).fill("a longer password")
    page.get_by_label("New password again").fill("a longer password")
    page.get_by_role("button", name="Set password").click()

    page.get_by_role("heading", name="Campaigns").wait_for()


def test_a_reload_keeps_the_session_and_the_page(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/campaigns/cmp_1")
    page.get_by_role("heading", name="Autumn check-in").wait_for()

    page.reload()

    page.get_by_role("heading", name="Autumn check-in").wait_for()


def test_an_expired_token_is_refreshed_without_the_person_noticing(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in()
    page.get_by_role("link", name="Library renewal").wait_for()

    platform_state.revoke_access_tokens()
    page.get_by_role("link", name="Library renewal").click()

    page.get_by_role("heading", name="Library renewal").wait_for()


def test_a_session_that_has_ended_asks_to_sign_in_and_returns_to_the_page(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in()
    page.get_by_role("link", name="Library renewal").wait_for()

    platform_state.revoke_everything()
    page.get_by_role("link", name="Library renewal").click()
    page.get_by_text("Your session has ended. Sign in again.").wait_for()
    sign_in(page, "manager@example.org")

    page.get_by_role("heading", name="Library renewal").wait_for()


def test_signing_out_forgets_the_tokens(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out.").wait_for()

    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    page.get_by_label("Email").wait_for()


# The list


def test_the_list_shows_status_progress_and_launch_in_the_offices_zone(
    signed_in: Callable[..., Any],
) -> None:
    page = signed_in()
    autumn, clinic = row(page, "Autumn check-in"), row(page, "Clinic reminder")

    autumn.get_by_text("79.9% · 799 of 1,000, 36 failed").wait_for()

    assert autumn.locator(".chip").inner_text() == "Active"
    assert autumn.get_by_role("progressbar").get_attribute("aria-valuenow") == "79"
    assert autumn.get_by_role("cell").nth(2).inner_text() == "Nov 20, 2026, 16:30 GMT+1"
    assert clinic.get_by_role("cell").nth(2).inner_text() == "Sep 21, 2026, 11:30 EDT"
    assert clinic.get_by_role("cell").nth(3).inner_text() == "New York"


def test_progress_moves_by_itself_while_a_campaign_runs(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in()
    row(page, "Autumn check-in").get_by_text("79.9%").wait_for()

    platform_state.counts["cmp_1"]["delivered"] += 201
    page.clock.fast_forward(POLL_MS)

    row(page, "Autumn check-in").get_by_text("100% · 1,000 of 1,000").wait_for()


def test_each_tab_has_its_campaigns_or_says_that_there_are_none(
    signed_in: Callable[..., Any],
) -> None:
    page = signed_in()

    page.get_by_role("link", name="Scheduled").click()
    page.get_by_text("Due Mar 20, 2027, 16:30 GMT+1").wait_for()
    page.get_by_role("link", name="Archived").click()
    page.get_by_text("The archive is empty").wait_for()

    assert page.get_by_role("link", name="Archived").get_attribute("aria-current") == "page"


def test_a_long_list_is_paged(signed_in: Callable[..., Any], platform_state: Platform) -> None:
    platform_state.campaigns = [
        a_campaign(f"cmp_{n}", title=f"Number {n:02}", status=CampaignStatus.FINISHED)
        for n in range(30)
    ]
    page = signed_in()

    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="Number 29").wait_for()

    assert page.locator("tbody tr").count() == 5
    page.get_by_role("link", name="First page").click()
    page.get_by_role("link", name="Number 00").wait_for()


# One campaign


def test_every_figure_on_the_page_equals_the_apis(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    metrics = platform_state.metrics("cmp_1")["metrics"]

    page = signed_in("#/campaigns/cmp_1")

    for key, figure in metrics.items():
        expected = as_people_read_it(key, figure["value"])
        if key == "initials_sent":
            expected += " of 1,000"
        assert (key, *shown_metric(page, key)) == (key, expected, figure["reason"] or "")
    page.get_by_text(
        "As of 16:50:00 GMT+1 · recounted Nov 20, 2026, 16:30 GMT+1: no difference"
    ).wait_for()


def test_figures_without_data_show_a_dash_and_why(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    platform_state.counts["cmp_1"] = {}

    page = signed_in("#/campaigns/cmp_1")

    assert shown_metric(page, "delivery_rate") == (
        "–",
        "The provider has not settled any message yet.",
    )


def test_the_table_behind_each_chart_equals_the_data(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/campaigns/cmp_1")
    status, activity = page.locator("#send-status"), page.locator("#activity")

    status.get_by_role("button", name="Show as table").click()
    activity.get_by_role("button", name="Show as table").click()

    assert table_texts(status) == [
        ["Sent", "763", "76.3%"],
        ["Failed", "36", "3.6%"],
        ["Pending", "201", "20.1%"],
        ["Partial", "0", "0%"],
        ["Total", "1,000", "100%"],
    ]
    # An hour without anything stays visible as such.
    assert table_texts(activity) == [
        ["Nov 20, 16:00 (UTC+01:00)", "1,420", "380", "20"],
        ["Nov 20, 17:00 (UTC+01:00)", "0", "0", "0"],
        ["Nov 20, 18:00 (UTC+01:00)", "92", "90", "60"],
    ]
    assert activity.locator("caption").inner_text() == "Contact message activity"
    assert activity.locator(".plot").is_hidden()


def test_buckets_are_named_by_the_clock_on_the_wall(open_page: Callable[..., Any]) -> None:
    """T2: hours of a day, days of days, months of months, years of years."""
    page = open_page()

    names = page.evaluate(
        """async (asked) => {
            const format = await import(new URL("assets/format.js", location).href);
            return asked.map(([text, granularity]) => format.bucketName(text, granularity).name);
        }""",
        [
            # New York's hour that comes twice.
            ["2026-11-01T01:00-04:00", "hour"],
            ["2026-11-01T01:00-05:00", "hour"],
            ["2026-11-01", "day"],
            ["2026-11", "month"],
            ["2026", "year"],
        ],
    )

    assert names == [
        "Nov 1, 01:00 (UTC-04:00)",
        "Nov 1, 01:00 (UTC-05:00)",
        "Sun, Nov 1, 2026",
        "Nov 2026",
        "2026",
    ]


def test_failures_come_with_their_reason_and_what_to_do(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/campaigns/cmp_1")

    line = page.get_by_role("row").filter(has_text="30007")
    line.wait_for()

    assert line.locator("th, td").all_inner_texts() == [
        "The carrier filtered the message as unwanted.",
        "Review message for spam triggers.",
        "30007",
        "9",
    ]


def test_a_manager_pauses_resumes_and_ends_a_campaign(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/campaigns/cmp_1")
    chip = page.locator(".page-head .chip")

    page.get_by_role("button", name="Pause").click()
    chip.get_by_text("Paused").wait_for()
    page.get_by_role("button", name="Resume").click()
    chip.get_by_text("Active").wait_for()
    page.get_by_role("button", name="End campaign").click()
    page.get_by_role("dialog").get_by_role("button", name="End campaign").click()

    chip.get_by_text("Finished").wait_for()
    assert page.get_by_role("group", name="Actions").get_by_role("button").count() == 0


def test_ending_asks_first_and_can_be_called_off(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/campaigns/cmp_1")

    page.get_by_role("button", name="End campaign").click()
    page.keyboard.press("Escape")

    page.get_by_role("dialog").wait_for(state="detached")
    assert not any("end" in request for request in platform_state.requests)
    assert page.get_by_role("button", name="End campaign").is_enabled()


def test_an_agent_sees_the_campaign_without_actions_or_figures(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/campaigns/cmp_1", email="agent@example.org")

    page.get_by_text("No figures for your role").wait_for()

    assert page.get_by_role("group", name="Actions").get_by_role("button").count() == 0
    assert not any("metrics" in request for request in platform_state.requests)


def test_a_hold_says_why_nothing_is_being_sent(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    platform_state.campaigns[0] = a_campaign("cmp_1", hold_reason=HoldReason.QUIET_HOURS)

    page = signed_in("#/campaigns/cmp_1")

    page.get_by_text("Waiting for allowed hours").wait_for()


# Trouble


def test_an_api_that_is_down_is_said_and_recovers(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/campaigns/cmp_1")
    page.get_by_text("As of").wait_for()

    platform_state.api_is_down = True
    page.clock.fast_forward(POLL_MS)
    page.get_by_text("The figures below are from 16:50:00 GMT+1.").wait_for()
    platform_state.api_is_down = False
    page.get_by_role("button", name="Try now").click()

    page.get_by_role("button", name="Try now").wait_for(state="hidden")


def test_a_campaign_that_is_not_there_is_said_plainly(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/campaigns/cmp_404")

    page.get_by_text("No such campaign").wait_for()


def test_a_slow_answer_shows_that_it_is_being_waited_for(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    platform_state.latency_s = 0.3

    page = signed_in("#/campaigns/cmp_1")

    page.get_by_text("Loading…").wait_for()
    page.get_by_role("heading", name="Autumn check-in").wait_for()


def test_a_hidden_tab_stops_asking_and_a_seen_one_asks_at_once(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in()
    row(page, "Autumn check-in").get_by_text("79.9%").wait_for()

    set_hidden(page, True)
    page.wait_for_timeout(300)
    before = len(platform_state.requests)
    page.clock.fast_forward(10 * POLL_MS)
    page.wait_for_timeout(300)

    assert len(platform_state.requests) == before
    with page.expect_response(re.compile("/v1/campaigns")):
        set_hidden(page, False)


def set_hidden(page: Any, hidden: bool) -> None:
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_markup_in_a_title_stays_text(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    platform_state.campaigns = [a_campaign("cmp_1", title=attack, tags=(attack,))]

    page = signed_in()
    page.get_by_role("link", name=attack).click()
    page.get_by_role("heading", name=attack).wait_for()

    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0


# For everybody, on everything


def test_everything_can_be_done_from_the_keyboard(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.get_by_label("Email").wait_for()

    page.keyboard.type("manager@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Autumn check-in").wait_for()
    tab_to(page, "Autumn check-in")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Autumn check-in").wait_for()
    tab_to(page, "Pause")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Resume").wait_for()
    tab_to(page, "Show as table")
    page.keyboard.press("Space")

    assert page.locator("#send-status table").is_visible()


def test_the_chart_is_read_with_the_arrow_keys(signed_in: Callable[..., Any]) -> None:
    page = signed_in("#/campaigns/cmp_1")
    page.locator("#activity .plot svg").wait_for()

    page.locator("#activity .plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")

    reading = page.locator("#activity .note").inner_text()
    assert reading == "Nov 20, 18:00 (UTC+01:00): 92 messages, 90 delivered, 60 responses"


def tab_to(page: Any, text: str) -> None:
    """Press Tab until the element with *text* has the focus, and see that its focus shows."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == text:
            style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none"
            return
    pytest.fail(f"{text!r} was not reached by Tab")


def test_the_theme_follows_the_system_until_a_person_chooses(
    signed_in: Callable[..., Any],
) -> None:
    page = signed_in(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)

    page.get_by_role("button", name="Theme: auto").click()
    light = page.evaluate(ground)
    page.reload()
    page.get_by_role("button", name="Theme: light").wait_for()

    assert dark == "rgb(15, 21, 19)"
    assert light == "rgb(245, 246, 244)"
    assert page.evaluate(ground) == light


def test_a_change_of_state_is_announced_once(
    signed_in: Callable[..., Any], platform_state: Platform
) -> None:
    page = signed_in("#/campaigns/cmp_1")
    page.get_by_text("As of").wait_for()
    assert page.locator("#announcer").text_content() == ""

    platform_state.counts["cmp_1"]["delivered"] += 101
    page.clock.fast_forward(POLL_MS)

    page.locator("#announcer", has_text="Active, 90% done").wait_for(state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_accessibility_violation(
    open_page: Callable[..., Any], scheme: str
) -> None:
    page = open_page(color_scheme=scheme, reduced_motion="reduce")
    page.get_by_label("Email").wait_for()
    violations = serious_violations(page, scheme)
    sign_in(page, "manager@example.org")
    row(page, "Autumn check-in").get_by_text("79.9%").wait_for()
    violations += serious_violations(page, scheme)
    page.get_by_role("link", name="Autumn check-in").click()
    page.locator("#activity svg").wait_for()
    # One chart as itself, the other as its table.
    page.locator("#send-status").get_by_role("button", name="Show as table").click()
    page.locator("#leads summary").click()
    page.get_by_text("12 on this page").wait_for()
    violations += serious_violations(page, scheme)
    page.get_by_role("link", name="Analytics").click()
    page.locator("#by-hour svg").wait_for()
    violations += serious_violations(page, scheme)
    page.goto(page.url.split("#")[0] + "#/comparison?campaign_ids=cmp_1,cmp_2,cmp_3")
    page.locator("#comparison").wait_for()
    violations += serious_violations(page, scheme)

    assert violations == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "width"), [("wide", 1280), ("phone", 360)])
def test_no_width_or_theme_overflows_and_each_has_its_screenshots(
    open_page: Callable[..., Any], scheme: str, size: str, width: int
) -> None:
    page = open_page(width=width, color_scheme=scheme, reduced_motion="reduce")
    page.get_by_label("Email").wait_for()
    overflow = [screenshot(page, f"sign-in-{size}-{scheme}")]
    sign_in(page, "manager@example.org")
    row(page, "Autumn check-in").get_by_text("79.9%").wait_for()
    overflow.append(screenshot(page, f"campaigns-{size}-{scheme}"))
    page.get_by_role("link", name="Autumn check-in").click()
    page.locator("#activity svg").wait_for()
    page.locator("#leads summary").click()
    page.get_by_text("12 on this page").wait_for()
    overflow.append(screenshot(page, f"campaign-{size}-{scheme}"))
    page.get_by_role("link", name="Analytics").click()
    page.locator("#by-hour svg").wait_for()
    overflow.append(screenshot(page, f"analytics-{size}-{scheme}"))
    page.goto(page.url.split("#")[0] + "#/comparison?campaign_ids=cmp_1,cmp_2,cmp_3")
    page.locator("#comparison").wait_for()
    overflow.append(screenshot(page, f"comparison-{size}-{scheme}"))

    assert overflow == [0, 0, 0, 0, 0]


def screenshot(page: Any, name: str) -> int:
    """Write a picture of the whole page; return by how many pixels it is wider than the window."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width
