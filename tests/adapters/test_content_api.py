"""Links, checks and previews over HTTP: the real function over emulated AWS (M1, M4, M6, M7)."""

from collections.abc import Iterator
from typing import Any

import pytest

from carillon.domain.campaign_media import CampaignMedia
from tests.support.http_api import HttpApi, http_api, violations
from tests.support.management import OFFICE, a_campaign, a_contact_list, a_sender, an_office
from tests.support.requests import Answered, signed_in

_ONE = "/v1/campaigns/{campaign_id}"
LINKS = [{"name": "offer", "url": "https://example.com/a"}]


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        running.keep(an_office(OFFICE), a_contact_list("lst_1", office_id=OFFICE))
        yield running


def send(
    api: HttpApi, method: str, path: str, campaign: str = "", *, role: str = "manager", **event: Any
) -> Answered:
    ids = {"campaign_id": campaign} if campaign else {}
    if method == "PATCH":
        event["headers"] = {"If-Match": "*"}
    claims = signed_in(roles=[role], offices=[OFFICE])
    return api.send(method, path, claims=claims, ids=ids, **event)


def test_links_and_smart_encoding_are_kept_and_the_key_is_shown_to_nobody(api: HttpApi) -> None:
    api.keep(a_campaign("cmp_a", link_key="k" * 32))

    changed = send(api, "PATCH", _ONE, "cmp_a", body={"links": LINKS, "smart_encoding": True})
    shown = send(api, "GET", _ONE, "cmp_a")

    assert changed.status == 200
    assert (shown.json["links"], shown.json["smart_encoding"]) == (LINKS, True)
    assert "link_key" not in shown.json
    assert "k" * 32 not in str(shown)
    assert violations("Campaign", shown.json) == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "example.com", "https://a@example.com/"])
def test_a_link_that_is_no_web_address_is_refused_by_its_field(api: HttpApi, url: str) -> None:
    api.keep(a_campaign("cmp_b"))

    answer = send(api, "PATCH", _ONE, "cmp_b", body={"links": [{"name": "offer", "url": url}]})

    assert (answer.status, answer.json["field"]) == (400, "links")


def test_what_a_campaign_lacks_is_shown_with_it_and_in_the_list(api: HttpApi) -> None:
    api.keep(a_campaign("cmp_c", body="{{ links.offer }}"))

    shown = send(api, "GET", _ONE, "cmp_c")
    listed = send(api, "GET", "/v1/campaigns", query={"tab": "draft"})

    assert shown.json["missing_for_launch"] == ["links"]
    checks = [one["check"] for one in shown.json["content_findings"]]
    assert checks == ["sender_not_named", "opt_out_missing"]
    (same,) = [one for one in listed.json["items"] if one["id"] == "cmp_c"]
    assert same["missing_for_launch"] == ["links"]
    assert same["content_findings"] == shown.json["content_findings"]


def test_a_policy_can_block_a_launch_for_what_the_first_message_does_not_say(
    api: HttpApi,
) -> None:
    api.keep(a_campaign("cmp_d", body="Hi"))
    policy = {"content_checks": "block", "sender_names": ["Food Bank"]}
    send(api, "PUT", "/v1/policy", role="admin", body=policy)

    refused = send(api, "POST", f"{_ONE}/launch", "cmp_d", body={})
    send(api, "PATCH", _ONE, "cmp_d", body={"body": "Food Bank: Hi. Reply STOP to opt out"})
    shown = send(api, "GET", _ONE, "cmp_d")
    send(api, "PUT", "/v1/policy", role="admin", body={})

    assert (refused.status, refused.json["code"]) == (409, "campaign_not_ready")
    assert refused.json["missing"] == ["sender_not_named", "opt_out_missing"]
    assert (shown.json["missing_for_launch"], shown.json["content_findings"]) == ([], [])


def test_a_preview_answers_as_the_contract_says(api: HttpApi) -> None:
    api.keep(a_campaign("cmp_e", body="Hi {{ first_name }}\u2026", list_ids=("lst_1",)))

    body = {"phones": ["+12025550142"]}
    answer = send(api, "POST", f"{_ONE}/preview", "cmp_e", body=body)

    assert answer.status == 200
    assert violations("CampaignPreview", answer.json) == []
    assert [one["problem"] for one in answer.json["contacts"]] == ["contact_not_found"]
    assert send(api, "POST", f"{_ONE}/preview", "cmp_e", role="analyst", body={}).status == 403


PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100


def test_an_uploaded_picture_becomes_part_of_the_campaign(api: HttpApi) -> None:
    """M5."""
    api.keep(a_campaign("cmp_f", sender_ids=()))
    path = f"{_ONE}/media"

    asked = send(api, "POST", path, "cmp_f", body={"upload_type": "image/png"})
    early = send(api, "POST", path, "cmp_f", body={"upload_id": asked.json["upload_id"]})
    api.upload(f"uploads/cmp_f/{asked.json['upload_id']}", PNG, "image/png")
    kept = send(api, "POST", path, "cmp_f", body={"upload_id": asked.json["upload_id"]})
    shown = send(api, "GET", _ONE, "cmp_f")

    assert violations("CampaignMediaAnswer", asked.json) == []
    assert (early.status, early.json["code"]) == (409, "upload_missing")
    assert (kept.status, kept.json["media"][0]["type"]) == (200, "image/png")
    assert shown.json["media"] == kept.json["media"]
    assert violations("Campaign", shown.json) == []
    gone = send(api, "PATCH", _ONE, "cmp_f", body={"unset": ["media"]})
    assert gone.json["media"] == []


def test_files_that_a_senders_provider_does_not_carry_keep_a_campaign_from_its_launch(
    api: HttpApi,
) -> None:
    api.keep(a_sender("snd_bird", office_id=OFFICE, provider="bird"))
    media = (CampaignMedia("med_a", "image/png", 7),)
    api.keep(a_campaign("cmp_g", body="Hi", sender_ids=("snd_bird",), media=media))

    shown = send(api, "GET", _ONE, "cmp_g")

    assert shown.json["missing_for_launch"] == ["media_not_supported"]
