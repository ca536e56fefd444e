"""What is answered about conversations and canned replies."""

from carillon.domain.canned import CannedReply
from carillon.domain.conversation import Conversation, Section
from carillon.domain.outcomes import Outcome
from carillon.domain.transcript import TranscriptMessage
from carillon.usecases.reply_in_conversation import ReplyPreview
from infra.openapi.schemas import COUNT, FLAG, TEXT, Schema, array, of, page_of, record, ref

ANSWERS: dict[str, Schema] = {
    "Conversation": of(
        Conversation,
        without=frozenset(
            {"applied", "outgoing", "consent_at", "handed_over_at", "held_at", "opted_in_at"}
        ),
        section={"type": "string", "enum": [section.value for section in Section]},
    ),
    "ConversationList": page_of("Conversation"),
    "ConversationCounts": record(
        {"sections": record({section.value: ref("SectionCount") for section in Section}, [])},
        ["sections"],
    ),
    "SectionCount": record({"number": COUNT, "at_least": FLAG}, ["number", "at_least"]),
    "ConversationUpdates": record(
        {"items": array(ref("Conversation")), "after": TEXT}, ["items", "after"]
    ),
    "Transcript": page_of("TranscriptMessage"),
    "TranscriptMessage": of(TranscriptMessage),
    "ReplyPreview": of(ReplyPreview),
    "Outcome": of(Outcome),
    "CannedReply": of(CannedReply),
    "CannedReplyList": page_of("CannedReply"),
    "QueuedReply": record(
        {"id": TEXT, "conversation": ref("Conversation")}, ["id", "conversation"]
    ),
}
