"""What a campaign's assistant knows: its own questions and answers (V6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from carillon.domain.errors import InvalidInput
from carillon.domain.optout import Keyword, classify, normalise

MAX_ENTRIES: Final = 200
MAX_ANSWER: Final = 1600
MAX_PHRASES: Final = 20
MAX_QUESTION: Final = 300
MAX_KEYWORD: Final = 60


@dataclass(frozen=True, kw_only=True)
class KnowledgeEntry:
    """
    One answer of a campaign, and what people ask when they want it.

    *questions* are ways of asking; a message that is one of *keywords* and nothing else
    gets the answer for certain. What is not *enabled* is kept and never given.
    """

    campaign_id: str
    id: str
    answer: str
    updated_at: datetime
    questions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    enabled: bool = True


def require_askable(entry: KnowledgeEntry) -> None:
    """
    Raise InvalidInput unless people can reach *entry* through the assistant.

    It needs a question or a keyword, and no keyword may be a word of consent: STOP, START
    and HELP are answered by themselves and never reach an assistant.
    """
    if not entry.questions and not entry.keywords:
        raise InvalidInput("An entry needs a question or a keyword.", field="questions")
    for keyword in entry.keywords:
        if not normalise(keyword):
            raise InvalidInput("A keyword needs a letter or a digit.", field="keywords")
        if classify(keyword) is not Keyword.NONE:
            raise InvalidInput(
                f"{keyword!r} is answered by itself and never reaches the assistant.",
                field="keywords",
                code="keyword_reserved",
            )
