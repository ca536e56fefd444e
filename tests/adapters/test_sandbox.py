"""P3: a test ends in the sandbox; the account behind the door never hears of it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from carillon.adapters.providers.sandbox import Sandboxed
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Outgoing, ProviderRecord
from tests.support.clock import NOON

REAL = Outgoing(
    sender="+12025550100",
    recipient="+12025550101",
    text="Hello",
    status_callback="https://h/x",
    ref_token="ref1",
)
TEST = replace(REAL, is_test=True)
RECORD = ProviderRecord(provider_id="SM1", status=LeadStatus.FAILED)


class Account:
    """Implements ``ports.MessageProvider``; keeps what it was asked."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def send(self, message: Outgoing) -> Accepted:
        self.heard.append(message)
        return Accepted("SM1")

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        self.heard.append((sender, recipient, text_digest, since, known_ids))
        return RECORD

    def fetch(self, provider_id: str) -> ProviderRecord:
        self.heard.append(provider_id)
        return RECORD


def test_a_test_is_accepted_and_reaches_nobody() -> None:
    account = Account()

    accepted = Sandboxed(account).send(TEST)

    assert accepted.provider_id.startswith("sandbox_")
    assert account.heard == []


def test_every_other_message_reaches_the_account() -> None:
    account = Account()

    assert Sandboxed(account).send(REAL) == Accepted("SM1")

    assert account.heard == [REAL]


def test_the_same_attempt_has_the_same_id_and_another_one_another() -> None:
    door = Sandboxed(Account())

    ids = [door.send(one) for one in (TEST, TEST, replace(TEST, ref_token="ref2"))]

    assert ids[0] == ids[1] != ids[2]


def test_the_sandbox_says_that_it_delivered_without_asking_the_account() -> None:
    account = Account()
    door = Sandboxed(account)
    name = door.send(TEST).provider_id

    assert door.fetch(name) == ProviderRecord(provider_id=name, status=LeadStatus.DELIVERED)

    assert account.heard == []


def test_the_account_is_asked_about_what_is_its_own() -> None:
    account = Account()
    door = Sandboxed(account)

    assert door.fetch("SM1") is RECORD
    found = door.find(sender="a", recipient="b", text_digest="c", since=NOON)

    assert found is RECORD
    assert account.heard == ["SM1", ("a", "b", "c", NOON, frozenset())]
