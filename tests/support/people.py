"""
Fakes of the ports for people, keys and the audit log, and builders of what they handle.

They keep state and have no switches; ``tests/adapters/test_people.py`` and
``tests/contracts/test_user_directory.py`` run one suite over them and the real adapters.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.api_keys import ApiKey
from carillon.domain.audit import Act, AuditEntry, AuditFilter, ObjectKind
from carillon.domain.clock import to_iso
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.people import Account, UserRecord
from carillon.domain.permissions import OFFICE_GROUP, ROLE_GROUP, KeyKind, Role
from tests.support.clock import NOON
from tests.support.management import OFFICE


class FakeUserDirectory:
    """Implements ``ports.UserDirectory``; ``invitations`` are whom it has written to."""

    def __init__(self, *accounts: Account) -> None:
        self._accounts = {one.id: one for one in accounts}
        self.invitations: list[str] = []

    def invite(self, email: str) -> Account:
        if any(one.email == email for one in self._accounts.values()):
            raise Conflict("Known.", code="user_exists")
        made = an_account(f"usr_{len(self._accounts) + 1}", email=email, groups=(), confirmed=False)
        self._accounts[made.id] = made
        self.invitations.append(email)
        return made

    def resend(self, email: str) -> None:
        self.invitations.append(self.with_email(email).email)

    def get(self, user_id: str) -> Account:
        if user_id not in self._accounts:
            raise NotFound("No.", code="user_not_found")
        return self._accounts[user_id]

    def with_email(self, email: str) -> Account:
        found = [one for one in self._accounts.values() if one.email == email]
        if not found:
            raise NotFound("No.", code="user_not_found")
        return found[0]

    def page(self, limit: int, after: Position | None) -> Listing[Account]:
        return _paged(list(self._accounts.values()), limit, after, "users")

    def members(self, office_id: str, limit: int, after: Position | None) -> Listing[Account]:
        group = f"{OFFICE_GROUP}{office_id}"
        found = [one for one in self._accounts.values() if group in one.groups]
        return _paged(found, limit, after, group)

    def admins(self) -> list[Account]:
        return [one for one in self._accounts.values() if f"{ROLE_GROUP}admin" in one.groups]

    def set_groups(self, user_id: str, groups: frozenset[str]) -> None:
        present = self.get(user_id)
        others = {one for one in present.groups if not one.startswith((ROLE_GROUP, OFFICE_GROUP))}
        self._accounts[user_id] = replace(present, groups=frozenset(others | groups))

    def disable(self, user_id: str) -> None:
        self._accounts[user_id] = replace(self.get(user_id), enabled=False)

    def enable(self, user_id: str) -> None:
        self._accounts[user_id] = replace(self.get(user_id), enabled=True)

    def confirm(self, user_id: str) -> None:
        """Do what somebody does who chooses a password of their own."""
        self._accounts[user_id] = replace(self.get(user_id), confirmed=True)


class FakeUserRecords:
    """Implements ``ports.UserRecords``."""

    def __init__(self, *records: UserRecord) -> None:
        self._records = {one.id: one for one in records}
        self._version = 0

    def get(self, user_id: str) -> UserRecord | None:
        return self._records.get(user_id)

    def put(self, record: UserRecord) -> bool:
        standing = self._records.get(record.id)
        if record.version != (standing.version if standing else 0):
            return False
        self._records[record.id] = replace(record, version=record.version + 1)
        return True

    def admins_version(self) -> int:
        return self._version

    def put_if_admins_stand(self, record: UserRecord, seen: int) -> bool:
        if seen != self._version or not self.put(record):
            return False
        self._version += 1
        return True


class FakeApiKeys:
    """Implements ``ports.ApiKeys``."""

    def __init__(self, *keys: ApiKey) -> None:
        self._keys = {one.id: one for one in keys}

    def create(self, key: ApiKey) -> None:
        self._keys[key.id] = key

    def get(self, key_id: str) -> ApiKey:
        if key_id not in self._keys:
            raise NotFound("No.", code="api_key_not_found")
        return self._keys[key_id]

    def page(self, limit: int, after: Position | None) -> Listing[ApiKey]:
        found = sorted(self._keys.values(), key=lambda one: (one.created_at, one.id), reverse=True)
        return _paged(found, limit, after, "keys")

    def revoke(self, key_id: str, now: datetime) -> bool:
        key = self.get(key_id)
        if key.revoked_at is not None:
            return False
        self._keys[key_id] = replace(key, revoked_at=now)
        return True

    def note_use(self, key_id: str, now: datetime, seen: datetime | None) -> None:
        key = self.get(key_id)
        if key.last_used_at == seen:
            self._keys[key_id] = replace(key, last_used_at=now)


class FakeAuditTrail:
    """Implements ``ports.AuditTrail``."""

    def __init__(self, *entries: AuditEntry) -> None:
        self.entries: dict[str, AuditEntry] = {one.id: one for one in entries}

    def append(self, entry: AuditEntry) -> None:
        self.entries.setdefault(entry.id, entry)

    def page(self, wanted: AuditFilter, limit: int, after: Position | None) -> Listing[AuditEntry]:
        found = sorted(
            (one for one in self.entries.values() if _is_wanted(one, wanted)),
            key=lambda one: (to_iso(one.at), one.id),
            reverse=True,
        )
        return _paged(found, limit, after, repr((wanted.object_id, wanted.actor, wanted.since)))


def _is_wanted(entry: AuditEntry, wanted: AuditFilter) -> bool:
    return (
        wanted.object_id in (None, entry.object_id)
        and wanted.actor in (None, entry.actor)
        and (wanted.since is None or entry.at >= wanted.since)
        and entry.at < wanted.until
    )


def _paged(found: list[Any], limit: int, after: Position | None, listing: str) -> Listing[Any]:
    if after is not None and after.get("listing") != listing:
        raise InvalidInput("Another listing.", field="cursor", code="cursor_invalid")
    ids = [one.id for one in found]
    start = ids.index(after["id"]) + 1 if after else 0
    page = found[start : start + limit]
    more = start + limit < len(found)
    return Listing(tuple(page), {"listing": listing, "id": page[-1].id} if more else None)


def an_account(
    user_id: str = "usr_1",
    *,
    email: str | None = None,
    groups: Iterable[str] = ("role.manager", f"office.{OFFICE}"),
    **changes: Any,
) -> Account:
    made: dict[str, Any] = {"enabled": True, "confirmed": True, "created_at": NOON}
    address = email or f"{user_id.replace('_', '.')}@example.com"
    return Account(id=user_id, email=address, groups=frozenset(groups), **{**made, **changes})


def an_admin(user_id: str = "usr_1", **changes: Any) -> Account:
    return an_account(user_id, groups=("role.admin",), **changes)


def a_user_record(user_id: str = "usr_1", **changes: Any) -> UserRecord:
    made: dict[str, Any] = {
        "email": f"{user_id.replace('_', '.')}@example.com",
        "role": Role.MANAGER,
        "offices": (OFFICE,),
        "created_at": NOON,
    }
    return UserRecord(id=user_id, **{**made, **changes})


def an_api_key(key_id: str = "key_1", **changes: Any) -> ApiKey:
    made: dict[str, Any] = {
        "name": "Dashboard",
        "kind": KeyKind.LIVE,
        "role": Role.ANALYST,
        "offices": (OFFICE,),
        "secret_hash": "0" * 64,
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return ApiKey(id=key_id, **{**made, **changes})


def an_entry(number: int = 1, **changes: Any) -> AuditEntry:
    made: dict[str, Any] = {
        "at": NOON + timedelta(seconds=number),
        "actor": "usr_1",
        "act": Act.CHANGED,
        "kind": ObjectKind.CAMPAIGN,
        "object_id": "cmp_1",
        "office_id": OFFICE,
        "request_id": f"req_{number}",
        "before": {"title": "Spring"},
        "after": {"title": f"Summer {number}"},
    }
    return AuditEntry(id=f"aud_{number}", **{**made, **changes})
