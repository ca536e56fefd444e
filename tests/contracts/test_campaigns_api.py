"""Campaigns over HTTP: what a client sends, and what it is told (K5 to K14, K18)."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from carillon.adapters.dynamodb import entities
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.organisation import OrganisationPolicy
from tests.support.clock import NOON
from tests.support.http_api import HttpApi, http_api, violations
from tests.support.management import OFFICE, a_campaign, a_contact_list, a_sender, an_office
from tests.support.requests import Answered, signed_in

MANAGER = signed_in("usr_1", roles=["manager"], offices=[OFFICE])
COLLEAGUE = signed_in("usr_2", roles=["manager"], offices=[OFFICE])
LIMITED = signed_in("usr_3", roles=["limited"], offices=[OFFICE])
ALL, ONE = "/v1/campaigns", "/v1/campaigns/{campaign_id}"
_UNIQUE = count(1)


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        running.keep(an_office(OFFICE), a_sender(), a_contact_list())
        yield running


def kept(api: HttpApi, **changes: Any) -> Campaign:
    number = next(_UNIQUE)
    campaign = a_campaign(f"cmp_{number}", number=number, **changes)
    api.keep(campaign)
    return campaign


def ask(
    api: HttpApi,
    method: str,
    campaign: Campaign,
    action: str = "",
    *,
    claims: dict[str, Any] = MANAGER,
    **event: Any,
) -> Answered:
    template = f"{ONE}/{action}" if action else ONE
    return api.send(method, template, claims=claims, ids={"campaign_id": campaign.id}, **event)


def listed(api: HttpApi, claims: dict[str, Any] = MANAGER, /, **query: str) -> Answered:
    return api.send("GET", ALL, claims=claims, query=query)


def test_a_list_shows_rows_with_names_menu_card_and_projection(api: HttpApi) -> None:
    campaign = kept(
        api, status=CampaignStatus.PAUSED, launched_at=NOON, tags=("rowed",), agents=("usr_3",)
    )

    answer = listed(api, tags="rowed", vocabulary="outreach")

    assert violations("CampaignList", answer.json) == []
    (row,) = answer.json["items"]
    assert (row["id"], row["number"], row["projection"]) == (
        campaign.id,
        campaign.number,
        "Paused",
    )
    assert (row["office_name"], row["office_timezone"]) == ("Berlin", "Europe/Berlin")
    assert (row["phone_numbers"], row["list_names"]) == (["+12025550100"], ["Members"])
    assert row["menu"][3] == {
        "action": "pause",
        "allowed": False,
        "reason": "already_paused",
        "missing": [],
    }
    assert "resume" in row["allowed_actions"]
    assert row["card"] == {
        "name": "Spring",
        "sending_entity": "Main",
        "type": "sms",
        "number": campaign.number,
        "status": "paused",
        "colour": "amber",
        "created_at": "2026-11-22T12:00:00.000Z",
        "action": "details",
    }
    seen = listed(api, LIMITED, tags="rowed").json["items"]
    assert [(one["id"], one["allowed_actions"]) for one in seen] == [(campaign.id, ["view"])]


def test_a_cursor_leads_through_a_sorted_list_and_is_of_it_alone(api: HttpApi) -> None:
    for title in ("Charlie", "Alpha", "Bravo"):
        kept(api, title=title, tags=("paged",))

    first = listed(api, tab="draft", tags="paged", sort="title", limit="2")
    cursor = first.json["next_cursor"]
    second = listed(api, tab="draft", tags="paged", sort="title", limit="2", cursor=cursor)
    other = listed(api, tab="draft", tags="paged", sort="title", order="desc", cursor=cursor)

    titles = [one["title"] for page in (first, second) for one in page.json["items"]]
    assert titles == ["Alpha", "Bravo", "Charlie"]
    assert (other.status, other.json["code"]) == (400, "cursor_invalid")


def test_titles_are_searched(api: HttpApi) -> None:
    campaign = kept(api, title="Zebra crossing")

    found = listed(api, tab="draft", q="zeb")

    assert [one["id"] for one in found.json["items"]] == [campaign.id]
    assert listed(api, tab="draft", q="z").json["field"] == "q"


@pytest.mark.parametrize(
    ("query", "field"),
    [({"sort": "size"}, "sort"), ({"vocabulary": "french"}, "vocabulary"), ({"tab": "x"}, "tab")],
)
def test_a_query_for_what_there_is_not_is_refused(
    api: HttpApi, query: dict[str, str], field: str
) -> None:
    answer = listed(api, **query)

    assert (answer.status, answer.json["field"]) == (400, field)


def test_a_copy_is_made_once_for_one_key(api: HttpApi) -> None:
    campaign = kept(api, status=CampaignStatus.ACTIVE, launched_at=NOON)
    headers = {"Idempotency-Key": "copy-1"}

    first = ask(api, "POST", campaign, "clone", body={"title": "B"}, headers=headers)
    again = ask(api, "POST", campaign, "clone", body={"title": "B"}, headers=headers)
    other = ask(api, "POST", campaign, "clone", body={"title": "C"}, headers=headers)

    assert (first.status, first.json["status"], first.json["launched_at"]) == (201, "draft", None)
    assert first.headers["ETag"] == '"1"'
    assert again.json["id"] == first.json["id"] != campaign.id
    assert (other.status, other.json["code"]) == (409, "idempotency_key_reused")


def test_a_campaign_is_deleted_as_it_was_seen_and_never_once_it_was_live(api: HttpApi) -> None:
    draft, live = kept(api), kept(api, status=CampaignStatus.PAUSED, launched_at=NOON)

    blind = ask(api, "DELETE", draft)
    stale = ask(api, "DELETE", draft, headers={"If-Match": '"9"'})
    refused = ask(api, "DELETE", live, headers={"If-Match": "*"})
    deleted = ask(api, "DELETE", draft, headers={"If-Match": '"1"'})

    assert (blind.status, stale.status) == (428, 412)
    assert (refused.status, refused.json["reason"]) == (409, "was_launched")
    assert refused.json["state"] == "paused"
    assert "clone" in refused.json["allowed_actions"]
    assert (deleted.status, deleted.json) == (200, {"id": draft.id})
    assert ask(api, "GET", draft).status == 404


def test_pausing_says_which_of_the_combo_are_still_live(api: HttpApi) -> None:
    second = kept(api, status=CampaignStatus.ACTIVE, title="Second")
    first = kept(api, status=CampaignStatus.ACTIVE, linked_campaigns=(second.id,))

    shown = ask(api, "GET", second)
    paused = ask(api, "POST", first, "pause")
    resumed = ask(api, "POST", first, "resume")

    assert [one["id"] for one in shown.json["linked"]] == [first.id]
    assert paused.json["affected"] == [
        {"id": second.id, "number": second.number, "title": "Second", "status": "active"}
    ]
    assert resumed.json["affected"] == []
    assert violations("Campaign", paused.json) == []


def test_a_launch_waits_for_somebody_elses_approval(api: HttpApi) -> None:
    campaign = kept(api)
    entities.PolicyTable().put(OrganisationPolicy(launch_approval=True), NOON)
    try:
        asked = ask(api, "POST", campaign, "launch")
        etag = {"If-Match": asked.headers["ETag"]}
        own = ask(api, "POST", campaign, "approve", body={}, headers=etag)
        blind = ask(api, "POST", campaign, "approve", body={}, claims=COLLEAGUE)
        given = ask(
            api, "POST", campaign, "approve", body={"note": "Go."}, headers=etag, claims=COLLEAGUE
        )
        again = ask(api, "POST", campaign, "approve", body={}, headers=etag, claims=COLLEAGUE)
        launched = ask(api, "POST", campaign, "launch")
    finally:
        entities.PolicyTable().put(OrganisationPolicy(), NOON)

    assert (asked.status, asked.json["status"]) == (200, "draft")
    assert asked.json["approval"]["state"] == "requested"
    assert (own.status, own.json["code"]) == (403, "own_approval")
    assert blind.status == 428
    assert (given.json["approval"]["state"], given.json["approval"]["decided_by"]) == (
        "approved",
        "usr_2",
    )
    assert again.json == given.json
    assert launched.json["status"] == "processing"
    assert violations("Campaign", asked.json) == violations("Campaign", given.json) == []


def test_the_calendar_counts_days_and_shows_one(api: HttpApi) -> None:
    ahead = "2031-05-31T22:30:00Z"
    campaign = kept(api)
    ask(api, "POST", campaign, "schedule", body={"schedule_at": ahead})

    answer = api.send(
        "GET",
        f"{ALL}/calendar",
        claims=MANAGER,
        query={"month": "2031-06", "day": "2031-06-01"},
    )

    assert violations("CampaignCalendar", answer.json) == []
    assert answer.json["days"] == [{"date": "2031-06-01", "count": 1}]
    assert [one["id"] for one in answer.json["entries"]] == [campaign.id]
    assert api.send("GET", f"{ALL}/calendar", claims=MANAGER).json["field"] == "month"


@pytest.mark.parametrize(
    ("status", "kind", "interim"),
    [("finished", "report", False), ("active", "interim", True), ("draft", "details", False)],
)
def test_a_report_says_whether_it_is_final(
    api: HttpApi, status: str, kind: str, interim: bool
) -> None:
    launched_at = None if status == "draft" else NOON
    campaign = kept(api, status=CampaignStatus(status), launched_at=launched_at)

    answer = ask(api, "GET", campaign, "report")

    assert violations("CampaignReport", answer.json) == []
    assert (answer.json["kind"], answer.json["interim"]) == (kind, interim)
    assert (answer.json["figures"] is None) is (kind == "details")
