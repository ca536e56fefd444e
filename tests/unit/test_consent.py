"""Where a phone stands and stood, and who said so (O5, O6)."""

from datetime import timedelta

import pytest

from carillon.domain.consent import (
    ConsentEntry,
    ConsentSource,
    consent_at,
    has_asked_to_stop,
)
from carillon.domain.message import CallbackRef, RowRef, told_in
from tests.support.clock import NOON
from tests.support.consent import an_entry
from tests.support.messages import KEY, after

BY_MANAGER = {"source": ConsentSource.MANAGER}


@pytest.mark.parametrize(
    ("oldest_first", "asked"),
    [
        ([], False),
        ([an_entry(out=True, at_s=1)], True),
        ([an_entry(out=True, at_s=1, source=ConsentSource.PROVIDER)], True),
        ([an_entry(out=True, at_s=1, **BY_MANAGER)], False),
        ([an_entry(out=True, at_s=1, **BY_MANAGER), an_entry(out=True, at_s=2)], True),
        ([an_entry(out=True, at_s=1), an_entry(out=True, at_s=2, **BY_MANAGER)], True),
        (
            [
                an_entry(out=True, at_s=1),
                an_entry(out=False, at_s=2),
                an_entry(out=True, at_s=3, **BY_MANAGER),
            ],
            False,
        ),
        # At the same instant STOP beats START, so it has not been taken back.
        ([an_entry(out=True, at_s=2, cause="SM1"), an_entry(out=False, at_s=2, cause="SM2")], True),
        ([an_entry(out=True, at_s=1), an_entry(out=False, at_s=2)], False),
    ],
)
def test_whether_the_person_has_asked_to_stop_since_they_last_came_back(
    oldest_first: list[ConsentEntry], asked: bool
) -> None:
    assert has_asked_to_stop(reversed(oldest_first)) is asked


def test_consent_at_a_moment_is_the_newest_event_that_was_known_then() -> None:
    stop = an_entry(out=True, at_s=10)
    late = an_entry(out=False, at_s=5, recorded_at=after(20))
    start = an_entry(out=False, at_s=15, recorded_at=after(30))
    entries = [start, stop, late]

    assert consent_at(entries, after(9)) is None
    assert consent_at(entries, after(10)) == stop
    assert consent_at(entries, after(29)) == stop
    assert consent_at(entries, after(30)) == start


def test_at_the_same_instant_the_stop_is_what_counts() -> None:
    stop, start = an_entry(out=True, at_s=1, cause="a"), an_entry(out=False, at_s=1, cause="b")

    assert consent_at([start, stop], NOON + timedelta(hours=1)) == stop


@pytest.mark.parametrize(
    ("row", "campaign_id"),
    [
        (RowRef("cmp_a#00000", f"{KEY}#in#SM1"), "cmp_a"),
        (RowRef("unsolicited#snd_a#07", f"{KEY}#in#SM1"), None),
    ],
)
def test_a_row_tells_its_conversation_and_its_campaign_if_it_answers_one(
    row: RowRef, campaign_id: str | None
) -> None:
    told = told_in(row)

    assert told.campaign_id == campaign_id
    assert told.conversation == CallbackRef(RowRef(row.pk, KEY)).token
