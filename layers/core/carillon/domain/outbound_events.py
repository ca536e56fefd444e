"""
What happens to campaigns and messages, as events for other systems (T11).

Derived from a change of a row, so nothing is missed and nothing told that did not happen:

    campaign.launched    processing -> active          campaign.paused     -> paused
    campaign.resumed     paused -> active              campaign.finished   -> finished
    campaign.archived    -> archived
    message.sent         the provider has taken it     message.delivered   -> delivered
    message.failed       -> failed, or suppressed      message.replied     the person wrote
    message.opted_out    the lead opted out, for the first time
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from carillon.domain.campaign import CampaignStatus
from carillon.domain.clock import to_iso
from carillon.domain.conversation import conversation_id
from carillon.domain.ids import derived_id
from carillon.domain.lead import LeadStatus
from carillon.domain.message import RowRef, lead_of

Image = Mapping[str, Any]


class EventType(StrEnum):
    """What an endpoint may ask for."""

    CAMPAIGN_LAUNCHED = "campaign.launched"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_FINISHED = "campaign.finished"
    CAMPAIGN_ARCHIVED = "campaign.archived"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_REPLIED = "message.replied"
    MESSAGE_OPTED_OUT = "message.opted_out"


# Not asked for by name: it comes when somebody wants to see whether deliveries arrive.
TEST = "webhook.test"


@dataclass(frozen=True, kw_only=True)
class OutboundEvent:
    """
    One thing that happened; ``id`` is the same however often it is read from the stream.

    ``data`` holds ids and states; ``phone`` is told only to who asked for numbers.
    """

    id: str
    type: str
    at: datetime
    office_id: str
    data: Mapping[str, Any]
    phone: str | None = None

    def without_phone(self) -> "OutboundEvent":
        """Return it as it is told to who did not ask for numbers."""
        return replace(self, phone=None)

    def payload(self) -> dict[str, Any]:
        """Return the body of a delivery (Standard Webhooks): type, timestamp and data."""
        phone = {} if self.phone is None else {"phone": self.phone}
        return {
            "type": self.type,
            "timestamp": to_iso(self.at),
            "data": {"office_id": self.office_id, **self.data, **phone},
        }


@dataclass(frozen=True, kw_only=True)
class RowChange:
    """A row before and after; ``sequence`` names the change among all of its table."""

    table: str
    pk: str
    sk: str
    sequence: str
    at: datetime
    old: Image | None
    new: Image | None


def events_of(change: RowChange) -> list[OutboundEvent]:
    """Return what *change* says has happened; a row that goes says nothing."""
    new = change.new
    if new is None:
        return []
    told = _campaign_types if change.sk == "CMP" else _message_types
    data = _campaign_data if change.sk == "CMP" else _message_data
    return [
        OutboundEvent(
            id=derived_id("evt", change.table, change.sequence, type_),
            type=type_,
            at=change.at,
            office_id=str(new.get("office_id", "")),
            data=data(change, new),
            phone=None if change.sk == "CMP" else new.get("phone"),
        )
        for type_ in told(change.old or {}, new)
    ]


_INTO: dict[str, EventType] = {
    CampaignStatus.PAUSED: EventType.CAMPAIGN_PAUSED,
    CampaignStatus.FINISHED: EventType.CAMPAIGN_FINISHED,
    CampaignStatus.ARCHIVED: EventType.CAMPAIGN_ARCHIVED,
}
_INTO_ACTIVE: dict[str, EventType] = {
    CampaignStatus.PROCESSING: EventType.CAMPAIGN_LAUNCHED,
    CampaignStatus.PAUSED: EventType.CAMPAIGN_RESUMED,
}


def _campaign_types(old: Image, new: Image) -> Iterator[EventType]:
    before, after = old.get("status"), new.get("status")
    if before is None or before == after:
        return
    if after == CampaignStatus.ACTIVE and before in _INTO_ACTIVE:
        yield _INTO_ACTIVE[before]
    elif after in _INTO:
        yield _INTO[after]


_SENT_KINDS = frozenset({"lead", "step", "outbound"})
_FAILED = frozenset({LeadStatus.FAILED.value, LeadStatus.SUPPRESSED.value})


def _message_types(old: Image, new: Image) -> Iterator[EventType]:
    kind = new.get("kind")
    if kind == "inbound" and not old:
        yield EventType.MESSAGE_REPLIED
    if kind in _SENT_KINDS:
        yield from _sent_types(old, new)
    if "opted_out_at" in new and "opted_out_at" not in old:
        yield EventType.MESSAGE_OPTED_OUT


def _sent_types(old: Image, new: Image) -> Iterator[EventType]:
    before, after = old.get("status"), new.get("status")
    # By its provider's id, which another attempt at the same message changes.
    if new.get("provider_id") not in (None, old.get("provider_id")):
        yield EventType.MESSAGE_SENT
    if before == after:
        return
    if after == LeadStatus.DELIVERED:
        yield EventType.MESSAGE_DELIVERED
    elif after in _FAILED:
        yield EventType.MESSAGE_FAILED


def _campaign_data(_change: RowChange, new: Image) -> dict[str, Any]:
    return {"campaign_id": new.get("id"), "status": new.get("status")}


def _message_data(change: RowChange, new: Image) -> dict[str, Any]:
    campaign_id = change.pk.partition("#")[0]
    shown = ("sender_id", "status", "error_code", "variant", "keyword", "opt_out_kind")
    return {
        "campaign_id": campaign_id if campaign_id.startswith("cmp_") else None,
        "conversation_id": conversation_id(RowRef(change.pk, lead_of(change.sk))),
        # Which of its conversation's messages it is, without the person's key.
        "message_id": derived_id("msg", change.pk, change.sk),
        **{name: new[name] for name in shown if name in new},
    }
