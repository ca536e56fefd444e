"""
What one row of the messages table adds to its campaign's counters (design: counters).

Everything that counts is a sum of ``contribution(row)`` over the rows that exist.
The stream carries ``delta(old, new)``, the recount adds the contributions up, and
both agree because they are the same function.

    counter              one for each                                    its quarter hour
    submitted            lead whose initial the provider accepted (A2)   submitted_at
    delivered            lead with its message delivered (A1)            final_at
    failed_provider      lead failed by the provider or carrier (A15)    final_at
    failed_local         lead failed before any provider saw it          final_at
    suppressed           lead not texted because of an opt-out           final_at
    unconfirmed          lead of which no final word came (F2, R4)       final_at
    claimed, retrying    lead that is in this state now                  none: a state, no event
    segments             SMS segment accepted by the provider (A10)      submitted_at
    responded            lead that has replied (A3)                      replied_at
    responded_opted_out  those of them that opted out here               replied_at
    inbound              inbound message (A6)                            received_at
    auto_opt_outs, manual_opt_outs  lead that opted out here (A5, O3)    opted_out_at
    automatic_responses, agent_responses, assistant_responses
                         accepted answer, by author (A7)                 submitted_at
    fail#{code}          failed or suppressed lead, by reason (A15)      final_at

``responded_opted_out`` stands in the quarter of the reply, so that within any range
it never exceeds ``responded``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from carillon.domain.clock import from_iso, to_iso
from carillon.domain.lead import LeadStatus

Row = Mapping[str, Any]
Counts = dict[str, int]

QUARTER = timedelta(minutes=15)
FAIL_PREFIX = "fail#"

# All that counting reads of a row: no phone, no body.
COUNTED_ATTRIBUTES = frozenset(
    {
        "kind",
        "office_id",
        "status",
        "segments",
        "mms",
        "author",
        "error_code",
        "opt_out_kind",
        "claimed_at",
        "submitted_at",
        "final_at",
        "replied_at",
        "received_at",
        "opted_out_at",
    }
)

# Codes of ours that name the provider all the same: it failed without a code of its own.
_PROVIDER_WORD = re.compile(r"rejected|throttled|provider_.*")
_PRESENT_STATES = frozenset({LeadStatus.CLAIMED, LeadStatus.RETRYING})
_ACCEPTED_STATES = frozenset({LeadStatus.SUBMITTED, LeadStatus.DELIVERED})
_AUTHORS = {
    "automatic": "automatic_responses",
    "agent": "agent_responses",
    "assistant": "assistant_responses",
}
_OPT_OUTS = {"auto": "auto_opt_outs", "manual": "manual_opt_outs"}
# A code becomes part of an attribute name: bounded in length and alphabet.
_PLAIN_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_STORED_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:)([0-5]\d):\d\d\.\d{3}Z")


@dataclass
class Contribution:
    """
    Additions to counters: in total, and by quarter hour.

    A quarter is named by its first minute in UTC, ``2026-11-22T15:45Z``. Zero
    additions are absent. ``office_id`` says whose quarter hours they are.
    """

    totals: Counts = field(default_factory=dict)
    quarters: dict[str, Counts] = field(default_factory=dict)
    office_id: str | None = None

    def add(self, counter: str, at: object, amount: int = 1) -> None:
        """Add *amount* in total and, when *at* is a time, to the quarter hour it lies in."""
        _add(self.totals, counter, amount)
        quarter = quarter_of(at)
        if quarter is not None:
            counts = self.quarters.setdefault(quarter, {})
            _add(counts, counter, amount)
            if not counts:
                del self.quarters[quarter]

    def merge(self, other: "Contribution", sign: int = 1) -> None:
        """Add *other* (or, with *sign* −1, take it away)."""
        for counter, amount in other.totals.items():
            _add(self.totals, counter, sign * amount)
        for quarter, counts in other.quarters.items():
            mine = self.quarters.setdefault(quarter, {})
            for counter, amount in counts.items():
                _add(mine, counter, sign * amount)
            if not mine:
                del self.quarters[quarter]
        self.office_id = self.office_id or other.office_id


def contribution(row: Row | None) -> Contribution:
    """
    Return what *row* adds while it exists; nothing for None or an unknown kind.

    Total: it never raises, whatever the row holds. What it does not know it does
    not count, in the stream and in the recount alike.
    """
    result = Contribution()
    if row is None:
        return result
    office_id = row.get("office_id")
    result.office_id = office_id if isinstance(office_id, str) and office_id else None
    count = _BY_KIND.get(str(row.get("kind")))
    if count is not None:
        count(row, result)
    return result


def delta(old: Row | None, new: Row | None) -> Contribution:
    """Return what changing *old* into *new* adds; None stands for an absent row."""
    result = contribution(new)
    result.merge(contribution(old), -1)
    return result


def quarter_of(at: object) -> str | None:
    """Return the quarter hour (``2026-11-22T15:45Z``) of a stored time, None when it is none."""
    if not isinstance(at, str):
        return None
    stored = _STORED_TIME.fullmatch(at)
    if stored is None:
        try:
            stored = _STORED_TIME.fullmatch(to_iso(from_iso(at)))
        except (ValueError, OverflowError):
            return None
    return f"{stored[1]}{int(stored[2]) // 15 * 15:02d}Z" if stored else None


def total_of(counts: Iterable[Mapping[str, int]]) -> Counts:
    """Return the sum of many counters, without zeros."""
    result: Counts = {}
    for one in counts:
        for counter, amount in one.items():
            _add(result, counter, amount)
    return result


def difference(wanted: Mapping[str, int], found: Mapping[str, int]) -> Counts:
    """Return what must be added to *found* to make it *wanted*, without zeros."""
    result = dict(wanted)
    for counter, amount in found.items():
        _add(result, counter, -amount)
    return {counter: amount for counter, amount in result.items() if amount}


def settled(counts: Mapping[str, int]) -> int:
    """Return how many leads are in a final state (F1)."""
    return sum(counts.get(name, 0) for name in _FINAL_COUNTERS)


_FINAL_COUNTERS = ("delivered", "failed_provider", "failed_local", "suppressed", "unconfirmed")


def _add(counts: Counts, counter: str, amount: int) -> None:
    value = counts.get(counter, 0) + amount
    if value:
        counts[counter] = value
    else:
        counts.pop(counter, None)


def _count_lead(row: Row, result: Contribution) -> None:
    status = row.get("status")
    submitted_at = row.get("submitted_at")
    ended_at = row.get("final_at") or submitted_at or row.get("claimed_at")
    if _is_accepted(row):
        at = submitted_at or ended_at
        result.add("submitted", at)
        _count_segments(row, at, result)
    if status in _PRESENT_STATES:
        result.add(str(status), None)
    elif status in (LeadStatus.DELIVERED, LeadStatus.UNCONFIRMED):
        result.add(str(status), ended_at)
    elif status in (LeadStatus.FAILED, LeadStatus.SUPPRESSED):
        _count_failure(row, ended_at, result)
    _count_reaction(row, result)


def _count_failure(row: Row, ended_at: object, result: Contribution) -> None:
    suppressed = row.get("status") == LeadStatus.SUPPRESSED
    code = _code(row.get("error_code"), "opted_out" if suppressed else "unknown")
    if suppressed:
        counter = "suppressed"
    elif _is_accepted(row) or code.isdecimal() or _PROVIDER_WORD.fullmatch(code):
        counter = "failed_provider"
    else:
        counter = "failed_local"
    result.add(counter, ended_at)
    result.add(f"{FAIL_PREFIX}{code}", ended_at)


def _count_reaction(row: Row, result: Contribution) -> None:
    replied_at = row.get("replied_at")
    opted_out_at = row.get("opted_out_at")
    if replied_at:
        result.add("responded", replied_at)
    if replied_at and opted_out_at:
        result.add("responded_opted_out", replied_at)
    counter = _OPT_OUTS.get(str(row.get("opt_out_kind")))
    if opted_out_at and counter:
        result.add(counter, opted_out_at)


def _count_inbound(row: Row, result: Contribution) -> None:
    result.add("inbound", row.get("received_at"))


def _count_outbound(row: Row, result: Contribution) -> None:
    if not _is_accepted(row):
        return
    at = row.get("submitted_at") or row.get("final_at") or row.get("claimed_at")
    _count_segments(row, at, result)
    counter = _AUTHORS.get(str(row.get("author")))
    if counter:
        result.add(counter, at)


def _count_segments(row: Row, at: object, result: Contribution) -> None:
    segments = row.get("segments")
    if isinstance(segments, int) and segments > 0 and not row.get("mms"):
        result.add("segments", at, segments)


def _is_accepted(row: Row) -> bool:
    # A delivery receipt proves the acceptance even where its own time was lost.
    return bool(row.get("submitted_at")) or row.get("status") in _ACCEPTED_STATES


def _code(code: object, default: str) -> str:
    text = str(code) if code not in (None, "") else default
    return text if _PLAIN_CODE.fullmatch(text) else "other"


_BY_KIND = {"lead": _count_lead, "inbound": _count_inbound, "outbound": _count_outbound}
