"""What the dashboard's function answers, and what its files may hold: no browser needed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.dashboard_server import DASHBOARD, a_page_event, load_dashboard

ASSETS = DASHBOARD / "assets"
FIRST_LOAD_LIMIT_BYTES = 150_000


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what sends a GET to a fresh copy of the function."""
    monkeypatch.setenv("USER_POOL_CLIENT_ID", "client-1")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "https://cognito-idp.eu-west-1.amazonaws.com/")
    monkeypatch.setenv("ORGANISATION_NAME", "Bell & Daughters")
    module = load_dashboard()

    def get(resource: str, path: str | None = None, **event: Any) -> dict[str, Any]:
        answer = module.lambda_handler(a_page_event(resource, path=path or resource, **event), None)
        assert isinstance(answer, dict)
        return answer

    return get


def test_the_page_forbids_everything_that_is_not_its_own(ask: Any) -> None:
    headers = ask("/")["headers"]

    assert headers["Content-Security-Policy"] == (
        "default-src 'self'; "
        "connect-src 'self' https://cognito-idp.eu-west-1.amazonaws.com; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'; "
        "require-trusted-types-for 'script'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]


def test_the_configuration_holds_what_a_sign_in_needs_and_nothing_else(ask: Any) -> None:
    answer = ask("/config.json")

    assert json.loads(answer["body"]) == {
        "organisation": "Bell & Daughters",
        "client_id": "client-1",
        "identity_endpoint": "https://cognito-idp.eu-west-1.amazonaws.com/",
    }


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("styles.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml; charset=utf-8"),
    ],
)
def test_an_asset_is_served_with_its_type(ask: Any, file: str, content_type: str) -> None:
    answer = ask("/assets/{file}", f"/assets/{file}", file=file)

    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == content_type
    assert answer["body"] == (ASSETS / file).read_text()


@pytest.mark.parametrize(
    "file", ["../app.py", "..%2Fapp.py", "app.py", "/etc/passwd", "", "main.js/", "index.html", "."]
)
def test_whatever_is_not_on_the_list_is_a_404_problem(ask: Any, file: str) -> None:
    answer = ask("/assets/{file}", f"/assets/{file}", file=file)

    assert answer["statusCode"] == 404
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"])["code"] == "not_found"


def test_a_file_the_browser_already_has_is_not_sent_again(ask: Any) -> None:
    first = ask("/")

    again = ask("/", headers={"If-None-Match": first["headers"]["ETag"]})

    assert (again["statusCode"], again["body"]) == (304, "")
    assert first["headers"]["Cache-Control"] == "no-cache"


def test_the_stage_without_its_slash_is_redirected_once(ask: Any) -> None:
    event = a_page_event("/", path="/")
    event["requestContext"]["path"] = "/app"
    module = load_dashboard()

    first = module.lambda_handler(event, None)
    second = module.lambda_handler({**event, "queryStringParameters": {"slash": ""}}, None)

    assert (first["statusCode"], first["headers"]["Location"]) == (308, "/app/?slash")
    assert second["statusCode"] == 200


def test_the_first_load_stays_small() -> None:
    scripts = sum(path.stat().st_size for path in ASSETS.glob("*.js"))

    assert scripts <= FIRST_LOAD_LIMIT_BYTES


def test_the_page_refers_to_files_that_exist_by_relative_addresses() -> None:
    page = (ASSETS / "index.html").read_text()
    referred = re.findall(r'(?:src|href)="([^"#]+)"', page)
    imported = {
        name
        for path in _own_scripts()
        for name in re.findall(r'from "\./([\w.]+)"', path.read_text())
    }

    assert all((ASSETS / name.removeprefix("assets/")).is_file() for name in referred)
    assert all(name.startswith("assets/") for name in referred)
    # Each module is fetched at once, not when its importer has been read.
    assert {f"assets/{name}" for name in imported} <= set(referred)


def test_no_page_holds_inline_script_or_style() -> None:
    page = (ASSETS / "index.html").read_text()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def test_no_script_of_ours_turns_text_into_markup() -> None:
    sinks = r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"

    assert [path.name for path in _own_scripts() if re.search(sinks, path.read_text())] == []


def _own_scripts() -> list[Path]:
    return [*ASSETS.glob("*.js")]
