"""
The law pack (L1): when and how often people may be texted, by statute. Not legal advice.

Rules are data, one JSON file per jurisdiction under ``law/``, each with its source and the
dates between which it holds. A new rule, or a statute that changes on a known day, is a line
of data. Rules combine by intersection and by the lowest cap, and so does the organisation's
own policy: it can be stricter than the law and never looser (L2).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from carillon.domain.hours import ALL_DAY, ActiveHours, Spans, Week, common, week_of

EVERYWHERE: Final = "*"
NOTE: Final = "Not legal advice."


@dataclass(frozen=True, kw_only=True)
class Rule:
    """
    One dated rule of one jurisdiction. What it does not speak of is None or empty.

    It holds from ``valid_from`` on, and no longer on ``valid_to``. ``covers`` names the
    places where it applies (a rule of the EU: its members). ``closed_dates`` are days on
    which nothing may be sent. ``confirmation_within_s`` is how soon after an opt-out the one
    message that confirms it must go; ``honour_within_business_days`` how soon the opt-out
    must hold at the latest; ``retention_years`` how long its record is kept.
    """

    id: str
    jurisdiction: str
    covers: frozenset[str]
    summary: str
    source: str
    source_url: str
    valid_from: date
    valid_to: date | None = None
    week: Week | None = None
    closed_dates: frozenset[date] = frozenset()
    max_contacts_per_24h: int | None = None
    keywords: tuple[str, ...] = ()
    confirmation_within_s: int | None = None
    honour_within_business_days: int | None = None
    retention_years: int | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on *day*."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def spans_on(self, day: date) -> Spans:
        """Return the local hours that it leaves open on *day*."""
        if day in self.closed_dates:
            return ()
        return ALL_DAY if self.week is None else self.week.spans_on(day)

    @property
    def is_about_hours(self) -> bool:
        """Whether it closes anything at all."""
        return self.week is not None or bool(self.closed_dates)

    def applies_in(self, jurisdictions: Iterable[str]) -> bool:
        """Whether it binds someone who may be in any of *jurisdictions*."""
        if EVERYWHERE in self.covers:
            return True
        return any(_within(place, wanted) for wanted in jurisdictions for place in self.covers)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What an organisation asks of itself beyond the law (L2)."""

    hours: ActiveHours | None = None
    max_contacts_per_24h: int | None = None


@dataclass(frozen=True)
class LawPack:
    """A set of rules, asked by place and day."""

    rules: tuple[Rule, ...]

    def rules_for(self, jurisdictions: Iterable[str], on: date) -> list[Rule]:
        """Return every rule in force *on* that day in any of *jurisdictions*: all of them bind."""
        return [rule for rule in self.applying_in(jurisdictions) if rule.holds_on(on)]

    def applying_in(self, jurisdictions: Iterable[str]) -> list[Rule]:
        """Return the rules of any of *jurisdictions*, of whatever day."""
        places = tuple(jurisdictions)
        return [rule for rule in self.rules if rule.applies_in(places)]

    def retention_years(self, jurisdictions: Iterable[str], on: date) -> int | None:
        """Return for how long the record of an opt-out must be kept there at least."""
        years = (rule.retention_years for rule in self.rules_for(jurisdictions, on))
        return max((y for y in years if y is not None), default=None)

    def confirmation_within_s(self, jurisdictions: Iterable[str], on: date) -> int | None:
        """Return how soon after an opt-out its confirmation must go, in seconds."""
        return lowest(r.confirmation_within_s for r in self.rules_for(jurisdictions, on))

    def keywords(self, jurisdictions: Iterable[str], on: date) -> frozenset[str]:
        """Return the words that must opt out there on that day."""
        return frozenset(
            word for rule in self.rules_for(jurisdictions, on) for word in rule.keywords
        )


def open_spans(rules: Iterable[Rule], day: date) -> Spans:
    """Return the local hours of *day* that every rule in force leaves open."""
    spans = ALL_DAY
    for rule in rules:
        if rule.holds_on(day):
            spans = common(spans, rule.spans_on(day))
    return spans


def lowest(caps: Iterable[int | None]) -> int | None:
    """Return the lowest of *caps*; None sets no bound."""
    return min((cap for cap in caps if cap is not None), default=None)


@lru_cache(maxsize=1)
def shipped_pack() -> LawPack:
    """Return the rules that come with Carillon, read once."""
    written = _shipped_files()
    return LawPack(
        tuple(rule for f in written for rule in rules_of(json.loads(f.read_text("utf-8"))))
    )


@lru_cache(maxsize=1)
def shipped_version() -> str:
    """Return 12 hex digits that name the rules that come with Carillon, to the letter."""
    digest = hashlib.blake2b(digest_size=6)
    for written in _shipped_files():
        digest.update(written.read_bytes())
    return digest.hexdigest()


def _shipped_files() -> list[Traversable]:
    folder = files("carillon.domain") / "law"
    written = (f for f in folder.iterdir() if f.name.endswith(".json"))
    return sorted(written, key=lambda f: f.name)


def rules_of(document: Mapping[str, Any]) -> list[Rule]:
    """Return the rules of one jurisdiction's file; KeyError or ValueError where it is wrong."""
    place = document["jurisdiction"]
    covers = frozenset(document.get("covers", [place]))
    return [_rule(place, covers, raw) for raw in document["rules"]]


_KNOWN = frozenset(
    {
        "id", "summary", "source", "source_url", "valid_from", "valid_to", "days", "closed_dates",
        "max_contacts_per_24h", "keywords", "confirmation_within_s",
        "honour_within_business_days", "retention_years",
    }
)  # fmt: skip


def _rule(place: str, covers: frozenset[str], raw: Mapping[str, Any]) -> Rule:
    unknown = set(raw) - _KNOWN
    if unknown:
        raise ValueError(f"{raw['id']}: unknown {', '.join(sorted(unknown))}")
    return Rule(
        id=raw["id"],
        jurisdiction=place,
        covers=covers,
        summary=raw["summary"],
        source=raw["source"],
        source_url=raw["source_url"],
        valid_from=date.fromisoformat(raw["valid_from"]),
        valid_to=date.fromisoformat(raw["valid_to"]) if "valid_to" in raw else None,
        week=week_of(raw["days"]) if "days" in raw else None,
        closed_dates=frozenset(map(date.fromisoformat, raw.get("closed_dates", []))),
        max_contacts_per_24h=raw.get("max_contacts_per_24h"),
        keywords=tuple(raw.get("keywords", [])),
        confirmation_within_s=raw.get("confirmation_within_s"),
        honour_within_business_days=raw.get("honour_within_business_days"),
        retention_years=raw.get("retention_years"),
    )


def _within(place: str, wanted: str) -> bool:
    """Whether *place* is *wanted*, or one of the states for which ``US-*`` stands."""
    return place == wanted or (wanted.endswith("-*") and place.startswith(wanted[:-1]))
