"""Consent in the order of events, whatever order they arrive in; fake and real alike."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.message import Suppression
from tests.support.messages import PHONE, after, an_event
from tests.support.stores import Stores, dynamo_stores

STOP, START = True, False


def apply(stores: Stores, event: Suppression) -> Suppression:
    if event.opted_out:
        return stores.suppressions.opt_out(event)
    return stores.suppressions.opt_in(event)


def test_a_phone_nobody_has_heard_of_stands_nowhere(stores: Stores) -> None:
    assert stores.suppressions.of(PHONE) is None


def test_what_stands_is_returned_as_it_was_written(stores: Stores) -> None:
    stop = an_event(STOP, 1, "SM1")

    assert apply(stores, stop) == stop
    assert stores.suppressions.of(PHONE) == stop


@pytest.mark.parametrize(
    ("events", "ends_opted_out"),
    [
        ([(STOP, 1), (START, 2)], False),
        ([(START, 1), (STOP, 2)], True),
        ([(STOP, 1), (START, 1)], True),
        ([(STOP, 1), (START, 3), (STOP, 5)], True),
        ([(START, 1), (STOP, 3), (START, 5)], False),
        ([(STOP, 1), (STOP, 5), (START, 3)], True),
        ([(START, 1), (START, 5), (STOP, 3)], False),
        ([(STOP, 1), (START, 2), (STOP, 3), (START, 4)], False),
        ([(STOP, 1), (STOP, 4), (START, 4), (START, 2)], True),
    ],
)
def test_the_newest_event_wins_in_every_order_of_arrival(
    stores: Stores, events: list[tuple[bool, int]], ends_opted_out: bool
) -> None:
    for number, order in enumerate(permutations(events)):
        phone = f"+1202555{number:04d}"
        for out, at_s in order:
            event = an_event(out, at_s, f"{'STOP' if out else 'START'}@{at_s}")
            apply(stores, Suppression(**{**vars(event), "phone": phone}))

        standing = stores.suppressions.of(phone)
        assert standing is not None
        assert standing.opted_out is ends_opted_out, order
        # The newest event's time stands, so that nothing older can ever come between.
        assert standing.event_at == after(max(at_s for _, at_s in events)), order


def test_a_second_stop_is_not_a_second_opt_out(stores: Stores) -> None:
    apply(stores, an_event(STOP, 1, "SM1"))

    standing = apply(stores, an_event(STOP, 5, "SM2"))

    assert (standing.cause, standing.event_at) == ("SM1", after(5))
    assert stores.suppressions.of(PHONE) == standing


def test_a_repeated_event_finds_itself(stores: Stores) -> None:
    stop = an_event(STOP, 1, "SM1")
    apply(stores, stop)

    assert apply(stores, stop) == stop


def test_an_event_that_comes_too_late_is_told_what_stands(stores: Stores) -> None:
    stop = an_event(STOP, 5, "SM2")
    apply(stores, stop)

    assert apply(stores, an_event(START, 4, "SM1")) == stop


def test_a_start_that_comes_between_the_two_writes_of_a_repeated_stop_is_seen() -> None:
    with dynamo_stores() as stores:
        apply(stores, an_event(STOP, 1, "SM1"))
        racing = DynamoSuppressions(
            _Racing(stores.client, lambda: apply(stores, an_event(START, 3, "SM2"))),
            "SuppressionsTable",
        )

        standing = racing.opt_out(an_event(STOP, 5, "SM3"))

        assert (standing.opted_out, standing.cause) == (True, "SM3")
        assert stores.suppressions.of(PHONE) == standing


class _Racing:
    """A DynamoDB client before whose second write somebody else gets a turn."""

    def __init__(self, client: Any, act: Callable[[], object]) -> None:
        self._client = client
        self._act = act
        self._puts = 0

    def put_item(self, **request: Any) -> Any:
        self._puts += 1
        if self._puts == 2:
            self._act()
        return self._client.put_item(**request)
