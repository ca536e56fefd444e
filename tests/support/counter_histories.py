"""
What may become of a campaign's rows: leads, follow-ups, replies and answers, of two senders.

Rows of the older shape (without variant and follow-ups) stand beside newer ones.
"""

from typing import Any

from hypothesis import strategies as st

from tests.support.counters import FakeMessages, a_lead, a_step, an_answer, an_inbound, at, part

LEADS = ("00", "7f", "ff")
PARTS = (part(0), part(1), part(2), part(0, "cmp_2"), "parked#01")
SENDERS = ("snd_1", "snd_2")


def advanced(row: dict[str, Any] | None, step: int, minute: int) -> dict[str, Any] | None:
    """Return what may become of a lead's row next: every transition of domain.lead."""
    if row is None:
        # Old rows stand beside new ones: without a variant, and without follow-ups.
        shape: dict[str, Any] = {"sender_id": SENDERS[step % 2]}
        if step % 3:
            shape |= {"variant": "ab"[minute % 2], "steps_left": 2}
        return a_lead(claimed_at=at(minute), **shape)
    final = {"final_at": at(minute)}
    status = row["status"]
    after: dict[str, list[dict[str, Any] | None]] = {
        "claimed": [
            None,
            {"status": "submitted", "submitted_at": at(minute)},
            {"status": "retrying", "error_code": "30001"},
            {"status": "failed", "error_code": "missing_field", **final},
            {"status": "suppressed", **final},
            {"status": "unconfirmed", **final},
            {"status": "delivered", "submitted_at": at(minute), **final},
        ],
        # The retry may go out by another sender (N3).
        "retrying": [
            {"status": "claimed", "claimed_at": at(minute), "sender_id": SENDERS[minute % 2]}
        ],
        "submitted": [
            {"status": "delivered", "cost_micros": 7900, "currency": "USD", **final},
            {"status": "failed", "error_code": "30003", **final},
            {"status": "unconfirmed", **final},
        ],
        "unconfirmed": [{"status": "delivered", **final}],
    }
    reactions = [
        {"replied_at": row.get("replied_at", at(minute))},
        {
            "replied_at": row.get("replied_at", at(minute)),
            "opted_out_at": row.get("opted_out_at", at(minute)),
            "opt_out_kind": "auto",
        },
        {
            "clicked_at": row.get("clicked_at", at(minute)),
            "clicks_0": row.get("clicks_0", 0) + 1,
        },
        {"machine_clicks_3": row.get("machine_clicks_3", 0) + 1},
    ]
    reactions.append({"converted_at": row.get("converted_at", at(minute))})
    if row.get("steps_left"):
        reactions += [{"steps_left": row["steps_left"] - 1}, {"steps_left": 0}]
    if status in ("failed", "unconfirmed"):
        reactions.append({"reached_by_step": True})
    choices = [*after.get(status, []), *reactions]
    change = choices[step % len(choices)]
    return None if change is None else {**row, **change}


def advanced_step(row: dict[str, Any] | None, choice: int, minute: int) -> dict[str, Any] | None:
    """Return what may become of a follow-up's row next; it changes less than a lead's."""
    if row is None:
        sender_id = SENDERS[choice % 2]
        return a_step(status="claimed", submitted_at=None, sender_id=sender_id, variant="a")
    after: dict[str, list[dict[str, Any]]] = {
        "claimed": [{"status": "submitted", "submitted_at": at(minute)}],
        "submitted": [
            {"status": "delivered", "final_at": at(minute)},
            {"status": "failed", "error_code": "telnyx:40300", "final_at": at(minute)},
        ],
    }
    choices = after.get(row["status"], [{}])
    return {**row, **choices[choice % len(choices)]}


def history(steps: list[tuple[int, int, int]]) -> FakeMessages:
    """
    Return the messages table and stream that *steps* (part, lead, choice) make.

    Two hours lie between two steps, so that a history goes over days and a month's end.
    """
    messages = FakeMessages()
    for number, (where, who, choice) in enumerate(steps):
        partition, key, minute = PARTS[where], LEADS[who], number * 119 + 6 * 24 * 60
        if choice >= 11:
            step = f"{key}#s1"
            follow_up = messages.table.get((partition, step))
            messages.write(partition, step, advanced_step(follow_up, choice, minute))
            continue
        if choice >= 9:
            row = an_inbound(received_at=at(minute)) if choice == 9 else an_answer()
            messages.write(partition, f"{key}#{number}", {**row, "sender_id": SENDERS[who % 2]})
            continue
        lead = messages.table.get((partition, key))
        messages.write(partition, key, advanced(lead, choice, minute))
    return messages


def histories(parts: int = len(PARTS)) -> st.SearchStrategy[FakeMessages]:
    """Return histories that lie in the first so many of ``PARTS``."""
    where, who = st.integers(0, parts - 1), st.integers(0, len(LEADS) - 1)
    return st.lists(st.tuples(where, who, st.integers(0, 13)), min_size=1, max_size=40).map(history)
