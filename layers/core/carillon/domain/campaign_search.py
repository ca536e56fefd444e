"""How campaigns are found: filters, sorts, and the words of their titles (K12)."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.clock import to_iso
from carillon.domain.errors import InvalidInput

# Of a title so many words are found, and of each so many characters.
MOST_WORDS: Final = 16
_LONGEST_WORD: Final = 32
# Search entries are shelved by what their words begin with.
SHELVED_BY: Final = 2
_LONGEST_TITLE: Final = 100
# Sorts before every instant: what has neither been launched nor has a date.
_NO_DATE: Final = "!"


class CampaignSort(StrEnum):
    """By what campaigns are sorted; ``launched`` by the date that is set while there is none."""

    CREATED = "created"
    UPDATED = "updated"
    LAUNCHED = "launched"
    TITLE = "title"

    @property
    def descends(self) -> bool:
        """Whether it starts with the largest unless asked otherwise: times do."""
        return self is not CampaignSort.TITLE


@dataclass(frozen=True, kw_only=True)
class Facets:
    """What filters ask of a campaign, for whoever has no more of it at hand."""

    type: str
    status: CampaignStatus
    operated_by: str
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CampaignFilter:
    """What a listing keeps; None and empty keep all. Of *tags* it must have every one."""

    tags: frozenset[str] = frozenset()
    type: str | None = None
    status: CampaignStatus | None = None
    operated_by: str | None = None

    def keeps(self, campaign: Campaign | Facets) -> bool:
        """Whether *campaign* is to be shown."""
        wanted = (
            (self.type, campaign.type),
            (self.status, campaign.status),
            (self.operated_by, campaign.operated_by),
        )
        if any(asked is not None and asked != stands for asked, stands in wanted):
            return False
        return self.tags <= set(campaign.tags)


def place_in(sort: CampaignSort, campaign: Campaign) -> str:
    """Return where *campaign* stands under *sort*: sorts as text, and no two are the same."""
    return f"{_key(sort, campaign)}#{campaign.id}"


def _key(sort: CampaignSort, campaign: Campaign) -> str:
    match sort:
        case CampaignSort.CREATED:
            return to_iso(campaign.created_at)
        case CampaignSort.UPDATED:
            return to_iso(campaign.updated_at)
        case CampaignSort.LAUNCHED:
            at = campaign.launched_at or campaign.schedule_at
            return to_iso(at) if at is not None else _NO_DATE
        case CampaignSort.TITLE:
            return " ".join(_plain(campaign.title).split())[:_LONGEST_TITLE]


def words_of(title: str) -> tuple[str, ...]:
    """Return the words by which a campaign of that *title* is found."""
    plain = "".join(one if one.isalnum() else " " for one in _plain(title))
    words = (word[:_LONGEST_WORD] for word in plain.split())
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def asked_words(text: str) -> tuple[str, ...]:
    """Return what *text* asks for, the longest word first; InvalidInput (``q``) for nothing."""
    words = sorted(words_of(text), key=len, reverse=True)
    if not words or len(words[0]) < SHELVED_BY:
        raise InvalidInput(f"q needs a word of at least {SHELVED_BY} letters.", field="q")
    return tuple(words)


def is_found_by(title: str, asked: tuple[str, ...]) -> bool:
    """Whether every word of *asked* is what some word of *title* begins with."""
    words = words_of(title)
    return all(any(word.startswith(one) for word in words) for one in asked)


def leads_to(word: str, title: str, asked: tuple[str, ...]) -> bool:
    """
    Whether the entry of *word* is the one by which *asked* finds a campaign of that *title*.

    Of several words that begin alike it is the first, so that nothing is found twice.
    """
    beginning = [one for one in words_of(title) if one.startswith(asked[0])]
    return is_found_by(title, asked) and word == min(beginning)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in decomposed if not unicodedata.combining(one))
