"""
The dashboard on the local platform: the real template, gateway, sign-in, API, stream and counters.

Only the send path is stood in for: the rows it would write are put into the
messages table, and everything after them is real.
"""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from carillon.adapters.dynamodb.schema import (
    GSI1_PK,
    SHELF,
    campaign_pk,
    part_pk,
    shelf_of,
    tab_pk,
)
from infra.local.platform import LocalPlatform
from tests.browser.conftest import SCREENSHOTS, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.platform]

AT = "2026-11-20T15:31:00.000Z"
STARTED_AT = "2026-11-20T15:30:00.000Z"
LEADS = 10


@dataclass(frozen=True)
class Deployed:
    """A platform with one running campaign, and the admin's token."""

    platform: LocalPlatform
    token: str
    campaign_id: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return _call(self.platform, self.token, method, path, body)

    def settle(self, first: int, last: int, **changes: str) -> None:
        """Write the rows of leads *first* to *last* as the send path would leave them."""
        messages = self.platform.client("dynamodb")
        for number in range(first, last):
            row = {
                "kind": "lead",
                "office_id": "off_1",
                "status": "delivered",
                "submitted_at": AT,
                "final_at": AT,
                **changes,
            }
            item = {name: {"S": value} for name, value in row.items()}
            key = {"pk": {"S": part_pk(self.campaign_id, 0)}, "sk": {"S": f"lead{number}"}}
            messages.put_item(
                TableName=self.platform.outputs["MessagesTable"],
                Item={**key, **item, "segments": {"N": "1"}},
            )


def _call(platform: LocalPlatform, token: str, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        platform.api_url + path,
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def deployed(browser: Any) -> Iterator[Deployed]:
    """Ask for the browser first: without one there is no use in starting the platform."""
    with LocalPlatform() as platform:
        admin = platform.add_person("admin@example.com", role="admin")
        token = platform.sign_in(admin)
        office = _call(
            platform, token, "POST", "/v1/offices", {"name": "Berlin", "timezone": "Europe/Berlin"}
        )
        new = {"title": "On the platform", "office_id": office["id"], "body": "Hello"}
        campaign = _call(
            platform,
            token,
            "POST",
            "/v1/campaigns",
            {**new, "sender_ids": [], "list_ids": []},
        )
        _make_active(platform, campaign["id"], office["id"])
        yield Deployed(platform, token, campaign["id"])


def _make_active(platform: LocalPlatform, campaign_id: str, office_id: str) -> None:
    """Put the campaign where launching and planning leave it."""
    platform.client("dynamodb").update_item(
        TableName=platform.outputs["ControlTable"],
        Key={"pk": {"S": campaign_pk(campaign_id)}, "sk": {"S": "CMP"}},
        UpdateExpression="SET #s = :s, launched_at = :at, #t = :n, parts = :one,"
        f" {GSI1_PK} = :tab, {SHELF} = :shelf",
        ExpressionAttributeNames={"#s": "status", "#t": "total"},
        ExpressionAttributeValues={
            ":s": {"S": "active"},
            ":at": {"S": STARTED_AT},
            ":n": {"N": str(LEADS)},
            ":one": {"N": "1"},
            ":tab": {"S": tab_pk("active")},
            ":shelf": {"S": shelf_of(office_id, "active")},
        },
    )


def test_a_person_signs_in_and_watches_the_counters_move(browser: Any, deployed: Deployed) -> None:
    admin = deployed.platform.add_person("admin@example.com", role="admin")
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(deployed.platform.dashboard_url)
    sign_in(page, admin.email, "not the password")
    page.get_by_text("The email or the password is not right.").wait_for()

    sign_in(page, admin.email, admin.password)
    page.get_by_role("link", name="On the platform").wait_for()
    deployed.settle(0, 4)
    page.get_by_text("40% · 4 of 10").wait_for()
    page.get_by_role("link", name="On the platform").click()
    deployed.settle(4, 8)
    page.get_by_text("80% · 8 of 10").wait_for()
    deployed.settle(8, 10, status="failed", error_code="30003")
    page.get_by_text("100% · 10 of 10, 2 failed").wait_for()

    expected = deployed.call("GET", f"/v1/campaigns/{deployed.campaign_id}/metrics")["metrics"]
    shown = {
        key: page.locator(f'[data-metric="{key}"] .value').first.inner_text() for key in expected
    }
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "platform-wide-light.png", full_page=True)
    page.close()
    assert shown["initials_sent"] == "10 of 10"
    assert shown["delivery_rate"] == "80%"
    whole = {key: figure["value"] for key, figure in expected.items()}
    counts = {key: value for key, value in whole.items() if isinstance(value, int)}
    assert {key: int(shown[key].split()[0].rstrip("%")) for key in counts} == counts
    assert {key: shown[key] for key, value in whole.items() if value is None} == {
        "median_agent_response_time": "–",
        "p90_agent_response_time": "–",
        "p95_agent_response_time": "–",
        "contacts_per_sender": "–",
    }
    assert complaints == []


def test_pausing_on_the_page_pauses_the_campaign(browser: Any, deployed: Deployed) -> None:
    admin = deployed.platform.add_person("admin@example.com", role="admin")
    page = browser.new_page()
    page.goto(f"{deployed.platform.dashboard_url}#/campaigns/{deployed.campaign_id}")
    sign_in(page, admin.email, admin.password)

    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()

    campaign = deployed.call("GET", f"/v1/campaigns/{deployed.campaign_id}")
    page.close()
    assert campaign["status"] == "paused"
