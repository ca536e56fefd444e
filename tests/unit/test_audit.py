"""P4: who changed what, when, and what it was before; no phone and no text."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.audit import (
    PLATFORM,
    Act,
    AuditEntry,
    Author,
    ItemChange,
    ObjectKind,
    entry_of,
)
from carillon.domain.errors import InvalidInput
from carillon.usecases.read_audit_log import ReadAuditLog
from carillon.usecases.record_changes import record_changes
from tests.support.clock import NOON, FakeClock
from tests.support.people import FakeAuditTrail, an_entry

ADA = Author("usr_ada", "req_1", "chg_1").text
BOB = Author("usr_bob", "req_2", "chg_2").text
_BASE = {"pk": "CMP#cmp_1", "sk": "CMP", "id": "cmp_1", "office_id": "off_1", "version": 1}


def hashed(text: str) -> str:
    return f"<{len(text)}>"


def an_item(**changes: Any) -> dict[str, Any]:
    made = {**_BASE, "title": "Spring", "body": "Hello", "status": "draft", "author": ADA}
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def a_change(
    old: dict[str, Any] | None, new: dict[str, Any] | None, *, sequence: str = "100"
) -> ItemChange:
    return ItemChange(
        kind=ObjectKind.CAMPAIGN,
        object_id="cmp_1",
        at=NOON,
        sequence=sequence,
        old=old,
        new=new,
    )


def entry(old: dict[str, Any] | None, new: dict[str, Any] | None) -> AuditEntry:
    made = entry_of(a_change(old, new), hashed)
    assert made is not None
    return made


def test_a_change_tells_who_when_and_what_before_and_after() -> None:
    made = entry(an_item(), an_item(title="Summer", author=BOB, version=2))

    assert (made.act, made.actor, made.request_id) == (Act.CHANGED, "usr_bob", "req_2")
    assert (made.kind, made.object_id, made.office_id) == (ObjectKind.CAMPAIGN, "cmp_1", "off_1")
    assert made.at == NOON
    assert (made.before, made.after) == ({"title": "Spring"}, {"title": "Summer"})


def test_a_new_object_is_told_whole() -> None:
    made = entry(None, an_item())

    assert (made.act, made.actor, made.before) == (Act.CREATED, "usr_ada", {})
    assert made.after == {
        "body": "<7>",
        "office_id": "off_1",
        "status": "draft",
        "title": "Spring",
    }


def test_a_text_is_told_as_a_hash_and_so_is_what_is_not_known_yet() -> None:
    made = entry(an_item(), an_item(body="Goodbye", someday="+12025550100", author=BOB))

    assert made.before == {"body": "<7>"}
    assert made.after == {"body": "<9>", "someday": "<14>"}


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_no_kind_shows_a_phone_or_a_text(kind: ObjectKind) -> None:
    private = {"phone", "body", "variants", "follow_ups", "email", "reason", "secret_hash", "by"}
    new = dict.fromkeys(private, "+12025550100")
    change = ItemChange(kind=kind, object_id="x", at=NOON, sequence="1", old=None, new=new)

    made = entry_of(change, hashed)

    assert made is not None
    assert made.after == dict.fromkeys(sorted(private), "<14>")


def test_what_changes_without_an_author_of_its_own_is_the_platforms() -> None:
    made = entry(an_item(status="active"), an_item(status="paused", hold_reason="error_rate"))

    assert (made.actor, made.request_id) == (PLATFORM, "")
    assert made.after == {"hold_reason": "error_rate", "status": "paused"}


def test_why_it_waits_is_told_when_a_person_changes_it() -> None:
    made = entry(an_item(resting_until="x"), an_item(author=BOB))

    assert (made.actor, made.before, made.after) == ("usr_bob", {"resting_until": "<3>"}, {})


def test_two_writes_of_one_request_are_both_its_authors() -> None:
    again = Author("usr_ada", "req_1", "chg_9").text

    assert entry(an_item(), an_item(title="Summer", author=again)).actor == "usr_ada"


@pytest.mark.parametrize(
    "books",
    [
        {"version": 2, "updated_at": "2026-11-24T12:00:00.000Z"},
        {"gsi1pk": "TAB#x", "planned_parts": 3, "total": 900},
        {"hold_reason": "quiet_hours", "hold_until": "2026-11-24T12:00:00.000Z"},
        {"author": BOB, "version": 2},
        {"step": "files", "cursor": {"pk": "x"}, "found": 3, "counts": {"rows": 3}, "passes": 1},
        {},
    ],
)
def test_keeping_books_is_no_change(books: dict[str, Any]) -> None:
    assert entry_of(a_change(an_item(), an_item(**books)), hashed) is None


def test_who_deletes_says_so_first() -> None:
    saying = an_item(remover=BOB)

    assert entry_of(a_change(an_item(), saying), hashed) is None
    made = entry(saying, None)
    assert (made.act, made.actor) == (Act.REMOVED, "usr_bob")
    assert made.before["title"] == "Spring"
    assert made.after == {}


def test_a_deletion_that_nobody_announced_is_the_platforms_not_the_last_authors() -> None:
    assert entry(an_item(), None).actor == PLATFORM


def test_an_attribute_that_goes_is_told_as_what_it_was() -> None:
    made = entry(an_item(daily_limit=5), an_item(author=BOB))

    assert (made.before, made.after) == ({"daily_limit": 5}, {})


def test_a_record_that_comes_twice_is_one_entry() -> None:
    trail = FakeAuditTrail()
    change = a_change(None, an_item())
    later = a_change(an_item(), an_item(title="Summer"), sequence="101")

    counts = [record_changes([change, later], trail, hashed) for _ in range(2)]

    assert counts == [2, 2]
    assert len(trail.entries) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '["a"]', "null", "7", "Ada"])
def test_what_is_no_author_is_told_apart(text: str) -> None:
    with pytest.raises(ValueError):  # json's own is one of them
        Author.from_text(text)


def test_an_author_survives_being_kept() -> None:
    author = Author('usr_"1"', "req,1", "chg_1")

    assert Author.from_text(author.text) == author


def test_the_log_is_read_by_object_actor_and_time() -> None:
    entries = [
        an_entry(1),
        an_entry(2, actor="usr_2"),
        an_entry(3, object_id="snd_1"),
        an_entry(4, at=NOON + timedelta(days=2)),
    ]
    log = ReadAuditLog(FakeAuditTrail(*entries), FakeClock())

    def ids(**wanted: Any) -> list[str]:
        return [one.id for one in log.page(50, None, **wanted).items]

    assert ids() == ["aud_3", "aud_2", "aud_1"]
    assert ids(object_id="snd_1") == ["aud_3"]
    assert ids(actor="usr_2") == ["aud_2"]
    assert ids(since=NOON + timedelta(seconds=3)) == ["aud_3"]
    assert ids(until=NOON + timedelta(seconds=2)) == ["aud_1"]
    assert ids(until=NOON + timedelta(days=9_999)) == ids()


def test_times_the_wrong_way_are_refused() -> None:
    with pytest.raises(InvalidInput) as raised:
        ReadAuditLog(FakeAuditTrail(), FakeClock()).page(50, None, since=NOON, until=NOON)

    assert raised.value.field == "from"
