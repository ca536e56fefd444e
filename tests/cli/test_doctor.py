"""What the doctor makes of what it sees."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from infra.cli import app
from infra.cli.doctor import (
    Finding,
    of_clock,
    of_dead_queues,
    of_sender,
    of_webhook_answer,
    outputs_of,
)
from tests.support.recording_server import RecordingServer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("Tue, 24 Nov 2026 12:00:03 GMT", "ok"),
        ("Tue, 24 Nov 2026 11:59:30 GMT", "warning"),
        ("Tue, 24 Nov 2026 12:05:00 GMT", "failed"),
        ("Tue, 24 Nov 2026 12:00:00 -0000", "skipped"),
        ("yesterday", "skipped"),
        ("", "skipped"),
    ],
)
def test_clocks_far_apart_are_an_error_and_no_date_is_none(date: str, state: str) -> None:
    assert of_clock({"date": date}, NOW).state == state


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (403, b"Forbidden", "ok"),
        (403, b'{"message": "Forbidden"}', "failed"),
        (200, b"", "failed"),
        (404, b"", "failed"),
        (502, b"", "failed"),
    ],
)
def test_only_our_own_refusal_of_an_unsigned_call_is_well(
    status: int, body: bytes, state: str
) -> None:
    assert of_webhook_answer(status, body).state == state


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"status": "active"}, "ok"),
        ({"status": "suspended"}, "warning"),
        ({"status": "active", "problem": "The secret is missing."}, "failed"),
    ],
)
def test_a_sender_with_a_problem_is_an_error(said: dict[str, str], state: str) -> None:
    assert of_sender({"id": "snd_1", "provider": "twilio", **said}).state == state


_STACKS = """
<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStacksResult><Stacks><member>
  <StackName>carillon</StackName><CreationTime>2026-11-24T12:00:00Z</CreationTime>
  <StackStatus>CREATE_COMPLETE</StackStatus>
  <Outputs>{outputs}</Outputs>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>
"""
_OUTPUT = "<member><OutputKey>{}</OutputKey><OutputValue>{}</OutputValue></member>"
_ERROR = b"""
<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>No.</Message></Error>
</ErrorResponse>
"""


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    """CloudFormation for stacks, and moto for queues; no API."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("CARILLON_API_URL", "https://api.invalid")
    monkeypatch.setenv("CARILLON_API_KEY", "crl_live_key")
    with RecordingServer() as server, mock_aws():
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.base_url)
        yield server


def a_stack_of(**queues: int) -> bytes:
    """Describe a stack with a queue for each of *queues*, which holds so many messages."""
    sqs, outputs = boto3.client("sqs"), []
    for name, depth in queues.items():
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        for _ in range(depth):
            sqs.send_message(QueueUrl=url, MessageBody="{}")
        outputs.append(_OUTPUT.format(name, url))
    return _STACKS.format(outputs="".join(outputs)).encode()


def of_stack() -> list[Finding]:
    outputs, trouble = outputs_of("carillon")
    return [trouble] if trouble else of_dead_queues(outputs)


def test_what_was_given_up_is_found_in_the_stacks_queues(cloudformation: RecordingServer) -> None:
    cloudformation.says(200, a_stack_of(ImportDeadQueueUrl=0, SendDeadQueueUrl=2))

    assert of_stack() == [Finding("SendDeadQueueUrl", "failed", "About 2 given up.")]


def test_empty_queues_are_well(cloudformation: RecordingServer) -> None:
    cloudformation.says(200, a_stack_of(ImportDeadQueueUrl=0, SendDeadQueueUrl=0))

    assert of_stack() == [Finding("dead queues", "ok", "All 2 are empty.")]


def test_a_stack_that_aws_does_not_show_is_skipped_with_the_reason(
    cloudformation: RecordingServer,
) -> None:
    cloudformation.says(403, _ERROR)

    assert of_stack() == [
        Finding("dead queues", "skipped", "AWS refused to show them (AccessDenied).")
    ]


def test_a_stack_without_our_queues_is_not_taken_for_a_deployment(
    cloudformation: RecordingServer,
) -> None:
    cloudformation.says(200, a_stack_of())

    result = CliRunner().invoke(app, ["doctor", "--stack", "carillon"])

    assert result.exit_code == 2
    assert "no dead-letter queues" in result.stderr
