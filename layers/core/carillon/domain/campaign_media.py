"""
Pictures and files that go with a campaign's first message, which is an MMS then (M5).

Whatever was uploaded or fetched is kept in our own bucket under its digest: what was checked
is what is sent, whatever an address serves tomorrow. Its type is what its first bytes say.

What each provider carries, by its own pages (read on 2026-11-24):

    twilio   10 files, 5 MB together   www.twilio.com/docs/sms/accepted-mime-types, error 21623
    plivo    10 files, 5 MB together   support.plivo.com, section MMS
    telnyx   10 files; 1 MB together   developers.telnyx.com, MMS transcoding: ten URLs; carriers
                                       differ by kind of number, 1 MB passes the strictest usual one
    aws      1 file: a picture of 2 MB, another of 600 KB   docs.aws.amazon.com, MMS limits
    vonage   1 file, 600 KB            the adapter's contract; its carriers' least limit
    sinch    1 file, 1 MB              the adapter's contract; Sinch's advice
    bird     none                      the adapter takes none
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carillon.domain.errors import InvalidInput
from carillon.domain.ids import derived_id
from carillon.domain.media import suffix_of

MOST_FILES = 10
MOST_BYTES = 5_000_000
# What phones and all of the providers below know to show.
TYPES = (
    *("image/jpeg", "image/png", "image/gif"),
    *("video/mp4", "video/3gpp", "audio/mpeg", "audio/amr", "audio/mp4"),
    *("text/vcard", "application/pdf"),
)


@dataclass(frozen=True)
class CampaignMedia:
    """One kept file: *id* is made of its content, *type* and *bytes* are what they are."""

    id: str
    type: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class _Limits:
    files: int
    together: int
    other_than_picture: int | None = None


_LIMITS: Mapping[str, _Limits] = {
    "twilio": _Limits(files=10, together=5_000_000),
    "plivo": _Limits(files=10, together=5_000_000),
    "telnyx": _Limits(files=10, together=1_000_000),
    "aws": _Limits(files=1, together=2_000_000, other_than_picture=600_000),
    "vonage": _Limits(files=1, together=600_000),
    "sinch": _Limits(files=1, together=1_000_000),
}
_NONE = _Limits(files=0, together=0)


def kept(content: bytes, kind: str) -> CampaignMedia:
    """Return what stands for a file of *content*, whose type was found to be *kind*."""
    digest = hashlib.sha256(content).hexdigest()
    return CampaignMedia(derived_id("med", kind, digest), kind, len(content))


def media_key(media: CampaignMedia) -> str:
    """
    Return where in the files bucket it is kept, for whatever campaigns have it.

    With a suffix: of a link, some providers (Vonage) know a file's type by nothing else.
    """
    return f"outbound/{media.id}.{suffix_of(media.type)}"


def upload_key(campaign_id: str, upload_id: str) -> str:
    """Return where in the files bucket it is uploaded to, until it was looked at."""
    return f"uploads/{campaign_id}/{upload_id}"


def media_of(entries: Sequence[Mapping[str, Any]]) -> tuple[CampaignMedia, ...]:
    """Return the files that stored *entries* describe."""
    return tuple(CampaignMedia(one["id"], one["type"], one["bytes"]) for one in entries)


def problems(media: Sequence[CampaignMedia], providers: Collection[str]) -> list[str]:
    """
    Return why *media* cannot go out by all of *providers*; empty when they can.

    ``media_not_supported``, ``media_too_many``, ``media_too_large``.
    """
    found: dict[str, None] = {}
    for provider in providers if media else ():
        limits = _LIMITS.get(provider, _NONE)
        if not limits.files:
            found["media_not_supported"] = None
        elif len(media) > limits.files:
            found["media_too_many"] = None
        elif not _fits(media, limits):
            found["media_too_large"] = None
    return list(found)


def require_room(media: Iterable[CampaignMedia]) -> None:
    """Raise InvalidInput (``media_too_many``, ``media_too_large``) for what no provider takes."""
    files = list(media)
    if len(files) > MOST_FILES:
        raise InvalidInput(f"A message has at most {MOST_FILES} files.", code="media_too_many")
    if sum(one.bytes for one in files) > MOST_BYTES:
        raise InvalidInput(
            f"A message's files have at most {MOST_BYTES} bytes together.", code="media_too_large"
        )


def _fits(media: Sequence[CampaignMedia], limits: _Limits) -> bool:
    least = limits.other_than_picture
    others = [one.bytes for one in media if not one.type.startswith("image/")]
    return sum(one.bytes for one in media) <= limits.together and (
        least is None or all(size <= least for size in others)
    )
