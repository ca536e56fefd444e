"""What the organisation has used: messages and segments by office, sender and channel (T8)."""

from collections.abc import Mapping
from typing import Any

from carillon.domain.clock import to_iso
from carillon.domain.counters import Counts, total_of
from carillon.domain.errors import InvalidInput
from carillon.domain.metrics import Given, costs_of, figure_value
from carillon.domain.permissions import Access
from carillon.domain.timeframe import asked_frame, shown_frame
from carillon.usecases.read_analytics import AnalyticsWorld


def usage(query: Mapping[str, str], access: Access, world: AnalyticsWorld) -> dict[str, Any]:
    """
    Return what was accepted by providers within a period of whole UTC days.

    *query* has ``preset``, or ``from`` and ``to`` as dates. Offices and senders within reach.
    Reads a query a month of each office and a query of each sender. Raises InvalidInput.
    """
    as_of = world.clock.now()
    for field in ("from", "to"):
        if "T" in query.get(field, ""):
            raise InvalidInput("Usage is counted by whole UTC days.", field=field)
    utc = {**query, "zone": "UTC"}
    frame, _ = asked_frame(utc, as_of)
    offices = world.catalogue.office_ids() if access.offices is None else sorted(access.offices)
    by_office = {office: world.figures.office_totals(office, frame) for office in offices}
    senders = [one for one in world.catalogue.senders() if access.covers(one.office_id)]
    first, behind = f"{frame.start:%Y-%m-%d}", f"{frame.end:%Y-%m-%d}"
    by_sender = [
        {
            "sender_id": sender.id,
            "name": sender.name,
            "office_id": sender.office_id,
            "messages": own.get("submitted", 0),
            "segments": own.get("segments", 0),
        }
        for sender in sorted(senders, key=lambda one: one.id)
        if (own := world.figures.sender_within(sender.id, first, behind))
    ]
    total = total_of(by_office.values())
    return {
        "as_of": to_iso(as_of),
        **shown_frame(utc, frame),
        "total": _used(total),
        "by_office": [{"office_id": office, **_used(own)} for office, own in by_office.items()],
        "by_sender": by_sender,
        "by_channel": _channels(total),
    }


def _used(counts: Counts) -> dict[str, Any]:
    given = Given(counts)
    return {
        "messages": int(figure_value("messages", given)),
        "segments": int(figure_value("segments", given)),
        "costs": costs_of(counts),
    }


def _channels(counts: Counts) -> list[dict[str, Any]]:
    mms = counts.get("mms_messages", 0)
    messages = int(figure_value("messages", Given(counts)))
    return [
        {"channel": "sms", "messages": messages - mms, "segments": counts.get("segments", 0)},
        {"channel": "mms", "messages": mms, "segments": 0},
    ]
