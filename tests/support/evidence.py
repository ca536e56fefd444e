"""What is kept of one person's messages, over ``FakeMessages``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carillon.domain.clock import from_iso
from carillon.domain.evidence import MessageKind, SentMessage
from carillon.domain.message import RowRef, step_of
from tests.support.sending import FakeMessages

_KINDS = {
    "lead": MessageKind.INITIAL,
    "step": MessageKind.FOLLOW_UP,
    "outbound": MessageKind.ANSWER,
}
_TIMES = ("claimed_at", "submitted_at", "final_at")
_PLAIN = (
    *("status", "sender_id", "claim_id", "attempts", "segments", "content_version"),
    *("text_digest", "variant", "purpose", "author", "provider_id", "error_code"),
    *("cost_micros", "currency"),
)


class FakeMessageEvidence:
    """Implements ``ports.MessageEvidence``; a test says since when the policy stands."""

    def __init__(self, messages: FakeMessages) -> None:
        self._messages = messages
        self.policy_at: datetime | None = None
        self.times: dict[str, datetime] = {}

    def messages(self, campaign_id: str, part: int, key: str) -> list[SentMessage]:
        found = [
            _message(ref, item)
            for ref, item in self._messages.items.items()
            if ref.pk == f"{campaign_id}#{part:05d}" and ref.sk.startswith(key)
            if item["kind"] in _KINDS
        ]
        return sorted(found, key=lambda one: one.claimed_at)

    def policy_since(self) -> datetime | None:
        return self.policy_at

    def counted(self, phone: str) -> Mapping[str, datetime]:
        return self.times


def _message(ref: RowRef, item: Mapping[str, Any]) -> SentMessage:
    values: dict[str, Any] = {name: item[name] for name in _PLAIN if item.get(name) is not None}
    values |= {name: from_iso(item[name]) for name in _TIMES if item.get(name) is not None}
    return SentMessage(
        name=f"{ref.pk}~{ref.sk}",
        kind=_KINDS[item["kind"]],
        step=step_of(ref.sk) if item["kind"] == "step" else 0,
        **values,
    )
