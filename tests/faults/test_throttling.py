"""Storage and queues refuse every fifth call: nobody twice, nobody lost (F2)."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest

from carillon.adapters.dynamodb import slim
from carillon.domain.audience import encode_part, part_key
from carillon.domain.clock import from_iso
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Recipient
from carillon.usecases.process_reply import CONFIRM_WITHIN
from carillon.usecases.send_lead import MAX_ATTEMPTS
from infra.local.carrier import Carrier
from tests.faults.test_crash_points import BEHAVIOURS
from tests.faults.world import VISIBILITY_S, World, _Event
from tests.support.clock import NOON
from tests.support.dynamodb_server import Refusal, no_refusal
from tests.support.messages import a_run
from tests.support.places import somewhere_in_daytime
from tests.support.sending import a_campaign, a_sender
from tests.support.sending_functions import (
    TOKEN,
    Deployment,
    a_batch,
    a_receipt_message,
    deployment,
)

SHARE = 0.2
SEEDS = range(4)


class Refused(Exception):
    """What botocore raises when its own retries were refused too: nobody catches it by name."""


class ThrottledWorld(World):
    """A world in which calls to AWS are refused; what fails is delivered again, as by a queue."""

    def __init__(self, seed: int, *, where: str) -> None:
        super().__init__(leads=4)
        self.refused = 0
        dice = random.Random(seed)

        def tap(at: str) -> None:
            if at.startswith(where) and "provider." not in at and dice.random() < SHARE:
                self.refused += 1
                raise Refused

        self.tap = tap

    def _play(self, event: _Event) -> None:
        try:
            super()._play(event)
        except Refused:
            if event.kind == "minute":
                self._schedule(60.0, "minute", None)
            else:
                self._schedule(VISIBILITY_S, event.kind, event.payload)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("where", ["before", "after"])
def test_every_fifth_call_refused_or_its_answer_lost_repeats_and_loses_nobody(
    where: str, behaviour: str
) -> None:
    for seed in SEEDS:
        world = ThrottledWorld(seed, where=where)
        world.carrier.behave = BEHAVIOURS[behaviour]

        world.run(until_s=24 * 3600.0)

        world.assert_never_twice_never_lost()
        assert world.refused >= 5
        assert {type(error) for error in world.broken} <= {Refused}


@pytest.mark.parametrize("where", ["before", "after"])
def test_refused_calls_and_lost_receipts_together_repeat_and_lose_nobody(where: str) -> None:
    for seed in SEEDS:
        world = ThrottledWorld(seed, where=where)
        world.carrier.behave = lambda n: "drop_reply" if n % 2 else "accept"
        world.carrier.emit = lambda *_: None

        world.run(until_s=24 * 3600.0)

        world.assert_never_twice_never_lost()


def text_stop(world: World) -> None:
    world.inbound(0.0, world.reply(world.phones[0], "STOP"))


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_stop_whose_calls_are_refused_is_committed_and_confirmed_once(where: str) -> None:
    for seed in SEEDS:
        world = ThrottledWorld(seed, where=where)
        phone = world.phones[0]
        world.at(30.0, partial(text_stop, world))

        world.run(until_s=24 * 3600.0)

        standing = world.suppressions.of(phone)
        assert standing is not None
        assert standing.opted_out
        confirmed = [s.text for s in world.carrier.ledger].count("You are out.")
        (answer,) = [i for i in world.messages.items.values() if i["kind"] == "outbound"]
        # A claim whose result is lost uses up one of its four tries, whether it called or not;
        # and five minutes after the opt-out nothing confirms it any more.
        gave_up = answer.get("error_code") == "provider_never_accepted"
        too_late = answer.get("error_code") == "confirmation_too_late"
        assert confirmed == (0 if gave_up or too_late else 1)
        assert not gave_up or answer["attempts"] == MAX_ATTEMPTS
        assert not too_late or from_iso(answer["final_at"]) > standing.event_at + CONFIRM_WITHIN


# The real adapters -----------------------------------------------------------------------------


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    # The waits between retries, botocore's by its name, are not what is tested here.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(slim, "sleep", lambda _: None)
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        yield made


@contextmanager
def answering_with(refusal: Refusal, deployed: Deployment) -> Iterator[list[str]]:
    """Let DynamoDB refuse the requests for which *refusal* names an error; note those refused."""
    server = deployed.dynamodb
    server.refused, server.refusal = [], refusal
    try:
        yield server.refused
    finally:
        server.refusal = no_refusal


def every_fifth(code: str) -> Refusal:
    dice = random.Random(7)
    return lambda *_: code if dice.random() < SHARE else None


def each(operation: str, holding: bytes = b"") -> Refusal:
    def refusal(name: str, body: bytes) -> str | None:
        return "ThrottlingException" if name == operation and holding in body else None

    return refusal


def keep_campaign(deployed: Deployment, phones: list[str]) -> None:
    deployed.stores.keep_campaign(a_campaign(parts=1, total=len(phones)))
    deployed.stores.keep_run(a_run(parts=1))
    recipients = [
        Recipient(lead_key(phone), phone, {"first_name": "Ada"}, somewhere_in_daytime())
        for phone in sorted(phones, key=lead_key)
    ]
    body = encode_part("cmp_a", 0, NOON, recipients)
    deployed.s3.put_object(Bucket="files", Key=part_key("cmp_a", 0), Body=body)


@contextmanager
def a_carrier(deployed: Deployment) -> Iterator[Carrier]:
    with Carrier(numbers={a_sender().phone: ""}, account_sid="AC1", auth_token=TOKEN) as carrier:
        deployed.keep_secret(carrier.credentials)
        yield carrier


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_the_clients_own_retries_carry_a_batch_through_a_fifth_of_refusals(
    deployed: Deployment, code: str
) -> None:
    phones = [f"+1202555{number:04d}" for number in range(101, 121)]
    keep_campaign(deployed, phones)

    refusals = answering_with(every_fifth(code), deployed)
    with a_carrier(deployed) as carrier, refusals as refused:
        answers = [
            deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"})) for _ in range(3)
        ]

    assert answers[-1] == {"batchItemFailures": []}
    assert {phone: len(sent) for phone, sent in carrier.ledger.accepted_by_phone().items()} == (
        dict.fromkeys(phones, 1)
    )
    assert len(refused) > len(phones) / 2


def test_a_write_that_stays_refused_is_tried_five_times_and_then_sends_its_message_back(
    deployed: Deployment,
) -> None:
    ref = a_run(parts=1).lead_ref(lead_key("+12025550101"))
    batch = a_batch(a_receipt_message(ref, "delivered"))

    with answering_with(each("UpdateItem"), deployed) as refused:
        answer = deployed.invoke("process_receipts", batch)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert refused == ["UpdateItem"] * 5


def test_a_pacer_that_cannot_write_its_lease_sends_nobody_and_comes_again(
    deployed: Deployment,
) -> None:
    keep_campaign(deployed, ["+12025550101"])

    with (
        a_carrier(deployed) as carrier,
        answering_with(each("UpdateItem", b"lease_until"), deployed),
    ):
        answer = deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert carrier.ledger.attempts() == []


def test_a_lead_whose_acceptance_could_not_be_written_is_not_sent_again(
    deployed: Deployment,
) -> None:
    phone = "+12025550101"
    keep_campaign(deployed, [phone])
    wake = a_batch({"sender_id": "snd_a"})

    with a_carrier(deployed) as carrier:
        with answering_with(each("UpdateItem", b"submitted_at"), deployed) as no:
            deployed.invoke("send_messages", wake)
        deployed.invoke("send_messages", wake)

    assert len(no) == 5
    assert len(carrier.ledger.attempts()) == 1
    assert deployed.stores.messages.rows("cmp_a", 0)[lead_key(phone)].status is LeadStatus.CLAIMED
