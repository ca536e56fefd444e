"""From a change of a row to another system's endpoint, as the functions are composed (T11)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb.items import to_item
from carillon.adapters.media import SafeFetcher
from functions.deliver_webhooks import app as deliver_webhooks
from functions.publish_events import app as publish_events
from tests.support.clock import NOON
from tests.support.http_api import HttpApi, http_api
from tests.support.management import OFFICE
from tests.support.raw_server import RawServer, Says, answer, raw_server
from tests.support.requests import Answered, signed_in
from tests.support.webhooks import signatures_hold

MANAGER = signed_in(roles=["manager"], offices=[OFFICE])
HOST = "hooks.example.com"
PHONE = "+12025550142"


@pytest.fixture
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        publish_events.build.cache_clear()
        deliver_webhooks.build.cache_clear()
        yield running
        publish_events.build.cache_clear()
        deliver_webhooks.build.cache_clear()


def ask(api: HttpApi, method: str, path: str, **event: Any) -> Any:
    result: Answered = api.send(method, path, claims=MANAGER, **event)
    assert result.status < 300, result.json
    return result.json


def an_endpoint(api: HttpApi, *types: str) -> dict[str, Any]:
    body = {
        "url": f"https://{HOST}/in",
        "event_types": types or ["message.delivered"],
        "office_id": OFFICE,
    }
    made: dict[str, Any] = ask(api, "POST", "/v1/webhooks", body=body)
    return made


def changed(table: str, sk: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a change as a stream brings it."""
    pk = "CMP#cmp_a" if sk == "CMP" else "cmp_a#00000"
    return {
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:1:table/{table}/stream/x",
        "dynamodb": {
            "ApproximateCreationDateTime": NOON.timestamp(),
            "SequenceNumber": "111",
            "Keys": to_item({"pk": pk, "sk": sk}),
            "OldImage": to_item({"pk": pk, "sk": sk, **old}),
            "NewImage": to_item({"pk": pk, "sk": sk, **new}),
        },
    }


def a_delivered_lead() -> dict[str, Any]:
    row = {"kind": "lead", "office_id": OFFICE, "phone": PHONE, "provider_id": "SM1"}
    return changed(
        "Messages", "0" * 32, {**row, "status": "submitted"}, {**row, "status": "delivered"}
    )


def deliver(api: HttpApi, server: RawServer) -> None:
    """Hand over what waits in the queue, with *server* behind the endpoint's name."""
    port = server.url.rpartition(":")[2].strip("/")
    reached = SafeFetcher(resolve=lambda *_: ["127.0.0.1"], trusted=[f"{HOST}:{port}"])

    class Caller:
        """Reaches the server instead of port 443."""

        def post(self, url: str, body: bytes, headers: Any) -> int:
            there = url.replace(f"https://{HOST}", f"http://{HOST}:{port}")
            return reached.post(there, body, headers)

    real = deliver_webhooks.build()
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 150_000)
    with pytest.MonkeyPatch.context() as patched:
        composed = replace(real, caller=Caller())
        patched.setattr(deliver_webhooks, "build", lambda: composed)
        while bodies := api.queued("delivery"):
            records = [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
            handled = deliver_webhooks.lambda_handler({"Records": records}, context)
            assert handled == {"batchItemFailures": []}


def deliveries(api: HttpApi, webhook_id: str) -> list[dict[str, Any]]:
    ids = {"webhook_id": webhook_id}
    found = ask(api, "GET", "/v1/webhooks/{webhook_id}/deliveries", ids=ids)
    return list(found["items"])


def test_a_delivered_message_reaches_the_endpoint_once_signed(api: HttpApi) -> None:
    made = an_endpoint(api)
    event = {"Records": [a_delivered_lead()]}

    assert publish_events.lambda_handler(event, None) == {"batchItemFailures": []}
    # The stream's batch came twice.
    publish_events.lambda_handler(event, None)
    with raw_server(Says(answer(status="204 No Content")), Says(answer())) as server:
        deliver(api, server)

        (heard,) = server.heard
    head, _, body = heard.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    sent_at = NOON.fromtimestamp(int(headers["webhook-timestamp"]), NOON.tzinfo)
    assert signatures_hold(headers, body, made["secret"], at=sent_at)
    told = json.loads(body)
    assert (told["type"], told["data"]["status"]) == ("message.delivered", "delivered")
    assert PHONE not in body.decode()
    (kept,) = deliveries(api, made["id"])
    assert (kept["status"], kept["response_status"]) == ("delivered", 204)


def test_a_campaigns_launch_is_told(api: HttpApi) -> None:
    made = an_endpoint(api, "campaign.launched")
    row = {"id": "cmp_a", "office_id": OFFICE}
    record = changed("Control", "CMP", {**row, "status": "processing"}, {**row, "status": "active"})

    publish_events.lambda_handler({"Records": [record]}, None)
    with raw_server(Says(answer())) as server:
        deliver(api, server)

    assert [one["type"] for one in deliveries(api, made["id"])] == ["campaign.launched"]


def test_what_failed_is_queued_again_by_the_minutes_tick(api: HttpApi) -> None:
    made = an_endpoint(api)
    publish_events.lambda_handler({"Records": [a_delivered_lead()]}, None)
    with raw_server(Says(answer(status="400 Bad Request"))) as server:
        deliver(api, server)
    (kept,) = deliveries(api, made["id"])
    assert (kept["status"], kept["attempts"], kept["error"]) == ("pending", 1, "refused")

    assert deliver_webhooks.lambda_handler({"source": "aws.events"}, None) is None
    assert api.queued("delivery") == []
    _let_it_be_due()
    deliver_webhooks.lambda_handler({"source": "aws.events"}, None)
    with raw_server(Says(answer())) as server:
        deliver(api, server)
    (kept,) = deliveries(api, made["id"])
    assert (kept["status"], kept["attempts"]) == ("delivered", 2)


def _let_it_be_due() -> None:
    """Put the time of the one delivery that waits into the past."""
    client, past = boto3.client("dynamodb"), "2026-01-01T00:00:00.000Z"
    (item,) = client.scan(TableName="DeliveriesTable")["Items"]
    item["next_at"] = {"S": past}
    item["gsi1sk"] = {"S": f"{past}#{item['event_id']['S']}"}
    client.put_item(TableName="DeliveriesTable", Item=item)


def test_a_test_arrives_and_is_listed(api: HttpApi) -> None:
    made = an_endpoint(api)
    ids = {"webhook_id": made["id"]}
    tried = ask(api, "POST", "/v1/webhooks/{webhook_id}/test", ids=ids)

    with raw_server(Says(answer())) as server:
        deliver(api, server)

    (kept,) = deliveries(api, made["id"])
    assert (kept["event_id"], kept["type"]) == (tried["event_id"], "webhook.test")
    assert kept["status"] == "delivered"


def test_a_secret_is_shown_when_it_is_made_and_never_again(api: HttpApi) -> None:
    made = an_endpoint(api)
    ids = {"webhook_id": made["id"]}

    rotated = ask(api, "POST", "/v1/webhooks/{webhook_id}/rotate", ids=ids)
    shown = ask(api, "GET", "/v1/webhooks/{webhook_id}", ids=ids)
    listed = ask(api, "GET", "/v1/webhooks")
    changed_ = ask(api, "PATCH", "/v1/webhooks/{webhook_id}", ids=ids, body={"enabled": False})

    assert made["secret"] != rotated["secret"]
    for answered in (shown, listed, changed_):
        text = json.dumps(answered)
        assert "whsec_" not in text
        assert made["secret"][6:] not in text
    assert (changed_["enabled"], changed_["disabled"]) == (False, "by_hand")


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://localhost/"])
def test_an_endpoint_that_would_never_be_called_is_refused(api: HttpApi, url: str) -> None:
    body = {"url": url, "event_types": ["message.sent"], "office_id": OFFICE}
    refused = api.send("POST", "/v1/webhooks", claims=MANAGER, body=body)

    assert (refused.status, refused.json["code"], refused.json["field"]) == (
        400,
        "webhook_url",
        "url",
    )


def test_a_record_that_cannot_be_read_holds_up_nobody(
    api: HttpApi, capsys: pytest.CaptureFixture[str]
) -> None:
    an_endpoint(api)
    broken: dict[str, Any] = {"dynamodb": {"NewImage": {"phone": {"S": PHONE}}}}

    handled = publish_events.lambda_handler({"Records": [broken, a_delivered_lead()]}, None)

    assert handled == {"batchItemFailures": []}
    assert len(api.queued("delivery")) == 1
    assert PHONE not in capsys.readouterr().out
