"""
One HTTP call to a provider, and what may be concluded from its answer or the lack of one.

A request is made once, never retried and never redirected. Whoever posts learns whether
the message can have been taken:

    nothing left this machine      Unavailable, ``unreachable``
    sent, and no answer            OutcomeUnknown
    an answer                      by one of two readings, below

What a refusal means, a provider's table of codes says before the HTTP status does. There are
two readings of it, and which is a provider's depends on what its documentation promises:

    ``ByCode``    every refusal carries a code of the provider's, so that any code is a refusal,
                  and an answer without one is somebody else's. A failing server (5xx) may have
                  taken the message whatever its code says. (Telnyx, Vonage)
    ``by_table``  refusals come with bare statuses, too, which the table lists as codes of
                  their own. What is in the table is a refusal, even with a 5xx; what is not in
                  it may have been taken. (Plivo, Sinch, Bird)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from carillon.adapters.providers.contract import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from carillon.adapters.providers.fields import json_or_empty
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

DEFAULT_BACKOFF_S: Final = 1.0
_MOST_DIGITS = 12
# Payment required: no provider means anything by it but an empty account.
_ACCOUNT_STATUSES = frozenset({401, 402, 403})


class RestAccount:
    """What one account's calls have in common: who it is, how it proves it, how long it waits."""

    def __init__(
        self,
        provider: str,
        pool: urllib3.PoolManager,
        headers: Mapping[str, str],
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self.provider = provider
        self._pool = pool
        self._headers = {"User-Agent": "carillon", "Accept": "application/json", **headers}
        self._timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s)

    def post(self, url: str, body: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        """Send *body* as JSON, once; raises Unavailable (nothing sent) or OutcomeUnknown."""
        try:
            return self._request("POST", url, json.dumps(body).encode())
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
        """Return the JSON object at *url*; raises NotFound or Unavailable."""
        try:
            answer = self._request("GET", url)
        except HTTPError as error:
            raise Unavailable("The provider's log cannot be read.") from error
        if answer.status == 404:
            raise NotFound("The provider knows no such message.", code="provider_message_not_found")
        body = json_or_empty(answer.data)
        if answer.status != 200 or not body:
            raise self.unreadable(str(answer.status))
        return body

    def unreadable(self, code: str) -> Unavailable:
        """Return the error for a log that cannot be read, or cannot tell, because of *code*."""
        return Unavailable(
            "The provider's log cannot tell.", provider_code=stored_code(self.provider, code)
        )

    def unnamed(self, answer: urllib3.BaseHTTPResponse) -> OutcomeUnknown:
        """Return the error for an *answer* that is no refusal and names no message."""
        return OutcomeUnknown(
            "The provider answered without naming the message.",
            provider_code=stored_code(self.provider, str(answer.status)),
        )

    def _request(
        self, method: str, url: str, body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        content = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return self._pool.request(
                method,
                url,
                body=body,
                headers={**self._headers, **content},
                retries=False,
                redirect=False,
                timeout=self._timeout,
            )
        except MaxRetryError as error:
            if isinstance(error.reason, HTTPError):
                raise error.reason from error
            raise


@dataclass(frozen=True, kw_only=True)
class ByCode:
    """
    How a provider refuses whose every refusal carries a code (see the module).

    *pace* asks us to slow down. *unknown* does not say that nothing was taken, whatever the
    status; *not_taken* says so, even with a status of 500.
    """

    provider: str
    codes: Codes
    pace: frozenset[str]
    unknown: frozenset[str]
    not_taken: frozenset[str] = frozenset()

    def refusal(self, answer: urllib3.BaseHTTPResponse, code: str) -> CarillonError:
        """Return the error that *answer*, which names *code* or nothing (""), means."""
        kind = self.codes[code].kind if code in self.codes else None
        stored = stored_code(self.provider, code or str(answer.status))
        failed = answer.status >= 500 or answer.status == 408 or code in self.unknown
        if failed and code not in self.not_taken:
            return _undecided(stored)
        if _is_the_accounts(kind, answer):
            # Before 429, with which a used up spend limit may come.
            return _account_blocked(stored)
        if answer.status == 429 or code in self.pace:
            return _throttled(answer)
        if kind is CodeKind.TRANSIENT:
            return _not_taken(stored)
        return _rejected(stored) if code else _undecided(stored)


def by_table(
    provider: str, codes: Codes, answer: urllib3.BaseHTTPResponse, *named: str
) -> CarillonError:
    """
    Return the error that *answer*, which is no acceptance, means by the table *codes*.

    *named* are the codes that stand for it, the most exact first; blank ones do not count.
    What neither the table nor HTTP says was refused may have been taken: OutcomeUnknown.
    """
    if answer.status == 429:
        return _throttled(answer)
    given = [code for code in named if code]
    stored = stored_code(provider, given[0])
    kind = next((codes[code].kind for code in given if code in codes), None)
    if kind is CodeKind.TRANSIENT:
        return _not_taken(stored)
    if _is_the_accounts(kind, answer):
        return _account_blocked(stored)
    return _undecided(stored) if kind is None else _rejected(stored)


def _is_the_accounts(kind: CodeKind | None, answer: urllib3.BaseHTTPResponse) -> bool:
    return kind is CodeKind.ACCOUNT or (kind is None and answer.status in _ACCOUNT_STATUSES)


def _account_blocked(stored: str) -> AccountBlocked:
    return AccountBlocked("The provider refuses our account or number.", provider_code=stored)


def _not_taken(stored: str) -> Unavailable:
    return Unavailable("The provider could not take it just now.", provider_code=stored)


def _rejected(stored: str) -> Rejected:
    return Rejected("The provider refused the message.", provider_code=stored)


def _throttled(answer: urllib3.BaseHTTPResponse) -> Throttled:
    wait_s = retry_after_s(answer.headers)
    return Throttled("The provider asks us to slow down.", retry_after_s=wait_s)


def _undecided(stored: str) -> OutcomeUnknown:
    return OutcomeUnknown("The provider failed while answering.", provider_code=stored)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """
    Return how long the provider wants us to wait: seconds or an HTTP date, else a second.

    A date is read against the answer's own ``Date``, so that no two clocks need agree.
    """
    wanted = headers.get("Retry-After", "").strip()
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= _MOST_DIGITS:
        return float(wanted)
    try:
        wait = parsedate_to_datetime(wanted) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return DEFAULT_BACKOFF_S
    return max(wait.total_seconds(), DEFAULT_BACKOFF_S)
