"""The machine's clock follows the date in AWS's answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from carillon.adapters import aws, system_clock
from carillon.adapters.system_clock import ServerTime, SystemClock

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def server_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerTime]:
    """A process whose clock nobody else sets."""
    fresh = ServerTime()
    monkeypatch.setattr(system_clock, "server_time", fresh)
    monkeypatch.setattr(aws, "server_time", fresh)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    aws.client.cache_clear()
    yield fresh
    aws.client.cache_clear()


def answering(client: Any, status: int, date: datetime | None) -> None:
    """Let every request of *client* be answered without a network, with *date*."""
    headers = {} if date is None else {"date": format_datetime(date, usegmt=True)}

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, status, headers, _Raw(b"{}"))

    client.meta.events.register("before-send", answer)


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(minutes=-10)])
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_of_aws_sets_a_wrong_clock_right(
    server_time: ServerTime, ahead: timedelta, status: int
) -> None:
    client = aws.client("sqs")
    answering(client, status, datetime.now(UTC) + ahead)

    try:
        client.list_queues()
    except client.exceptions.ClientError:
        assert status == 400

    assert abs(SystemClock().now() - datetime.now(UTC) - ahead) < timedelta(seconds=2)


def test_an_answer_without_a_date_changes_nothing(server_time: ServerTime) -> None:
    client = aws.client("sqs")
    answering(client, 200, None)

    client.list_queues()

    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Sun, 22 Nov 2026 12:10:00 GMT", NOON + timedelta(minutes=10)),
        ("Sun, 22 Nov 2026 11:50:00 GMT", NOON - timedelta(minutes=10)),
        # The way an answer takes is no skew.
        ("Sun, 22 Nov 2026 11:59:58 GMT", NOON),
        ("yesterday", NOON),
        ("", NOON),
    ],
)
def test_what_a_date_says_of_the_time(date: str, expected: datetime) -> None:
    told = ServerTime(host_now=lambda: NOON)

    told.learn(date)

    assert told.now() == expected


def test_a_clock_that_is_right_again_is_believed_again() -> None:
    told = ServerTime(host_now=lambda: NOON)
    told.learn("Sun, 22 Nov 2026 12:10:00 GMT")

    told.learn("Sun, 22 Nov 2026 12:00:00 GMT")

    assert told.now() == NOON
