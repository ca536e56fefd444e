"""
The organisation's users: invited, given a role and offices, disabled (P2).

    record                       identity provider
      | what they may do, first    |            the record bounds what a token gives
      |                            | groups     (domain/people.py), so a crash in between
                                                never gives more than was decided

A change is complete once both have it; asking again finishes one that was not. What is taken
away binds within the authorizer's minute, what is given with the next token.

An admin is never the last to go. Nobody changes or disables themself, and whoever takes an
admin away must leave another one who can work now. Two of them at once are told apart by one
version that every such change moves: the second looks again and finds the first.
"""

import re
from dataclasses import dataclass, replace
from typing import Annotated

from carillon.domain.commands import Command, Entries, Length, OneOf, Origin
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.people import (
    Account,
    User,
    UserRecord,
    groups_of,
    may_be_last,
    offices_of,
    user_of,
)
from carillon.domain.permissions import Access, Role, role_of
from carillon.ports import Clock, Offices, UserDirectory, UserRecords
from carillon.usecases.manage_offices import require_known_offices

_ROLES = tuple(role.value for role in Role)
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}\.[^@\s.]{2,}")


@dataclass(frozen=True, kw_only=True)
class NewUser(Command):
    """Whom to invite, and as what. Offices mean nothing to an admin."""

    email: Annotated[str, Length(3, 254)]
    role: Annotated[str, OneOf(_ROLES)]
    offices: Annotated[tuple[str, ...], Entries(90, 64)] = ()


@dataclass(frozen=True, kw_only=True)
class UserChange(Command):
    """What becomes of a user; what is left out stays."""

    role: Annotated[str, OneOf(_ROLES)] | None = None
    offices: Annotated[tuple[str, ...], Entries(90, 64)] | None = None


class ManageUsers:
    """Shows, invites and changes users."""

    def __init__(
        self, directory: UserDirectory, records: UserRecords, offices: Offices, clock: Clock
    ) -> None:
        self._directory = directory
        self._records = records
        self._offices = offices
        self._clock = clock

    def page(self, limit: int, after: Position | None) -> Listing[User]:
        """Return users, in the order of the identity provider."""
        return self._shown(self._directory.page(limit, after))

    def get(self, user_id: str) -> User:
        """Return the user; raises NotFound (``user_not_found``)."""
        return user_of(self._directory.get(user_id), self._records.get(user_id))

    def members(
        self, access: Access, office_id: str, limit: int, after: Position | None
    ) -> Listing[User]:
        """Return who belongs to an office; NotFound when it is absent or not the caller's."""
        absent = NotFound("There is no such office.", code="office_not_found")
        access.require_object(office_id, absent)
        self._offices.get(office_id)
        return self._shown(self._directory.members(office_id, limit, after))

    def invite(self, new: NewUser) -> User:
        """
        Make an account and have its owner told by e-mail.

        Conflict (``user_exists``) for an address that is a user's. One whose invitation
        was cut off half-way is no user yet: inviting again finishes it.
        """
        email = new.email.strip().lower()
        if not _EMAIL.fullmatch(email):
            raise InvalidInput("email must be an e-mail address.", field="email")
        require_known_offices(self._offices, new.offices)
        account = self._invited(email)
        cut_off = self._records.get(account.id)
        record = UserRecord(
            id=account.id,
            email=email,
            role=Role(new.role),
            offices=_sorted(new.offices),
            created_at=self._clock.now(),
            version=cut_off.version if cut_off else 0,
        )
        self._put(record)
        self._directory.set_groups(account.id, groups_of(record))
        return self.get(account.id)

    def resend(self, user_id: str) -> User:
        """Send the invitation again; Conflict (``user_state``) once they have signed in."""
        account = self._directory.get(user_id)
        if account.confirmed or not account.enabled:
            raise Conflict("This user is not waiting for an invitation.", code="user_state")
        self._directory.resend(account.email)
        return self.get(user_id)

    def change(self, origin: Origin, user_id: str, change: UserChange) -> User:
        """
        Give a user another role or other offices; it binds at their next token at the latest.

        Conflict: ``own_role`` for oneself, ``last_admin``, ``user_state`` for a disabled one,
        ``user_changed`` when somebody else was faster: what they took away is not given back.
        """
        if change.role is None and change.offices is None:
            raise InvalidInput("Nothing is to be changed.", field="role")
        require_known_offices(self._offices, change.offices or ())
        account = self._directory.get(user_id)
        _require_another(origin, user_id)
        present = self._record_of(account)
        wanted = replace(
            present,
            role=present.role if change.role is None else Role(change.role),
            offices=present.offices if change.offices is None else _sorted(change.offices),
        )
        if present.disabled or not account.enabled:
            raise Conflict("This user is disabled.", code="user_state")
        self._keep(wanted, takes_admin=_is_admin(account, present) and not _is_admin(None, wanted))
        self._directory.set_groups(user_id, groups_of(wanted))
        return self.get(user_id)

    def disable(self, origin: Origin, user_id: str) -> User:
        """Let somebody in no more, nor with the token that they have; again is no error."""
        account = self._directory.get(user_id)
        _require_another(origin, user_id)
        present = self._record_of(account)
        self._keep(replace(present, disabled=True), takes_admin=_is_admin(account, present))
        self._directory.disable(user_id)
        return self.get(user_id)

    def enable(self, user_id: str) -> User:
        """Let a disabled user sign in again, as what they were; again is no error."""
        account = self._directory.get(user_id)
        # The account last: until then a crash leaves them out.
        self._put(replace(self._record_of(account), disabled=False))
        self._directory.enable(user_id)
        return self.get(user_id)

    def _shown(self, accounts: Listing[Account]) -> Listing[User]:
        users = (user_of(one, self._records.get(one.id)) for one in accounts.items)
        return Listing(tuple(users), accounts.next)

    def _invited(self, email: str) -> Account:
        try:
            return self._directory.invite(email)
        except Conflict:
            account = self._directory.with_email(email)
            record = self._records.get(account.id)
            # What an invitation does last is to give the account its groups.
            if account.groups or (record is not None and record.disabled):
                raise
            return account

    def _record_of(self, account: Account) -> UserRecord:
        """Return what is kept of *account*; of one that was made elsewhere, what its groups say."""
        found = self._records.get(account.id)
        if found is not None:
            return found
        return UserRecord(
            id=account.id,
            email=account.email,
            # Somebody without a role may do nothing, and is given one by the change.
            role=role_of(account.groups) or Role.LIMITED,
            offices=offices_of(account.groups),
            created_at=account.created_at,
        )

    def _keep(self, wanted: UserRecord, *, takes_admin: bool) -> None:
        if not takes_admin:
            self._put(wanted)
            return
        seen = self._records.admins_version()
        if not self._leaves_an_admin(wanted.id):
            raise Conflict("Nobody else could manage the organisation.", code="last_admin")
        if not self._records.put_if_admins_stand(wanted, seen):
            raise Conflict("Admins have changed meanwhile; try again.", code="admins_changed")

    def _put(self, wanted: UserRecord) -> None:
        if not self._records.put(wanted):
            raise Conflict("This user has changed meanwhile; try again.", code="user_changed")

    def _leaves_an_admin(self, user_id: str) -> bool:
        others = (one for one in self._directory.admins() if one.id != user_id)
        return any(may_be_last(one, self._records.get(one.id)) for one in others)


def _is_admin(account: Account | None, record: UserRecord) -> bool:
    """Whether the record or the token of somebody says that they are an admin."""
    in_token = account is not None and role_of(account.groups) is Role.ADMIN
    return in_token or record.role is Role.ADMIN


def _sorted(offices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(offices)))


def _require_another(origin: Origin, user_id: str) -> None:
    if origin.subject == user_id:
        raise Conflict("Somebody else must change you.", code="own_role")
