"""Which events a change of a row says (T11)."""

from typing import Any

import pytest

from carillon.domain.ids import lead_key
from carillon.domain.outbound_events import EventType, RowChange, events_of
from tests.support.clock import NOON

KEY = lead_key("+12025550100")
LEAD = {
    "kind": "lead",
    "office_id": "off_1",
    "phone": "+12025550100",
    "sender_id": "snd_1",
    "status": "claimed",
}
CAMPAIGN = {"id": "cmp_a", "office_id": "off_1", "status": "draft"}


def change(old: dict[str, Any] | None, new: dict[str, Any] | None, sk: str = KEY) -> RowChange:
    pk = "CMP#cmp_a" if sk == "CMP" else "cmp_a#00000"
    return RowChange(table="T", pk=pk, sk=sk, sequence="7", at=NOON, old=old, new=new)


def types(old: dict[str, Any] | None, new: dict[str, Any] | None, sk: str = KEY) -> list[str]:
    return [event.type for event in events_of(change(old, new, sk))]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("draft", "scheduled", []),
        ("draft", "processing", []),
        ("processing", "active", [EventType.CAMPAIGN_LAUNCHED]),
        ("processing", "draft", []),
        ("active", "paused", [EventType.CAMPAIGN_PAUSED]),
        ("paused", "active", [EventType.CAMPAIGN_RESUMED]),
        ("active", "finished", [EventType.CAMPAIGN_FINISHED]),
        ("finished", "archived", [EventType.CAMPAIGN_ARCHIVED]),
        ("active", "active", []),
    ],
)
def test_a_campaigns_events_are_its_transitions(before: str, after: str, said: list[str]) -> None:
    old, new = {**CAMPAIGN, "status": before}, {**CAMPAIGN, "status": after}

    assert types(old, new, "CMP") == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (None, {}, []),
        ({}, {"status": "submitted", "provider_id": "SM1"}, ["message.sent"]),
        # A receipt that was faster than the note of the acceptance says both.
        (
            {},
            {"status": "delivered", "provider_id": "SM1"},
            ["message.sent", "message.delivered"],
        ),
        (
            {"status": "submitted", "provider_id": "SM1"},
            {"status": "delivered", "provider_id": "SM1"},
            ["message.delivered"],
        ),
        (
            {"status": "submitted", "provider_id": "SM1"},
            {"status": "retrying", "provider_id": "SM1"},
            [],
        ),
        # Another attempt is another message to the person.
        (
            {"status": "claimed", "provider_id": "SM1"},
            {"status": "submitted", "provider_id": "SM2"},
            ["message.sent"],
        ),
        ({}, {"status": "failed", "error_code": "30003"}, ["message.failed"]),
        ({}, {"status": "suppressed", "error_code": "opted_out"}, ["message.failed"]),
        (
            {"status": "delivered", "provider_id": "SM1"},
            {"status": "delivered", "provider_id": "SM1", "replied_at": "x"},
            [],
        ),
        ({}, {"opted_out_at": "x"}, ["message.opted_out"]),
        ({"opted_out_at": "x"}, {"opted_out_at": "x", "recount_mark": "m"}, []),
    ],
)
def test_a_messages_events_are_what_is_new_of_it(
    old: dict[str, Any] | None, new: dict[str, Any], said: list[str]
) -> None:
    before = None if old is None else {**LEAD, **old}

    assert types(before, {**LEAD, **new}) == said


def test_a_reply_is_told_once_and_its_repetition_never() -> None:
    reply = {"kind": "inbound", "office_id": "off_1", "phone": "+12025550100", "body": "hi"}

    assert types(None, reply, f"{KEY}#in#SM1") == ["message.replied"]
    assert types(reply, {**reply, "media": {}}, f"{KEY}#in#SM1") == []
    assert types(None, {**reply, "kind": "duplicate"}, f"{KEY}#in#SM2") == []


def test_a_row_that_goes_and_what_is_no_message_say_nothing() -> None:
    assert types({**LEAD, "status": "claimed"}, None) == []
    assert types(None, {"kind": "parked", "status": "delivered", "provider_id": "SM1"}) == []
    assert types(None, {"owner": "x", "token": 3}, "LEASE") == []


def test_an_event_is_the_same_however_often_it_is_read() -> None:
    seen = change({**LEAD}, {**LEAD, "status": "delivered", "provider_id": "SM1"})

    first, again = events_of(seen), events_of(seen)

    assert first == again
    assert len({event.id for event in first}) == 2
    assert first[0].at == NOON


def test_an_event_tells_ids_and_states_and_never_what_was_written() -> None:
    new = {**LEAD, "status": "failed", "error_code": "30003", "text": "secret", "claim_id": "c"}

    (event,) = events_of(change({**LEAD}, new))

    payload = event.payload()
    assert payload["type"] == "message.failed"
    assert payload["timestamp"] == "2026-11-22T12:00:00.000Z"
    assert payload["data"].keys() == {
        *("office_id", "campaign_id", "conversation_id", "message_id"),
        *("sender_id", "status", "error_code", "phone"),
    }
    assert "phone" not in event.without_phone().payload()["data"]
    # A lead's key is a hash that anybody can compute who guesses the number.
    assert KEY not in str({**payload["data"], "conversation_id": ""})


def test_what_answers_no_campaign_has_none() -> None:
    row = RowChange(
        table="T",
        pk="unsolicited#snd_1#03",
        sk=f"{KEY}#in#SM1",
        sequence="1",
        at=NOON,
        old=None,
        new={"kind": "inbound", "office_id": "off_1"},
    )

    (event,) = events_of(row)

    assert event.data["campaign_id"] is None
