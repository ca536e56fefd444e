"""The deployed API: what only a gateway, real tokens and presigned links can show."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from carillon.adapters.dynamodb.conversations import DynamoConversations
from infra.local.platform import LocalPlatform
from tests.support.conversations import a_conversation
from tests.support.http_api import violations

pytestmark = pytest.mark.platform


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Client:
    """Somebody with a token, or without."""

    base: str
    token: str = ""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Return the answer to one request; keywords are headers (``If_Match``)."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return _reply(answer)
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error)


def _reply(answer: Any) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status, headers, json.loads(answer.read() or b"null"))


@dataclass(frozen=True)
class Deployed:
    """A platform with one office, an admin, its manager, and nobody."""

    platform: LocalPlatform
    boss: Client
    manager: Client
    nobody: Client
    office_id: str


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with LocalPlatform() as platform:
        admin = platform.add_person("admin@example.com", role="admin")
        boss = Client(platform.api_url, platform.sign_in(admin))
        office = {"name": "Berlin", "timezone": "Europe/Berlin"}
        office_id = boss.send("POST", "/v1/offices", office).body["id"]
        person = platform.add_person("manager@example.com", role="manager", offices=[office_id])
        manager = Client(platform.api_url, platform.sign_in(person))
        yield Deployed(platform, boss, manager, Client(platform.api_url), office_id)


def assert_problem(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.body["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert violations("Problem", reply.body) == []


def test_a_cognito_user_is_known_by_their_groups(deployed: Deployed) -> None:
    reply = deployed.manager.send("GET", "/v1/me")

    assert reply.status == 200
    assert (reply.body["role"], reply.body["offices"]) == ("manager", [deployed.office_id])


@pytest.mark.parametrize("path", ["/v1/me", "/v1/campaigns", "/v1/analytics/summary"])
def test_without_a_token_the_gateway_answers_a_401_problem(deployed: Deployed, path: str) -> None:
    reply = deployed.nobody.send("GET", path)

    assert_problem(reply, 401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"


def test_a_forged_token_is_a_401_problem(deployed: Deployed) -> None:
    head, claims, _ = deployed.manager.token.split(".")

    forged = Client(deployed.nobody.base, f"{head}.{claims}.{'A' * 342}")

    assert_problem(forged.send("GET", "/v1/me"), 401, "unauthenticated")


def test_an_id_token_is_not_an_access_token(deployed: Deployed) -> None:
    platform = deployed.platform
    person = platform.add_person("other@example.com", role="admin")
    answer = platform.client("cognito-idp").initiate_auth(
        ClientId=platform.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )
    client = Client(deployed.nobody.base, answer["AuthenticationResult"]["IdToken"])

    assert_problem(client.send("GET", "/v1/me"), 401, "unauthenticated")


def test_an_unknown_route_is_a_404_problem(deployed: Deployed) -> None:
    assert_problem(deployed.manager.send("GET", "/v1/nowhere"), 404, "route_not_found")


def test_the_functions_problems_pass_the_gateway_as_they_are(deployed: Deployed) -> None:
    reply = deployed.manager.send("POST", "/v1/lists", {"name": ""}, X_Correlation_Id="abc-1")

    assert_problem(reply, 400, "invalid_input")
    assert reply.headers["x-correlation-id"] == reply.body["correlation_id"] == "abc-1"


def test_a_file_goes_up_by_its_link_and_its_import_starts(deployed: Deployed) -> None:
    manager = deployed.manager
    new_list = {"name": "Members", "office_id": deployed.office_id}
    list_id = manager.send("POST", "/v1/lists", new_list).body["id"]
    made = manager.send("POST", f"/v1/lists/{list_id}/imports").body
    start = f"/v1/lists/{list_id}/imports/{made['import']['id']}/start"
    upload = made["upload"]

    assert_problem(manager.send("POST", start, {}), 409, "upload_missing")
    data = b"phone,first_name\n+12025550111,Ann\n"
    put = urllib.request.Request(upload["url"], data, upload["headers"], method=upload["method"])
    with urllib.request.urlopen(put, timeout=30) as answer:
        assert answer.status == 200
    started = manager.send("POST", start, {})

    assert (started.status, started.body["size"]) == (202, len(data))


def test_a_campaign_is_created_once_changed_by_etag_and_refused_when_stale(
    deployed: Deployed,
) -> None:
    manager = deployed.manager
    new = {"title": "Spring", "office_id": deployed.office_id, "body": "Hi {{ first_name }}"}

    first = manager.send("POST", "/v1/campaigns", new, Idempotency_Key="k1")
    again = manager.send("POST", "/v1/campaigns", new, Idempotency_Key="k1")
    path = f"/v1/campaigns/{first.body['id']}"
    changed = manager.send("PATCH", path, {"title": "Summer"}, If_Match=first.headers["etag"])
    stale = manager.send("PATCH", path, {"title": "Autumn"}, If_Match=first.headers["etag"])

    assert (first.status, again.body) == (201, first.body)
    assert (changed.status, changed.body["title"]) == (200, "Summer")
    assert_problem(stale, 412, "version_conflict")
    assert_problem(manager.send("POST", f"{path}/launch"), 409, "campaign_not_ready")


def _done(manager: Client, path: str) -> Any:
    """Return the import or export of opt-outs at *path* once it is done."""
    for _ in range(150):
        job = manager.send("GET", path).body
        if job["status"] == "done":
            return job
        time.sleep(0.1)
    raise AssertionError(f"{path} is still {job['status']}")


def test_opt_outs_go_in_by_a_file_come_out_by_another_and_one_is_taken_back(
    deployed: Deployed,
) -> None:
    manager, opt_outs = deployed.manager, "/v1/opt-outs"
    made = manager.send("POST", f"{opt_outs}/imports", {"reason": "A fair."}).body
    imported, upload = f"{opt_outs}/imports/{made['import']['id']}", made["upload"]
    data = b"phone\n+12025550121\n+12025550122\nno number\n"
    put = urllib.request.Request(upload["url"], data, upload["headers"], method=upload["method"])
    with urllib.request.urlopen(put, timeout=30) as answer:
        assert answer.status == 200
    assert manager.send("POST", f"{imported}/start", {}).status == 202
    job = _done(manager, imported)
    assert (job["created"], job["invalid"]) == (2, 1)

    query = urllib.parse.urlencode({"reason": "A typing error."})
    removed = manager.send("DELETE", f"{opt_outs}/12025550122?{query}")
    listed = manager.send("GET", f"{opt_outs}?phone=1202555012").body
    export = manager.send("POST", f"{opt_outs}/exports").body
    url = _done(manager, f"{opt_outs}/exports/{export['id']}")["url"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        lines = answer.read().decode("utf-8-sig").splitlines()

    assert (removed.status, removed.body["opted_out"]) == (200, False)
    assert removed.body["entries"][0]["reason"] == "A typing error."
    assert [one["phone"] for one in listed["items"]] == ["+12025550121"]
    assert [line.partition(",")[0] for line in lines] == ["phone", "'+12025550121"]


def test_an_inbox_is_worked_off_through_the_gateway(deployed: Deployed) -> None:
    """Literal paths beside a parameter, two tables in one transaction, three indexes."""
    manager = deployed.manager
    table = deployed.platform.outputs["ConversationsTable"]
    conversation = a_conversation(
        campaign_id=None,
        office_id=deployed.office_id,
        first_name="Ada",
        needs_attention=True,
        last_inbound_at=datetime.now(UTC),
    )
    DynamoConversations(deployed.platform.client("dynamodb"), table).save(conversation)
    path = f"/v1/conversations/{conversation.id}"

    listed = manager.send("GET", "/v1/conversations?section=needs_attention")
    found = manager.send("GET", "/v1/conversations?q=ada")
    counted = manager.send("GET", "/v1/conversations/counts")
    begun = manager.send("GET", "/v1/conversations/updates")
    seen = manager.send("GET", path)
    replied, late = (
        manager.send("POST", f"{path}/messages", {"text": text}, If_Match=seen.headers["etag"])
        for text in ("Hello", "Hi")
    )
    told = manager.send("GET", f"/v1/conversations/updates?wait_s=5&after={begun.body['after']}")
    transcript = manager.send("GET", f"{path}/messages")
    opted_out = manager.send("POST", f"{path}/opt-out")
    refused = manager.send("POST", f"{path}/messages", {"text": "Hi"}, If_Match="*")

    assert [one["id"] for one in listed.body["items"]] == [conversation.id]
    assert [one["id"] for one in found.body["items"]] == [conversation.id]
    assert counted.body["sections"]["needs_attention"] == {"number": 1, "at_least": False}
    assert (replied.status, late.status) == (202, 412)
    assert [one["id"] for one in told.body["items"]] == [conversation.id]
    assert [(one["author"], one["text"]) for one in transcript.body["items"]] == [
        ("agent", "Hello")
    ]
    assert opted_out.body["opt_out"] == "manual"
    assert_problem(refused, 409, "contact_opted_out")


def test_a_canned_reply_comes_and_goes_through_the_gateway(deployed: Deployed) -> None:
    manager = deployed.manager
    new = {"office_id": deployed.office_id, "title": "Hours", "text": "Hi {{ first_name }}"}

    made = manager.send("POST", "/v1/canned-replies", new)
    removed = manager.send("DELETE", f"/v1/canned-replies/{made.body['id']}")

    assert (made.status, removed.status) == (201, 200)
    assert manager.send("GET", "/v1/canned-replies").body["items"] == []


# API keys, users and the audit log (P2 to P4) --------------------------------------


def test_a_key_opens_the_api_until_it_is_revoked_and_only_to_whom_it_was_shown(
    deployed: Deployed,
) -> None:
    made = deployed.boss.send(
        "POST", "/v1/api-keys", {"name": "ETL", "role": "analyst", "offices": [deployed.office_id]}
    )
    machine = Client(deployed.platform.api_url, made.body["secret"])
    forger = Client(deployed.platform.api_url, made.body["secret"][:-1] + "x")

    me = machine.send("GET", "/v1/me")
    assert (me.status, me.body["subject"], me.body["key"]) == (200, made.body["id"], "live")
    assert (me.body["role"], me.body["offices"]) == ("analyst", [deployed.office_id])
    assert machine.send("POST", "/v1/offices", {"name": "x", "timezone": "UTC"}).status == 403
    assert_problem(forger.send("GET", "/v1/me"), 401, "unauthenticated")

    shown = deployed.boss.send("GET", f"/v1/api-keys/{made.body['id']}")
    assert "secret" not in shown.body
    assert shown.body["last_used_at"] is not None
    assert deployed.boss.send("POST", f"/v1/api-keys/{made.body['id']}/revoke").status == 200
    # The gateway keeps what it was told for a minute, for each way of writing the header.
    asked_anew = machine.send("GET", "/v1/me", Authorization=f"bearer {made.body['secret']}")
    assert_problem(asked_anew, 401, "unauthenticated")


def test_a_user_who_is_disabled_does_not_come_in_with_the_token_that_they_have(
    deployed: Deployed,
) -> None:
    person = deployed.platform.add_person("leaver@example.com", role="agent")
    token = deployed.platform.sign_in(person)
    listed = deployed.boss.send("GET", "/v1/users").body["items"]
    (user,) = [one for one in listed if one["email"] == "leaver@example.com"]

    disabled = deployed.boss.send("POST", f"/v1/users/{user['id']}/disable")

    assert (disabled.status, disabled.body["status"]) == (200, "disabled")
    refused = Client(deployed.platform.api_url, token).send("GET", "/v1/me")
    assert_problem(refused, 401, "unauthenticated")


def test_an_invited_user_is_listed_with_role_and_offices(deployed: Deployed) -> None:
    wanted = {"email": "new@example.com", "role": "agent", "offices": [deployed.office_id]}

    made = deployed.boss.send("POST", "/v1/users", wanted)

    assert (made.status, made.body["status"], made.body["role"]) == (201, "invited", "agent")
    members = deployed.boss.send("GET", f"/v1/offices/{deployed.office_id}/members")
    assert made.body["id"] in [one["id"] for one in members.body["items"]]


def test_what_was_changed_is_in_the_audit_log_within_seconds(deployed: Deployed) -> None:
    changed = deployed.boss.send("PATCH", f"/v1/offices/{deployed.office_id}", {"name": "Hamburg"})
    assert changed.status == 200

    def entries() -> list[Any]:
        path = f"/v1/audit-log?object_id={deployed.office_id}"
        found: list[Any] = deployed.boss.send("GET", path).body["items"]
        return [one for one in found if one["act"] == "changed"]

    deadline = time.monotonic() + 20
    while not entries() and time.monotonic() < deadline:
        time.sleep(0.2)

    (entry,) = entries()
    assert (entry["before"], entry["after"]) == ({"name": "Berlin"}, {"name": "Hamburg"})
    assert entry["actor"] == deployed.boss.send("GET", "/v1/me").body["subject"]
