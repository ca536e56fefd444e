"""
DynamoDB for the path of a message: seven operations, called as boto3's client has them.

It speaks the documented JSON API (AWS JSON 1.0) over kept connections. Where the service is,
who we are and which parameters an operation has are botocore's to say. An operation costs
about 0.1 ms of CPU, boto3's 1.15 (infra/decisions/2026-11-24-slim-dynamodb-client.md).

Errors are botocore's own: ClientError for what DynamoDB refuses, ReadTimeoutError and the
like for what stays without an answer. Tried again are the same failures as by botocore's
"standard" retries, as often, with the same waits and out of a quota of the same size.

What it lacks against boto3's client: binary attributes (they stay base64 text), the checks
of a parameter's type and of nested names, proxies, and all other operations.
"""

import json
import secrets
import zlib
from collections.abc import Iterator, Mapping
from time import gmtime, sleep, strftime
from typing import Any

from botocore.exceptions import (
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    OperationNotPageableError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from botocore.retries.quota import RetryQuota

from carillon.adapters.kept_connections import Answer, CallFailed, KeptConnections, NotSent
from carillon.adapters.signing import Signer
from carillon.adapters.system_clock import server_time

OPERATIONS = (
    *("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query"),
    *("TransactWriteItems", "UpdateItem"),
)
_TARGET = "DynamoDB_20120810."
_HEADERS = "Accept-Encoding: identity\r\nUser-Agent: carillon\r\n"

MOST_ATTEMPTS = 5
_LONGEST_WAIT_S = 20.0
# What botocore takes for passing: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_PASSING_STATUSES = frozenset({500, 502, 503, 504})
PASSING_CODES = frozenset(
    {
        "RequestTimeout",
        "RequestTimeoutException",
        "PriorRequestNotComplete",
        # Of the service: another region's write came between.
        "ReplicatedWriteConflictException",
    }
)
THROTTLING_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestThrottled",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
    }
)
_RETRIED_CODES = PASSING_CODES | THROTTLING_CODES
# What a retry takes from the quota, and what a call that needs none gives back.
_RETRY_COST = 5
_TIMEOUT_COST = 10
_GIVEN_BACK = 1

_jitter = secrets.SystemRandom().random
_encode = json.JSONEncoder(separators=(",", ":")).encode

Parameters = Mapping[str, frozenset[str]]


class SlimClient:
    """A client of the ``OPERATIONS``; safe for threads."""

    def __init__(
        self, endpoint_url: str, connections: KeptConnections, signer: Signer, known: Parameters
    ) -> None:
        """*known* holds the parameters of each operation: a misspelt condition is none."""
        self._endpoint_url = endpoint_url
        self._connections = connections
        self._signer = signer
        self._known = known
        self._quota = RetryQuota()
        self._last_date = ""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return up to 100 items of several tables, and the keys that were not processed."""
        return self._call("BatchGetItem", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """Delete one item."""
        return self._call("DeleteItem", request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Return one item, if it is there."""
        return self._call("GetItem", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Store one item."""
        return self._call("PutItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        """Return one page of a partition's items."""
        return self._call("Query", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Write several items, all or none; tried again, it is one and the same transaction."""
        token = request.get("ClientRequestToken") or secrets.token_hex(16)
        return self._call("TransactWriteItems", {**request, "ClientRequestToken": token})

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Change one item."""
        return self._call("UpdateItem", request)

    def get_paginator(self, operation_name: str) -> "_QueryPages":
        """Return what pages through ``query``, the only operation here that has pages."""
        if operation_name != "query":
            raise OperationNotPageableError(operation_name=operation_name)
        return _QueryPages(self)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if unknown := request.keys() - self._known[operation]:
            # DynamoDB would pass over a name that it does not know.
            raise ParamValidationError(report=f"{operation} has no {', '.join(sorted(unknown))}")
        body = _encode(request).encode()
        given_back = _GIVEN_BACK
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                result = self._once(operation, body, attempt)
            except _Passing as failure:
                if attempt == MOST_ATTEMPTS or not self._quota.acquire(failure.cost):
                    raise failure.error from failure.__cause__
                given_back = failure.cost
                sleep(_jitter() * min(2 ** (attempt - 1), _LONGEST_WAIT_S))
            else:
                self._quota.release(given_back)
                return result
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, operation: str, body: bytes, attempt: int) -> dict[str, Any]:
        """Make one attempt; raises _Passing for what may be tried again."""
        at = strftime("%Y%m%dT%H%M%SZ", gmtime())
        signed = self._signer.headers(_TARGET + operation, body, at)
        try:
            answer = self._connections.post("/", signed + _HEADERS, body)
        except CallFailed as error:
            cost = _TIMEOUT_COST if error.timed_out else _RETRY_COST
            raise _Passing(self._unanswered(error), cost) from error
        self._note_its_time(answer)
        result = _result(answer, attempt)
        if answer.status < 300:
            return result
        refused = ClientError(result, operation)
        if answer.status in _PASSING_STATUSES or result["Error"]["Code"] in _RETRIED_CODES:
            raise _Passing(refused)
        raise refused

    def _note_its_time(self, answer: Answer) -> None:
        """Set our clock by the answer's date; the same one again tells no more."""
        date = answer.headers.get("date", "")
        if date and date != self._last_date:
            self._last_date = date
            server_time.learn(date)

    def _unanswered(self, error: CallFailed) -> Exception:
        made: Exception
        url = self._endpoint_url
        match error, error.timed_out:
            case NotSent(), True:
                made = ConnectTimeoutError(endpoint_url=url)
            case NotSent(), False:
                made = EndpointConnectionError(endpoint_url=url, error=error)
            case _, True:
                made = ReadTimeoutError(endpoint_url=url)
            case _:
                made = ConnectionClosedError(endpoint_url=url)
        return made


class _Passing(Exception):
    """A failure that may be over by the next attempt, as the *error* to raise if it is not."""

    def __init__(self, error: Exception, cost: int = _RETRY_COST) -> None:
        super().__init__()
        self.error = error
        self.cost = cost


class _QueryPages:
    def __init__(self, client: SlimClient) -> None:
        self._client = client

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield page after page."""
        page = self._client.query(**request)
        yield page
        while last := page.get("LastEvaluatedKey"):
            page = self._client.query(**request, ExclusiveStartKey=last)
            yield page


def _result(answer: Answer, attempt: int) -> dict[str, Any]:
    """Return what *answer* holds, as boto3 shapes it; raises _Passing if it came damaged."""
    told, counted = answer.headers.get("x-amz-crc32", ""), zlib.crc32(answer.body)
    # DynamoDB sends it with each answer, and so do its emulators: one without is not, or no
    # longer, DynamoDB's own. A refusal need not be: a gateway on the way may have said it.
    is_owed = answer.status < 300
    if told != str(counted) and (told or is_owed):
        raise _Passing(
            ChecksumError(
                checksum_type="crc32", expected_checksum=told, actual_checksum=str(counted)
            )
        )
    result = _json_object(answer.body)
    if answer.status >= 300:
        # What is not DynamoDB's own words, a gateway's page, has its status for a code.
        result = result or {}
        code = str(result.pop("__type", answer.status)).partition(":")[0].rpartition("#")[2]
        message = result.get("message", result.get("Message", ""))
        result["Error"] = {"Code": code, "Message": message}
    elif result is None:
        # Taken for an empty one, it would say that nobody has opted out.
        raise _Passing(ResponseParserError("DynamoDB's answer is not a JSON object."))
    result["ResponseMetadata"] = {
        "RequestId": answer.headers.get("x-amzn-requestid", ""),
        "HTTPStatusCode": answer.status,
        "HTTPHeaders": answer.headers,
        "RetryAttempts": attempt - 1,
    }
    return result


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
