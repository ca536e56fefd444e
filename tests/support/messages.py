"""Builders of what the send path handles: claims, receipts, replies, runs, watches, events."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from carillon.domain.campaign import Run
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    Claim,
    Receipt,
    Reply,
    RowRef,
    Suppression,
    Watch,
)
from carillon.ports import Conversations, Leads
from tests.support.clock import NOON

PHONE = "+12025550142"
KEY = lead_key(PHONE)
LEAD = RowRef("cmp_a#00000", KEY)
Item = dict[str, Any]


class Messages(Leads, Conversations, Protocol):
    """Both views of the messages table."""


def after(seconds: float) -> datetime:
    """Return the instant so long after noon."""
    return NOON + timedelta(seconds=seconds)


def a_claim(claim_id: str = "claim-1", ref: RowRef = LEAD, **changes: Any) -> Claim:
    defaults: Item = {
        "id": claim_id,
        "ref": ref,
        "phone": PHONE,
        "sender_id": "snd_a",
        "office_id": "off_north",
        "segments": 2,
        "content_version": 3,
        "text_digest": "00ff",
        "claimed_at": NOON,
    }
    return Claim(**{**defaults, **changes})


def a_receipt(status: LeadStatus, ref: RowRef = LEAD, **changes: Any) -> Receipt:
    defaults: Item = {"ref": ref, "provider_id": "SM1", "status": status, "received_at": after(9)}
    return Receipt(**{**defaults, **changes})


def a_reply(body: str = "who is this?", provider_id: str = "SMin1", **changes: Any) -> Reply:
    defaults: Item = {
        "provider": "twilio",
        "provider_id": provider_id,
        "sender_id": "snd_a",
        "phone": PHONE,
        "body": body,
        "received_at": after(60),
    }
    return Reply(**{**defaults, **changes})


def a_run(campaign_id: str = "cmp_a", **changes: Any) -> Run:
    defaults: Item = {
        "sender_id": "snd_a",
        "campaign_id": campaign_id,
        "office_id": "off_north",
        "parts": 4,
        "senders": ("snd_a",),
    }
    return Run(**{**defaults, **changes})


def a_watch(part: int, due_s: float, checks: int = 0) -> Watch:
    return Watch(campaign_id="cmp_a", part=part, due_at=after(due_s), checks=checks)


def an_event(out: bool, at_s: float, cause: str) -> Suppression:
    """Return a STOP (*out*) or a START of PHONE, *at_s* seconds after noon."""
    return Suppression(
        phone=PHONE, opted_out=out, event_at=after(at_s), source="keyword", cause=cause
    )


def submit(messages: Messages, claim: Claim, at_s: float, provider_id: str = "SM1") -> None:
    """Claim a lead and note that the provider took it."""
    assert messages.claim(claim)
    messages.record_submitted(claim, Accepted(provider_id), after(at_s))
