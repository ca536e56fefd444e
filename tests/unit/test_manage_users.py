"""P2: users are invited, given a role and offices, disabled; an admin is never the last to go."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from carillon.domain.commands import Origin
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.people import UserRecord, UserStatus
from carillon.domain.permissions import Role
from carillon.usecases.manage_users import ManageUsers, NewUser, UserChange
from tests.support.clock import NOON, FakeClock
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    FakeOffices,
    an_access,
    an_office,
    an_origin,
)
from tests.support.people import (
    FakeUserDirectory,
    FakeUserRecords,
    a_user_record,
    an_account,
    an_admin,
)

BOSS = an_origin(subject="usr_boss")


@dataclass
class World:
    directory: FakeUserDirectory
    records: FakeUserRecords = field(default_factory=FakeUserRecords)

    @property
    def users(self) -> ManageUsers:
        offices = FakeOffices(an_office(), an_office(OTHER_OFFICE))
        return ManageUsers(self.directory, self.records, offices, FakeClock())


def a_world(*more: Any, records: tuple[Any, ...] = ()) -> World:
    directory = FakeUserDirectory(an_admin("usr_boss"), *more)
    return World(directory, FakeUserRecords(*records))


def test_an_invited_user_is_told_and_has_role_and_offices() -> None:
    world = a_world()

    made = world.users.invite(NewUser(email=" Ada@Example.com ", role="agent", offices=(OFFICE,)))

    assert world.directory.invitations == ["ada@example.com"]
    assert (made.role, made.offices, made.status) == (Role.AGENT, (OFFICE,), UserStatus.INVITED)
    assert made.created_at == NOON
    account = world.directory.get(made.id)
    assert account.groups == {"role.agent", f"office.{OFFICE}"}


def test_nobody_is_invited_twice() -> None:
    world = a_world(an_account("usr_2", email="ada@example.com"))

    with pytest.raises(Conflict) as raised:
        world.users.invite(NewUser(email="ada@example.com", role="agent"))

    assert raised.value.code == "user_exists"
    assert world.directory.invitations == []


def test_an_invitation_that_a_crash_cut_off_is_finished_by_inviting_again() -> None:
    world = a_world(an_account("usr_2", email="ada@example.com", groups=(), confirmed=False))

    made = world.users.invite(NewUser(email="ada@example.com", role="agent", offices=(OFFICE,)))

    assert (made.id, made.role) == ("usr_2", Role.AGENT)


def test_an_invitation_that_was_cut_off_before_the_account_had_its_groups_is_finished() -> None:
    world = a_world(
        an_account("usr_2", email="ada@example.com", groups=(), confirmed=False),
        records=(a_user_record("usr_2", email="ada@example.com", role=Role.MANAGER, version=1),),
    )

    made = world.users.invite(NewUser(email="ada@example.com", role="agent", offices=(OFFICE,)))

    assert (made.id, made.role) == ("usr_2", Role.AGENT)
    assert world.directory.get("usr_2").groups == {"role.agent", f"office.{OFFICE}"}


def test_nobody_who_is_disabled_comes_back_by_an_invitation() -> None:
    """P2: whatever somebody did to their groups by hand."""
    disabled = a_user_record("usr_2", email="ada@example.com", disabled=True, version=3)
    world = a_world(an_account("usr_2", email="ada@example.com", groups=()), records=(disabled,))

    with pytest.raises(Conflict) as raised:
        world.users.invite(NewUser(email="ada@example.com", role="agent"))

    assert raised.value.code == "user_exists"
    assert world.records.get("usr_2") == disabled


@pytest.mark.parametrize("email", ["ada", "ada@example", "a b@example.com", "ada@@example.com"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        a_world().users.invite(NewUser(email=email, role="agent"))

    assert raised.value.field == "email"


def test_an_office_that_is_not_there_is_refused_before_anybody_is_told() -> None:
    world = a_world()

    with pytest.raises(InvalidInput) as raised:
        world.users.invite(NewUser(email="ada@example.com", role="agent", offices=("off_9",)))

    assert raised.value.field == "offices"
    assert world.directory.invitations == []


def test_the_invitation_is_sent_again_to_those_who_have_not_come() -> None:
    world = a_world(an_account("usr_2", confirmed=False), an_account("usr_3"))

    world.users.resend("usr_2")
    with pytest.raises(Conflict) as raised:
        world.users.resend("usr_3")

    assert world.directory.invitations == ["usr.2@example.com"]
    assert raised.value.code == "user_state"


def test_a_user_who_was_made_elsewhere_is_shown_as_their_groups_say() -> None:
    shown = a_world(an_account("usr_2")).users.get("usr_2")

    assert (shown.role, shown.offices) == (Role.MANAGER, (OFFICE,))


def test_a_role_is_changed_at_both_ends() -> None:
    world = a_world(an_account("usr_2"))

    changed = world.users.change(BOSS, "usr_2", UserChange(role="agent"))

    assert (changed.role, changed.offices) == (Role.AGENT, (OFFICE,))
    assert world.directory.get("usr_2").groups == {"role.agent", f"office.{OFFICE}"}
    assert world.records.get("usr_2") == a_user_record("usr_2", role=Role.AGENT, version=1)


def test_offices_are_changed_and_the_role_stays() -> None:
    world = a_world(an_account("usr_2"))

    changed = world.users.change(BOSS, "usr_2", UserChange(offices=(OTHER_OFFICE,)))

    assert (changed.role, changed.offices) == (Role.MANAGER, (OTHER_OFFICE,))
    assert world.directory.get("usr_2").groups == {"role.manager", f"office.{OTHER_OFFICE}"}


def test_a_change_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput):
        a_world(an_account("usr_2")).users.change(BOSS, "usr_2", UserChange())


def test_groups_that_mean_nothing_to_us_stay() -> None:
    world = a_world(an_account("usr_2", groups=("role.agent", "staff")))

    world.users.change(BOSS, "usr_2", UserChange(role="limited"))

    assert world.directory.get("usr_2").groups == {"role.limited", "staff"}


@pytest.mark.parametrize("role", ["manager", "admin"])
def test_nobody_changes_their_own_role(role: str) -> None:
    world = a_world(an_admin("usr_2"))

    with pytest.raises(Conflict) as raised:
        world.users.change(BOSS, "usr_boss", UserChange(role=role))

    assert raised.value.code == "own_role"


def test_nobody_disables_themself() -> None:
    world = a_world(an_admin("usr_2"))

    with pytest.raises(Conflict) as raised:
        world.users.disable(BOSS, "usr_boss")

    assert raised.value.code == "own_role"
    assert world.directory.get("usr_boss").enabled


@pytest.mark.parametrize(
    ("colleagues", "kept"),
    [
        ([], []),
        ([an_admin("usr_2", enabled=False)], []),
        ([an_admin("usr_2", confirmed=False)], []),
        ([an_admin("usr_2")], [a_user_record("usr_2", role=Role.AGENT)]),
        ([an_admin("usr_2")], [a_user_record("usr_2", role=Role.ADMIN, disabled=True)]),
    ],
    ids=["alone", "disabled", "invited", "just demoted", "just disabled"],
)
@pytest.mark.parametrize(
    "act",
    [
        lambda users, who: users.change(who, "usr_boss", UserChange(role="manager")),
        lambda users, who: users.disable(who, "usr_boss"),
    ],
    ids=["demote", "disable"],
)
def test_the_last_admin_who_can_work_stays(
    colleagues: list[Any], kept: list[Any], act: Callable[[ManageUsers, Origin], object]
) -> None:
    world = a_world(*colleagues, records=tuple(kept))
    # With a token of an hour ago: an admin no more.
    stale = an_origin(subject="usr_9")

    with pytest.raises(Conflict) as raised:
        act(world.users, stale)

    assert raised.value.code == "last_admin"
    assert world.directory.get("usr_boss").groups == {"role.admin"}
    assert world.directory.get("usr_boss").enabled


def test_an_admin_goes_while_another_stays() -> None:
    world = a_world(an_admin("usr_2"))

    changed = world.users.change(BOSS, "usr_2", UserChange(role="manager", offices=(OFFICE,)))

    assert changed.role is Role.MANAGER


def test_two_admins_who_take_each_other_away_at_once_do_not_both_succeed() -> None:
    class Hurried(FakeUserRecords):
        """Between the look and the write of one, the other is through."""

        def admins_version(self) -> int:
            seen = super().admins_version()
            self.put_if_admins_stand(a_user_record("usr_boss", role=Role.AGENT), seen)
            return seen

    world = World(FakeUserDirectory(an_admin("usr_boss"), an_admin("usr_2"), an_admin("usr_3")))
    world.records = Hurried()

    with pytest.raises(Conflict) as raised:
        world.users.change(BOSS, "usr_2", UserChange(role="manager"))

    assert raised.value.code == "admins_changed"
    assert world.records.get("usr_2") is None


@pytest.mark.parametrize(
    "meanwhile", [{"role": Role.LIMITED}, {"disabled": True}], ids=["demoted", "disabled"]
)
def test_what_another_admin_took_away_meanwhile_is_not_given_back(
    meanwhile: dict[str, Any],
) -> None:
    """P2: a change of the offices alone was read before, and would write the old role."""

    class Hurried(FakeUserRecords):
        """Between the look and the write of one, the other is through."""

        def get(self, user_id: str) -> UserRecord | None:
            seen = super().get(user_id)
            if seen == standing_before:
                assert self.put(replace(standing_before, **meanwhile))
            return seen

    standing_before = a_user_record("usr_2", version=1)
    world = World(
        FakeUserDirectory(an_admin("usr_boss"), an_account("usr_2")), Hurried(standing_before)
    )

    with pytest.raises(Conflict) as raised:
        world.users.change(BOSS, "usr_2", UserChange(offices=(OTHER_OFFICE,)))

    assert raised.value.code == "user_changed"
    standing = world.records.get("usr_2")
    assert standing == replace(standing_before, **meanwhile, version=2)
    assert world.directory.get("usr_2").groups == an_account("usr_2").groups


def test_a_manager_is_changed_even_when_no_admin_could_be_found() -> None:
    world = World(FakeUserDirectory(an_account("usr_2")))

    assert world.users.change(BOSS, "usr_2", UserChange(role="agent")).role is Role.AGENT


def test_a_disabled_user_cannot_come_in_and_is_not_changed() -> None:
    world = a_world(an_account("usr_2"))

    shown = world.users.disable(BOSS, "usr_2")
    again = world.users.disable(BOSS, "usr_2")

    assert shown.status is again.status is UserStatus.DISABLED
    assert not world.directory.get("usr_2").enabled
    with pytest.raises(Conflict) as raised:
        world.users.change(BOSS, "usr_2", UserChange(role="agent"))
    assert raised.value.code == "user_state"


def test_an_enabled_user_is_what_they_were() -> None:
    world = a_world(an_account("usr_2"))
    world.users.disable(BOSS, "usr_2")

    shown = world.users.enable("usr_2")

    assert (shown.role, shown.offices) == (Role.MANAGER, (OFFICE,))
    assert shown.status is UserStatus.ACTIVE
    assert world.directory.get("usr_2").enabled


def test_members_of_an_office_are_shown_to_those_who_have_it() -> None:
    world = a_world(an_account("usr_2"), an_account("usr_3", groups=("role.agent",)))

    found = world.users.members(an_access(), OFFICE, 50, None)

    assert [one.id for one in found.items] == ["usr_2"]
    with pytest.raises(NotFound) as raised:
        world.users.members(an_access(), OTHER_OFFICE, 50, None)
    assert raised.value.code == "office_not_found"


def test_users_are_listed_page_by_page() -> None:
    world = a_world(an_account("usr_2"), an_account("usr_3"))

    first = world.users.page(2, None)
    second = world.users.page(2, first.next)

    assert [one.id for one in (*first.items, *second.items)] == ["usr_boss", "usr_2", "usr_3"]
    assert second.next is None
