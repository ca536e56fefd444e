"""Whatever an authentic webhook says: a result or InvalidInput, and never another error."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.adapters.providers import modules, telnyx, vonage
from carillon.adapters.providers.contract import ProviderModule
from carillon.domain.errors import InvalidInput
from carillon.domain.message import CallbackRef, RowRef

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
REF = CallbackRef(RowRef("cmp_a#00001", "2a9f"), "clm_1").token
# The names and words that the modules look for, so that the junk gets past the first look.
NAMES = {
    "telnyx": "id text parts errors cost from to phone_number status media url webhook_url code",
    "vonage": "message_uuid to from status client_ref usage price currency sms count_total error "
    "type title channel message_type text image caption url",
    "plivo": "MessageUUID Status ErrorCode To From Units TotalAmount Text Body Media0 "
    "MessageIntent",
    "sinch": "type batch_id status code recipient client_reference number_of_message_parts id from "
    "body media url message",
    "bird": "id mid status reference recipient originator body message mediaURLs price[amount] "
    "statusErrorCode statusReason messagePartCount",
}
WORDS = [
    *("delivered", "rejected", "Failed", "delivery_failed", "recipient_delivery_report_sms"),
    *("sms", "mms", "mo_text", "7", "https://a?ref=b", "#1"),
]
leaves = st.sampled_from([*WORDS, "", None, True, 0, -1, 2**80, 1e308, "\ud800", "NaN"])


def junk(provider: str) -> st.SearchStrategy[Any]:
    names = st.sampled_from(NAMES[provider].split())
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=6),
        max_leaves=12,
    )


def outcome(read: Callable[[], Sequence[Any]]) -> Sequence[Any] | str:
    """Return what was read, or the code under which it was refused."""
    try:
        return read()
    except InvalidInput as error:
        return error.code


def no_other_error(module: ProviderModule, payload: dict[str, Any]) -> None:
    for found in (
        outcome(lambda: module.receipts(payload, REF, NOW)),
        outcome(lambda: module.receipts(payload, "", NOW)),
        outcome(lambda: module.replies(payload, "snd_a", NOW)),
    ):
        if isinstance(found, str):
            assert found in ("bad_ref", "unknown_status", "bad_inbound")
        # What came of it can be stored: no half of a surrogate pair is left.
        str(found).encode()


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(["message.sent", "message.finalized", "message.received", "", None]),
    message=junk("telnyx"),
)
def test_telnyx(kind: str | None, message: Any) -> None:
    no_other_error(telnyx.MODULE, {"data": {"event_type": kind, "payload": message}})
    no_other_error(telnyx.MODULE, {"data": message})


@settings(max_examples=80, deadline=None)
@given(
    message=st.dictionaries(
        st.sampled_from(NAMES["vonage"].split()), junk("vonage"), min_size=3, max_size=9
    )
)
def test_vonage(message: dict[str, Any]) -> None:
    no_other_error(vonage.MODULE, message)


@pytest.mark.parametrize("provider", ["plivo", "sinch", "bird"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_those_whose_fields_lie_flat(provider: str, data: st.DataObject) -> None:
    names = st.sampled_from(NAMES[provider].split())
    values = st.one_of(junk(provider), st.lists(leaves, max_size=2))

    no_other_error(modules.of(provider), data.draw(st.dictionaries(names, values, max_size=12)))


@pytest.mark.parametrize("module", [telnyx.MODULE, vonage.MODULE], ids=["telnyx", "vonage"])
def test_an_empty_event_is_no_reply(module: ProviderModule) -> None:
    assert module.replies({}, "snd_a", NOW) == []
