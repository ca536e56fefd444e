"""Budgets and caps, the same for the fakes and the real tables (F6, K17, L1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from carillon.adapters.dynamodb.campaign_texts import policy_from_text, policy_text
from carillon.adapters.dynamodb.limits import DynamoBudgets, DynamoContactCaps
from carillon.domain.budgets import Budget, Cap
from carillon.domain.hours import active_hours
from carillon.domain.message import RowRef
from carillon.domain.organisation import OrganisationPolicy
from carillon.ports import Budgets, ContactCaps
from tests.support.messages import PHONE, after
from tests.support.sending import FakeBudgets, FakeContactCaps
from tests.support.stores import dynamo_stores

DAY = Budget("cmp_a", "2026-11-22")
TWO_A_DAY = (Cap(2, timedelta(hours=24)),)


@dataclass(frozen=True)
class Limits:
    budgets: Budgets
    caps: ContactCaps


@pytest.fixture(params=["fake", "dynamodb"])
def limits(request: pytest.FixtureRequest) -> Iterator[Limits]:
    if request.param == "fake":
        yield Limits(FakeBudgets(), FakeContactCaps())
        return
    with dynamo_stores() as stores:
        yield Limits(
            DynamoBudgets(stores.client, "ControlTable"),
            DynamoContactCaps(stores.client, "SuppressionsTable"),
        )


def message(number: int) -> RowRef:
    return RowRef(f"cmp_{number}#00000", "0" * 32)


# Budgets ------------------------------------------------------------------------


def test_a_budget_gives_what_is_left_and_then_nothing(limits: Limits) -> None:
    given = [limits.budgets.reserve(DAY, 5, 2) for _ in range(5)]

    assert given == [2, 2, 1, 0, 0]


@pytest.mark.parametrize(("limit", "given"), [(3, [3, 0]), (0, [0, 0])])
def test_a_fresh_budget_gives_no_more_than_its_limit(
    limits: Limits, limit: int, given: list[int]
) -> None:
    assert [limits.budgets.reserve(DAY, limit, 10) for _ in range(2)] == given


def test_what_a_budget_gets_back_it_gives_again(limits: Limits) -> None:
    limits.budgets.reserve(DAY, 5, 5)

    limits.budgets.give_back(DAY, 2)

    assert limits.budgets.reserve(DAY, 5, 5) == 2


def test_a_budget_whose_limit_was_lowered_gives_nothing_more(limits: Limits) -> None:
    """F4: a lower limit binds at the next reservation."""
    limits.budgets.reserve(DAY, 5, 4)

    assert limits.budgets.reserve(DAY, 3, 1) == 0
    assert limits.budgets.reserve(DAY, 6, 9) == 2


def test_every_scope_and_period_has_a_budget_of_its_own(limits: Limits) -> None:
    limits.budgets.reserve(DAY, 1, 1)

    for other in (Budget("cmp_a", "pilot"), Budget("snd_a", "2026-11-22")):
        assert limits.budgets.reserve(other, 1, 1) == 1


# Caps ---------------------------------------------------------------------------


def test_a_cap_holds_what_is_too_much_until_the_oldest_is_old_enough(limits: Limits) -> None:
    first = limits.caps.take(PHONE, message(1), TWO_A_DAY, after(0))
    second = limits.caps.take(PHONE, message(2), TWO_A_DAY, after(60))
    third = limits.caps.take(PHONE, message(3), TWO_A_DAY, after(120))

    assert (first, second) == (None, None)
    assert third == after(24 * 3600)
    assert limits.caps.take(PHONE, message(3), TWO_A_DAY, after(24 * 3600)) is None


def test_another_try_of_the_same_message_is_not_another_message(limits: Limits) -> None:
    one_a_day = (Cap(1, timedelta(hours=24)),)

    assert limits.caps.take(PHONE, message(1), one_a_day, after(0)) is None
    assert limits.caps.take(PHONE, message(1), one_a_day, after(30)) is None
    assert limits.caps.take(PHONE, message(2), one_a_day, after(40)) == after(24 * 3600)


def test_every_cap_must_allow_it(limits: Limits) -> None:
    caps = (Cap(1, timedelta(hours=24)), Cap(2, timedelta(days=7)))
    limits.caps.take(PHONE, message(1), caps, after(0))
    limits.caps.take(PHONE, message(2), caps, after(24 * 3600))

    assert limits.caps.take(PHONE, message(3), caps, after(2 * 24 * 3600)) == after(7 * 24 * 3600)


def test_a_person_does_not_use_up_anothers_cap(limits: Limits) -> None:
    one_a_day = (Cap(1, timedelta(hours=24)),)
    limits.caps.take(PHONE, message(1), one_a_day, after(0))

    assert limits.caps.take("+12025550199", message(2), one_a_day, after(0)) is None


class Interrupted:
    """A client through which another writer gets in between the first read and its write."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_first = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        if self._is_first:
            self._is_first = False
            other = DynamoContactCaps(self._client, request["TableName"])
            assert other.take(PHONE, message(9), (Cap(1, timedelta(hours=24)),), after(0)) is None
        return self._client.put_item(**request)


def test_of_two_messages_to_one_person_at_once_a_cap_of_one_lets_one_go() -> None:
    with dynamo_stores() as stores:
        caps = DynamoContactCaps(Interrupted(stores.client), "SuppressionsTable")

        held = caps.take(PHONE, message(1), (Cap(1, timedelta(hours=24)),), after(0))

    assert held == after(24 * 3600)


def test_the_policy_comes_back_as_it_was_stored_and_an_older_one_too() -> None:
    policy = OrganisationPolicy(
        active_hours=active_hours({"days": {"mon": ["09:00-17:00"]}}),
        max_contacts_per_24h=2,
        answers_outside_hours="block",
        opt_out_words=("ciao", "basta cosi"),
    )

    assert policy_from_text(policy_text(policy)) == policy
    older = '{"active_hours": null, "max_contacts_per_24h": 1}'
    assert policy_from_text(older) == OrganisationPolicy(max_contacts_per_24h=1)
