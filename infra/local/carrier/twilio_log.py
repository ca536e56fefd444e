"""Twilio's Message resource and the list of them, as a fetch and a list answer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from infra.local.carrier.dialect import Cause, Failure
from infra.local.carrier.messages import Message, MessageLog

API_VERSION = "2010-04-01"
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000

# Why an accepted message was not delivered, with Twilio's words.
FAILURES = (
    Failure(30001, "Queue overflow", Cause.QUEUE_FULL),
    Failure(30002, "Account suspended", Cause.ACCOUNT),
    Failure(30003, "Unreachable destination handset", Cause.UNREACHABLE),
    Failure(30004, "Message blocked", Cause.BLOCKED),
    Failure(30005, "Unknown destination handset", Cause.NO_SUBSCRIBER),
    Failure(30006, "Landline or unreachable carrier", Cause.LANDLINE),
    Failure(30007, "Message filtered", Cause.FILTERED),
    Failure(30034, "Message from an unregistered number", Cause.UNREGISTERED),
    Failure(30036, "Validity Period Expired", Cause.EXPIRED),
    Failure(30008, "Unknown error", Cause.UNKNOWN),
)
_WORDS = {failure.code: failure.message for failure in FAILURES}


def resource(message: Message, account_sid: str) -> dict[str, Any]:
    """Return Twilio's Message resource."""
    uri = message_uri(account_sid, message.sid)
    # A service's message shows as accepted until its number is chosen.
    unassigned = message.status == "queued" and bool(message.service_sid)
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": rfc2822(message.created_wall_s),
        "date_sent": rfc2822(message.sent_wall_s),
        "date_updated": rfc2822(message.updated_wall_s),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": error_message(message),
        "from": None if unassigned else message.sender,
        "messaging_service_sid": message.service_sid or None,
        "num_media": str(message.media),
        "num_segments": "0" if unassigned else str(message.segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": "accepted" if unassigned else message.status,
        "subresource_uris": {"media": uri.removesuffix(".json") + "/Media.json"},
        "to": message.to,
        "uri": uri,
    }


def error_message(message: Message) -> str | None:
    """Return Twilio's words for why *message* was not delivered."""
    return None if message.error_code is None else _WORDS.get(message.error_code)


class BadQuery(ValueError):
    """A list was asked with a parameter that does not parse."""


def page(
    log: MessageLog, account_sid: str, query: Mapping[str, str], wall_s: float
) -> dict[str, Any]:
    """
    Return Twilio's list page for *query*: To, From, DateSent (also < and >), paging.

    A PageToken anchors the next page at the last message shown, so messages that
    arrive between two pages neither repeat nor hide others. Raises BadQuery.
    """
    size = min(max(_whole(query, "PageSize", DEFAULT_PAGE_SIZE), 1), MAX_PAGE_SIZE)
    number = _whole(query, "Page", 0)
    found = _matching(log, query, wall_s)
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
        "messages": [resource(message, account_sid) for message in shown],
    }


def _matching(log: MessageLog, query: Mapping[str, str], wall_s: float) -> list[Message]:
    low, high = _sent_between(query)
    return [
        message
        for message in log.newest_first("twilio", query.get("To", ""))
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
    return f"{list_uri(account_sid)}?{urlencode(kept + paging)}"


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


def rfc2822(wall_s: float | None) -> str | None:
    """Return an epoch second as ``Thu, 24 Aug 2023 05:01:45 +0000``."""
    if wall_s is None:
        return None
    return format_datetime(datetime.fromtimestamp(int(wall_s), UTC))


def message_uri(account_sid: str, sid: str) -> str:
    """Return the path of one message."""
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages/{sid}.json"


def list_uri(account_sid: str) -> str:
    """Return the path of the account's messages."""
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages.json"
