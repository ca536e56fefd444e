"""
Is this click a person's? Scanners and previews told apart (M6).

A link in a text message is opened by carriers' and phones' spam filters, by messengers that
show a preview, and by browsers that fetch ahead: often within a second, at times from a data
centre under a browser's name. Such an opening is answered like any other (a scanner judges
where the link leads) and counted apart. The rules, in order; the first that holds decides:

    reason         holds when
    head           the method is HEAD: nobody reads a page without its body
    prefetch       Sec-Purpose, Purpose, X-Purpose or X-Moz says prefetch, prerender or preview
    not_navigation Sec-Fetch-Mode is there and is not ``navigate``, or Sec-Fetch-Dest is not a
                   document: a script or an image asked
    no_agent       no User-Agent, or one that says nothing
    scanner_agent  the User-Agent names a crawler, a preview, a scanner, a library or a browser
                   without a screen (the table below)
    too_soon       less than three seconds after the message was handed to the provider: it has
                   hardly reached the phone

What is taken for a machine does not count as a click of the person: neither in ``clicked``,
nor for a follow-up that only goes to those who have not clicked (M3). A person taken for one
has that counted from the next time on; a scanner that hides entirely is taken for a person.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.message import RowRef

TOO_SOON = timedelta(seconds=3)
# More openings of one link by one person are answered and not counted: nobody can make the
# counters' stream run by holding a finger on a link.
MOST_COUNTED = 100

_AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
_AHEAD_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
# Any browser's is longer.
_SHORTEST_AGENT = 5
# Parts of the names under which machines ask, as they publish them.
_MACHINES = re.compile(
    "|".join(
        (
            # All that call themselves so: Googlebot, bingbot, Twitterbot, Slackbot, TelegramBot,
            # Discordbot, LinkedInBot, Applebot, AhrefsBot; not the phones of the maker Cubot.
            r"(?<!cu)bots?\b|(?<!cu)bot[/_-]|crawl|spider|slurp|scanner",
            # Previews in messengers. Apple's Messages says facebookexternalhit and Twitterbot.
            r"facebookexternalhit|facebookcatalog|facebot|^whatsapp/|skypeuripreview|preview",
            r"embed|unfurl|google-?(safety|read-?aloud|pagerenderer|inspectiontool)",
            r"iframely|vkshare|line-poker|kakaotalk-scrap|pinterest/0",
            # Mail and link filters that name themselves.
            r"barracuda|proofpoint|mimecast|symantec|messagelabs|fortiguard|zscaler|trendmicro",
            r"safelinks|urldefense|virustotal|bitdefender|netcraft|phishtank|cloudmark",
            # Libraries and tools.
            r"^curl|^wget|python-|^python/|aiohttp|httpx|go-http-client|^java/|okhttp|apache-http",
            r"libwww|^ruby|^perl|guzzle|axios|node-fetch|undici|^php/|postman|dart:io|restsharp",
            # Browsers without a screen.
            r"headless|phantomjs|puppeteer|playwright|selenium|lighthouse|pagespeed",
        )
    ),
    re.IGNORECASE,
)


class Machine(StrEnum):
    """Why an opening is not taken for a person's."""

    HEAD = "head"
    PREFETCH = "prefetch"
    NOT_NAVIGATION = "not_navigation"
    NO_AGENT = "no_agent"
    SCANNER_AGENT = "scanner_agent"
    TOO_SOON = "too_soon"


@dataclass(frozen=True)
class Opening:
    """One request for a short link; header names in lower case. Its *id* is unique to it."""

    method: str
    headers: Mapping[str, str]
    at: datetime
    id: str


@dataclass(frozen=True)
class Clicker:
    """A lead whose link it may be, and when the last message to them was handed over."""

    row: RowRef
    handed_over_at: datetime | None

    @property
    def key(self) -> str:
        """The lead's key."""
        return self.row.sk


@dataclass(frozen=True)
class Click:
    """What to note of an opening: of which link, and by a *machine* or a person (None)."""

    row: RowRef
    number: int
    id: str
    at: datetime
    machine: Machine | None = None


def machine_of(opening: Opening, handed_over_at: datetime | None) -> Machine | None:
    """Return by which rule the opening is a machine's; None for a person's."""
    return next((reason for reason, holds in _RULES if holds(opening, handed_over_at)), None)


def _asks_ahead(headers: Mapping[str, str]) -> bool:
    return any(_AHEAD.search(headers.get(name, "")) for name in _AHEAD_HEADERS)


def _is_no_navigation(headers: Mapping[str, str]) -> bool:
    return (
        headers.get("sec-fetch-mode", "navigate") != "navigate"
        or headers.get("sec-fetch-dest", "document") != "document"
    )


def _agent(opening: Opening) -> str:
    return opening.headers.get("user-agent", "").strip()


_Rule = Callable[[Opening, datetime | None], bool]
_RULES: tuple[tuple[Machine, _Rule], ...] = (
    (Machine.HEAD, lambda opening, _: opening.method.upper() == "HEAD"),
    (Machine.PREFETCH, lambda opening, _: _asks_ahead(opening.headers)),
    (Machine.NOT_NAVIGATION, lambda opening, _: _is_no_navigation(opening.headers)),
    (Machine.NO_AGENT, lambda opening, _: len(_agent(opening)) < _SHORTEST_AGENT),
    (Machine.SCANNER_AGENT, lambda opening, _: bool(_MACHINES.search(_agent(opening)))),
    (Machine.TOO_SOON, lambda opening, since: since is not None and opening.at < since + TOO_SOON),
)
