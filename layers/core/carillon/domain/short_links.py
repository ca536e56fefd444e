"""
The short links of a campaign: their names, their codes, and whose a code is (M6).

    {base}/{15 of 0-9A-Za-z}

A code is an integer of 89 bits, made of nothing but the campaign, the lead and the link, so
that a message costs no write of its own:

    20 bits  campaign   a hash of its id: where to look the campaign up
    28 bits  who        24 bits of the lead's key and 4 of the link's number, masked
    41 bits  tag        over the campaign, the whole lead key and the link, under the
                        campaign's own secret key

The tag is also what ``who`` is masked with (a synthetic IV), so a code does not say from which
phone it was made. Two campaigns or two leads that share their short bits are told apart by the
tag: every candidate is tried. To forge a click of a given person takes 2^40 tries on average,
of some person of a campaign of 1,000,000 some 2^44; see infra/decisions.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from carillon.domain.errors import InvalidInput

MAX_LINKS = 16
MAX_URL = 2000
CODE_LENGTH = 15

_CAMPAIGN_BITS, _LEAD_BITS, _LINK_BITS, _TAG_BITS = 20, 24, 4, 41
_WHO_BITS = _LEAD_BITS + _LINK_BITS
_LEAD_HEX = _LEAD_BITS // 4
# Neither '-' nor '_': phones leave either out of a link that it ends.
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLACES = {digit: place for place, digit in enumerate(_DIGITS)}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
# What RFC 3986 lets stand in an address; of what browsers read otherwise than we ('\', white
# space, control characters) nothing.
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+",
    re.IGNORECASE,
)
_LAST_LABEL = re.compile(r"[a-z][a-z0-9-]*", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """Where ``{{ links.<name> }}`` of a campaign's texts leads."""

    name: str
    url: str


@dataclass(frozen=True, kw_only=True)
class LinkedCampaign:
    """What following a link needs of its campaign. ``parts`` are those of its audience."""

    id: str
    parts: int
    links: tuple[Link, ...]
    link_key: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """
    What a code says of itself; *is_of* tells of a candidate whether it is the one.

    ``campaign`` is where the campaigns that it may be of are found.
    """

    campaign: str
    _masked: int
    _tag: int

    def unmasked(self, link_key: str) -> tuple[str, int]:
        """Return the first hex digits of the lead's key, and the link's number, by that key."""
        who = self._masked ^ _mask(link_key, self._tag)
        return f"{who >> _LINK_BITS:0{_LEAD_HEX}x}", who & (1 << _LINK_BITS) - 1

    def is_of(self, campaign_id: str, link_key: str, lead: str) -> bool:
        """Whether it was made for the lead whose whole key is *lead*, in that campaign."""
        start, number = self.unmasked(link_key)
        mine = _tag(campaign_id, link_key, lead, number).to_bytes(8)
        return lead.startswith(start) and hmac.compare_digest(mine, self._tag.to_bytes(8))


def campaign_code(campaign_id: str) -> str:
    """Return under which five hex digits the campaign is looked up; others may share them."""
    digest = hashlib.blake2b(campaign_id.encode(), digest_size=8, person=b"link-campaign")
    return digest.hexdigest()[: _CAMPAIGN_BITS // 4]


def new_link_key() -> str:
    """Return a fresh secret key of a campaign: 32 hex digits."""
    return secrets.token_hex(16)


def code_for(campaign_id: str, link_key: str, lead: str, number: int) -> str:
    """Return the code of the campaign's link *number* for the lead whose key is *lead*."""
    tag = _tag(campaign_id, link_key, lead, number)
    who = int(lead[:_LEAD_HEX], 16) << _LINK_BITS | number
    packed = int(campaign_code(campaign_id), 16) << _WHO_BITS | who ^ _mask(link_key, tag)
    return _written(packed << _TAG_BITS | tag)


def read_code(text: str) -> Code | None:
    """Return what the code *text* says; None for what is no code of ours."""
    if len(text) != CODE_LENGTH or not all(digit in _PLACES for digit in text):
        return None
    value = 0
    for digit in text:
        value = value * len(_DIGITS) + _PLACES[digit]
    packed, tag = value >> _TAG_BITS, value & (1 << _TAG_BITS) - 1
    campaign, masked = packed >> _WHO_BITS, packed & (1 << _WHO_BITS) - 1
    if campaign >> _CAMPAIGN_BITS:
        return None
    return Code(f"{campaign:0{_CAMPAIGN_BITS // 4}x}", masked, tag)


class LeadLinks(Mapping[str, str]):
    """The short links of one lead by name; each is made when it is asked for."""

    def __init__(
        self,
        base_url: str,
        *,
        campaign_id: str,
        link_key: str,
        links: Sequence[Link],
        lead: str,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._campaign = campaign_id, link_key
        self._numbers = {link.name: number for number, link in enumerate(links)}
        self._lead = lead

    def __getitem__(self, name: str) -> str:
        code = code_for(*self._campaign, self._lead, self._numbers[name])
        return f"{self._base_url}/{code}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def links_of(entries: Iterable[Any]) -> tuple[Link, ...]:
    """
    Return the links that JSON *entries* ({"name": …, "url": …}) describe, in their order.

    Raises InvalidInput (field ``links``). The order gives each link its number, for good.
    """
    read = [_link(entry) for entry in entries]
    if len(read) > MAX_LINKS:
        raise _wrong(f"A campaign has at most {MAX_LINKS} links.")
    if len({link.name for link in read}) < len(read):
        raise _wrong("Every link needs a name of its own.")
    return tuple(read)


def _link(entry: object) -> Link:
    if not isinstance(entry, Mapping) or set(entry) != {"name", "url"}:
        raise _wrong('A link has "name" and "url".')
    name, url = entry["name"], entry["url"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong("A link's name is 1 to 32 of a-z, 0-9 and _, and begins with a letter.")
    if not isinstance(url, str) or not is_web_address(url):
        raise _wrong(
            f"The link {name} needs a whole http or https address of at most {MAX_URL} characters,"
            " without a user's name, its special characters percent-encoded."
        )
    return Link(name, url)


def is_web_address(url: str) -> bool:
    """Whether *url* is an absolute http(s) address of a named host that every browser reads so."""
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if "@" in parts.netloc or parts.netloc.endswith(":"):
        return False
    # A number for a last label is an IPv4 address, however it is written.
    is_named = _HOST.fullmatch(host) and _LAST_LABEL.fullmatch(host.rpartition(".")[2])
    return bool(is_named)


def _tag(campaign_id: str, link_key: str, lead: str, number: int) -> int:
    said = f"{campaign_id}\x1f{lead}\x1f{number}".encode()
    return _keyed(link_key, said, b"link-tag") >> 64 - _TAG_BITS


def _mask(link_key: str, tag: int) -> int:
    return _keyed(link_key, tag.to_bytes(8), b"link-mask") >> 64 - _WHO_BITS


def _keyed(link_key: str, said: bytes, purpose: bytes) -> int:
    if not link_key:
        # Without a key anybody could make codes.
        raise ValueError("the campaign has no link key")
    digest = hashlib.blake2b(said, digest_size=8, key=link_key.encode(), person=purpose).digest()
    return int.from_bytes(digest)


def _written(value: int) -> str:
    digits = []
    for _ in range(CODE_LENGTH):
        value, place = divmod(value, len(_DIGITS))
        digits.append(_DIGITS[place])
    return "".join(reversed(digits))


def _wrong(detail: str) -> InvalidInput:
    return InvalidInput(detail, field="links")
