"""What can be told of a person's messages afterwards; fake and real alike."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from carillon.adapters.dynamodb.evidence import DynamoMessageEvidence
from carillon.adapters.dynamodb.items import to_item
from carillon.adapters.dynamodb.limits import DynamoContactCaps
from carillon.domain.budgets import Cap
from carillon.domain.evidence import MessageKind, SentMessage
from carillon.domain.lead import LeadStatus
from carillon.domain.message import RowRef
from carillon.ports import MessageEvidence
from tests.support.clock import NOON
from tests.support.evidence import FakeMessageEvidence
from tests.support.messages import KEY, LEAD, PHONE, Messages, a_claim, a_receipt, after, submit
from tests.support.sending import FakeMessages
from tests.support.stores import DynamoStores, dynamo_stores

Kept = tuple[Messages, MessageEvidence]


def real_evidence(stores: DynamoStores) -> DynamoMessageEvidence:
    return DynamoMessageEvidence(
        stores.client,
        messages_table="MessagesTable",
        control_table="ControlTable",
        suppressions_table="SuppressionsTable",
    )


@pytest.fixture(params=["fake", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "fake":
        messages = FakeMessages()
        yield messages, FakeMessageEvidence(messages)
        return
    with dynamo_stores() as stores:
        yield stores.messages, real_evidence(stores)


def test_a_message_is_told_with_all_it_went_through(kept: Kept) -> None:
    messages, evidence = kept
    submit(messages, a_claim(attempts=2, variant="b"), 1)
    messages.apply_receipt(
        a_receipt(LeadStatus.DELIVERED, claim_id="claim-1", cost_micros=7900, currency="USD")
    )

    assert evidence.messages("cmp_a", 0, KEY) == [
        SentMessage(
            name=f"{LEAD.pk}~{LEAD.sk}",
            kind=MessageKind.INITIAL,
            step=0,
            status=LeadStatus.DELIVERED,
            sender_id="snd_a",
            claim_id="claim-1",
            claimed_at=NOON,
            attempts=2,
            segments=2,
            content_version=3,
            text_digest="00ff",
            variant="b",
            submitted_at=after(1),
            final_at=after(9),
            provider_id="SM1",
            cost_micros=7900,
            currency="USD",
        )
    ]


def test_follow_ups_and_answers_come_in_the_order_of_their_claims(kept: Kept) -> None:
    messages, evidence = kept
    answer = a_claim("c3", RowRef(LEAD.pk, f"{KEY}#out#help.1"), claimed_at=after(30))
    messages.claim_answer(answer, purpose="help")
    step = RowRef(LEAD.pk, f"{KEY}#s1")
    messages.claim(a_claim("c2", step, step=1, claimed_at=after(20)))
    messages.claim(a_claim("c1", steps_left=1))
    other = "f" * 32
    messages.claim(a_claim("c4", RowRef(LEAD.pk, other)))

    found = evidence.messages("cmp_a", 0, KEY)

    assert [(one.kind, one.step, one.claim_id) for one in found] == [
        ("initial", 0, "c1"),
        ("follow_up", 1, "c2"),
        ("answer", 0, "c3"),
    ]
    assert (found[2].purpose, found[2].author) == ("help", "automatic")


def test_nothing_is_told_of_somebody_without_a_row(kept: Kept) -> None:
    assert kept[1].messages("cmp_a", 0, KEY) == []


def test_what_counts_towards_caps_is_told_by_message() -> None:
    with dynamo_stores() as stores:
        caps = (Cap(5, timedelta(days=1)),)
        DynamoContactCaps(stores.client, "SuppressionsTable").take(PHONE, LEAD, caps, after(3))
        evidence = real_evidence(stores)

        assert evidence.counted(PHONE) == {f"{LEAD.pk}~{LEAD.sk}": after(3)}
        assert evidence.counted("+12025550199") == {}


def test_since_when_the_policy_stands_is_told_once_there_is_one() -> None:
    with dynamo_stores() as stores:
        evidence = real_evidence(stores)
        assert evidence.policy_since() is None

        item = {"pk": "ORG", "sk": "POLICY", "created_at": after(5), "policy": "{}"}
        stores.client.put_item(TableName="ControlTable", Item=to_item(item))

        assert evidence.policy_since() == after(5)
