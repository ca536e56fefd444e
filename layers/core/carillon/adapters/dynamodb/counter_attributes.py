"""
Counters as attribute names: one letter for those that every day has, so that a day is small.

    sums               {b: 412, j: 37, fail#30003: 9}          an office's day or month
    by quarter hour    {b47: 12, b48: 400, fail#30003@48: 9}   a campaign's day: 47 is 11:45 UTC

A day's quarter hours stand in one item, absent where nothing happened: "closed days are
compacted" by being written so, and no job has to come after late receipts. Letters are never
given to another counter; a name without one is written out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from carillon.domain.counters import Counts

_LETTERS: Final = {
    "submitted": "a",
    "delivered": "b",
    "failed_provider": "c",
    "failed_local": "d",
    "suppressed": "e",
    "unconfirmed": "f",
    "segments": "g",
    "responded": "h",
    "responded_opted_out": "i",
    "inbound": "j",
    "auto_opt_outs": "k",
    "manual_opt_outs": "l",
    "automatic_responses": "m",
    "agent_responses": "n",
    "assistant_responses": "o",
    "reached_by_step": "p",
    "step_submitted": "q",
    "step_delivered": "r",
    "step_failed": "s",
    "converted": "t",
    "mms_messages": "u",
    "clicked": "v",
}
_NAMES: Final = {letter: name for name, letter in _LETTERS.items()}
_LETTER_AT = re.compile(r"([a-z])(\d\d)")
_NAME_AT = re.compile(r"(.+)@(\d\d)")


def sum_attributes(counts: Mapping[str, int]) -> Counts:
    """Return *counts* by the names of their attributes."""
    return {_LETTERS.get(name, name): amount for name, amount in counts.items()}


def sums_in(attributes: Mapping[str, int]) -> Counts:
    """Return the counters that an item's *attributes* hold as sums; those by quarter are left."""
    return {
        _NAMES.get(name, name): amount
        for name, amount in attributes.items()
        if amount and _place(name) is None
    }


def quarter_attributes(quarter: str, counts: Mapping[str, int]) -> Counts:
    """Return *counts* of *quarter* (``2026-11-22T11:45Z``) by the names of their attributes."""
    number = int(quarter[11:13]) * 4 + int(quarter[14:16]) // 15
    return {_at(_LETTERS.get(name), name, number): amount for name, amount in counts.items()}


def quarters_in(date: str, attributes: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """Yield (quarter, counter, amount) of all that *attributes* hold by quarter of *date*."""
    for attribute, amount in attributes.items():
        place = _place(attribute) if amount else None
        if place is not None:
            name, number = place
            yield f"{date}T{number // 4:02d}:{number % 4 * 15:02d}Z", name, amount


def _at(letter: str | None, name: str, number: int) -> str:
    return f"{letter}{number:02d}" if letter else f"{name}@{number:02d}"


def _place(attribute: str) -> tuple[str, int] | None:
    found = _LETTER_AT.fullmatch(attribute)
    if found is not None:
        return (_NAMES[found[1]], int(found[2])) if found[1] in _NAMES else None
    found = _NAME_AT.fullmatch(attribute)
    return (found[1], int(found[2])) if found is not None else None
