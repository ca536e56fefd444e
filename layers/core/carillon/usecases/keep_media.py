"""
One file that came along with an inbound message, from the provider's store to ours.

Fetched, kept, noted, in this order: what is noted as kept is there. Any step may happen
twice, because the key is the row's and the index's own, and the first note stands.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carillon.domain.errors import Throttled
from carillon.domain.media import MediaItem, MediaRefused, media_key
from carillon.domain.message import RowRef
from carillon.ports import AttachmentFiles, Attachments, Clock, MediaSource, SenderLookup

# Providers' links last from hours to days; what is not there after so long will not come.
# The queue gives a message ten tries, and eight fill this.
GIVE_UP_AFTER = timedelta(minutes=45)
_SOONEST_S = 30.0
_LATEST_S = 900.0


@dataclass(frozen=True, kw_only=True)
class KeepingWorld:
    """Everything that keeping a file touches."""

    attachments: Attachments
    directory: SenderLookup
    source: MediaSource
    files: AttachmentFiles
    clock: Clock


def keep_media(ref: RowRef, index: int, world: KeepingWorld) -> MediaItem:
    """
    Keep the *index*-th file of the message *ref* and return what is noted of it; safe to repeat.

    Raises Throttled when it cannot be had now and may be later, NotFound when the message
    has no such file.
    """
    attachment = world.attachments.attachment(ref, index)
    if attachment.item is not None:
        return attachment.item
    nothing = MediaItem(index=index)
    try:
        file = world.source.fetch(attachment.url, world.directory.sender(attachment.sender_id))
    except MediaRefused as error:
        if error.is_passing:
            _wait_unless_old(attachment.received_at, error, world)
        return world.attachments.note(ref, replace(nothing, problem=error.problem.value))
    item = replace(nothing, type=file.type, bytes=len(file.content), key=media_key(ref, index))
    world.files.put_attachment(
        item.key, file.content, content_type=item.type, filename=item.filename
    )
    return world.attachments.note(ref, item)


def _wait_unless_old(received_at: datetime, error: MediaRefused, world: KeepingWorld) -> None:
    age = world.clock.now() - received_at
    if age < GIVE_UP_AFTER:
        # Three times as old as now at the next try, and often enough for a link that expires.
        wait_s = min(max(2 * age.total_seconds(), _SOONEST_S), _LATEST_S)
        raise Throttled("The file cannot be had now.", retry_after_s=wait_s) from error
