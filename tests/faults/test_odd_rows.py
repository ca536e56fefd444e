"""
Rows that this version would not write: garbled ones, and those of the version before (F8).

Over the real adapters and functions; the carrier's ledger judges.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.clock import to_iso
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Watch
from infra.local.carrier import Carrier
from tests.faults.test_throttling import a_carrier, keep_campaign
from tests.support.messages import a_run
from tests.support.sending import a_sender
from tests.support.sending_functions import Deployment, a_batch, a_receipt_message, deployment

PART = "cmp_a#00000"
PHONES = [f"+1202555{number:04d}" for number in range(101, 107)]
WAKE = a_batch({"sender_id": "snd_a"})
LOOK = a_batch({"campaign_id": "cmp_a", "round": 0})
NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        yield made


@pytest.fixture
def carrier(deployed: Deployment) -> Iterator[Carrier]:
    with a_carrier(deployed) as made:
        yield made


def put(deployed: Deployment, table: str, item: dict[str, Any]) -> None:
    """Store *item* as it is: texts, numbers and lists of texts."""
    deployed.stores.client.put_item(TableName=table, Item={k: _typed(v) for k, v in item.items()})


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, int | float):
        return {"N": str(value)}
    return {"L": [{"S": one} for one in value]} if isinstance(value, list) else {"S": value}


def a_row(phone: str, status: str, **changes: Any) -> dict[str, Any]:
    """Return a lead's row with the attributes that the first released version gave it."""
    return {
        "pk": PART,
        "sk": lead_key(phone),
        "kind": "lead",
        "status": status,
        "claim_id": f"old-{phone[-4:]}",
        "claimed_at": to_iso(datetime.now(UTC) - timedelta(minutes=20)),
        "attempts": 1,
        "phone": phone,
        "sender_id": "snd_a",
        "office_id": "off_north",
        "segments": 1,
        "content_version": 1,
        "text_digest": "00ff00ff00ff00ff",
        **changes,
    }


def accepted(carrier: Carrier) -> dict[str, int]:
    return {phone: len(sent) for phone, sent in carrier.ledger.accepted_by_phone().items()}


def deliver(deployed: Deployment, carrier: Carrier) -> None:
    """Bring the final receipt of everything that the carrier has taken."""
    for phone in accepted(carrier):
        ref = a_run(parts=1).lead_ref(lead_key(phone))
        answer = deployed.invoke("process_receipts", a_batch(a_receipt_message(ref, "delivered")))
        assert answer == NOTHING_FAILED


def look(deployed: Deployment) -> None:
    """Let the reconciler look at the part now, and at nothing later."""
    control = deployed.stores.control
    for watch in control.due("cmp_a", datetime.now(UTC) + timedelta(hours=1)):
        control.remove(watch)
    control.put(Watch(campaign_id="cmp_a", part=0, due_at=datetime.now(UTC)))
    assert deployed.invoke("reconcile_messages", LOOK) == NOTHING_FAILED


# Poison ----------------------------------------------------------------------------------------

GARBLED: dict[str, dict[str, Any]] = {
    "no status": {"status": None},
    "a status that nobody knows": {"status": "teleported"},
    "a time that is none": {"claimed_at": "yesterday"},
    "no phone": {"phone": None},
    "no claim": {"claim_id": None},
    "nothing but its keys": dict.fromkeys(
        ("status", "claim_id", "claimed_at", "attempts", "phone", "sender_id", "segments")
    ),
}


@pytest.mark.parametrize("wrong", GARBLED)
def test_a_row_that_cannot_be_read_holds_up_nobody_and_is_not_texted(
    deployed: Deployment, carrier: Carrier, wrong: str
) -> None:
    """F8: a poisoned row is alone with it."""
    keep_campaign(deployed, PHONES)
    row = a_row(PHONES[0], "claimed") | GARBLED[wrong]
    put(deployed, "MessagesTable", {name: v for name, v in row.items() if v is not None})

    assert deployed.invoke("send_messages", WAKE) == NOTHING_FAILED
    deliver(deployed, carrier)
    look(deployed)

    assert accepted(carrier) == dict.fromkeys(PHONES[1:], 1)
    assert deployed.stores.control.campaign("cmp_a").status is CampaignStatus.FINISHED


def test_a_recipient_full_of_junk_fails_alone(deployed: Deployment, carrier: Carrier) -> None:
    """F8: a bad number fails alone."""
    junk = ["", "not a phone", "+", "٣٤٥", "+1202555999999999999"]
    keep_campaign(deployed, [*PHONES, *junk])

    assert deployed.invoke("send_messages", WAKE) == NOTHING_FAILED

    rows = deployed.stores.messages.rows("cmp_a", 0)
    assert set(PHONES) <= set(accepted(carrier))
    assert {rows[lead_key(phone)].status for phone in junk} <= {
        LeadStatus.FAILED,
        LeadStatus.CLAIMED,
        LeadStatus.SUBMITTED,
    }
    assert {rows[lead_key(phone)].status for phone in PHONES} == {LeadStatus.SUBMITTED}


# The version before ----------------------------------------------------------------------------


def keep_old_campaign(deployed: Deployment) -> None:
    """Store the sender, the campaign and its run as the first released version wrote them."""
    put(
        deployed,
        "ControlTable",
        {
            "pk": "CMP#cmp_a",
            "sk": "CMP",
            "id": "cmp_a",
            "title": "Winter",
            "office_id": "off_north",
            "body": "Hi {{first_name}}",
            "sender_ids": ["snd_a"],
            "list_ids": ["lst_a"],
            "exclude_list_ids": [],
            "tags": [],
            "created_at": "2026-11-22T11:00:00.000Z",
            "updated_at": "2026-11-22T11:00:00.000Z",
            "created_by": "usr_a",
            "status": "active",
            "type": "sms",
            "operated_by": "agent",
            "hold_reason": "none",
            "parts": 1,
            "planned_parts": 1,
            "total": len(PHONES),
            "version": 1,
            "gsi1pk": "TAB#active",
            "gsi1sk": "2026-11-22T11:00:00.000Z#cmp_a",
        },
    )
    put(
        deployed,
        "ControlTable",
        {
            "pk": "SND#snd_a",
            "sk": "RUN#cmp_a",
            "sender_id": "snd_a",
            "campaign_id": "cmp_a",
            "office_id": "off_north",
            "parts": 1,
            "senders": ["snd_a"],
            "next_part": 0,
            "state": "open",
        },
    )
    put(
        deployed,
        "ControlTable",
        {
            "pk": "SND#snd_a",
            "sk": "SND",
            "id": "snd_a",
            "office_id": "off_north",
            "name": "North",
            "phone": a_sender().phone,
            "provider": "twilio",
            "mps": 50,
            "credentials_secret": "carillon/north",
            "created_at": "2026-11-21T12:00:00.000Z",
            "kind": "reusable",
            "status": "active",
            "gsi1pk": "SENDERS",
            "gsi1sk": "2026-11-21T12:00:00.000Z#snd_a",
        },
    )


def an_old_receipt(phone: str, status: str) -> dict[str, Any]:
    """Return a queued receipt whose reference names a row, but no attempt."""
    token = base64.urlsafe_b64encode(f"{PART}~{lead_key(phone)}".encode()).decode().rstrip("=")
    return {
        "v": 1,
        "correlation_id": "request-1",
        "provider": "twilio",
        "sender_id": "snd_a",
        "ref": token,
        "received_at": to_iso(datetime.now(UTC)),
        "params": {"MessageSid": [f"SM{phone}"], "MessageStatus": [status], "To": [phone]},
    }


def test_a_campaign_that_the_version_before_began_is_ended_by_this_one(
    deployed: Deployment, carrier: Carrier
) -> None:
    keep_campaign(deployed, PHONES)
    keep_old_campaign(deployed)
    died, waits, sent, done, *fresh = PHONES
    now = to_iso(datetime.now(UTC))
    put(deployed, "MessagesTable", a_row(died, "claimed"))
    put(
        deployed,
        "MessagesTable",
        a_row(waits, "retrying", error_code="503", due_at="2026-11-22T12:00:00.000Z"),
    )
    at = {"provider_id": f"SM{sent}", "submitted_at": now}
    put(deployed, "MessagesTable", a_row(sent, "submitted", **at))
    put(deployed, "MessagesTable", a_row(done, "delivered", **at, final_at=now))

    assert deployed.invoke("send_messages", WAKE) == NOTHING_FAILED
    answer = deployed.invoke(
        "process_receipts",
        a_batch(an_old_receipt(sent, "delivered"), an_old_receipt(died, "delivered")),
    )
    deliver(deployed, carrier)
    look(deployed)

    assert answer == NOTHING_FAILED
    # Nobody whom the version before had, or may have, texted is texted again.
    assert accepted(carrier) == dict.fromkeys([waits, *fresh], 1)
    rows = deployed.stores.messages.rows("cmp_a", 0)
    assert {row.status for row in rows.values()} == {LeadStatus.DELIVERED}
    assert deployed.stores.control.campaign("cmp_a").status is CampaignStatus.FINISHED
