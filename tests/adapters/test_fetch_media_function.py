"""Files of inbound messages through the functions, composed as in Lambda."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from carillon.adapters.system_clock import SystemClock
from carillon.domain.clock import to_iso
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from tests.support.messages import PHONE
from tests.support.sending import a_sender
from tests.support.sending_functions import Deployment, a_batch, an_inbound_message, deployment

URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        yield made


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What every name stands for; while it is empty, no name is known."""
    addresses: list[str] = []
    really = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **more: Any) -> list[Any]:
        if host == "127.0.0.1":
            # The emulated tables.
            return really(host, port, *args, **more)
        if not addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return addresses


def with_files(*urls: str, sid: str = "SMin1", **changes: Any) -> dict[str, Any]:
    """Return what provider_webhooks enqueues for an inbound message with files."""
    message = an_inbound_message("look", sid, **changes)
    media = {f"MediaUrl{number}": [url] for number, url in enumerate(urls)}
    payload = {**message["payload"], "NumMedia": [str(len(urls))], **media}
    return {**message, "payload": payload}


def row_of(deployed: Deployment, task: dict[str, Any]) -> dict[str, Any]:
    return deployed.stores.row(RowRef(task["pk"], task["sk"])) or {}


def test_each_file_of_an_inbound_message_is_noted_and_waits_to_be_fetched(
    deployed: Deployment,
) -> None:
    batch = a_batch(with_files(URL, f"{URL}2"), an_inbound_message("no files", "SMin2"))

    assert deployed.invoke("process_inbound", batch) == NOTHING_FAILED

    tasks = deployed.queued("MEDIA")
    assert [task["index"] for task in tasks] == [0, 1]
    assert {task["sk"] for task in tasks} == {f"{lead_key(PHONE)}#in#SMin1"}
    assert {task["correlation_id"] for task in tasks} == {"request-8"}
    assert row_of(deployed, tasks[0])["media_urls"] == [URL, f"{URL}2"]


def test_a_file_is_refused_once_and_the_others_of_its_batch_have_their_own_fate(
    deployed: Deployment, address: list[str]
) -> None:
    address.append("169.254.169.254")
    deployed.invoke("process_inbound", a_batch(with_files(URL, "http://api.twilio.com/x")))
    first, second = deployed.queued("MEDIA")
    strange = {**first, "sk": "nobody#in#SM9"}
    batch = a_batch(first, "[]", '{"pk": "a"}', strange, second, {**first, "index": 7})

    answer = deployed.invoke("fetch_media", batch)

    assert answer == {
        "batchItemFailures": [{"itemIdentifier": name} for name in ("m1", "m2", "m3", "m5")]
    }
    assert row_of(deployed, first)["media"] == {
        "0": {"problem": "forbidden_address"},
        "1": {"problem": "bad_address"},
    }
    # Said again, it is done.
    address.clear()
    assert deployed.invoke("fetch_media", a_batch(first, second)) == NOTHING_FAILED


def test_a_file_that_is_not_there_yet_comes_back_when_it_may_be(
    deployed: Deployment, address: list[str]
) -> None:
    now = to_iso(SystemClock().now())
    deployed.invoke("process_inbound", a_batch(with_files(URL, received_at=now)))
    url = deployed.queue_urls["MEDIA"]
    (taken,) = deployed.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    batch = a_batch(json.loads(taken["Body"]))
    batch["Records"][0]["receiptHandle"] = taken["ReceiptHandle"]

    answer = deployed.invoke("fetch_media", batch)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert row_of(deployed, json.loads(taken["Body"]))["media"] == {}
    # It is hidden for a while, and not for the twelve minutes of the queue.
    assert "Messages" not in deployed.sqs.receive_message(QueueUrl=url)


def test_a_file_that_has_not_come_for_long_is_noted_as_missing(
    deployed: Deployment, address: list[str]
) -> None:
    # "received_at" is days ago.
    deployed.invoke("process_inbound", a_batch(with_files(URL)))
    (task,) = deployed.queued("MEDIA")

    assert deployed.invoke("fetch_media", a_batch(task)) == NOTHING_FAILED

    assert row_of(deployed, task)["media"] == {"0": {"problem": "unresolved"}}


def test_neither_address_nor_secret_of_a_file_is_logged(
    deployed: Deployment, address: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    address.append("10.0.0.1")
    deployed.invoke("process_inbound", a_batch(with_files(URL)))
    (task,) = deployed.queued("MEDIA")
    deployed.invoke("fetch_media", a_batch(task, {**task, "index": 3}))

    logged = str([vars(record) for record in caplog.records])

    assert "forbidden_address" in logged
    assert not [word for word in (URL, "ME1", "north-token", PHONE, "10.0.0.1") if word in logged]
