"""Whose click it is: people told from scanners and previews (M6)."""

from datetime import timedelta

import pytest

from carillon.domain.clicks import TOO_SOON, Machine, Opening, machine_of
from tests.support.messages import after

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/124.0.0.0 Mobile Safari/537.36"
)


def an_opening(agent: str = IPHONE, *, method: str = "GET", **headers: str) -> Opening:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Opening(method, {"user-agent": agent, **named}, after(60), "request-1")


@pytest.mark.parametrize(
    "opening",
    [
        an_opening(),
        an_opening(ANDROID, sec_fetch_mode="navigate", sec_fetch_dest="document"),
        # Browsers inside apps, and a phone whose maker is called Cubot.
        an_opening(f"{IPHONE} [FBAN/FBIOS;FBAV/460.0]"),
        an_opening(f"{IPHONE} Instagram 330.0"),
        an_opening(ANDROID.replace("Pixel 8", "CUBOT_X18")),
        an_opening(ANDROID.replace("Pixel 8", "CUBOT NOTE 20")),
    ],
)
def test_a_phones_browser_is_a_persons(opening: Opening) -> None:
    assert machine_of(opening, after(0)) is None


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        (an_opening(method="HEAD"), Machine.HEAD),
        (an_opening(sec_purpose="prefetch;prerender"), Machine.PREFETCH),
        (an_opening(purpose="prefetch"), Machine.PREFETCH),
        (an_opening(x_purpose="preview"), Machine.PREFETCH),
        (an_opening(x_moz="prefetch"), Machine.PREFETCH),
        (an_opening(sec_fetch_mode="no-cors"), Machine.NOT_NAVIGATION),
        (an_opening(sec_fetch_dest="image"), Machine.NOT_NAVIGATION),
        (an_opening(""), Machine.NO_AGENT),
        (an_opening("-"), Machine.NO_AGENT),
    ],
)
def test_how_a_machine_asks_gives_it_away(opening: Opening, reason: Machine) -> None:
    assert machine_of(opening, after(0)) is reason


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko)"
        " Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " HeadlessChrome/120.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "python-requests/2.31.0",
        "Go-http-client/2.0",
        "Java/17.0.1",
        "okhttp/4.12.0",
        "Mozilla/5.0 (compatible; Barracuda Sentinel)",
    ],
)
def test_a_machine_that_says_its_name_is_one(agent: str) -> None:
    assert machine_of(an_opening(agent), after(0)) is Machine.SCANNER_AGENT


def test_nobody_opens_a_link_before_it_has_reached_the_phone() -> None:
    handed_over_at = after(60) - TOO_SOON

    assert machine_of(an_opening(), handed_over_at + timedelta(milliseconds=1)) is Machine.TOO_SOON
    assert machine_of(an_opening(), handed_over_at) is None


def test_without_a_time_of_the_hand_over_a_click_is_a_persons() -> None:
    assert machine_of(an_opening(), None) is None
