"""The account's message log: what a fetch and a list answer."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from infra.local.carrier import twilio_api

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000


@dataclass(slots=True)
class Message:
    """One message in or out. ``status`` moves on; times are epoch seconds."""

    sid: str
    to: str
    sender: str
    body: str
    direction: str
    status: str
    created_wall_s: float
    listed_from_wall_s: float
    service_sid: str = ""
    status_callback: str = ""
    media: int = 0
    error_code: int | None = None
    sent_wall_s: float | None = None
    updated_wall_s: float = 0.0
    segments: int = field(init=False)

    def __post_init__(self) -> None:
        self.segments = twilio_api.segments_of(self.body)
        self.updated_wall_s = self.updated_wall_s or self.created_wall_s

    def as_json(self, account_sid: str) -> dict[str, Any]:
        """Return Twilio's Message resource."""
        uri = twilio_api.message_uri(account_sid, self.sid)
        unassigned = self.status == "accepted"  # a service has not chosen the number yet
        return {
            "account_sid": account_sid,
            "api_version": twilio_api.API_VERSION,
            "body": self.body,
            "date_created": twilio_api.rfc2822(self.created_wall_s),
            "date_sent": twilio_api.rfc2822(self.sent_wall_s),
            "date_updated": twilio_api.rfc2822(self.updated_wall_s),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": twilio_api.DELIVERY_ERRORS.get(self.error_code or 0),
            "from": None if unassigned else self.sender,
            "messaging_service_sid": self.service_sid or None,
            "num_media": str(self.media),
            "num_segments": "0" if unassigned else str(self.segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": uri.removesuffix(".json") + "/Media.json"},
            "to": self.to,
            "uri": uri,
        }


class BadQuery(ValueError):
    """A list was asked with a parameter that does not parse."""


class MessageLog:
    """All messages of the account, newest first when listed."""

    def __init__(self) -> None:
        self._all: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_to: dict[str, list[Message]] = defaultdict(list)

    def add(self, message: Message) -> None:
        """Take *message* into the log."""
        self._all.append(message)
        self._by_sid[message.sid] = message
        self._by_to[message.to].append(message)

    def get(self, sid: str) -> Message | None:
        """Return the message, or None."""
        return self._by_sid.get(sid)

    def page(self, account_sid: str, query: Mapping[str, str], wall_s: float) -> dict[str, Any]:
        """
        Return Twilio's list page for *query*: To, From, DateSent (also < and >), paging.

        A PageToken anchors the next page at the last message shown, so messages that
        arrive between two pages neither repeat nor hide others. Raises BadQuery.
        """
        size = min(max(_whole(query, "PageSize", DEFAULT_PAGE_SIZE), 1), MAX_PAGE_SIZE)
        number = _whole(query, "Page", 0)
        found = self._matching(query, wall_s)
        start = _start(found, query.get("PageToken", ""), number * size)
        shown = found[start : start + size]
        last = start + size >= len(found)
        return {
            "first_page_uri": _page_uri(account_sid, query, size, 0, ""),
            "next_page_uri": None
            if last
            else _page_uri(account_sid, query, size, number + 1, f"PA{shown[-1].sid}"),
            "previous_page_uri": None
            if number == 0
            else _page_uri(account_sid, query, size, number - 1, ""),
            "uri": _page_uri(account_sid, query, size, number, query.get("PageToken", "")),
            "page": number,
            "page_size": size,
            "start": number * size,
            "end": number * size + max(len(shown) - 1, 0),
            "messages": [message.as_json(account_sid) for message in shown],
        }

    def _matching(self, query: Mapping[str, str], wall_s: float) -> list[Message]:
        messages = self._by_to.get(query["To"], []) if query.get("To") else self._all
        low, high = _sent_between(query)
        return [
            message
            for message in reversed(messages)
            if message.listed_from_wall_s <= wall_s
            and (not query.get("From") or message.sender == query["From"])
            # A message still queued has no DateSent; it is listed by its creation,
            # since Twilio fills the date within a second or so.
            and low <= int(message.sent_wall_s or message.created_wall_s) < high
        ]


def _start(found: list[Message], token: str, otherwise: int) -> int:
    anchor = token.removeprefix("PA")
    for place, message in enumerate(found):
        if message.sid == anchor:
            return place + 1
    return otherwise


def _page_uri(account_sid: str, query: Mapping[str, str], size: int, page: int, token: str) -> str:
    kept = [(k, v) for k, v in query.items() if k not in ("PageSize", "Page", "PageToken")]
    paging = [("PageSize", str(size)), ("Page", str(page))]
    if token:
        paging.append(("PageToken", token))
    return f"{twilio_api.list_uri(account_sid)}?{urlencode(kept + paging)}"


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise BadQuery(f"{name} is not a number")
    return int(text) if text else default


def _sent_between(query: Mapping[str, str]) -> tuple[float, float]:
    """
    Return [from, to) in epoch seconds.

    ``DateSent=`` asks for a UTC day: the SDK sends a date as its midnight. In
    ``DateSent<`` and ``DateSent>``, both inclusive, a bare date is the whole day.
    """
    low, high = float("-inf"), float("inf")
    if query.get("DateSent"):
        low, high = _span(query["DateSent"][:10])
    if query.get("DateSent>"):
        low = max(low, _span(query["DateSent>"])[0])
    if query.get("DateSent<"):
        high = min(high, _span(query["DateSent<"])[1])
    return low, high


def _span(text: str) -> tuple[float, float]:
    """Return where the day (``2026-11-22``) or the second that *text* names starts and ends."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery("DateSent is not a date") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(text) == len("2026-11-22") else timedelta(seconds=1)
    return moment.timestamp(), (moment + length).timestamp()
