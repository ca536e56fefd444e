"""Offices, senders, contact lists and imports as their owners manage them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.campaign import Sender
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.phone import parse_phone
from carillon.usecases.manage_lists import (
    MAX_UPLOAD_BYTES,
    ManageLists,
    NewList,
    StartImport,
    Upload,
)
from carillon.usecases.manage_offices import ManageOffices, NewOffice
from carillon.usecases.manage_policy import ManagePolicy, NewPolicy
from carillon.usecases.manage_senders import ManageSenders, NewSender, SenderChange
from tests.support.clock import NOON, FakeClock
from tests.support.management import (
    ADMIN,
    OFFICE,
    OTHER_OFFICE,
    FakeLists,
    FakeOffices,
    FakePolicies,
    FakeSenders,
    FakeUploads,
    a_contact_list,
    a_sender,
    an_access,
    an_office,
    an_origin,
)
from tests.support.sending import FakeQueue

MINE = an_access()


def offices() -> FakeOffices:
    return FakeOffices(an_office(), an_office(OTHER_OFFICE, name="Aarhus"))


def test_an_office_is_created_with_its_time_zone() -> None:
    made = ManageOffices(FakeOffices(), FakeClock()).create(
        an_origin(), NewOffice(name=" Lyon ", timezone="Europe/Paris")
    )

    assert (made.name, made.timezone, made.created_at) == ("Lyon", "Europe/Paris", NOON)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "UTC\x00", "CET/"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        ManageOffices(FakeOffices(), FakeClock()).create(
            an_origin(), NewOffice(name="x", timezone=zone)
        )

    assert raised.value.field == "timezone"


def test_people_see_their_own_offices_and_admins_all() -> None:
    manage = ManageOffices(offices(), FakeClock())

    assert [office.id for office in manage.visible(MINE)] == [OFFICE]
    assert [office.id for office in manage.visible(ADMIN)] == [OTHER_OFFICE, OFFICE]


def senders(
    *standing: Any, wakes: FakeQueue | None = None, kept: FakeSenders | None = None
) -> ManageSenders:
    return ManageSenders(
        kept or FakeSenders(*standing),
        offices(),
        FakeClock(),
        send_queue=wakes or FakeQueue(),
        parse_phone=parse_phone,
        default_country="US",
    )


def new_sender(**changes: Any) -> NewSender:
    made = {"office_id": OFFICE, "name": "Main", "phone": "(202) 555-0100"}
    return NewSender(**{**made, "credentials_secret": "carillon/main", **changes})


def test_a_senders_number_is_kept_as_e164() -> None:
    assert senders().create(MINE, an_origin(), new_sender()).phone == "+12025550100"


@pytest.mark.parametrize("phone", ["12", "not a number", "+1 202 555 01000"])
def test_a_number_that_cannot_exist_is_refused_without_quoting_it(phone: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        senders().create(MINE, an_origin(), new_sender(phone=phone))

    assert raised.value.field == "phone"
    assert phone not in raised.value.detail


@pytest.mark.parametrize("mps", [0, 0.09, 1000.1])
def test_a_pace_out_of_bounds_is_refused(mps: float) -> None:
    with pytest.raises(InvalidInput) as raised:
        new_sender(mps=mps)

    assert raised.value.field == "mps"


def test_a_sender_cannot_be_put_into_a_foreign_office() -> None:
    with pytest.raises(Forbidden):
        senders().create(MINE, an_origin(), new_sender(office_id=OTHER_OFFICE))


def test_a_foreign_sender_looks_absent() -> None:
    manage = senders(a_sender(office_id=OTHER_OFFICE))

    with pytest.raises(NotFound) as raised:
        manage.get(MINE, "snd_1")

    assert raised.value.code == "sender_not_found"
    assert manage.get(ADMIN, "snd_1").id == "snd_1"
    assert manage.page(MINE, 10, None).items == ()


@dataclass
class Lists:
    """The use case over fakes."""

    lists: FakeLists = field(
        default_factory=lambda: FakeLists(
            a_contact_list(), a_contact_list("lst_9", office_id=OTHER_OFFICE)
        )
    )
    files: FakeUploads = field(default_factory=FakeUploads)
    queue: FakeQueue = field(default_factory=FakeQueue)

    @property
    def manage(self) -> ManageLists:
        return ManageLists(
            self.lists, offices(), self.files, self.queue, FakeClock(), default_country="DE"
        )

    def uploaded(self, size: int = 100) -> str:
        """Create an import whose file is there; return its id."""
        record, _ = self.manage.create_import(MINE, an_origin(), "lst_1")
        self.files.sizes[record.object_key] = size
        return record.id


@pytest.mark.parametrize(("given", "kept"), [(None, "DE"), ("fr", "FR")])
def test_a_list_has_a_country_its_own_or_the_organisations(given: str | None, kept: str) -> None:
    new = NewList(name="x", office_id=OFFICE, default_country=given)

    assert Lists().manage.create(MINE, an_origin(), new).default_country == kept


@pytest.mark.parametrize("country", ["1x", "--"])
def test_a_country_that_is_none_is_refused(country: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Lists().manage.create(
            MINE, an_origin(), NewList(name="x", office_id=OFFICE, default_country=country)
        )

    assert raised.value.field == "default_country"


def test_an_import_says_where_its_file_goes_and_a_retry_finds_it() -> None:
    world = Lists()

    record, upload = world.manage.create_import(MINE, an_origin("key"), "lst_1")
    again, _ = world.manage.create_import(MINE, an_origin("key"), "lst_1")

    assert again == record
    assert record.object_key == f"uploads/lst_1/{record.id}.csv"
    assert upload == Upload(
        "PUT",
        f"https://files.example/uploads/lst_1/{record.id}.csv?put=text/csv&for=900",
        {"Content-Type": "text/csv"},
    )


def test_a_start_queues_the_import_with_size_and_mapping() -> None:
    world = Lists()
    import_id = world.uploaded(size=42)

    started = world.manage.start_import(
        MINE, "lst_1", import_id, StartImport(mapping={"phone": "Mobile"})
    )

    assert (started.status, started.size) == (ImportStatus.QUEUED, 42)
    assert started.mapping == {"phone": "Mobile"}
    assert world.queue.messages == [{"list_id": "lst_1", "import_id": import_id}]


def test_a_start_without_a_file_is_a_conflict() -> None:
    world = Lists()
    record, _ = world.manage.create_import(MINE, an_origin(), "lst_1")

    with pytest.raises(Conflict) as raised:
        world.manage.start_import(MINE, "lst_1", record.id, StartImport())

    assert raised.value.code == "upload_missing"
    assert world.queue.messages == []


def test_a_file_that_is_too_large_is_refused() -> None:
    world = Lists()
    import_id = world.uploaded(size=MAX_UPLOAD_BYTES + 1)

    with pytest.raises(InvalidInput) as raised:
        world.manage.start_import(MINE, "lst_1", import_id, StartImport())

    assert raised.value.code == "upload_too_large"


@pytest.mark.parametrize(
    ("status", "queued"),
    [(ImportStatus.QUEUED, 1), (ImportStatus.RUNNING, 1), (ImportStatus.DONE, 0)],
)
def test_a_repeated_start_queues_again_what_is_not_done(status: ImportStatus, queued: int) -> None:
    world = Lists()
    import_id = world.uploaded()
    record = world.lists.get_import("lst_1", import_id)
    world.lists.set_import(record, status=status)

    started = world.manage.start_import(MINE, "lst_1", import_id, StartImport())

    assert started.status is status
    assert len(world.queue.messages) == queued


def test_a_failed_import_goes_on_with_the_columns_with_which_it_began() -> None:
    world = Lists()
    import_id = world.uploaded(size=42)
    record = world.lists.get_import("lst_1", import_id)
    begun = {"offset": 17, "size": 42, "mapping": {"phone": "Mobile"}}
    world.lists.set_import(record, status=ImportStatus.FAILED, error="Gone.", **begun)

    started = world.manage.start_import(
        MINE, "lst_1", import_id, StartImport(mapping={"phone": "Landline"})
    )

    assert (started.status, started.error) == (ImportStatus.QUEUED, None)
    assert (started.offset, started.mapping) == (17, {"phone": "Mobile"})
    assert world.queue.messages == [{"list_id": "lst_1", "import_id": import_id}]


def test_an_import_that_failed_at_its_header_is_started_with_other_columns() -> None:
    world = Lists()
    import_id = world.uploaded(size=42)
    record = world.lists.get_import("lst_1", import_id)
    world.lists.set_import(record, status=ImportStatus.FAILED, size=40)

    started = world.manage.start_import(
        MINE, "lst_1", import_id, StartImport(mapping={"phone": "Mobile"})
    )

    assert (started.size, started.mapping) == (42, {"phone": "Mobile"})


def test_a_failed_import_does_not_go_on_in_another_file() -> None:
    world = Lists()
    import_id = world.uploaded(size=43)
    record = world.lists.get_import("lst_1", import_id)
    world.lists.set_import(record, status=ImportStatus.FAILED, offset=17, size=42)

    with pytest.raises(Conflict) as raised:
        world.manage.start_import(MINE, "lst_1", import_id, StartImport())

    assert raised.value.code == "file_changed"
    assert world.queue.messages == []


def test_a_mapping_of_an_unknown_role_is_refused() -> None:
    world = Lists()
    import_id = world.uploaded()

    with pytest.raises(InvalidInput) as raised:
        world.manage.start_import(
            MINE, "lst_1", import_id, StartImport(mapping={"email": "E-mail"})
        )

    assert (raised.value.field, raised.value.code) == ("mapping", "mapping_invalid")


def test_rejected_rows_have_a_link_once_there_are_some() -> None:
    world = Lists()
    import_id = world.uploaded()
    with pytest.raises(NotFound) as raised:
        world.manage.rejected_link(MINE, "lst_1", import_id)
    assert raised.value.code == "rejected_not_found"

    record = world.lists.get_import("lst_1", import_id)
    world.lists.set_import(record, rejected_key="rejected/x.csv")

    link = world.manage.rejected_link(MINE, "lst_1", import_id)
    assert link == f"https://files.example/rejected/x.csv?as=rejected-{import_id}.csv&for=300"


def test_imports_of_a_foreign_list_look_absent() -> None:
    manage = Lists().manage

    for call in (
        lambda: manage.get(MINE, "lst_9"),
        lambda: manage.create_import(MINE, an_origin(), "lst_9"),
        lambda: manage.get_import(MINE, "lst_9", "imp_1"),
        lambda: manage.start_import(MINE, "lst_9", "imp_1", StartImport()),
        lambda: manage.rejected_link(MINE, "lst_9", "imp_1"),
    ):
        with pytest.raises(NotFound) as raised:
            call()
        assert raised.value.code == "list_not_found"


@pytest.mark.parametrize(
    ("kind", "address"),
    [("short_code", "72975"), ("alphanumeric", "Bell St 7"), ("pool", "MG" + "0" * 32)],
)
def test_a_sender_may_be_something_else_than_a_number(kind: str, address: str) -> None:
    """N1: short codes, names and pools are senders as well."""
    made = senders().create(MINE, an_origin(), new_sender(phone=address, address_kind=kind))

    assert (made.phone, made.address_kind) == (address, kind)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("short_code", "12"),
        ("short_code", "12a45"),
        ("alphanumeric", "123456"),
        ("alphanumeric", "A name too long"),
        ("alphanumeric", "Café"),
        ("pool", "with space"),
    ],
)
def test_an_address_that_its_kind_cannot_be_is_refused(kind: str, address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        senders().create(MINE, an_origin(), new_sender(phone=address, address_kind=kind))

    assert (caught.value.field, caught.value.code) == ("phone", "address_invalid")


def test_a_limit_that_is_changed_wakes_a_sender_that_was_resting() -> None:
    wakes = FakeQueue()
    resting = a_sender(daily_limit=100, resting_until=NOON + timedelta(hours=1))
    manage = senders(resting, wakes=wakes)

    changed = manage.change(MINE, "snd_1", SenderChange(daily_limit=200, mps=5.0))

    assert (changed.daily_limit, changed.mps, changed.resting_until) == (200, 5.0, None)
    assert wakes.messages == [{"sender_id": "snd_1"}]
    without = manage.change(MINE, "snd_1", SenderChange(unset=("daily_limit",)))
    assert without.daily_limit is None
    with pytest.raises(InvalidInput):
        manage.change(MINE, "snd_1", SenderChange(unset=("phone",)))
    with pytest.raises(InvalidInput):
        manage.change(MINE, "snd_1", SenderChange(daily_limit=5, unset=("daily_limit",)))


def test_a_person_stops_a_sender_and_lets_it_go_on() -> None:
    wakes = FakeQueue()
    manage = senders(a_sender(), wakes=wakes)

    stopped = manage.suspend(MINE, "snd_1")
    with pytest.raises(Conflict):
        manage.suspend(MINE, "snd_1")
    going = manage.resume(MINE, "snd_1")
    with pytest.raises(Conflict) as caught:
        manage.resume(MINE, "snd_1")

    assert (stopped.status, stopped.problem) == ("suspended", "stopped_by_person")
    assert (going.status, going.problem, going.suspended_at) == ("active", None, None)
    assert caught.value.code == "sender_state"
    assert len(wakes.messages) == 2


def test_a_suspension_that_nobody_has_seen_is_not_undone() -> None:
    class AccountIsRefusedMeanwhile(FakeSenders):
        def change(
            self, sender_id: str, changes: Mapping[str, Any], *, allowed: frozenset[str]
        ) -> Sender:
            super().change(sender_id, {"status": "suspended"}, allowed=frozenset({"active"}))
            return super().change(sender_id, changes, allowed=allowed)

    kept = AccountIsRefusedMeanwhile(a_sender(resting_until=NOON + timedelta(minutes=5)))

    with pytest.raises(Conflict) as caught:
        senders(kept=kept).resume(MINE, "snd_1")

    assert caught.value.code == "sender_state"
    assert kept.get("snd_1").status == "suspended"


def test_a_sender_that_rests_can_be_sent_on() -> None:
    manage = senders(a_sender(resting_until=NOON + timedelta(minutes=5)))

    assert manage.resume(MINE, "snd_1").resting_until is None


@pytest.mark.parametrize("act", ["suspend", "resume"])
def test_a_foreign_sender_cannot_be_stopped_or_sent_on(act: str) -> None:
    manage = senders(a_sender(office_id=OTHER_OFFICE))

    with pytest.raises(NotFound):
        getattr(manage, act)(MINE, "snd_1")


def test_the_policy_is_what_was_put_last() -> None:
    manage = ManagePolicy(FakePolicies(), FakeClock())
    before = manage.get()

    manage.put(NewPolicy(max_contacts_per_24h=2, error_rate_percent=50))

    assert before == OrganisationPolicy()
    assert manage.get() == OrganisationPolicy(max_contacts_per_24h=2, error_rate_percent=50)


@pytest.mark.parametrize("changes", [{"error_rate_percent": 0}, {"max_contacts_per_week": 0}])
def test_a_policy_out_of_bounds_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        NewPolicy(**changes)
