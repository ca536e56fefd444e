"""
What comes along with an inbound message: pictures, recordings, contacts, documents.

A file is kept when its first bytes and the type it was served with agree on one that we
keep; anything else is noted as refused, with the reason. Nothing is read beyond the first
bytes: what a file is, not what it says.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from carillon.domain.errors import CarillonError
from carillon.domain.message import Reply, RowRef

# Twilio and Plivo carry ten files a message; more is an attempt to keep us busy.
MOST_FILES = 10
# The most that Twilio and Plivo let all files of a message weigh.
MOST_BYTES = 5 * 1024 * 1024
# What deciding about a type needs of a file.
HEAD_BYTES = 64


class Problem(StrEnum):
    """Why a file was not kept."""

    # What is wrong with the address, for good.
    BAD_ADDRESS = "bad_address"
    FORBIDDEN_ADDRESS = "forbidden_address"
    FORBIDDEN_HOST = "forbidden_host"
    REDIRECTED = "redirected"
    # What is wrong with the answer, for good.
    ENCODED = "encoded"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    TYPE_MISMATCH = "type_mismatch"
    # What may be otherwise in a while.
    DENIED = "denied"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"
    TOO_SLOW = "too_slow"


_PASSING = frozenset(
    {
        # By credentials that were rotated a moment ago, perhaps.
        Problem.DENIED,
        Problem.UNRESOLVED,
        Problem.UNREACHABLE,
        Problem.UNAVAILABLE,
        Problem.TOO_SLOW,
    }
)


class MediaRefused(CarillonError):
    """A file cannot be had; ``code`` is a Problem, and never says where it was."""

    code = "media_refused"

    def __init__(self, problem: Problem) -> None:
        super().__init__("The file cannot be kept.", code=problem)
        self.problem = problem

    @property
    def is_passing(self) -> bool:
        """Whether another try later may go better."""
        return self.problem in _PASSING


@dataclass(frozen=True)
class FetchedFile:
    """A file's bytes, and the type that they and their server agree on."""

    type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One file of an inbound message: where the provider has it, and what became of it so far."""

    url: str
    sender_id: str
    received_at: datetime
    item: "MediaItem | None" = None


@dataclass(frozen=True, kw_only=True)
class MediaItem:
    """
    One file of an inbound message, the *index*-th: kept under *key*, or refused for *problem*.

    ``key`` is of the files bucket. Give it out by a presigned link with ``filename``, never
    by its contents: it is a stranger's file.
    """

    index: int
    type: str = ""
    bytes: int = 0
    key: str = ""
    problem: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether there is a file to download."""
        return bool(self.key)

    @property
    def filename(self) -> str:
        """What a browser should call it; nothing of it is the sender's."""
        return f"attachment-{self.index + 1}.{suffix_of(self.type)}"


def suffix_of(kind: str) -> str:
    """Return what a file of type *kind* is called after the dot."""
    return _SUFFIXES.get(kind, "bin")


def fetch_tasks(ref: RowRef, reply: Reply) -> list[dict[str, Any]]:
    """Return what to enqueue for the files of *reply*, whose row is *ref*: one message each."""
    files = range(min(len(reply.media_urls), MOST_FILES))
    return [{"pk": ref.pk, "sk": ref.sk, "index": index} for index in files]


def media_key(ref: RowRef, index: int) -> str:
    """Return where in the files bucket the *index*-th file of the row *ref* is kept."""
    row = hashlib.sha256(f"{ref.pk}\n{ref.sk}".encode()).hexdigest()
    return f"media/{row}/{index}"


def items_of(noted: Mapping[str, Mapping[str, Any]]) -> tuple[MediaItem, ...]:
    """Return the files that a row notes under ``media``, in their order; {} has none yet."""
    items = (MediaItem(index=int(index), **values) for index, values in noted.items())
    return tuple(sorted(items, key=lambda item: item.index))


def agreed_type(head: bytes, declared: str) -> str:
    """
    Return the type to keep a file as that begins with *head* and was served as *declared*.

    Raises MediaRefused: ``type_not_allowed`` for a beginning that we do not know or do not
    keep, ``type_mismatch`` when it was served as something else.
    """
    names = next((names for is_one, names in _FORMATS if is_one(head)), None)
    if names is None:
        raise MediaRefused(Problem.TYPE_NOT_ALLOWED)
    name = declared.partition(";")[0].strip().lower()
    if name not in names:
        raise MediaRefused(Problem.TYPE_MISMATCH)
    return names[name]


def _begins(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and (head[8:12] in _MP4_BRANDS or head[8:11] == b"iso")


def _is_3gpp(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:11] in (b"3gp", b"3g2", b"3ge", b"3gr", b"3gs")


def _is_mp3(head: bytes) -> bool:
    """Whether it is MPEG audio of layer III, with tags before it or without (ISO 11172-3)."""
    if head.startswith(b"ID3"):
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    is_reserved = head[1] >> 3 & 3 == 1 or head[2] >> 4 in (0, 15) or head[2] >> 2 & 3 == 3
    return head[1] >> 1 & 3 == 1 and not is_reserved


def _is_vcard(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:11].upper() == b"BEGIN:VCARD"


def _named(kept_as: str, *also: str) -> dict[str, str]:
    return dict.fromkeys((kept_as, *also), kept_as)


# Brands of ISO base media files that are MP4; QuickTime ("qt  ") and HEIF are not.
_MP4_BRANDS = frozenset(
    {b"mp41", b"mp42", b"avc1", b"M4V ", b"M4A ", b"MSNV", b"dash", b"mmp4", b"M4VH", b"M4VP"}
)
# How each kept format begins, and by which names it is served; each name's value is ours.
_FORMATS: tuple[tuple[Callable[[bytes], bool], dict[str, str]], ...] = (
    (_begins(b"\xff\xd8\xff"), _named("image/jpeg", "image/jpg", "image/pjpeg")),
    (_begins(b"\x89PNG\r\n\x1a\n"), _named("image/png", "image/x-png")),
    (_begins(b"GIF87a", b"GIF89a"), _named("image/gif")),
    (_is_webp, _named("image/webp")),
    (
        _is_mp4,
        _named("video/mp4", "video/x-m4v")
        | _named("audio/mp4", "audio/m4a", "audio/x-m4a")
        | _named("video/3gpp"),
    ),
    (_is_3gpp, _named("video/3gpp", "audio/3gpp", "video/3gpp2", "audio/3gpp2", "video/3gp")),
    (_begins(b"#!AMR\n", b"#!AMR-WB\n"), _named("audio/amr", "audio/amr-wb")),
    (_is_mp3, _named("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3")),
    (_begins(b"OggS"), _named("audio/ogg", "application/ogg", "audio/opus")),
    (_is_vcard, _named("text/vcard", "text/x-vcard", "text/directory")),
    (_begins(b"%PDF-"), _named("application/pdf")),
)
# What a download is called after the dot.
_SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/3gpp": "3gp",
    "audio/mp4": "m4a",
    "audio/amr": "amr",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "text/vcard": "vcf",
    "application/pdf": "pdf",
}
