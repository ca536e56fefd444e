"""
What is counted towards limits: budgets in the control table, a person's messages beside consent.

Both are written before the message that they count, so that a crash errs on the side of
sending less.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_item, to_value
from carillon.domain.budgets import Budget, Cap, allowed_from
from carillon.domain.clock import from_iso
from carillon.domain.errors import Conflict
from carillon.domain.message import RowRef

_KEPT_FOR = timedelta(days=8)
# Two messages to one person at the same instant are rare, ten are a fault.
_TRIES = 10


class DynamoBudgets:
    """Implements ``ports.Budgets``: one item a budget, 1 WU a reservation."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def reserve(self, budget: Budget, limit: int, wanted: int) -> int:
        """Take up to *wanted* of what is left of *limit*; return how many, perhaps 0."""
        # Of a budget that nothing was taken of yet there is no item to refuse too much.
        wanted = min(wanted, limit)
        while wanted > 0:
            if self._add(budget, wanted, "attribute_not_exists(used) OR used <= :room", limit):
                return wanted
            wanted = min(wanted, limit - self._used(budget))
        return 0

    def give_back(self, budget: Budget, unused: int) -> None:
        """Put back what was reserved and not used."""
        self._add(budget, -unused, "used >= :unused", None)

    def _add(self, budget: Budget, amount: int, condition: str, limit: int | None) -> bool:
        bound = {":unused": -amount} if limit is None else {":room": limit - amount}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_budget_key(budget),
                UpdateExpression="ADD used :amount",
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item({":amount": amount, **bound}),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def _used(self, budget: Budget) -> int:
        answer = self._client.get_item(
            TableName=self._table, Key=_budget_key(budget), ConsistentRead=True
        )
        used: int = from_item(answer.get("Item", {})).get("used", 0)
        return used


class DynamoContactCaps:
    """Implements ``ports.ContactCaps``: the times of a person's last messages, 1 RU and 1 WU."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def take(
        self, phone: str, message: RowRef, caps: Sequence[Cap], now: datetime
    ) -> datetime | None:
        """Note that *message* goes to *phone* now, if every cap allows it; see the port."""
        name = f"{message.pk}~{message.sk}"
        for _ in range(_TRIES):
            item = self._item(phone)
            standing = {one: from_iso(at) for one, at in item.get("sent", {}).items()}
            if name in standing:
                return None
            free_at = allowed_from(list(standing.values()), caps, now)
            if free_at is not None:
                return free_at
            kept = {one: at for one, at in standing.items() if at > now - _KEPT_FOR}
            if self._keep(phone, {**kept, name: now}, item.get("version", 0)):
                return None
        raise Conflict("Too many messages to one person at once.", code="caps_contended")

    def _item(self, phone: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table, Key=_contact_key(phone), ConsistentRead=True
        )
        return from_item(answer.get("Item", {}))

    def _keep(self, phone: str, sent: dict[str, datetime], version: int) -> bool:
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    **_contact_key(phone),
                    "sent": {"M": {name: to_value(at) for name, at in sent.items()}},
                    "version": {"N": str(version + 1)},
                    schema.TTL: {"N": str(int((max(sent.values()) + _KEPT_FOR).timestamp()))},
                },
                ConditionExpression="attribute_not_exists(pk) OR version = :seen",
                ExpressionAttributeValues={":seen": {"N": str(version)}},
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def _budget_key(budget: Budget) -> dict[str, Any]:
    return {"pk": {"S": schema.budget_pk(budget.scope)}, "sk": {"S": budget.period}}


def _contact_key(phone: str) -> dict[str, Any]:
    return {"pk": {"S": schema.sent_pk(phone)}}
