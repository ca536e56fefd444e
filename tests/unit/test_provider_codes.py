"""What a code means is asked of one table for each provider, and of ours (F7, R5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.metrics import failure_reason
from carillon.domain.provider_codes import (
    PROVIDERS,
    Advice,
    CodeKind,
    Codes,
    lookup,
    stored_code,
)
from carillon.domain.provider_codes.ours import CODES as OURS
from carillon.domain.provider_codes.twilio import CODES as TWILIO

UNLISTED = "A code without an entry in our table."


@pytest.mark.parametrize("table", [TWILIO, OURS], ids=["twilio", "ours"])
def test_every_code_has_a_sentence_a_kind_and_advice(table: Codes) -> None:
    for code, entry in table.items():
        meaning = lookup(code)
        assert meaning is entry, code
        assert meaning.reason.endswith("."), code
        assert meaning.reason[0].isupper(), code
        assert meaning.reason != UNLISTED, code


def test_no_word_of_ours_is_a_code_of_a_providers() -> None:
    assert not set(OURS) & set(TWILIO)
    assert not any(code.isdigit() for code in OURS)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("20003", CodeKind.ACCOUNT),
        ("20404", CodeKind.ACCOUNT),
        ("20429", CodeKind.TRANSIENT),
        ("21211", CodeKind.PERMANENT),
        ("21408", CodeKind.PERMANENT),  # one country is not the account
        ("21606", CodeKind.ACCOUNT),
        ("21610", CodeKind.OPTED_OUT),
        ("21611", CodeKind.TRANSIENT),
        ("30001", CodeKind.TRANSIENT),
        ("30003", CodeKind.PERMANENT),
        ("30022", CodeKind.TRANSIENT),
        ("30023", CodeKind.PERMANENT),  # no use to try again before midnight
        ("30034", CodeKind.ACCOUNT),
        ("30410", CodeKind.PERMANENT),  # it may yet arrive
        ("30630", CodeKind.OPTED_OUT),
        ("63033", CodeKind.OPTED_OUT),
        ("opted_out", CodeKind.OPTED_OUT),
        ("provider_outcome_unknown", CodeKind.PERMANENT),
    ],
)
def test_what_follows_from_a_code(code: str, kind: CodeKind) -> None:
    """F7: permanent, transient, the account's or an opt-out, by a table."""
    assert lookup(code).kind is kind


def test_after_no_code_of_unknown_outcome_is_a_message_tried_again() -> None:
    for code in ("20500", "20503", "30008", "30020", "30021", "30410", "30500", "no_log"):
        assert lookup(code).kind is CodeKind.PERMANENT, code


@pytest.mark.parametrize(
    "code",
    ["", ":", "99999", "400", "pigeon:30003", "ours", "ours:", "__init__:x", "twilio:no_such", "é"],
)
def test_a_code_that_no_table_has_is_permanent_and_says_so(code: str) -> None:
    meaning = lookup(code)

    assert (meaning.kind, meaning.reason) == (CodeKind.PERMANENT, UNLISTED)
    assert failure_reason(code).reason == UNLISTED


@given(st.text())
def test_any_code_has_a_meaning(code: str) -> None:
    assert lookup(code).reason


def test_a_prefixed_code_is_never_taken_for_twilios() -> None:
    assert lookup("30003").reason != UNLISTED
    assert lookup("nobody:30003").reason == UNLISTED


@pytest.mark.parametrize("provider", PROVIDERS)
def test_our_words_said_of_any_provider_are_ours(provider: str) -> None:
    code = stored_code(provider, "log_unclear")

    assert lookup(code) is OURS["log_unclear"]
    assert failure_reason(code).advice == Advice.ACCOUNT
