"""What an assistant knows, kept and tried out over HTTP: the real function over emulated AWS."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.http_api import HttpApi, http_api, violations
from tests.support.management import OFFICE, a_campaign, an_office
from tests.support.requests import Answered, signed_in

_KNOWLEDGE = "/v1/campaigns/{campaign_id}/knowledge"
_ENTRY = "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"
_TRY = "/v1/campaigns/{campaign_id}/assistant/try"


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        running.keep(an_office(OFFICE))
        yield running


def send(
    api: HttpApi, method: str, path: str, campaign: str, entry: str = "", **event: Any
) -> Answered:
    ids = {"campaign_id": campaign, "entry_id": entry}
    claims = signed_in(roles=["manager"], offices=[OFFICE])
    return api.send(method, path, claims=claims, ids=ids, **event)


def test_an_answer_that_was_put_is_what_the_assistant_would_say(api: HttpApi) -> None:
    api.keep(a_campaign("cmp_a"))
    body = {"answer": "From 9 to 5.", "questions": ["When are you open?"], "keywords": ["hours"]}

    put = send(api, "PUT", _ENTRY, "cmp_a", "opening-hours", body=body)
    listed = send(api, "GET", _KNOWLEDGE, "cmp_a")
    tried = send(api, "POST", _TRY, "cmp_a", body={"text": "HOURS?"})

    assert listed.json["items"] == [put.json]
    assert put.json | body == put.json
    assert tried.json == {
        "outcome": "answer",
        "text": "From 9 to 5.",
        "reason": None,
        "score": 1.0,
        "sources": ["opening-hours"],
        "segments": 1,
    }
    assert violations("KnowledgeList", listed.json) == []


def test_what_was_deleted_or_switched_off_is_not_said(api: HttpApi) -> None:
    api.keep(a_campaign("cmp_b"))
    for name, enabled in (("parking", True), ("prices", False)):
        body = {"answer": f"About {name}.", "questions": [name], "enabled": enabled}
        send(api, "PUT", _ENTRY, "cmp_b", name, body=body)

    before = send(api, "POST", _TRY, "cmp_b", body={"text": "parking?"})
    off = send(api, "POST", _TRY, "cmp_b", body={"text": "prices?"})
    removed = send(api, "DELETE", _ENTRY, "cmp_b", "parking")
    after = send(api, "POST", _TRY, "cmp_b", body={"text": "parking?"})

    assert before.json["outcome"] == "answer"
    assert (off.json["outcome"], off.json["reason"]) == ("hand_over", "not_sure")
    assert (removed.status, removed.json) == (200, {"id": "parking"})
    assert (after.json["outcome"], after.json["reason"]) == ("hand_over", "no_knowledge")


def test_a_wrong_entry_is_a_problem_that_names_its_field(api: HttpApi) -> None:
    api.keep(a_campaign("cmp_c"))

    reserved = send(api, "PUT", _ENTRY, "cmp_c", "a", body={"answer": "x", "keywords": ["stop"]})
    unknown = send(api, "PUT", _ENTRY, "cmp_c", "a", body={"answer": "x", "question": ["y"]})

    assert (reserved.status, reserved.json["code"]) == (400, "keyword_reserved")
    assert reserved.json["field"] == "keywords"
    assert (unknown.status, unknown.json["field"]) == (400, "question")
    assert send(api, "GET", _KNOWLEDGE, "cmp_c").json["items"] == []
