"""Who may ask for which file, and who gets the link to it (T7, P2)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.commands import Origin
from carillon.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from carillon.domain.exports import KEPT_FOR, ExportKind, ExportState, Reach
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.usecases.manage_exports import LINK_LIFE_S, ManageExports, NewExport
from tests.support.clock import NOON
from tests.support.exporting import ExportWorld, an_export
from tests.support.management import OFFICE, OTHER_OFFICE, a_campaign


class FakeLinks:
    """Implements ``ports.UploadLinks``, as far as a file is fetched."""

    def size(self, key: str) -> int:
        raise NotImplementedError

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        raise NotImplementedError

    def download_link(self, key: str, *, filename: str, expires_s: int) -> str:
        return f"https://files/{key}?as={filename}&for={expires_s}"


def access(role: Role = Role.MANAGER, *offices: str) -> Access:
    scope = Scope.ALL if role is Role.ADMIN else Scope.OWN
    return Access(Caller("usr_1", role, frozenset(offices or (OFFICE,))), scope)


def origin(key: str | None = None, digest: str = "d") -> Origin:
    return Origin("usr_1", key, digest)


@pytest.fixture
def world() -> ExportWorld:
    return ExportWorld()


@pytest.fixture
def desk(world: ExportWorld) -> ManageExports:
    return a_desk(world)


def a_desk(world: ExportWorld) -> ManageExports:
    return ManageExports(world.jobs, world.directory, FakeLinks(), world.queue, world.clock)


def asked(desk: ManageExports, by: Access, kind: str = "messages", **more: Any) -> Any:
    return desk.create(by, origin(), NewExport(kind=kind, **more))


def test_an_export_reaches_the_callers_offices_and_no_further(desk: ManageExports) -> None:
    both = (OFFICE, OTHER_OFFICE)

    assert asked(desk, access()).reach == Reach((OFFICE,))
    assert asked(desk, access(Role.MANAGER, *both)).reach.offices == tuple(sorted(both))
    assert asked(desk, access(Role.ADMIN)).reach.offices is None
    assert asked(desk, access(Role.ADMIN), office_id=OFFICE).reach.offices == (OFFICE,)


def test_an_office_or_campaign_of_others_cannot_be_named(
    desk: ManageExports, world: ExportWorld
) -> None:
    world.keep(a_campaign("cmp_b", office_id=OTHER_OFFICE))

    with pytest.raises(Forbidden, match="not one of yours"):
        asked(desk, access(), office_id=OTHER_OFFICE)
    with pytest.raises(NotFound):
        asked(desk, access(), campaign_ids=("cmp_a", "cmp_b"))
    with pytest.raises(NotFound):
        asked(desk, access(), campaign_ids=("cmp_none",))
    with pytest.raises(InvalidInput, match="another office"):
        asked(desk, access(Role.ADMIN), campaign_ids=("cmp_b",), office_id=OFFICE)
    assert world.jobs.kept == {}
    assert world.queue.messages == []


def test_an_export_of_campaigns_is_their_offices(desk: ManageExports, world: ExportWorld) -> None:
    """So that somebody of one of them may fetch what an admin asked for."""
    job = asked(desk, access(Role.ADMIN), campaign_ids=("cmp_a", "cmp_a"))

    assert job.reach == Reach((OFFICE,), ("cmp_a",))
    assert desk.get(access(), job.id)[0] == world.jobs.get(job.id)


def test_who_sees_no_numbers_gets_none(desk: ManageExports) -> None:
    assert asked(desk, access(Role.ANALYST)).reach.full is False
    assert asked(desk, access(Role.MANAGER)).reach.full is True


def test_opt_outs_are_for_who_may_export_them_in_the_opt_out_manager(
    desk: ManageExports,
) -> None:
    job = asked(desk, access(), "opt_outs")

    assert job.reach.offices is None
    assert desk.get(access(), job.id)[0].id == job.id
    with pytest.raises(Forbidden):
        asked(desk, access(Role.ANALYST), "opt_outs")
    with pytest.raises(InvalidInput, match="whole organisation"):
        asked(desk, access(), "opt_outs", office_id=OFFICE)


def test_a_repeated_request_is_the_same_export_and_another_a_conflict(
    desk: ManageExports, world: ExportWorld
) -> None:
    new = NewExport(kind="messages")

    first = desk.create(access(), origin("k"), new)
    second = desk.create(access(), origin("k"), new)

    assert second == first
    # The first one's message may be lost; a second one changes nothing.
    assert world.queue.messages == [{"export_id": first.id}] * 2
    with pytest.raises(Conflict):
        desk.create(access(), origin("k", "other"), new)


def test_time_frames_are_those_of_the_analytics(desk: ManageExports) -> None:
    job = asked(desk, access(), start="2026-11-01", end="2026-11-20", zone="America/New_York")
    preset = asked(desk, access(), preset="yesterday")

    assert (job.reach.start, job.reach.end) == (
        NOON.replace(day=1, hour=4),
        NOON.replace(day=21, hour=5),
    )
    assert preset.reach.start == NOON.replace(day=21, hour=0)
    assert (asked(desk, access()).reach.start, asked(desk, access()).reach.end) == (None, None)
    with pytest.raises(InvalidInput, match="or start and end"):
        asked(desk, access(), preset="today", start="2026-11-01")
    with pytest.raises(InvalidInput):
        asked(desk, access(), zone="Nowhere/Town")


def test_a_finished_export_comes_with_a_link_for_minutes(
    desk: ManageExports, world: ExportWorld
) -> None:
    job = asked(desk, access(), "failed_leads")
    assert desk.get(access(), job.id)[1] is None

    world.run()

    link = desk.get(access(), job.id)[1]
    name = "failed-leads-2026-11-22.csv"
    assert link == f"https://files/extracts/{job.id}/{name}?as={name}&for={LINK_LIFE_S}"
    assert LINK_LIFE_S <= 900


@pytest.mark.parametrize(
    ("role", "offices", "export", "may"),
    [
        (Role.MANAGER, [OFFICE], {}, True),
        (Role.MANAGER, [OTHER_OFFICE], {}, False),
        # One of two is not enough: the file holds both.
        (Role.MANAGER, [OFFICE], {"offices": (OFFICE, OTHER_OFFICE)}, False),
        (Role.MANAGER, [OFFICE, OTHER_OFFICE], {"offices": (OFFICE, OTHER_OFFICE)}, True),
        (Role.MANAGER, [OFFICE, OTHER_OFFICE], {"offices": None}, False),
        (Role.ADMIN, [], {"offices": None}, True),
        (Role.ANALYST, [OFFICE], {}, False),
        (Role.ANALYST, [OFFICE], {"full": False}, True),
        (Role.ANALYST, [OFFICE], {"full": False, "kind": ExportKind.OPT_OUTS}, False),
        (Role.MANAGER, [], {"kind": ExportKind.OPT_OUTS, "offices": None}, True),
    ],
)
def test_a_link_is_for_who_may_read_all_of_the_file_now(
    world: ExportWorld, role: Role, offices: list[str], export: dict[str, Any], may: bool
) -> None:
    desk = a_desk(world)
    world.jobs.create(an_export(**export), "")
    by = Access(
        Caller("usr_2", role, frozenset(offices)), Scope.ALL if role is Role.ADMIN else Scope.OWN
    )

    assert [job.id for job in desk.page(by, 10, None).items] == (["exp_a"] if may else [])
    if may:
        assert desk.get(by, "exp_a")[0].id == "exp_a"
        return
    with pytest.raises(NotFound) as refused:
        desk.get(by, "exp_a")
    with pytest.raises(NotFound) as absent:
        desk.get(by, "exp_none")
    assert (refused.value.code, refused.value.detail) == (absent.value.code, absent.value.detail)


def test_an_export_is_forgotten_with_its_file(desk: ManageExports, world: ExportWorld) -> None:
    job = world.jobs.create(an_export(), "")
    world.clock.sleep(KEPT_FOR.total_seconds())

    with pytest.raises(NotFound):
        desk.get(access(), job.id)
    assert desk.page(access(), 10, None).items == ()


def test_a_listing_pages_over_what_others_asked_for(
    desk: ManageExports, world: ExportWorld
) -> None:
    for number in range(9):
        at = NOON + timedelta(seconds=number)
        offices = (OFFICE,) if number % 3 == 0 else (OTHER_OFFICE,)
        world.jobs.create(an_export(f"exp_{number}", created_at=at, offices=offices), "")

    first = desk.page(access(), 2, None)
    second = desk.page(access(), 2, first.next)

    assert [job.id for job in first.items] == ["exp_6", "exp_3"]
    assert [job.id for job in second.items] == ["exp_0"]
    assert second.next is None


def test_an_export_that_was_begun_is_not_queued_again(
    desk: ManageExports, world: ExportWorld
) -> None:
    new = NewExport(kind="messages")
    job = desk.create(access(), origin("k"), new)
    world.queue.messages.clear()
    world.jobs.kept[job.id] = replace(job, status=ExportState.DONE)

    desk.create(access(), origin("k"), new)

    assert world.queue.messages == []
