"""What a campaign's assistant knows, as people keep it, and what it would say (V6)."""

from dataclasses import dataclass
from typing import Annotated

from carillon.domain.assistant import (
    BY_ASSISTANT,
    Answer,
    HandOver,
    Question,
    Silent,
    Situation,
    objection,
)
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.commands import Command, Entries, Length
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.knowledge import (
    MAX_ANSWER,
    MAX_ENTRIES,
    MAX_KEYWORD,
    MAX_PHRASES,
    MAX_QUESTION,
    KnowledgeEntry,
    require_askable,
)
from carillon.domain.optout import classify, normalise
from carillon.domain.permissions import Access
from carillon.domain.segments import segment_count, smart_encode
from carillon.ports import Campaigns
from carillon.usecases.answer_as_assistant import AssistantWorld, asked, fits


@dataclass(frozen=True, kw_only=True)
class NewEntry(Command):
    """A whole entry: the answer, ways of asking for it, and messages that are just its keyword."""

    answer: Annotated[str, Length(1, MAX_ANSWER)]
    questions: Annotated[tuple[str, ...], Entries(MAX_PHRASES, MAX_QUESTION)] = ()
    keywords: Annotated[tuple[str, ...], Entries(MAX_PHRASES, MAX_KEYWORD)] = ()
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class TryAssistant(Command):
    """A text as a contact might send it."""

    text: Annotated[str, Length(1, MAX_ANSWER)]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """
    What would follow: ``answer``, ``hand_over`` or ``silent``, and the reason of the last two.

    *sources* are ids of the entries that the answer comes from; *score* is None from an
    answerer that has no measure of its certainty.
    """

    outcome: str
    text: str | None = None
    reason: str | None = None
    score: float | None = None
    sources: tuple[str, ...] = ()
    segments: int = 0


class ManageKnowledge:
    """Shows, changes and tries out what the assistant of a campaign knows."""

    def __init__(self, campaigns: Campaigns, world: AssistantWorld) -> None:
        self._campaigns = campaigns
        self._world = world

    def entries(self, access: Access, campaign_id: str) -> list[KnowledgeEntry]:
        """Return all entries of the campaign, by id; NotFound when it is another office's."""
        self._campaign(access, campaign_id)
        return self._world.knowledge.entries(campaign_id)

    def put(self, access: Access, campaign_id: str, entry_id: str, new: NewEntry) -> KnowledgeEntry:
        """
        Keep the entry, in place of the one that has its id.

        Raises InvalidInput for one that nobody could reach (``questions``), whose keyword is
        reserved or another entry's (``keywords``), or whose answer takes more segments than
        an assistant may send (``answer``); Conflict when the campaign has as many entries as
        it may have (``knowledge_full``; two at once may pass it by one) or is archived.
        """
        self._require_editable(access, campaign_id)
        entry = KnowledgeEntry(
            campaign_id=campaign_id,
            id=entry_id,
            answer=new.answer.strip(),
            questions=_tidy(new.questions),
            keywords=_tidy(new.keywords),
            enabled=new.enabled,
            updated_at=self._world.clock.now(),
        )
        require_askable(entry)
        self._require_sendable(entry)
        others = [one for one in self._world.knowledge.entries(campaign_id) if one.id != entry_id]
        _require_free_keywords(entry, others)
        if len(others) >= MAX_ENTRIES:
            raise Conflict(f"A campaign has at most {MAX_ENTRIES} entries.", code="knowledge_full")
        self._world.knowledge.put(entry)
        return entry

    def delete(self, access: Access, campaign_id: str, entry_id: str) -> None:
        """Drop the entry; one that is not there is no error, so that it may be repeated."""
        self._require_editable(access, campaign_id)
        self._world.knowledge.delete(campaign_id, entry_id)

    def try_out(self, access: Access, campaign_id: str, wanted: TryAssistant) -> Trial:
        """Return what would follow if a contact sent the text; nothing is sent or changed."""
        campaign = self._campaign(access, campaign_id)
        against = objection(_calm(wanted.text), self._world.policy, self._world.clock.now())
        if against is not None:
            return _trial(against)
        question = Question(
            text=wanted.text,
            campaign_title=campaign.title,
            organisation=self._world.organisation,
        )
        return _trial(asked(question, campaign_id, self._world))

    def _campaign(self, access: Access, campaign_id: str) -> Campaign:
        campaign = self._campaigns.get(campaign_id)
        access.require_object(
            campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
        )
        return campaign

    def _require_editable(self, access: Access, campaign_id: str) -> None:
        status = self._campaign(access, campaign_id).status
        if status is CampaignStatus.ARCHIVED:
            raise Conflict(
                "An archived campaign answers nobody any more.",
                code="campaign_state",
                extra={"state": status},
            )

    def _require_sendable(self, entry: KnowledgeEntry) -> None:
        text = smart_encode(entry.answer)
        if not fits(text, self._world.policy):
            raise InvalidInput(
                f"The answer takes {segment_count(text)} segments; an assistant may send"
                f" {self._world.policy.max_segments}.",
                field="answer",
                code="answer_too_long",
            )


def _trial(outcome: Answer | HandOver | Silent) -> Trial:
    match outcome:
        case Silent():
            return Trial(outcome="silent", reason=outcome.why)
        case HandOver():
            return Trial(
                outcome="hand_over",
                reason=outcome.reason,
                score=outcome.score,
                sources=outcome.sources,
            )
        case Answer():
            return Trial(
                outcome="answer",
                text=outcome.text,
                score=outcome.score,
                sources=outcome.sources,
                segments=segment_count(outcome.text),
            )


def _calm(text: str) -> Situation:
    return Situation(
        inbound_id="trial",
        text=text,
        keyword=classify(text),
        operated_by=BY_ASSISTANT,
        needs_attention=False,
        is_held=False,
        opted_out=False,
    )


def _tidy(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(phrase.split()) for phrase in phrases))


def _require_free_keywords(entry: KnowledgeEntry, others: list[KnowledgeEntry]) -> None:
    """A keyword is certain of its answer, so it can have one only."""
    taken = {normalise(keyword): other.id for other in others for keyword in other.keywords}
    for keyword in entry.keywords:
        if normalise(keyword) in taken:
            raise InvalidInput(
                f"{keyword!r} is a keyword of {taken[normalise(keyword)]} already.",
                field="keywords",
                code="keyword_taken",
            )
