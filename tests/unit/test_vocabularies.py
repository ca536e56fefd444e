"""The projections of a campaign's state into five vocabularies, cell by cell (K5)."""

from typing import Any

import pytest

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.campaign_card import COLOURS, ReportKind, card_of, report_kind
from carillon.domain.vocabularies import Situation, Vocabulary, projected, situation_of
from tests.support.clock import NOON
from tests.support.management import a_campaign, a_sender

# As in the specification.
SPELLED = """
    unified               | tab       | breakdown | outreach | messaging   | interactive
    draft, not ready      | Draft     | Inactive  | –        | Pending     | Draft
    draft, ready, no date | Draft     | Inactive  | –        | Pending     | Draft
    scheduled             | Scheduled | Inactive  | –        | Scheduled   | Scheduled
    processing            | Active    | Active    | Active   | In Progress | Processing
    active, unsent left   | Active    | Active    | Active   | In Progress | Live
    active, all submitted | Active    | Active    | Active   | Completed   | Live
    paused                | Active    | Active    | Paused   | In Progress | Pending
    finished              | Active    | Active    | Finished | Completed   | Completed
    archived              | Archived  | Archived  | Finished | Completed   | Completed
"""
_S = CampaignStatus
EXAMPLES: dict[str, Campaign] = {
    "draft, not ready": a_campaign(status=_S.DRAFT, list_ids=()),
    "draft, ready, no date": a_campaign(status=_S.DRAFT),
    "scheduled": a_campaign(status=_S.SCHEDULED, schedule_at=NOON),
    "processing": a_campaign(status=_S.PROCESSING),
    "active, unsent left": a_campaign(status=_S.ACTIVE),
    "active, all submitted": a_campaign(status=_S.ACTIVE, submitted_all_at=NOON),
    "paused": a_campaign(status=_S.PAUSED),
    "finished": a_campaign(status=_S.FINISHED, submitted_all_at=NOON),
    "archived": a_campaign(status=_S.ARCHIVED),
}
HEAD, *LINES = [[cell.strip() for cell in line.split("|")] for line in SPELLED.strip().splitlines()]
CELLS = [
    (row, column, word)
    for row, *words in LINES
    for column, word in zip(HEAD[1:], words, strict=True)
]


def test_the_table_covers_every_vocabulary_and_every_situation() -> None:
    assert HEAD[1:] == [vocabulary.value for vocabulary in Vocabulary]
    assert [situation_of(EXAMPLES[row]) for row, *_ in LINES] == list(Situation)


@pytest.mark.parametrize(("row", "column", "word"), CELLS)
def test_a_state_is_called_what_the_vocabulary_calls_it(row: str, column: str, word: str) -> None:
    """K5: the specified table, cell by cell."""
    called = projected(situation_of(EXAMPLES[row]), Vocabulary(column))

    assert (called or "–") == word


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (_S.DRAFT, {}, ReportKind.DETAILS),
        (_S.SCHEDULED, {}, ReportKind.DETAILS),
        (_S.PROCESSING, {"launched_at": NOON}, ReportKind.DETAILS),
        (_S.ACTIVE, {"launched_at": NOON}, ReportKind.INTERIM),
        (_S.ACTIVE, {"launched_at": NOON, "submitted_all_at": NOON}, ReportKind.REPORT),
        (_S.PAUSED, {"launched_at": NOON}, ReportKind.INTERIM),
        (_S.FINISHED, {"launched_at": NOON}, ReportKind.REPORT),
        (_S.ARCHIVED, {"launched_at": NOON}, ReportKind.REPORT),
        (_S.ARCHIVED, {}, ReportKind.DETAILS),
    ],
)
def test_a_campaign_offers_its_report_one_so_far_or_its_details(
    status: CampaignStatus, fields: dict[str, Any], kind: ReportKind
) -> None:
    assert report_kind(a_campaign(status=status, **fields)) is kind


def test_a_card_names_the_campaign_its_sender_and_its_one_action() -> None:
    """K14: what a card shows, to the last field."""
    finished = a_campaign(
        status=_S.FINISHED, number=1042, launched_at=NOON, sender_ids=("snd_1", "snd_2")
    )

    card = card_of(finished, [a_sender()])

    assert vars(card) == {
        "name": "Spring",
        "sending_entity": "Main +1",
        "type": "sms",
        "number": 1042,
        "status": "finished",
        "colour": "teal",
        "created_at": NOON,
        "action": "report",
    }
    draft = card_of(a_campaign(), [])
    assert (draft.action, draft.sending_entity) == ("details", None)


def test_every_state_has_its_own_colour() -> None:
    assert set(COLOURS) == set(CampaignStatus)
    assert len(set(COLOURS.values())) == len(COLOURS)
