"""Instants: aware UTC everywhere, ISO-8601 ``Z`` with milliseconds in storage."""

from datetime import UTC, datetime


def to_iso(moment: datetime) -> str:
    """Return ``2026-11-22T15:04:05.678Z``: sortable as text; *moment* must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in Carillon")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Return the aware UTC datetime that *text* (any ISO-8601 offset) names."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a timestamp needs an offset or Z")
    return moment.astimezone(UTC)
