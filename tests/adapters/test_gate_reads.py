"""The gate's one request: strongly consistent, and complete before anybody is let through (F3)."""

from typing import Any

from carillon.adapters.dynamodb.control import DynamoGate
from carillon.domain.message import GateView
from tests.support.messages import PHONE, after, an_event
from tests.support.sending import a_campaign
from tests.support.stores import dynamo_stores


class Hesitant:
    """A DynamoDB client that answers one key a request and leaves the others unprocessed."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.requests: list[dict[str, Any]] = []

    def get_item(self, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get_item(**request)
        return answer

    def put_item(self, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.put_item(**request)
        return answer

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.requests.append(RequestItems)
        (table, read), *others = RequestItems.items()
        first, *rest = read["Keys"]
        answer: dict[str, Any] = self._client.batch_get_item(
            RequestItems={table: {**read, "Keys": [first]}}
        )
        left = dict(others) | ({table: {**read, "Keys": rest}} if rest else {})
        return {**answer, "UnprocessedKeys": left}


def test_keys_left_unprocessed_are_read_before_the_gate_answers() -> None:
    with dynamo_stores() as stores:
        stores.keep_campaign(a_campaign())
        stores.control.acquire("snd_a", "me", after(15), after(0))
        stores.suppressions.opt_out(an_event(True, 1, "SM1"))
        hesitant = Hesitant(stores.client)
        gate = DynamoGate(
            hesitant,
            control_table="ControlTable",
            suppressions_table="SuppressionsTable",
            messages_table="MessagesTable",
            conversations_table="ConversationsTable",
        )

        view = gate.look(phone=PHONE, campaign_id="cmp_a", sender_id="snd_a")

    assert view == GateView(opted_out=True, campaign_active=True, lease_token=1, campaign_version=1)
    assert len(hesitant.requests) == 5


def test_every_read_of_the_gate_is_strongly_consistent() -> None:
    with dynamo_stores() as stores:
        hesitant = Hesitant(stores.client)
        gate = DynamoGate(
            hesitant,
            control_table="ControlTable",
            suppressions_table="SuppressionsTable",
            messages_table="MessagesTable",
            conversations_table="ConversationsTable",
        )

        gate.look(phone=PHONE, campaign_id="cmp_a", sender_id="snd_a")

    reads = [read for request in hesitant.requests for read in request.values()]
    assert {read["ConsistentRead"] for read in reads} == {True}
    assert set(hesitant.requests[0]) == {"ControlTable", "SuppressionsTable"}
