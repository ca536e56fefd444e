"""
The verdict: the carrier's ledger against our items, and our counters against both.

Nothing here uses the platform's own counting: items are counted by hand, and
the ledger knows nothing of us but the references in its callbacks.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carillon.domain.clock import from_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.lead import FINAL, LeadStatus
from carillon.domain.message import CallbackRef, RowRef
from carillon.usecases.send_lead import GATE_MAX_AGE_S
from infra.local.carrier.ledger import Attempt, Ledger

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that must not happen, how often it did, and a few instances (row keys only)."""

    name: str
    count: int
    instances: Sequence[str] = ()


def judge(
    *,
    campaign_id: str,
    ledger: Ledger,
    items: Sequence[Item],
    recipients: Mapping[str, str],
    suppressions: Mapping[str, Item],
    metrics: Mapping[str, Any],
    ended_early: bool = False,
) -> list[Finding]:
    """
    Return the findings of one campaign; every count should be 0.

    *items* are all rows of the campaign's parts, *recipients* its frozen
    audience (lead key to phone), *suppressions* the opt-out table by phone,
    *metrics* the API's figures by name. A campaign that was *ended_early* may
    leave leads unsent.
    """
    initial = _initial_sends(ledger, campaign_id)
    leads = {item["sk"]: item for item in items if item["kind"] == "lead"}
    return [
        _sent_twice(initial),
        _lost(recipients, leads, initial, ended_early=ended_early),
        _sent_after_opt_out(initial, suppressions),
        _drift(counted(items, ledger, initial, len(recipients)), metrics),
        # Where nothing is sent nothing goes wrong: that is no clean verdict.
        Finding("nobody texted", int(bool(recipients) and not initial)),
    ]


def _initial_sends(ledger: Ledger, campaign_id: str) -> dict[str, list[Attempt]]:
    """Return the accepted initial messages of the campaign, by lead key."""
    found: dict[str, list[Attempt]] = {}
    for attempts in ledger.accepted_by_phone().values():
        for attempt in attempts:
            ref = _ref(attempt)
            if ref and ref.pk.startswith(f"{campaign_id}#") and "#" not in ref.sk:
                found.setdefault(ref.sk, []).append(attempt)
    return found


def _ref(attempt: Attempt) -> RowRef | None:
    try:
        return CallbackRef.parse(attempt.ref).row
    except InvalidInput:
        return None


def _sent_twice(initial: Mapping[str, Sequence[Attempt]]) -> Finding:
    twice = [key for key, attempts in initial.items() if len(attempts) > 1]
    return Finding("sent twice", len(twice), twice[:5])


def _lost(
    recipients: Mapping[str, str],
    leads: Mapping[str, Item],
    initial: Mapping[str, Sequence[Attempt]],
    *,
    ended_early: bool,
) -> Finding:
    """Leads without a final state, and leads that our items and the ledger tell differently."""
    lost = []
    for key in recipients:
        lead = leads.get(key)
        if lead is None:
            missing = not ended_early or key in initial
        else:
            told_sent = "provider_id" in lead
            missing = lead["status"] not in FINAL or told_sent != (key in initial)
        if missing:
            lost.append(key)
    return Finding("lost", len(lost), lost[:5])


def _sent_after_opt_out(
    initial: Mapping[str, Sequence[Attempt]], suppressions: Mapping[str, Item]
) -> Finding:
    late = []
    for key, attempts in initial.items():
        for attempt in attempts:
            consent = suppressions.get(attempt.to)
            if consent is not None and _is_late(attempt, consent):
                late.append(key)
    return Finding("sent after opt-out", len(late), late[:5])


def _is_late(attempt: Attempt, consent: Item) -> bool:
    if consent["status"] != "opted_out" or "committed_at" not in consent:
        return False
    committed: datetime = from_iso(consent["committed_at"])
    return attempt.arrived_wall_s > committed.timestamp() + GATE_MAX_AGE_S


def counted(
    items: Iterable[Item],
    ledger: Ledger,
    initial: Mapping[str, Sequence[Attempt]],
    total: int,
) -> dict[str, int]:
    """Return the figures as the items and the ledger have them, counted by hand."""
    rows = list(items)
    leads = [row for row in rows if row["kind"] == "lead"]
    by_status = Counter(row["status"] for row in leads)
    sent = by_status[LeadStatus.DELIVERED] + by_status[LeadStatus.UNCONFIRMED]
    failed = by_status[LeadStatus.FAILED] + by_status[LeadStatus.SUPPRESSED]
    opted_out = [row for row in leads if "opted_out_at" in row]
    finals = ledger.finals()
    delivered = sum(
        finals[attempt.sid].status == "delivered"
        for attempts in initial.values()
        for attempt in attempts[:1]
        if attempt.sid in finals
    )
    return {
        # Told by the carrier.
        "contacts_messaged": delivered,
        "contacts_submitted": len(initial),
        "initials_sent": len(initial),
        # Told by the items.
        "contacts_responded": sum("replied_at" in row for row in leads),
        "replies": sum("replied_at" in row for row in leads),
        "total_contact_responses": sum(row["kind"] == "inbound" for row in rows),
        "auto_opt_outs": sum(row["opt_out_kind"] == "auto" for row in opted_out),
        "total_opt_outs": len(opted_out),
        "segments": sum(row.get("segments", 0) for row in rows if "submitted_at" in row),
        "sent": sent,
        "failed": failed,
        "pending": total - sent - failed,
        "total": total,
    }


def _drift(expected: Mapping[str, int], metrics: Mapping[str, Any]) -> Finding:
    wrong = [
        f"{name}: counted {value}, told {metrics[name]['value']}"
        for name, value in expected.items()
        if metrics[name]["value"] != value
    ]
    return Finding("counter drift", len(wrong), wrong[:8])
