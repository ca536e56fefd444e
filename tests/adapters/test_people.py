"""Users' records, API keys and the audit log: fake and real alike (P1 to P4)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.audit import DynamoAuditTrail
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.adapters.dynamodb.people import (
    DynamoApiKeys,
    DynamoUserRecords,
)
from carillon.domain.audit import AuditEntry, AuditFilter, Author, ObjectKind
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.permissions import KeyKind, Role
from carillon.ports import ApiKeys, AuditTrail, UserRecords
from tests.support.clock import NOON
from tests.support.people import (
    FakeApiKeys,
    FakeAuditTrail,
    FakeUserRecords,
    a_user_record,
    an_api_key,
    an_entry,
)
from tests.support.tables import table_definitions

ADA = Author("usr_ada", "req_1", "chg_1")
LATER = NOON + timedelta(days=40)


@dataclass(frozen=True)
class Kept:
    """What is under test, and the client under it if there is one."""

    records: UserRecords
    keys: ApiKeys
    trail: AuditTrail
    client: Any = None

    def item(self, key: dict[str, str]) -> dict[str, Any]:
        found = self.client.get_item(TableName="ControlTable", Key=to_item(key))
        return from_item(found["Item"])


@pytest.fixture(params=["fake", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "fake":
        yield Kept(FakeUserRecords(), FakeApiKeys(), FakeAuditTrail())
        return
    with real() as made:
        yield made


class real:  # noqa: N801 - read as a verb: with real() as kept
    """The adapters over emulated tables."""

    def __enter__(self) -> Kept:
        self._aws = mock_aws()
        self._aws.start()
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="emulated",
            aws_secret_access_key="emulated",
        )
        for name in ("ControlTable", "AuditTable"):
            client.create_table(**table_definitions()[name])
        return Kept(
            DynamoUserRecords(client, "ControlTable", lambda: ADA),
            DynamoApiKeys(client, "ControlTable", lambda: ADA),
            DynamoAuditTrail(client, "AuditTable"),
            client,
        )

    def __exit__(self, *_: object) -> None:
        self._aws.stop()


# Users ---------------------------------------------------------------------------


def test_a_record_is_kept_and_replaced(kept: Kept) -> None:
    assert kept.records.get("usr_1") is None

    assert kept.records.put(a_user_record())
    first = a_user_record(version=1)
    assert kept.records.get("usr_1") == first

    changed = replace(first, role=Role.ADMIN, offices=(), disabled=True)
    assert kept.records.put(changed)
    assert kept.records.get("usr_1") == replace(changed, version=2)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_record_is_replaced_only_by_who_has_seen_it_as_it_stands(
    kept: Kept, version: int
) -> None:
    assert kept.records.put(a_user_record())
    assert kept.records.put(a_user_record(version=1, disabled=True))
    late = a_user_record(version=version)

    assert not kept.records.put(late)
    assert not kept.records.put_if_admins_stand(late, kept.records.admins_version())

    assert kept.records.get("usr_1") == a_user_record(version=2, disabled=True)
    assert kept.records.admins_version() == 0


def test_an_admin_is_taken_away_only_by_who_has_seen_all_that_went_before(kept: Kept) -> None:
    seen = kept.records.admins_version()
    one, two = (a_user_record(name, role=Role.AGENT) for name in ("usr_1", "usr_2"))

    assert kept.records.put_if_admins_stand(one, seen)
    assert not kept.records.put_if_admins_stand(two, seen)

    assert kept.records.get("usr_1") == replace(one, version=1)
    assert kept.records.get("usr_2") is None
    assert kept.records.put_if_admins_stand(two, kept.records.admins_version())


# Keys ----------------------------------------------------------------------------


def test_a_key_is_kept_as_it_was_made(kept: Kept) -> None:
    key = an_api_key(kind=KeyKind.TEST, expires_at=LATER, offices=("off_1", "off_2"))

    kept.keys.create(key)

    assert kept.keys.get("key_1") == key
    with pytest.raises(NotFound) as raised:
        kept.keys.get("key_2")
    assert raised.value.code == "api_key_not_found"


def test_a_key_is_revoked_once(kept: Kept) -> None:
    kept.keys.create(an_api_key())

    assert kept.keys.revoke("key_1", NOON)
    assert not kept.keys.revoke("key_1", LATER)

    assert kept.keys.get("key_1") == an_api_key(revoked_at=NOON)
    with pytest.raises(NotFound):
        kept.keys.revoke("key_2", NOON)


def test_of_two_who_note_a_use_at_once_one_writes(kept: Kept) -> None:
    kept.keys.create(an_api_key())

    kept.keys.note_use("key_1", NOON, None)
    kept.keys.note_use("key_1", LATER, None)
    assert kept.keys.get("key_1").last_used_at == NOON

    kept.keys.note_use("key_1", LATER, NOON)
    assert kept.keys.get("key_1").last_used_at == LATER


def test_keys_are_listed_newest_first_page_by_page(kept: Kept) -> None:
    for number in range(3):
        kept.keys.create(an_api_key(f"key_{number}", created_at=NOON + timedelta(days=number)))

    first = kept.keys.page(2, None)
    second = kept.keys.page(2, first.next)

    assert [key.id for key in first.items] == ["key_2", "key_1"]
    assert [key.id for key in second.items] == ["key_0"]
    assert second.next is None


def test_another_listings_cursor_is_refused(kept: Kept) -> None:
    for page in (
        lambda: kept.keys.page(2, {"pk": "x"}),
        lambda: kept.trail.page(AuditFilter(until=LATER), 2, {"listing": "x", "place": "y"}),
    ):
        with pytest.raises(InvalidInput) as raised:
            page()
        assert raised.value.code == "cursor_invalid"


def test_every_write_by_a_person_names_its_author() -> None:
    """P4: and a use that the door notes leaves the author that stands."""
    with real() as kept:
        kept.records.put(a_user_record())
        kept.records.put_if_admins_stand(a_user_record("usr_2"), 0)
        kept.keys.create(an_api_key("key_1"))
        kept.keys.create(an_api_key("key_2"))
        kept.keys.revoke("key_2", NOON)

        written = [
            *(schema.user_key(name) for name in ("usr_1", "usr_2")),
            *(schema.api_key_key(name) for name in ("key_1", "key_2")),
        ]
        assert {kept.item(key)["author"] for key in written} == {ADA.text}


def test_a_key_that_is_over_is_not_deleted_by_the_tables_time_to_live() -> None:
    with real() as kept:
        kept.keys.create(an_api_key(expires_at=LATER))

        assert schema.TTL not in kept.item(schema.api_key_key("key_1"))


# The audit log ---------------------------------------------------------------------


def entries(kept: Kept, limit: int = 50, **wanted: Any) -> list[str]:
    """Return the ids of all pages."""
    found: list[AuditEntry] = []
    after = None
    while True:
        page = kept.trail.page(AuditFilter(**{"until": LATER, **wanted}), limit, after)
        assert len(page.items) <= limit
        found += page.items
        after = page.next
        if after is None:
            return [entry.id for entry in found]


def test_an_entry_is_kept_whole_and_once(kept: Kept) -> None:
    entry = an_entry(
        kind=ObjectKind.SENDER,
        before={"mps": 1.5, "unsolicited": {"to": "office"}, "tags": ["a"]},
        after={"mps": 2},
    )

    kept.trail.append(entry)
    kept.trail.append(replace(entry, actor="usr_forger"))

    assert kept.trail.page(AuditFilter(until=LATER), 50, None).items == (entry,)


def test_an_entry_without_an_office_or_a_request_is_kept_too(kept: Kept) -> None:
    entry = an_entry(office_id=None, request_id="", before={}, after={})

    kept.trail.append(entry)

    assert kept.trail.page(AuditFilter(until=LATER), 50, None).items == (entry,)


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_entries_are_found_by_time_object_and_actor_newest_first(kept: Kept, limit: int) -> None:
    for entry in (
        an_entry(1),
        an_entry(2, actor="usr_2"),
        an_entry(3, object_id="snd_1"),
        an_entry(4, object_id="snd_1", actor="usr_2"),
        # Months apart, with an empty one between them.
        an_entry(5, at=NOON - timedelta(days=70)),
        an_entry(6, at=NOON + timedelta(days=30)),
    ):
        kept.trail.append(entry)

    assert entries(kept, limit) == ["aud_6", "aud_4", "aud_3", "aud_2", "aud_1", "aud_5"]
    assert entries(kept, limit, object_id="snd_1") == ["aud_4", "aud_3"]
    assert entries(kept, limit, actor="usr_2") == ["aud_4", "aud_2"]
    assert entries(kept, limit, object_id="snd_1", actor="usr_2") == ["aud_4"]
    second = NOON + timedelta(seconds=1)
    assert entries(kept, limit, since=second, until=NOON + timedelta(seconds=3)) == [
        "aud_2",
        "aud_1",
    ]
    assert entries(kept, limit, object_id="cmp_1", until=second) == ["aud_5"]
    assert entries(kept, limit, actor="usr_9") == []
