"""
The organisation's users: how they sign in, and what we keep of them ourselves (P2).

An *account* is what the identity provider has: it holds the address, the password and the
groups that stand in a token. A *record* is ours: it bounds what a token may do (below), and
its changes are what the audit log tells of people.

    token says          record says      they are
    admin, off_1        -                admin, as the token says
    admin               agent, off_1     agent in no office: the lesser of the two
    agent, off_1        admin            agent in off_1, until their next token
    anything            disabled         nobody

So taking something away binds as soon as the record is read, and giving waits for the next
token; half a change, after a crash, never gives anybody more than both sides do.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carillon.domain.permissions import OFFICE_GROUP, ROLE_GROUP, Role, least_of, role_of


class UserStatus(StrEnum):
    """Where a user stands: invited until they have chosen a password of their own."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the identity provider has of a user; *id* is the subject of their tokens."""

    id: str
    email: str
    groups: frozenset[str]
    enabled: bool
    confirmed: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class UserRecord:
    """What we keep of a user; see the module's text. ``version`` is 0 of what is not kept yet."""

    id: str
    email: str
    role: Role
    offices: tuple[str, ...]
    created_at: datetime
    disabled: bool = False
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as they are shown; *role* is None of an account that nobody gave one."""

    id: str
    email: str
    role: Role | None
    offices: tuple[str, ...]
    status: UserStatus
    created_at: datetime


def user_of(account: Account, record: UserRecord | None) -> User:
    """Return the user whom *account* and what we keep of it make."""
    # Of a disabled user the record says what they would be again.
    groups = account.groups if record is None else groups_of(record)
    return User(
        id=account.id,
        email=account.email,
        role=role_of(groups),
        offices=offices_of(groups),
        status=_status_of(account, record),
        created_at=account.created_at,
    )


def _status_of(account: Account, record: UserRecord | None) -> UserStatus:
    if not account.enabled or (record is not None and record.disabled):
        return UserStatus.DISABLED
    return UserStatus.ACTIVE if account.confirmed else UserStatus.INVITED


def groups_of(record: UserRecord) -> frozenset[str]:
    """Return the groups that give what *record* says."""
    return frozenset(
        {f"{ROLE_GROUP}{record.role}", *(f"{OFFICE_GROUP}{one}" for one in record.offices)}
    )


def offices_of(groups: frozenset[str]) -> tuple[str, ...]:
    """Return the office ids among *groups*, sorted."""
    held = {one.removeprefix(OFFICE_GROUP) for one in groups if one.startswith(OFFICE_GROUP)}
    return tuple(sorted(held - {""}))


def bounded(groups: frozenset[str], record: UserRecord | None) -> frozenset[str]:
    """Return what of a token's *groups* stands beside *record*; of a disabled user nothing."""
    if record is None:
        return groups
    if record.disabled:
        return frozenset()
    role = least_of(role_of(groups), record.role)
    roles = frozenset() if role is None else {f"{ROLE_GROUP}{role}"}
    wanted = groups_of(record)
    kept = {one for one in groups if one.startswith(OFFICE_GROUP) and one in wanted}
    return frozenset({*roles, *kept})


def may_be_last(account: Account, record: UserRecord | None) -> bool:
    """Whether *account* can do an admin's work now: it counts as one who is left."""
    if not (account.enabled and account.confirmed):
        return False
    return role_of(bounded(account.groups, record)) is Role.ADMIN
