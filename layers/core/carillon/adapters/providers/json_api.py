"""
One call to a provider's JSON API, and what its answer or the lack of one lets us conclude.

A call is made once, never retried and never redirected. What silence means is the same for
all providers; what a refusal means, their tables of codes say before the HTTP status does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from carillon.adapters.providers.contract import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from carillon.domain.errors import (
    AccountBlocked,
    CarillonError,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.provider_codes import CodeKind, Codes, stored_code

DEFAULT_BACKOFF_S = 1.0
_MOST_DIGITS = 12
# Payment required: the account is empty.
_ACCOUNT_STATUSES = frozenset({401, 402, 403})


class JsonApi:
    """One account's way to its provider: its credentials in *headers*, and how long it waits."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        headers: Mapping[str, str],
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._pool = pool
        self._headers = {"User-Agent": "carillon", "Accept": "application/json", **headers}
        self._timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s)

    def post(self, url: str, body: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        """Send *body*; raises Unavailable when nothing left, OutcomeUnknown without an answer."""
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            return self._request("POST", url, headers, json.dumps(body).encode())
        except (NewConnectionError, ConnectTimeoutError, NameResolutionError) as error:
            raise Unavailable(
                "The provider cannot be reached.", provider_code="unreachable"
            ) from error
        except HTTPError as error:
            # The request may have arrived: whether it was taken, only the provider knows.
            raise OutcomeUnknown(
                "The provider did not answer.", provider_code=type(error).__name__
            ) from error

    def get(self, url: str) -> dict[str, Any]:
        """Return the JSON object at *url*; raises NotFound, and Unavailable for all else."""
        try:
            answer = self._request("GET", url, self._headers)
        except HTTPError as error:
            raise Unavailable("The provider's log cannot be read.") from error
        if answer.status == 404:
            raise NotFound("The provider knows no such message.", code="provider_message_not_found")
        if answer.status != 200:
            raise Unavailable(
                "The provider's log cannot be read.", provider_code=str(answer.status)
            )
        return json_object(answer.data)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                method,
                url,
                body=body,
                headers=dict(headers),
                retries=False,
                redirect=False,
                timeout=self._timeout,
            )
        except MaxRetryError as error:
            if isinstance(error.reason, HTTPError):
                raise error.reason from error
            raise


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """
    How one provider refuses: its codes, and those that mean more than their HTTP status.

    *pace* asks us to slow down. *unknown* does not say that nothing was taken, whatever the
    status; *not_taken* says so, even with a status of 500.
    """

    provider: str
    codes: Codes
    pace: frozenset[str]
    unknown: frozenset[str]
    not_taken: frozenset[str] = frozenset()

    def error(self, answer: urllib3.BaseHTTPResponse, code: str) -> CarillonError:
        """Return the error that *answer*, which names *code* or nothing (""), means."""
        kind = self.codes[code].kind if code in self.codes else None
        stored = stored_code(self.provider, code or str(answer.status))
        failed = answer.status >= 500 or answer.status == 408 or code in self.unknown
        if failed and code not in self.not_taken:
            return OutcomeUnknown("The provider failed while answering.", provider_code=stored)
        if kind is CodeKind.ACCOUNT or (kind is None and answer.status in _ACCOUNT_STATUSES):
            # Before 429, with which a used up spend limit may come.
            return AccountBlocked(
                "The provider refuses our account or number.", provider_code=stored
            )
        if answer.status == 429 or code in self.pace:
            wait_s = retry_after_s(answer.headers)
            return Throttled("The provider asks us to slow down.", retry_after_s=wait_s)
        if kind is CodeKind.TRANSIENT:
            return Unavailable("The provider could not take the message.", provider_code=stored)
        if code:
            return Rejected("The provider refused the message.", provider_code=stored)
        # Every refusal of a provider's carries a code: this answer is somebody else's.
        return OutcomeUnknown("Not an answer of the provider's.", provider_code=stored)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """
    Return how long the provider wants us to wait: seconds or an HTTP date, else a second.

    A date is read against the answer's own ``Date``, so that no two clocks need agree.
    """
    wanted = headers.get("Retry-After", "").strip()
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= _MOST_DIGITS:
        return float(wanted)
    try:
        wait = parsedate_to_datetime(wanted) - parsedate_to_datetime(headers["Date"])
        return max(wait.total_seconds(), DEFAULT_BACKOFF_S)
    except (ValueError, TypeError, KeyError):
        return DEFAULT_BACKOFF_S


def json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in *data*, or an empty one when there is none."""
    try:
        found = parsed_object(data)
    except ValueError:
        return {}
    return found


def parsed_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in *data*; ValueError for anything else."""
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested deeper than a provider would") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """Return *value* when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def first(value: object) -> Mapping[str, Any]:
    """Return the first item of a JSON list of objects, or an empty object."""
    return mapping(value[0]) if isinstance(value, list) and value else {}


def text(value: object) -> str:
    """Return a JSON string, or a number as one; "" for all else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # Half of a surrogate pair is JSON and no text: nothing could store it.
    return str(value).encode(errors="replace").decode()


def micros(amount: object) -> int | None:
    """Return a decimal *amount* of money in millionths; None when it is none."""
    try:
        value = Decimal(text(amount))
    except InvalidOperation:
        return None
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return None
    return round(value * 1_000_000)


def count(value: object) -> int | None:
    """Return a count of one or more, given as number or as digits; None for all else."""
    digits = text(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        return None
    return int(digits) or None
