"""What is known of phones beside the lists, read many at a time before a launch (boto3)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.simulation import ContactState
from carillon.ports import OptOutLookup

# Two keys a phone, of the hundred that a request may have.
_PHONES_PER_REQUEST = 50


class DynamoContactStates:
    """
    Implements ``simulate_campaign.ContactStates`` over the suppressions table; 2 RU a phone.

    Who is opted out *opt_outs* says. Read once, not strongly consistent: it is a simulation.
    """

    def __init__(self, client: Any, table: str, opt_outs: OptOutLookup) -> None:
        self._client = client
        self._table = table
        self._opt_outs = opt_outs

    def of(self, phones: Sequence[str]) -> Mapping[str, ContactState]:
        """Return the states of those of *phones* (distinct) of which something is known."""
        opted_out = self._opt_outs.opted_out_among(phones)
        held: set[str] = set()
        sent: dict[str, tuple[datetime, ...]] = {}
        for start in range(0, len(phones), _PHONES_PER_REQUEST):
            for item in self._items(phones[start : start + _PHONES_PER_REQUEST]):
                phone = item["pk"].partition("#")[0]
                if item["pk"] == schema.held_pk(phone):
                    held.add(phone)
                else:
                    sent[phone] = tuple(map(from_iso, item.get("sent", {}).values()))
        return {
            phone: ContactState(
                opted_out=phone in opted_out, is_held=phone in held, sent=sent.get(phone, ())
            )
            for phone in {*opted_out, *held, *sent}
        }

    def _items(self, phones: Sequence[str]) -> Iterator[dict[str, Any]]:
        keys = [
            to_item({"pk": pk})
            for phone in phones
            for pk in (schema.held_pk(phone), schema.sent_pk(phone))
        ]
        for _, item in read_all(self._client, {self._table: {"Keys": keys}}):
            yield from_item(item)
