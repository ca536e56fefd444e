"""What a campaign says: variants of its first message (M2) and follow-ups to it (M3)."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any

from carillon.domain.errors import InvalidInput
from carillon.domain.short_links import Link

MAX_VARIANTS = 10
MAX_FOLLOW_UPS = 5
MAX_WEIGHT = 1000
# Below a minute it would be one message in two; a campaign's runs are kept 35 days.
SHORTEST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(days=30)
_VARIANT_ID = re.compile(r"[a-z0-9]{1,8}")


@dataclass(frozen=True)
class Variant:
    """One wording of the first message; it gets *weight* shares of the audience."""

    id: str
    weight: int
    body: str


class StepCondition(StrEnum):
    """To whom a follow-up still goes."""

    ALWAYS = "always"
    NO_REPLY = "no_reply"
    NO_CLICK = "no_click"


@dataclass(frozen=True)
class FollowUp:
    """
    A further message, *delay_s* after the one before it was accepted.

    Whatever its condition, nobody gets it after a reply, an opt-out or the campaign's end.
    With ``no_click`` those pass it over who have opened one of the campaign's short links.
    """

    delay_s: int
    condition: StepCondition
    body: str


@dataclass(frozen=True)
class CampaignContent:
    """
    What a campaign says, from some version of it on (K10).

    With *smart_encoding* what is sent has typographic characters in their GSM-7 spelling (M4).
    """

    body: str
    variants: tuple[Variant, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    links: tuple[Link, ...] = ()
    smart_encoding: bool = False
    # What the codes of its links are made with, once it was launched. A secret.
    link_key: str = field(default="", repr=False)

    def text_of(self, step: int, variant: str | None) -> str | None:
        """Return the template of message *step* (0: the initial); None if there is none."""
        if step:
            return self.follow_ups[step - 1].body if step <= len(self.follow_ups) else None
        if variant is None:
            return self.body
        return next((one.body for one in self.variants if one.id == variant), None)


def variant_of(campaign_id: str, key: str, variants: Sequence[Variant]) -> Variant | None:
    """
    Return the variant of the lead *key*, always the same; None without variants.

    A stable hash of campaign and phone (the key is the phone's hash), so a retry, another
    pacer or a recount never moves a lead to another variant (M2).
    """
    if not variants:
        return None
    digest = hashlib.blake2b(f"{campaign_id}\x1f{key}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest) % sum(variant.weight for variant in variants)
    for variant in variants:
        place -= variant.weight
        if place < 0:
            return variant
    raise AssertionError("the weights add up to more than every place")


def variants_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Variant, ...]:
    """Return the variants that JSON *entries* describe; InvalidInput (field ``variants``)."""
    if len(entries) > MAX_VARIANTS:
        raise _wrong("variants", f"A campaign has at most {MAX_VARIANTS} variants.")
    variants = tuple(_variant(entry) for entry in entries)
    if len({variant.id for variant in variants}) < len(variants):
        raise _wrong("variants", "Every variant needs an id of its own.")
    return variants


def _variant(entry: Mapping[str, Any]) -> Variant:
    _require_known("variants", entry, Variant)
    name, weight, body = entry.get("id"), entry.get("weight", 1), entry.get("body")
    if not isinstance(name, str) or not _VARIANT_ID.fullmatch(name):
        raise _wrong("variants", "A variant's id is 1 to 8 of the characters a-z and 0-9.")
    if not isinstance(weight, int) or isinstance(weight, bool) or not 1 <= weight <= MAX_WEIGHT:
        raise _wrong("variants", f"A variant's weight is a whole number from 1 to {MAX_WEIGHT}.")
    if not isinstance(body, str) or not body.strip():
        raise _wrong("variants", "A variant needs a body.")
    return Variant(name, weight, body)


def follow_ups_of(entries: Sequence[Mapping[str, Any]]) -> tuple[FollowUp, ...]:
    """Return the follow-ups that JSON *entries* describe; InvalidInput (``follow_ups``)."""
    if len(entries) > MAX_FOLLOW_UPS:
        raise _wrong("follow_ups", f"A campaign has at most {MAX_FOLLOW_UPS} follow-ups.")
    return tuple(_follow_up(entry) for entry in entries)


def _follow_up(entry: Mapping[str, Any]) -> FollowUp:
    _require_known("follow_ups", entry, FollowUp)
    delay_s, body = entry.get("delay_s"), entry.get("body")
    shortest, longest = int(SHORTEST_DELAY.total_seconds()), int(LONGEST_DELAY.total_seconds())
    if (
        not isinstance(delay_s, int)
        or isinstance(delay_s, bool)
        or not shortest <= delay_s <= longest
    ):
        raise _wrong("follow_ups", f"delay_s is a whole number from {shortest} to {longest}.")
    try:
        condition = StepCondition(entry.get("condition", StepCondition.NO_REPLY))
    except ValueError as error:
        words = ", ".join(StepCondition)
        raise _wrong("follow_ups", f"A follow-up's condition is one of {words}.") from error
    if not isinstance(body, str) or not body.strip():
        raise _wrong("follow_ups", "A follow-up needs a body.")
    return FollowUp(delay_s, condition, body)


def _require_known(field: str, entry: Mapping[str, Any], kind: type[Variant | FollowUp]) -> None:
    # A misspelt condition must not become the usual one.
    known = [one.name for one in fields(kind)]
    for name in entry:
        if name not in known:
            raise _wrong(field, f"There is no {name!r:.80} here, only {', '.join(known)}.")


def _wrong(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, field=field)
