"""Who may pace a sender."""

from dataclasses import replace
from datetime import datetime

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control.items import item_key
from carillon.adapters.dynamodb.control.table import ControlTable
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_value
from carillon.domain.clock import from_iso
from carillon.domain.message import Lease


class DynamoLeases(ControlTable):
    """Implements ``ports.Leases``."""

    def acquire(self, sender_id: str, owner: str, until: datetime, now: datetime) -> Lease | None:
        """Return a lease with a fresh token, or None while another one is not over at *now*."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=item_key(schema.sender_pk(sender_id), "LEASE"),
                UpdateExpression="SET #owner = :owner, lease_until = :until ADD #token :one",
                ConditionExpression="attribute_not_exists(lease_until) OR lease_until <= :now",
                ExpressionAttributeNames={"#owner": "owner", "#token": "token"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":until": to_value(until),
                    ":now": to_value(now),
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                return None
            raise
        stands = from_item(answer["Attributes"])
        left, idle_s = None, 0.0
        # What a pacer left counts for the next one only: the one after a crash knows nothing.
        if stands.get("left_under") == stands["token"] - 1:
            left = float(stands["tokens_left"])
            idle_s = max((now - from_iso(stands["left_at"])).total_seconds(), 0.0)
        return Lease(
            sender_id=sender_id,
            owner=owner,
            token=stands["token"],
            until=until,
            tokens_left=left,
            idle_s=idle_s,
        )

    def renew(self, lease: Lease, until: datetime) -> Lease | None:
        """Return the lease prolonged, or None when its token is no longer the newest."""
        renewed = self._update(
            schema.sender_pk(lease.sender_id),
            "LEASE",
            "SET lease_until = :until",
            "#token = :token",
            {":until": until, ":token": lease.token},
            names={"#token": "token"},
        )
        return replace(lease, until=until) if renewed else None

    def release(self, lease: Lease, tokens_left: float, now: datetime) -> None:
        """Let the next one in at once, and tell it how many tokens the bucket holds *now*."""
        self._update(
            schema.sender_pk(lease.sender_id),
            "LEASE",
            "SET tokens_left = :left, left_at = :now, left_under = :token REMOVE lease_until",
            "#token = :token",
            {":token": lease.token, ":left": round(tokens_left, 3), ":now": now},
            names={"#token": "token"},
        )
