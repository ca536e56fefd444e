"""The two readings of a refusal, side by side: where they agree, and where they must not."""

import pytest
import urllib3

from carillon.adapters.providers.rest import ByCode, by_table
from carillon.domain.errors import (
    AccountBlocked,
    CarillonError,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.provider_codes import Advice, CodeKind, ProviderCode

CODES = {
    code: ProviderCode(kind, "It says so.", Advice.NOTHING)
    for code, kind in {
        "gone": CodeKind.PERMANENT,
        "busy": CodeKind.TRANSIENT,
        "broke": CodeKind.ACCOUNT,
        "left": CodeKind.OPTED_OUT,
    }.items()
}
BY_CODE = ByCode(
    provider="telnyx",
    codes=CODES,
    pace=frozenset({"slower"}),
    unknown=frozenset({"lost"}),
    not_taken=frozenset({"busy"}),
)


def answer(status: int) -> urllib3.BaseHTTPResponse:
    return urllib3.HTTPResponse(b"", status=status, headers={"Retry-After": "4"})


@pytest.mark.parametrize(
    ("status", "code", "by_code", "in_table"),
    [
        (422, "gone", Rejected, Rejected),
        (422, "left", Rejected, Rejected),
        (422, "busy", Unavailable, Unavailable),
        (422, "broke", AccountBlocked, AccountBlocked),
        (401, "", AccountBlocked, AccountBlocked),
        (402, "", AccountBlocked, AccountBlocked),
        (429, "", Throttled, Throttled),
        (429, "busy", Throttled, Throttled),
        (500, "", OutcomeUnknown, OutcomeUnknown),
        (503, "busy", Unavailable, Unavailable),
        (400, "", OutcomeUnknown, OutcomeUnknown),
        # Where every refusal has a code, an undocumented one is a refusal, too.
        (422, "new", Rejected, OutcomeUnknown),
        # A failing server may have taken the message, unless its documentation says no.
        (500, "gone", OutcomeUnknown, Rejected),
        (408, "gone", OutcomeUnknown, Rejected),
        # A spend limit that is used up comes as 429, and does not pass in a second.
        (429, "broke", AccountBlocked, Throttled),
        (400, "slower", Throttled, OutcomeUnknown),
        (400, "lost", OutcomeUnknown, OutcomeUnknown),
    ],
)
def test_an_answer_means_by_code_and_by_table(
    status: int, code: str, by_code: type[CarillonError], in_table: type[CarillonError]
) -> None:
    one = BY_CODE.refusal(answer(status), code)
    other = by_table("bird", CODES, answer(status), code, f"http_{status}")

    assert (type(one), type(other)) == (by_code, in_table)


def test_what_it_is_called_names_the_provider_and_the_most_exact_code() -> None:
    refused = by_table("bird", CODES, answer(422), "", "gone", "busy")
    bare = BY_CODE.refusal(answer(500), "")

    assert isinstance(refused, Rejected)
    assert isinstance(bare, OutcomeUnknown)
    assert (refused.provider_code, bare.provider_code) == ("bird:gone", "telnyx:500")


def test_a_wait_is_as_long_as_the_provider_says() -> None:
    waits = [BY_CODE.refusal(answer(429), ""), by_table("bird", CODES, answer(429), "http_429")]

    assert [wait.retry_after_s for wait in waits if isinstance(wait, Throttled)] == [4.0, 4.0]
