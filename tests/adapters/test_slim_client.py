"""The sender's own DynamoDB client on the wire: what it says, repeats, believes and refuses."""

import json
import zlib
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    OperationNotPageableError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from botocore.retries import standard

from carillon.adapters import aws
from carillon.adapters.dynamodb import slim
from carillon.adapters.dynamodb.slim import MOST_ATTEMPTS, SlimClient
from carillon.adapters.system_clock import ServerTime
from tests.support.raw_server import Says, answer, raw_server

KEY = {"pk": {"S": "cmp_a#00000"}, "sk": {"S": "0a1b"}}
GET: dict[str, Any] = {"TableName": "MessagesTable", "Key": KEY, "ConsistentRead": True}
CONDITIONAL = "ConditionalCheckFailedException"


def client_of(url: str) -> SlimClient:
    return aws.slim_client(boto3s(url), Credentials("AKIA1", "secret", "token"), url)


def boto3s(url: str, **config: Any) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIA1",
        aws_secret_access_key="secret",
        config=Config(**config),
    )


def says(body: Any, status: str = "200 OK", **headers: str) -> Says:
    """Return an answer as DynamoDB gives it, with its checksum."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers.setdefault("x_amz_crc32", str(zlib.crc32(raw)))
    return Says(answer(raw, status, **headers))


def refuses(code: str, status: str = "400 Bad Request", **more: Any) -> Says:
    words = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "No.", **more}
    return says(words, status)


OK = says({"Item": KEY})


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how long is waited between attempts, and do not wait."""
    noted: list[float] = []
    monkeypatch.setattr(slim, "sleep", noted.append)
    return noted


def test_a_request_is_the_operations_json_signed() -> None:
    with raw_server(OK) as server:
        client_of(server.url).get_item(**GET)

    (heard,) = server.heard
    head, _, body = heard.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST / HTTP/1.1"
    assert "X-Amz-Target: DynamoDB_20120810.GetItem" in lines
    assert "Content-Type: application/x-amz-json-1.0" in lines
    assert "Accept-Encoding: identity" in lines
    assert "X-Amz-Security-Token: token" in lines
    assert "Authorization: AWS4-HMAC-SHA256 Credential=AKIA1/" in head
    assert "/eu-central-1/dynamodb/aws4_request" in head
    assert json.loads(body) == GET


def test_an_answer_has_the_shape_that_boto3_gives_it() -> None:
    item = {**KEY, "n": {"N": "7"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}}
    with raw_server(*[says({"Item": item}, x_amzn_requestid="R1")] * 2) as server:
        ours = client_of(server.url).get_item(**GET)
        theirs = boto3s(server.url).get_item(**GET)

    for found in (ours, theirs):
        del found["ResponseMetadata"]["HTTPHeaders"]
    assert ours == theirs


def test_a_refused_condition_is_boto3s_error_with_the_standing_item_and_not_repeated() -> None:
    put = {"TableName": "T", "Item": KEY, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    with raw_server(*[refuses(CONDITIONAL, Item=KEY)] * 2) as server:
        with pytest.raises(ClientError) as ours:
            client_of(server.url).put_item(**put)
        with pytest.raises(ClientError) as theirs:
            boto3s(server.url).put_item(**put)

    assert len(server.heard) == 2
    assert str(ours.value) == str(theirs.value)
    assert ours.value.response["Error"] == theirs.value.response["Error"]
    assert ours.value.response["Item"] == theirs.value.response["Item"] == KEY


@pytest.mark.parametrize(
    "failure",
    [
        refuses("ThrottlingException"),
        refuses("ProvisionedThroughputExceededException"),
        refuses("RequestLimitExceeded"),
        refuses("ReplicatedWriteConflictException"),
        refuses("InternalServerError", "500 Internal Server Error"),
        says(b"<html>busy</html>", "503 Service Unavailable"),
        Says(hangs_up=True),
        Says(answer(b'{"Item": {}}')[:-3], hangs_up=True),
        says({"Item": {}}, x_amz_crc32="1"),
        Says(answer(b"{}")),
        says(b"<html>a page</html>"),
        says(b"[]"),
        says(b""),
    ],
    ids=[
        "throttled",
        "throughput",
        "limit",
        "replica",
        "500",
        "503 of a gateway",
        "lost answer",
        "truncated",
        "bad checksum",
        "no checksum",
        "not JSON",
        "no object",
        "nothing",
    ],
)
def test_what_may_pass_is_tried_again(failure: Says, waits: list[float]) -> None:
    with raw_server(failure, failure, OK) as server:
        found = client_of(server.url).get_item(**GET)

    assert found["Item"] == KEY
    assert found["ResponseMetadata"]["RetryAttempts"] == 2
    assert len({heard.partition(b"\r\n\r\n")[2] for heard in server.heard}) == 1
    assert len(waits) == 2
    assert 0 <= waits[0] <= 1
    assert 0 <= waits[1] <= 2


@pytest.mark.parametrize(
    "failure",
    [
        refuses("ValidationException"),
        refuses("AccessDeniedException"),
        refuses("ResourceNotFoundException"),
        refuses("ItemCollectionSizeLimitExceededException"),
        says(b"", "403 Forbidden"),
        says(b"", "302 Found", Location="http://elsewhere.invalid/"),
    ],
)
def test_what_stays_refused_is_not_tried_again(failure: Says, waits: list[float]) -> None:
    with raw_server(failure) as server, pytest.raises(ClientError):
        client_of(server.url).get_item(**GET)

    assert len(server.heard) == 1
    assert waits == []


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (refuses("ThrottlingException"), ClientError),
        (refuses("InternalServerError", "500 Internal Server Error"), ClientError),
        (Says(hangs_up=True), ConnectionClosedError),
        (says({"Item": {}}, x_amz_crc32="1"), ChecksumError),
        (Says(answer(b"{}")), ChecksumError),
        (says(b"<html></html>"), ResponseParserError),
    ],
)
def test_after_the_last_attempt_the_failure_is_told_as_botocore_tells_it(
    failure: Says, error: type[Exception], waits: list[float]
) -> None:
    with raw_server(*[failure] * MOST_ATTEMPTS) as server, pytest.raises(error):
        client_of(server.url).get_item(**GET)

    assert len(server.heard) == MOST_ATTEMPTS == 5
    assert len(waits) == 4


def test_where_nobody_listens_every_attempt_fails_as_botocores() -> None:
    with raw_server() as server:
        gone = server.url

    with pytest.raises(EndpointConnectionError):
        client_of(gone).get_item(**GET)


def test_a_silent_dynamodb_is_a_read_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "_READ_TIMEOUT_S", 0.03)
    with raw_server(*[Says()] * MOST_ATTEMPTS) as server, pytest.raises(ReadTimeoutError):
        client_of(server.url).get_item(**GET)

    assert len(server.heard) == MOST_ATTEMPTS


def test_retries_stop_when_their_quota_is_used_up_and_successes_fill_it_again() -> None:
    busy = refuses("ThrottlingException")
    # 500 in all, five for a retry, four retries a call: for 25 calls.
    with raw_server(*[busy] * 125, busy, OK, busy, *[OK] * 5, busy, OK) as server:
        client = client_of(server.url)
        for _ in range(25):
            with pytest.raises(ClientError):
                client.get_item(**GET)
        assert len(server.heard) == 125

        with pytest.raises(ClientError):
            client.get_item(**GET)
        assert len(server.heard) == 126
        client.get_item(**GET)
        with pytest.raises(ClientError):
            client.get_item(**GET)
        assert len(server.heard) == 128

        for _ in range(5):
            client.get_item(**GET)
        assert client.get_item(**GET)["ResponseMetadata"]["RetryAttempts"] == 1


def test_the_codes_that_are_retried_are_those_of_botocore() -> None:
    throttled = standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    passing = standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES
    model = boto3s("http://127.0.0.1").meta.service_model
    modelled = {
        shape.name
        for name in slim.OPERATIONS
        for shape in model.operation_model(name).error_shapes
        if "retryable" in shape.metadata
    }

    assert set(throttled) == slim.THROTTLING_CODES
    assert {*passing, *modelled} == slim.PASSING_CODES


def test_a_misspelt_parameter_is_refused_before_anything_is_sent() -> None:
    with raw_server() as server:
        client = client_of(server.url)

        with pytest.raises(ParamValidationError, match="ConditionExpresion"):
            client.put_item(TableName="T", Item=KEY, ConditionExpresion="attribute_not_exists(pk)")

    assert server.heard == []


def test_a_query_is_paged_to_its_end() -> None:
    pages = [
        says({"Items": [KEY], "LastEvaluatedKey": KEY}),
        says({"Items": [], "LastEvaluatedKey": {"pk": {"S": "next"}}}),
        says({"Items": [KEY]}),
    ]
    with raw_server(*pages) as server:
        paged = client_of(server.url).get_paginator("query").paginate(TableName="T")

        assert [page["Items"] for page in paged] == [[KEY], [], [KEY]]

    asked = [json.loads(heard.partition(b"\r\n\r\n")[2]) for heard in server.heard]
    assert [one.get("ExclusiveStartKey") for one in asked] == [None, KEY, {"pk": {"S": "next"}}]


def test_nothing_but_a_query_has_pages_here() -> None:
    with pytest.raises(OperationNotPageableError):
        client_of("http://127.0.0.1").get_paginator("scan")


def test_every_answer_sets_our_clock_also_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[str] = []

    class Listening(ServerTime):
        def learn(self, date: str) -> None:
            learned.append(date)

    monkeypatch.setattr(slim, "server_time", Listening())
    dates = [f"Sun, 22 Nov 2026 12:00:0{second} GMT" for second in (1, 1, 2, 3)]
    busy = Says(answer(b"{}", "500 Internal Server Error", Date=dates[3]))
    with raw_server(*(says({}, Date=date) for date in dates[:3]), busy, says({})) as server:
        client = client_of(server.url)
        for _ in range(4):
            client.get_item(**GET)

    assert learned == [dates[0], dates[2], dates[3]]


def test_it_is_boto3s_client_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    aws.client.cache_clear()
    aws.sending_dynamodb.cache_clear()
    try:
        assert not isinstance(aws.sending_dynamodb(), SlimClient)
        monkeypatch.delenv("HTTPS_PROXY")
        aws.sending_dynamodb.cache_clear()
        assert isinstance(aws.sending_dynamodb(), SlimClient)
    finally:
        aws.client.cache_clear()
        aws.sending_dynamodb.cache_clear()
