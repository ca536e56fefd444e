"""P2: what a token may do beside our record of its user."""

import pytest

from carillon.domain.people import UserRecord, bounded
from carillon.domain.permissions import Role, least_of, role_of
from tests.support.people import a_user_record

AGENT = a_user_record(role=Role.AGENT, offices=("off_1",))


@pytest.mark.parametrize(
    ("token", "record", "left"),
    [
        ({"role.admin", "office.off_1"}, None, {"role.admin", "office.off_1"}),
        ({"role.admin"}, AGENT, {"role.agent"}),
        ({"role.admin", "office.off_1"}, AGENT, {"role.agent", "office.off_1"}),
        ({"role.agent", "office.off_1", "office.off_2"}, AGENT, {"role.agent", "office.off_1"}),
        (
            {"role.agent", "office.off_1"},
            a_user_record(role=Role.ADMIN, offices=("off_1",)),
            {"role.agent", "office.off_1"},
        ),
        ({"role.limited", "role.admin"}, AGENT, {"role.agent"}),
        (set(), AGENT, set()),
        ({"staff"}, AGENT, set()),
        ({"role.agent", "office.off_1"}, a_user_record(disabled=True), set()),
    ],
    ids=[
        "no record",
        "demoted",
        "demoted with an office",
        "an office less",
        "promoted, at the next token",
        "two roles",
        "no role",
        "another's group",
        "disabled",
    ],
)
def test_a_token_gives_what_the_record_gives_as_well(
    token: set[str], record: UserRecord | None, left: set[str]
) -> None:
    assert bounded(frozenset(token), record) == left


def test_the_least_powerful_role_is_the_last_of_the_list() -> None:
    assert least_of(Role.ADMIN, Role.ANALYST, Role.MANAGER) is Role.ANALYST
    assert least_of(Role.ADMIN, None) is None


def test_the_most_powerful_of_several_groups_counts() -> None:
    assert role_of(["role.limited", "role.manager", "role.owner"]) is Role.MANAGER
    assert role_of(["office.off_1"]) is None
