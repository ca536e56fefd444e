"""The public function behind short links: where it leads, what it says of itself (M6)."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carillon.domain.ids import lead_key
from carillon.domain.short_links import Link, code_for
from tests.support.messages import KEY, LEAD, PHONE, a_claim, submit
from tests.support.sending import a_campaign
from tests.support.sending_functions import Deployment, deployment

LINK_KEY = "0123456789abcdef0123456789abcdef"
URL = "https://shop.example.com/spring?utm=sms#top"
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Safari/604.1"
CODE = code_for("cmp_a", LINK_KEY, KEY, 0)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        links = (Link("offer", URL),)
        made.stores.keep_campaign(a_campaign(links=links, link_key=LINK_KEY))
        submit(made.stores.messages, a_claim(), 1)
        yield made


def an_event(
    code: str | None, method: str = "GET", request: str = "request-1", **headers: str
) -> dict[str, Any]:
    """Return what the HTTP API hands on; without *code*, of its ``$default`` route."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} /{{code}}" if code is not None else "$default",
        "rawPath": f"/{quote(code or 'a/b')}",
        "headers": {"user-agent": BROWSER, **headers},
        "requestContext": {"http": {"method": method}, "requestId": request},
        "isBase64Encoded": False,
    }
    return event | ({"pathParameters": {"code": code}} if code is not None else {})


def test_a_link_leads_to_the_recorded_address_and_nobody_may_keep_the_answer(
    deployed: Deployment,
) -> None:
    answer = deployed.invoke("follow_links", an_event(CODE))

    assert (answer["statusCode"], answer["body"]) == (302, "")
    assert answer["headers"] == {
        "Location": URL,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
    }
    row = deployed.stores.row(LEAD)
    assert row is not None
    assert row["clicks_0"] == 1


def test_a_head_request_is_answered_alike_and_counted_as_a_machines(deployed: Deployment) -> None:
    answer = deployed.invoke("follow_links", an_event(CODE, "HEAD", "request-2"))

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, URL)
    row = deployed.stores.row(LEAD)
    assert row is not None
    assert row["machine_clicks_0"] == 1


@pytest.mark.parametrize(
    "event",
    [
        an_event("a" * 15),
        an_event(CODE[:-1] + ("0" if CODE[-1] != "0" else "1")),
        an_event(code_for("cmp_a", "f" * 32, KEY, 0)),
        an_event(code_for("cmp_a", LINK_KEY, lead_key("+12025550199"), 0)),
        an_event(code_for("cmp_a", LINK_KEY, KEY, 1)),
        an_event("https://evil.example/"),
        an_event("favicon.ico"),
        an_event(None),
        an_event(None, "POST"),
    ],
)
def test_anything_else_is_a_page_without_a_link(
    deployed: Deployment, event: dict[str, Any]
) -> None:
    answer = deployed.invoke("follow_links", event)

    assert answer["statusCode"] == 404
    assert "Location" not in answer["headers"]
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert answer["headers"]["Content-Security-Policy"] == "default-src 'none'"
    assert "href" not in answer["body"]
    assert "leads nowhere" in answer["body"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(code=st.text(max_size=30), query=st.text(max_size=20), referer=st.text(max_size=20))
def test_nothing_in_a_request_decides_where_it_is_led(
    deployed: Deployment, code: str, query: str, referer: str
) -> None:
    event = an_event(code, host=query, referer=referer) | {"rawQueryString": query}

    answer = deployed.invoke("follow_links", event)

    assert answer["statusCode"] in (200, 404)
    assert "Location" not in answer["headers"]


def test_crawlers_are_asked_to_stay_away(deployed: Deployment) -> None:
    answer = deployed.invoke("follow_links", an_event("robots.txt"))

    assert (answer["statusCode"], answer["body"]) == (200, "User-agent: *\nDisallow: /\n")


def test_neither_code_nor_person_reaches_the_log(
    deployed: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.invoke("follow_links", an_event(CODE, request="request-9"))
    deployed.invoke("follow_links", an_event("b" * 15))

    logged = "".join(capsys.readouterr())
    assert "link_opened" in logged
    assert "link_not_found" in logged
    for secret in (CODE, KEY, PHONE, "b" * 15, LINK_KEY, "shop.example.com"):
        assert secret not in logged


def test_a_click_too_soon_after_the_text_is_a_machines(deployed: Deployment) -> None:
    """The row's times are of 2026-11-22; what comes now is later than any of them."""
    other = lead_key("+12025550143")
    claim = a_claim("claim-9", type(LEAD)(LEAD.pk, other), phone="+12025550143")
    submit(deployed.stores.messages, claim, 3600 * 24 * 3650)

    deployed.invoke("follow_links", an_event(code_for("cmp_a", LINK_KEY, other, 0)))

    row = deployed.stores.row(type(LEAD)(LEAD.pk, other))
    assert row is not None
    assert "clicked_at" not in row
    assert row["machine_clicks_0"] == 1
