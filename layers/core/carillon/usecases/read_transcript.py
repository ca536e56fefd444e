"""
The transcript of a conversation: every message in order, with what became of it (V1, V7).

Replies and answers keep their text. A campaign's messages do not, a million times the same:
they are rendered again, from what the campaign said at the version they were sent with and
the contact as the audience was frozen. The digest that was kept tells whether that is, to
the letter, what was sent; where it is not, the message says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carillon.domain.clock import to_iso
from carillon.domain.content import CampaignContent
from carillon.domain.conversation import Conversation
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Listing, Position
from carillon.domain.message import text_digest
from carillon.domain.metrics import failure_reason
from carillon.domain.permissions import Access
from carillon.domain.segments import segment_count
from carillon.domain.transcript import Author, TranscriptMessage, TranscriptRow
from carillon.ports import Audiences, CampaignTexts, Transcripts
from carillon.usecases.manage_conversations import ManageConversations
from carillon.usecases.render_texts import CompileBody, Texts
from carillon.usecases.reply_in_conversation import recipient_of


@dataclass(frozen=True, kw_only=True)
class TranscriptWorld:
    """
    What transcripts are read from; *compile_body* makes a template's renderer.

    Short links stand under *link_base_url*.
    """

    transcripts: Transcripts
    texts: CampaignTexts
    audiences: Audiences
    compile_body: CompileBody
    link_base_url: str = ""


class ReadTranscript:
    """Shows what was said."""

    def __init__(self, inbox: ManageConversations, world: TranscriptWorld) -> None:
        self._inbox = inbox
        self._world = world

    def page(
        self, access: Access, conversation_id: str, limit: int, before: Position | None
    ) -> Listing[TranscriptMessage]:
        """Return the *limit* newest messages before a position, in the order of their times."""
        bound = _bound(before) if before is not None else None
        conversation = self._inbox.get(access, conversation_id)
        rows = in_order(self._world.transcripts.messages(conversation.ref))
        earlier = [row for row in rows if bound is None or _place(row) < bound]
        shown = earlier[-limit:]
        messages = as_read(conversation, shown, self._world)
        more = len(earlier) > len(shown)
        return Listing(messages, {"before": _place(shown[0])} if more else None)


def in_order(rows: Iterable[TranscriptRow]) -> list[TranscriptRow]:
    """Return *rows* in the order of their times."""
    return sorted(rows, key=_place)


def as_read(
    conversation: Conversation, rows: Iterable[TranscriptRow], world: TranscriptWorld
) -> tuple[TranscriptMessage, ...]:
    """Return *rows* of *conversation* as people read them, each with its text if it is known."""
    said = _Said(conversation, world)
    return tuple(said.message(row) for row in rows)


class _Said:
    """The texts of one conversation; what they are rendered from is read when it is needed."""

    def __init__(self, conversation: Conversation, world: TranscriptWorld) -> None:
        self._conversation = conversation
        self._world = world
        self._contents: dict[int, CampaignContent | None] = {}
        self._fields: Mapping[str, str] | None = None

    def message(self, row: TranscriptRow) -> TranscriptMessage:
        text, is_exact = self._text(row)
        words = failure_reason(row.error_code) if row.error_code else None
        return TranscriptMessage(
            id=row.sk.partition("#")[2] or "initial",
            author=row.author,
            at=row.at,
            status=_status(row),
            text=text,
            is_exact=is_exact,
            segments=segment_count(text or ""),
            reason=words.reason if words else None,
            advice=words.advice if words else None,
            error_code=row.error_code,
            purpose=row.purpose,
            author_subject=row.author_subject,
        )

    def _text(self, row: TranscriptRow) -> tuple[str | None, bool]:
        if row.author is Author.CONTACT:
            return row.text, True
        text = row.text if row.text is not None else self._rendered(row)
        return text, text is not None and text_digest(text) == row.text_digest

    def _rendered(self, row: TranscriptRow) -> str | None:
        campaign_id = self._conversation.campaign_id
        if row.author is not Author.CAMPAIGN or campaign_id is None:
            return None
        if row.content_version not in self._contents:
            content = self._world.texts.content(campaign_id, row.content_version)
            self._contents[row.content_version] = content
        content = self._contents[row.content_version]
        if content is None or content.text_of(row.step, row.variant) is None:
            return None
        try:
            texts = Texts(content, campaign_id, self._world.compile_body, self._world.link_base_url)
            lead = self._conversation.ref.sk
            return texts.render(row.step, row.variant, self._merge_fields(), lead)
        except InvalidInput:
            # As it could not be rendered when it was to be sent: its row says why.
            return None

    def _merge_fields(self) -> Mapping[str, str]:
        if self._fields is None:
            person = recipient_of(self._conversation, self._world.audiences)
            self._fields = person.fields if person is not None else {}
        return self._fields


def _status(row: TranscriptRow) -> str:
    if row.status is None:
        return "received"
    # A reply's row begins as one that waits for its next try.
    waits = row.status == "retrying" and row.purpose == "reply" and row.error_code is None
    return "queued" if waits else row.status


def _place(row: TranscriptRow) -> str:
    return f"{to_iso(row.at)}#{row.sk}"


def _bound(position: Position) -> str:
    if set(position) != {"before"}:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return position["before"]
