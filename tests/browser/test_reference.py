"""The page that shows the HTTP API to a reader, in a real browser (needs no sign-in)."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from carillon.domain.permissions import PERMISSIONS
from tests.support.dashboard_server import DASHBOARD, a_page_event, load_dashboard

pytestmark = pytest.mark.browser

ASSETS = DASHBOARD / "assets"
SCRIPT_LIMIT_BYTES = 40_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_operation_is_shown_and_nothing_is_wider_than_the_screen(
    open_page: Callable[..., Any], width: int, scheme: str
) -> None:
    page = open_page("reference", width=width, color_scheme=scheme)

    page.locator(".operation").first.wait_for()

    assert page.locator(".operation").count() == len(PERMISSIONS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_address_leads_to_an_operation_and_from_it_to_its_body(
    open_page: Callable[..., Any],
) -> None:
    page = open_page("reference#createCampaign")

    page.locator("#createCampaign details[open]").wait_for()
    page.locator("#createCampaign").get_by_role("link", name="NewCampaign").click()

    field = page.locator("#schema-NewCampaign tr").filter(has_text="office_id")
    assert "required" in field.inner_text()
    assert page.evaluate("location.hash") == "#schema-NewCampaign"


def test_an_operation_is_found_with_the_keyboard_alone(open_page: Callable[..., Any]) -> None:
    page = open_page("reference")
    page.locator(".operation").first.wait_for()

    page.keyboard.press("/")
    page.keyboard.type("erase")

    shown = page.locator(".contents .group li:visible")
    assert shown.count() == 1
    assert "/contacts/{phone}/erase" in shown.inner_text()
    assert page.locator("#announcer").inner_text() == "1 operation"


def test_paper_shows_what_the_screen_folds_away(open_page: Callable[..., Any]) -> None:
    page = open_page("reference")
    page.locator(".operation").first.wait_for()

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")

    assert page.locator(".operation details:not([open])").count() == 0
    assert not page.locator("#contents").is_visible()


def test_the_function_serves_page_and_contract_to_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_POOL_CLIENT_ID", "client-1")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "https://cognito-idp.eu-west-1.amazonaws.com/")
    monkeypatch.setenv("ORGANISATION_NAME", "Bell")
    module = load_dashboard()

    page, contract = (
        module.lambda_handler(a_page_event(path, path=path), None)
        for path in ("/reference", "/openapi.json")
    )

    assert page["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page["headers"]["Content-Security-Policy"]
    assert contract["headers"]["Content-Type"] == "application/json"
    assert json.loads(contract["body"])["openapi"] == "3.1.0"


def test_the_page_is_small_and_holds_no_address_but_its_own() -> None:
    page = (ASSETS / "reference.html").read_text()
    referred = set(re.findall(r'(?:src|href)="([^"#]+)"', page))

    assert (ASSETS / "reference.js").stat().st_size < SCRIPT_LIMIT_BYTES
    assert all((ASSETS / name.removeprefix("assets/")).is_file() for name in referred)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
