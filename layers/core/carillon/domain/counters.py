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
    w#{bucket}           accepted answer of an agent, by how long the    submitted_at
                         person had waited for it (A8)
    fail#{code}          failed or suppressed lead, by reason (A15)      final_at
    partial              accepted lead with follow-ups to come (M3)      none: a state
    partial_done         those of them that are delivered, unconfirmed   none: a state
    reached_by_step      lead not delivered, but a follow-up was (A1)    final_at
    step_submitted       follow-up that the provider accepted            submitted_at
    step_delivered       follow-up delivered                             final_at
    step_failed          follow-up failed, for whatever reason           final_at
    converted            lead with an outcome marked (A16)               converted_at
    mms_messages         message accepted as MMS, whoever wrote it (T8)  submitted_at
    clicked              lead that has opened a short link (M6)          clicked_at
    click#{link}         opening of link number n by a person            none: no times kept
    machine#{link}       opening of it by a scanner or preview           none: no times kept
    cost#{currency}      price in millionths, as told so far (A18)       final_at
    v#{variant}#submitted, delivered, failed, responded, opted_out, clicked, converted
                         lead of the variant; ``failed`` by the          none: a test's
                         provider, as in A15 (M2)                        sum, no series

``responded_opted_out`` stands in the quarter of the reply, so that within any range
it never exceeds ``responded``. Follow-ups have no ``fail#``: those add up to the leads
that failed. Of the times named, the next best stands in where one is missing.

Beside its campaign's, a row counts for the sender it went out by (N4), by UTC day:
``submitted``, ``delivered``, ``failed_provider``, ``segments`` and ``fail#{code}`` of
provider failures, over leads, follow-ups and answers alike.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from carillon.domain.clock import from_iso, to_iso
from carillon.domain.lead import LeadStatus
from carillon.domain.response_times import bucket_of
from carillon.domain.short_links import MAX_LINKS

Row = Mapping[str, Any]
Counts = dict[str, int]
_Key = TypeVar("_Key")

QUARTER = timedelta(minutes=15)
FAIL_PREFIX = "fail#"
COST_PREFIX = "cost#"
CLICK_PREFIX = "click#"
MACHINE_PREFIX = "machine#"
VARIANT_PREFIX = "v#"
# What the series of responses count (T1): messages from people, several from one as well.
RESPONSES = "inbound"
# What a sender's days say; its failures by code are only kept for longer spans.
SENDER_DAILY = ("submitted", "delivered", "failed_provider", "segments")

# What a row keeps of the openings of each link, by the link's number.
CLICK_ATTRIBUTES = tuple(f"clicks_{number}" for number in range(MAX_LINKS))
MACHINE_ATTRIBUTES = tuple(f"machine_clicks_{number}" for number in range(MAX_LINKS))
# All that counting reads of a row: no phone, no body.
COUNTED_ATTRIBUTES = frozenset(
    {
        "kind",
        "office_id",
        "status",
        "segments",
        "mms",
        "author",
        "waited_s",
        "error_code",
        "opt_out_kind",
        "claimed_at",
        "submitted_at",
        "final_at",
        "replied_at",
        "received_at",
        "opted_out_at",
        "converted_at",
        "variant",
        "sender_id",
        "steps_left",
        "reached_by_step",
        "cost_micros",
        "currency",
        "clicked_at",
        *CLICK_ATTRIBUTES,
        *MACHINE_ATTRIBUTES,
    }
)

# Codes of ours that name the provider all the same: it failed without a code of its own.
_PROVIDER_WORD = re.compile(r"rejected|throttled|provider_.*")
_PRESENT_STATES = frozenset({LeadStatus.CLAIMED, LeadStatus.RETRYING})
_ACCEPTED_STATES = frozenset({LeadStatus.SUBMITTED, LeadStatus.DELIVERED})
_DONE_STATES = frozenset({LeadStatus.DELIVERED, LeadStatus.UNCONFIRMED})
_AUTHORS = {
    "automatic": "automatic_responses",
    "agent": "agent_responses",
    "assistant": "assistant_responses",
}
_FAILED_COUNTERS = ("failed_provider", "failed_local", "suppressed")
_OPT_OUTS = {"auto": "auto_opt_outs", "manual": "manual_opt_outs"}
# These become parts of attribute names or keys: bounded in length and alphabet.
_PLAIN_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_VARIANT = re.compile(r"[a-z0-9]{1,8}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SENDER_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_STORED_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:)([0-5]\d):\d\d\.\d{3}Z")


@dataclass
class Contribution:
    """
    Additions to counters: in total, and by quarter hour.

    A quarter is named by its first minute in UTC, ``2026-11-22T15:45Z``. Zero
    additions are absent. ``office_id`` says whose quarter hours they are.
    ``sender_days`` are the senders' own, by (sender id, UTC date ``2026-11-22``).
    """

    totals: Counts = field(default_factory=dict)
    quarters: dict[str, Counts] = field(default_factory=dict)
    office_id: str | None = None
    sender_days: dict[tuple[str, str], Counts] = field(default_factory=dict)

    def add(self, counter: str, at: object, amount: int = 1) -> None:
        """Add *amount* in total and, when *at* is a time, to the quarter hour it lies in."""
        _add(self.totals, counter, amount)
        quarter = quarter_of(at)
        if quarter is not None:
            _merge_into(self.quarters, quarter, {counter: amount}, 1)

    def add_to_sender(self, sender_id: str, counter: str, at: object, amount: int = 1) -> None:
        """Add *amount* to the sender's UTC day in which *at* lies; without a time, nowhere."""
        quarter = quarter_of(at)
        if quarter is not None:
            _merge_into(self.sender_days, (sender_id, quarter[:10]), {counter: amount}, 1)

    def merge(self, other: "Contribution", sign: int = 1) -> None:
        """Add *other* (or, with *sign* −1, take it away)."""
        for counter, amount in other.totals.items():
            _add(self.totals, counter, sign * amount)
        for quarter, counts in other.quarters.items():
            _merge_into(self.quarters, quarter, counts, sign)
        for day, counts in other.sender_days.items():
            _merge_into(self.sender_days, day, counts, sign)
        self.office_id = self.office_id or other.office_id


@dataclass(frozen=True)
class SenderCounts:
    """One sender's counters: ever, and by UTC day those of ``SENDER_DAILY``."""

    ever: Mapping[str, int]
    days: Mapping[str, Mapping[str, int]]


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


def sent(counts: Mapping[str, int]) -> int:
    """Return how many leads are delivered or unconfirmed with no follow-up to come (A13)."""
    done = counts.get("delivered", 0) + counts.get("unconfirmed", 0)
    return done - counts.get("partial_done", 0)


def failed(counts: Mapping[str, int]) -> int:
    """Return how many leads are undeliverable or suppressed (A13)."""
    return sum(counts.get(name, 0) for name in _FAILED_COUNTERS)


def settled(counts: Mapping[str, int]) -> int:
    """Return how many leads are in a final state (F1); a partial one is not (M3)."""
    return sent(counts) + failed(counts)


def variants_of(counts: Mapping[str, int]) -> dict[str, Counts]:
    """Return the counters of each variant that has any, by variant id, in order (M2)."""
    found: dict[str, Counts] = {}
    for name, amount in sorted(counts.items()):
        if name.startswith(VARIANT_PREFIX):
            _, variant, counter = name.split("#", 2)
            found.setdefault(variant, {})[counter] = amount
    return found


def _merge_into(where: dict[_Key, Counts], key: _Key, counts: Mapping[str, int], sign: int) -> None:
    mine = where.setdefault(key, {})
    for counter, amount in counts.items():
        _add(mine, counter, sign * amount)
    if not mine:
        del where[key]


def _add(counts: Counts, counter: str, amount: int) -> None:
    value = counts.get(counter, 0) + amount
    if value:
        counts[counter] = value
    else:
        counts.pop(counter, None)


def _count_lead(row: Row, result: Contribution) -> None:
    status, ended_at = row.get("status"), _ended_at(row)
    if _is_accepted(row):
        result.add("submitted", _accepted_at(row))
        _count_segments(row, result)
    if status in _PRESENT_STATES:
        result.add(str(status), None)
    elif status in _DONE_STATES:
        result.add(str(status), ended_at)
    elif status in (LeadStatus.FAILED, LeadStatus.SUPPRESSED):
        _count_failure(row, ended_at, result)
    _count_follow_ups(row, result)
    _count_reaction(row, result)
    _count_clicks(row, result)
    _count_variant(row, result)
    _count_cost(row, result)
    _count_sender(row, result)


def _count_failure(row: Row, ended_at: object, result: Contribution) -> None:
    if row.get("status") == LeadStatus.SUPPRESSED:
        counter = "suppressed"
    else:
        counter = "failed_provider" if _failed_at_provider(row) else "failed_local"
    result.add(counter, ended_at)
    result.add(f"{FAIL_PREFIX}{_code(row)}", ended_at)


def _count_follow_ups(row: Row, result: Contribution) -> None:
    status, left = row.get("status"), row.get("steps_left")
    if isinstance(left, int) and left > 0 and status in _ACCEPTED_STATES | _DONE_STATES:
        result.add("partial", None)
        if status in _DONE_STATES:
            result.add("partial_done", None)
    # Where the initial's own delivery becomes known later, it counts instead.
    if row.get("reached_by_step") is True and status != LeadStatus.DELIVERED:
        result.add("reached_by_step", _ended_at(row))


def _count_variant(row: Row, result: Contribution) -> None:
    variant = row.get("variant")
    if not isinstance(variant, str) or not _VARIANT.fullmatch(variant):
        return
    happened = {
        "submitted": _is_accepted(row),
        "delivered": row.get("status") == LeadStatus.DELIVERED,
        "failed": row.get("status") == LeadStatus.FAILED and _failed_at_provider(row),
        "responded": bool(row.get("replied_at")),
        "opted_out": bool(row.get("opted_out_at")),
        "converted": bool(row.get("converted_at")),
        "clicked": bool(row.get("clicked_at")),
    }
    for counter, true in happened.items():
        if true:
            result.add(f"{VARIANT_PREFIX}{variant}#{counter}", None)


def _count_step(row: Row, result: Contribution) -> None:
    if _is_accepted(row):
        result.add("step_submitted", _accepted_at(row))
        _count_segments(row, result)
    if row.get("status") == LeadStatus.DELIVERED:
        result.add("step_delivered", _ended_at(row))
    elif row.get("status") == LeadStatus.FAILED:
        result.add("step_failed", _ended_at(row))
    _count_cost(row, result)
    _count_sender(row, result)


def _count_cost(row: Row, result: Contribution) -> None:
    micros, currency = row.get("cost_micros"), row.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return
    if isinstance(micros, int) and micros > 0:
        result.add(f"{COST_PREFIX}{currency}", _ended_at(row), micros)


def _count_sender(row: Row, result: Contribution) -> None:
    sender_id, status, ended_at = row.get("sender_id"), row.get("status"), _ended_at(row)
    if not isinstance(sender_id, str) or not _SENDER_ID.fullmatch(sender_id):
        return
    if _is_accepted(row):
        result.add_to_sender(sender_id, "submitted", _accepted_at(row))
        result.add_to_sender(sender_id, "segments", _accepted_at(row), _segments(row))
    if status == LeadStatus.DELIVERED:
        result.add_to_sender(sender_id, "delivered", ended_at)
    elif status == LeadStatus.FAILED and _failed_at_provider(row):
        result.add_to_sender(sender_id, "failed_provider", ended_at)
        result.add_to_sender(sender_id, f"{FAIL_PREFIX}{_code(row)}", ended_at)


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
    if row.get("converted_at"):
        result.add("converted", row.get("converted_at"))


def _count_clicks(row: Row, result: Contribution) -> None:
    if row.get("clicked_at"):
        result.add("clicked", row.get("clicked_at"))
    for prefix, names in ((CLICK_PREFIX, CLICK_ATTRIBUTES), (MACHINE_PREFIX, MACHINE_ATTRIBUTES)):
        for number, name in enumerate(names):
            clicks = row.get(name)
            if isinstance(clicks, int) and clicks > 0:
                result.add(f"{prefix}{number}", None, clicks)


def _count_inbound(row: Row, result: Contribution) -> None:
    result.add("inbound", row.get("received_at"))


def _count_outbound(row: Row, result: Contribution) -> None:
    _count_cost(row, result)
    _count_sender(row, result)
    if not _is_accepted(row):
        return
    _count_segments(row, result)
    counter = _AUTHORS.get(str(row.get("author")))
    if counter:
        result.add(counter, _accepted_at(row))
    waited_s = row.get("waited_s")
    if counter == "agent_responses" and type(waited_s) is int and waited_s >= 0:
        result.add(bucket_of(waited_s), _accepted_at(row))


def _count_segments(row: Row, result: Contribution) -> None:
    segments = _segments(row)
    if segments:
        result.add("segments", _accepted_at(row), segments)
    if row.get("mms"):
        result.add("mms_messages", _accepted_at(row))


def _segments(row: Row) -> int:
    segments = row.get("segments")
    return segments if isinstance(segments, int) and segments > 0 and not row.get("mms") else 0


def _is_accepted(row: Row) -> bool:
    # A delivery receipt proves the acceptance even where its own time was lost.
    return bool(row.get("submitted_at")) or row.get("status") in _ACCEPTED_STATES


def _accepted_at(row: Row) -> object:
    return row.get("submitted_at") or _ended_at(row)


def _ended_at(row: Row) -> object:
    return row.get("final_at") or row.get("submitted_at") or row.get("claimed_at")


def _failed_at_provider(row: Row) -> bool:
    code = _code(row)
    # Codes of providers are decimal, or carry their provider: telnyx:40300.
    named = code.isdecimal() or ":" in code or _PROVIDER_WORD.fullmatch(code)
    return _is_accepted(row) or bool(named)


def _code(row: Row) -> str:
    code = row.get("error_code")
    default = "opted_out" if row.get("status") == LeadStatus.SUPPRESSED else "unknown"
    text = str(code) if code not in (None, "") else default
    return text if _PLAIN_CODE.fullmatch(text) else "other"


_BY_KIND = {
    "lead": _count_lead,
    "step": _count_step,
    "inbound": _count_inbound,
    "outbound": _count_outbound,
}
