"""The user pool of the emulator and the fake of it: one suite (P2)."""

from collections.abc import Iterator
from typing import Any

import pytest

from carillon.adapters.cognito import CognitoUsers
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.people import Account
from carillon.domain.permissions import Role
from carillon.ports import UserDirectory
from infra.local.emulator import running_emulator
from tests.support.people import FakeUserDirectory

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with running_emulator(port=0, enforce_iam=False, state=None) as emulator:
        yield emulator.client("cognito-idp")


@pytest.fixture(params=["fake", "cognito"])
def directory(request: pytest.FixtureRequest) -> UserDirectory:
    if request.param == "fake":
        return FakeUserDirectory()
    client = request.getfixturevalue("client")
    pool = client.create_user_pool(
        PoolName="people", UsernameAttributes=["email"], AutoVerifiedAttributes=["email"]
    )
    pool_id = pool["UserPool"]["Id"]
    # As the template does; office groups come with their first member.
    for role in Role:
        client.create_group(UserPoolId=pool_id, GroupName=f"role.{role}")
    return CognitoUsers(client, pool_id)


def listed(directory: UserDirectory, limit: int) -> list[Account]:
    found: list[Account] = []
    after = None
    while True:
        page = directory.page(limit, after)
        found += page.items
        after = page.next
        if after is None:
            return found


def test_whoever_is_invited_is_found_by_id_and_by_address(directory: UserDirectory) -> None:
    made = directory.invite("ada@example.com")

    assert (made.email, made.groups) == ("ada@example.com", frozenset())
    assert (made.enabled, made.confirmed) == (True, False)
    assert directory.get(made.id) == directory.with_email("ada@example.com") == made


def test_nobody_is_invited_twice(directory: UserDirectory) -> None:
    directory.invite("ada@example.com")

    with pytest.raises(Conflict) as raised:
        directory.invite("ada@example.com")

    assert raised.value.code == "user_exists"


def test_an_invitation_goes_out_again_to_who_is_there(directory: UserDirectory) -> None:
    made = directory.invite("ada@example.com")

    directory.resend("ada@example.com")

    assert directory.get(made.id) == made
    with pytest.raises(NotFound):
        directory.resend("bob@example.com")


def test_who_is_not_there_is_not_found(directory: UserDirectory) -> None:
    for look in (directory.get, directory.with_email, directory.disable, directory.enable):
        with pytest.raises(NotFound) as raised:
            look("00000000-0000-0000-0000-000000000000")
        assert raised.value.code == "user_not_found"


def test_groups_are_set_to_exactly_what_is_said(directory: UserDirectory) -> None:
    made = directory.invite("ada@example.com")
    first = frozenset({"role.manager", "office.off_1", "office.off_2"})
    second = frozenset({"role.agent", "office.off_2"})

    directory.set_groups(made.id, first)
    assert directory.get(made.id).groups == first
    directory.set_groups(made.id, second)
    directory.set_groups(made.id, second)

    assert directory.get(made.id).groups == second


def test_a_disabled_account_is_enabled_again(directory: UserDirectory) -> None:
    made = directory.invite("ada@example.com")

    directory.disable(made.id)
    directory.disable(made.id)
    assert not directory.get(made.id).enabled
    directory.enable(made.id)
    directory.enable(made.id)

    assert directory.get(made.id).enabled


def test_accounts_are_listed_page_by_page_with_their_groups(directory: UserDirectory) -> None:
    made = [directory.invite(f"user{number}@example.com") for number in range(3)]
    directory.set_groups(made[1].id, frozenset({"role.admin"}))

    found = listed(directory, 2)

    assert sorted(one.email for one in found) == sorted(one.email for one in made)
    assert {one.id for one in found if one.groups == {"role.admin"}} == {made[1].id}
    assert [one.id for one in directory.admins()] == [made[1].id]


def test_members_of_an_office_are_listed_and_an_empty_office_has_none(
    directory: UserDirectory,
) -> None:
    made = [directory.invite(f"user{number}@example.com") for number in range(3)]
    for one in made[:2]:
        directory.set_groups(one.id, frozenset({"role.agent", "office.off_1"}))

    first = directory.members("off_1", 1, None)
    second = directory.members("off_1", 1, first.next)

    assert {one.id for one in (*first.items, *second.items)} == {one.id for one in made[:2]}
    assert second.next is None
    assert directory.members("off_9", 50, None).items == ()


def test_another_listings_cursor_is_refused(directory: UserDirectory) -> None:
    with pytest.raises(InvalidInput) as raised:
        directory.page(50, {"listing": "office.off_1", "token": "1"})

    assert raised.value.code == "cursor_invalid"
