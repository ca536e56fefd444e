"""What is known of phones: one suite over the fake and DynamoDB (K16)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.contact_states import DynamoContactStates
from carillon.adapters.dynamodb.contacts import DynamoOptOutLookup
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.holds import DynamoHolds
from carillon.adapters.dynamodb.limits import DynamoContactCaps
from carillon.domain.budgets import Cap
from carillon.domain.message import RowRef
from carillon.domain.simulation import ContactState
from tests.support.clock import NOON
from tests.support.sending import FakeContactCaps, FakeHolds, FakeSuppressions
from tests.support.simulating import FakeContactStates
from tests.support.tables import create_tables

CAP = (Cap(5, timedelta(days=1)),)


@dataclass
class Room:
    """The port, and what writes what it reads."""

    states: Any
    holds: Any
    caps: Any


@pytest.fixture(params=["fake", "real"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    if request.param == "fake":
        holds, caps = FakeHolds(), FakeContactCaps()
        yield Room(FakeContactStates(FakeSuppressions(), holds, caps), holds, caps)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        create_tables(client)
        opt_outs = DynamoOptOutLookup(
            client, "SuppressionsTable", ErasureMarks(client, "ControlTable")
        )
        yield Room(
            DynamoContactStates(client, "SuppressionsTable", opt_outs),
            DynamoHolds(client, "SuppressionsTable"),
            DynamoContactCaps(client, "SuppressionsTable"),
        )


def phone(number: int) -> str:
    return f"+1202555{number:04d}"


def test_holds_and_messages_are_found_among_many_phones(room: Room) -> None:
    room.holds.hold(phone(1), "SM1", NOON)
    room.caps.take(phone(60), RowRef("cmp_a#00000", "k"), CAP, NOON)
    room.caps.take(phone(60), RowRef("cmp_b#00000", "k"), CAP, NOON + timedelta(hours=1))

    found = room.states.of([phone(number) for number in range(120)])

    known = {one: state for one, state in found.items() if state != ContactState()}
    assert set(known) == {phone(1), phone(60)}
    assert known[phone(1)].is_held
    assert sorted(known[phone(60)].sent) == [NOON, NOON + timedelta(hours=1)]


def test_of_nobody_nothing_is_read(room: Room) -> None:
    assert room.states.of([]) == {}
