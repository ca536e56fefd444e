"""
What the mirror of the providers' own opt-out lists stands on (O5): whose consent has changed,
by the ledger, and how far each list has come, in the control table.
"""

from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.opt_out_mirror import MirrorState


class LedgerNews:
    """
    Implements ``ports.ConsentNews`` over the ledger's lanes: two queries a lane, 0.5 RU each.

    A position is a place in every lane at once: the lanes are sorted by the same text.
    """

    def __init__(self, ledger: DynamoConsentLedger) -> None:
        self._ledger = ledger

    def after(self, position: str, until: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (position, phone) of the first *limit* changes behind *position*, oldest first."""
        lanes = [
            self._ledger.lane_after(lane, position, limit, opted_out=opted_out)
            for lane in range(schema.CONSENT_LANES)
            for opted_out in (True, False)
        ]
        changes = ((place, stands.phone) for place, stands in merge(*lanes, key=_place))
        last = to_iso(until)
        return list(islice((one for one in changes if one[0] <= last), limit))


class DynamoMirrorStates:
    """Implements ``ports.MirrorStates`` over the control table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, name: str) -> MirrorState:
        """Return how far the list *name* has come; a new one has come nowhere."""
        key = to_item({"pk": schema.mirror_pk(name), "sk": schema.MIRROR})
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item = from_item(answer.get("Item", {}))
        return MirrorState(
            told_until=item.get("told_until", ""),
            their_cursor=item.get("their_cursor"),
            our_cursor=item.get("our_cursor"),
            next_round_at=from_iso(item["next_round_at"]) if "next_round_at" in item else None,
        )

    def save(self, name: str, state: MirrorState) -> None:
        """Keep *state* in place of the one that stands."""
        item = {"pk": schema.mirror_pk(name), "sk": schema.MIRROR, **vars(state)}
        self._client.put_item(TableName=self._table, Item=to_item(item))


def _place(change: tuple[str, Any]) -> str:
    return change[0]
