"""
Whose consent has changed, for the providers' own opt-out lists, and how far those have come (O5).

A change is noted after it was committed, by a write of its own: an opt-out must not wait for
the control table, let alone fail with it. What is lost between the two writes is found when
all opt-outs are compared with the list (``usecases.mirror_opt_outs``).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.message import RowRef, Suppression
from carillon.domain.opt_out_mirror import MirrorState
from carillon.ports import Clock, ConsentLog, Suppressions

# Longer than any list is out of reach; a weekly round compares the rest.
_KEPT_FOR = timedelta(days=8)


class DynamoConsentLog:
    """Implements ``ports.ConsentLog`` and ``ports.MirrorStates``: 1 WU a change of consent."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def note(self, phone: str) -> None:
        """Note that the consent of *phone* has changed just now."""
        now = self._clock.now()
        self._put(
            {
                "pk": schema.CONSENT_LOG,
                "sk": schema.consent_note_sk(to_iso(now), phone),
                "phone": phone,
                schema.TTL: int((now + _KEPT_FOR).timestamp()),
            }
        )

    def after(self, position: str, until: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (position, phone) of the first *limit* changes behind *position*, oldest first."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :log AND sk BETWEEN :behind AND :until",
            ExpressionAttributeValues=to_item(
                {
                    ":log": schema.CONSENT_LOG,
                    # The first text behind it: BETWEEN includes its ends.
                    ":behind": f"{position}!",
                    ":until": to_iso(until),
                }
            ),
            Limit=limit,
            ConsistentRead=True,
        )
        items = map(from_item, answer["Items"])
        return [(item["sk"], item["phone"]) for item in items]

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
        self._put({"pk": schema.mirror_pk(name), "sk": schema.MIRROR, **vars(state)})

    def _put(self, values: dict[str, Any]) -> None:
        self._client.put_item(TableName=self._table, Item=to_item(values))


class NotedSuppressions:
    """
    Implements ``ports.Suppressions``: *committed*, each change of which is noted in *log*.

    A note that fails does not fail the opt-out; *on_lost* is told why.
    """

    def __init__(
        self, committed: Suppressions, log: ConsentLog, on_lost: Callable[[Exception], None]
    ) -> None:
        self._committed = committed
        self._log = log
        self._on_lost = on_lost

    def opt_out(self, wanted: Suppression) -> Suppression:
        """Commit an opt-out unless a newer event stands; return what stands now."""
        return self._noted(self._committed.opt_out(wanted))

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        return self._noted(self._committed.opt_in(wanted))

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        return self._committed.of(phone)

    def note_thread(self, said: Suppression, row: RowRef) -> None:
        """Add to the ledger's entry of *said* to which conversation *row* it belongs, once."""
        self._committed.note_thread(said, row)

    def _noted(self, standing: Suppression) -> Suppression:
        try:
            self._log.note(standing.phone)
        except (BotoCoreError, ClientError) as error:
            self._on_lost(error)
        return standing
