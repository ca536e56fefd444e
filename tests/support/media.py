"""Fakes and builders of what keeping files of inbound messages uses."""

from dataclasses import dataclass, field
from typing import Any

from carillon.domain.campaign import Sender
from carillon.domain.clock import from_iso
from carillon.domain.errors import NotFound
from carillon.domain.media import Attachment, FetchedFile, MediaItem, MediaRefused, items_of
from carillon.domain.message import RowRef
from tests.support.sending import FakeMessages

JPEG = b"\xff\xd8\xff\xe0" + b"picture"
PICTURE = FetchedFile("image/jpeg", JPEG)


class FakeAttachments:
    """Implements ``ports.Attachments`` over the rows of the fake messages."""

    def __init__(self, messages: FakeMessages) -> None:
        self._messages = messages

    def attachment(self, ref: RowRef, index: int) -> Attachment:
        row = self._messages.items.get(ref, {})
        urls = row.get("media_urls", [])
        if not 0 <= index < len(urls):
            raise NotFound("no such file", code="attachment_not_found")
        return Attachment(
            url=urls[index],
            sender_id=row["sender_id"],
            received_at=from_iso(row["received_at"]),
            item=self._noted(ref, index),
        )

    def note(self, ref: RowRef, item: MediaItem) -> MediaItem:
        media = self._messages.items.get(ref, {}).get("media")
        if media is None:
            raise NotFound("no such file", code="attachment_not_found")
        noted = {name: value for name, value in vars(item).items() if value and name != "index"}
        media.setdefault(str(item.index), noted)
        standing = self._noted(ref, item.index)
        assert standing is not None
        return standing

    def _noted(self, ref: RowRef, index: int) -> MediaItem | None:
        items = items_of(self._messages.items[ref].get("media", {}))
        return next((item for item in items if item.index == index), None)


@dataclass
class FakeSource:
    """Implements ``ports.MediaSource``: files by address, or why there is none."""

    files: dict[str, FetchedFile | MediaRefused] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def fetch(self, url: str, sender: Sender) -> FetchedFile:
        self.asked.append((url, sender.id))
        found = self.files[url]
        if isinstance(found, MediaRefused):
            raise found
        return found


@dataclass
class FakeFiles:
    """Implements ``ports.AttachmentFiles``."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put_attachment(self, key: str, body: bytes, *, content_type: str, filename: str) -> None:
        self.kept[key] = {"body": body, "content_type": content_type, "filename": filename}
