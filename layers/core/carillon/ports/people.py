"""What managing people, keys and the audit log asks for (P1 to P4)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.api_keys import ApiKey
from carillon.domain.audit import AuditEntry, AuditFilter
from carillon.domain.listing import Listing, Position
from carillon.domain.people import Account, UserRecord


class UserDirectory(Protocol):
    """The identity provider's accounts."""

    def invite(self, email: str) -> Account:
        """Make an account and have its owner told; Conflict (``user_exists``) for a known one."""
        ...

    def resend(self, email: str) -> None:
        """Have the owner told again, with another temporary password."""
        ...

    def get(self, user_id: str) -> Account:
        """Return the account; raises NotFound (``user_not_found``)."""
        ...

    def with_email(self, email: str) -> Account:
        """Return the account of an address; raises NotFound (``user_not_found``)."""
        ...

    def page(self, limit: int, after: Position | None) -> Listing[Account]:
        """Return up to *limit* accounts (the provider may give fewer), in its own order."""
        ...

    def members(self, office_id: str, limit: int, after: Position | None) -> Listing[Account]:
        """Return who is in the office's group, as ``page`` does."""
        ...

    def admins(self) -> list[Account]:
        """Return everybody in the group of admins."""
        ...

    def set_groups(self, user_id: str, groups: frozenset[str]) -> None:
        """
        Put the account into exactly *groups* of ours, leaving those first that are too many.

        Groups that are neither a role nor an office stay. Repeating it changes nothing.
        """
        ...

    def disable(self, user_id: str) -> None:
        """Let the account sign in no more, and end its sessions; again is no error."""
        ...

    def enable(self, user_id: str) -> None:
        """Let the account sign in again; again is no error."""
        ...


class UserRecords(Protocol):
    """What we keep of users ourselves."""

    def get(self, user_id: str) -> UserRecord | None:
        """Return the record, strongly consistent."""
        ...

    def put(self, record: UserRecord) -> bool:
        """Keep *record* as its next version; False when its own version no longer stands."""
        ...

    def admins_version(self) -> int:
        """Return how often an admin has been taken away, strongly consistent."""
        ...

    def put_if_admins_stand(self, record: UserRecord, seen: int) -> bool:
        """As ``put``, and count an admin away; False, too, when one went since *seen* was read."""
        ...


class ApiKeys(Protocol):
    """The API keys."""

    def create(self, key: ApiKey) -> None:
        """Keep a new key."""
        ...

    def get(self, key_id: str) -> ApiKey:
        """Return the key, strongly consistent; raises NotFound (``api_key_not_found``)."""
        ...

    def page(self, limit: int, after: Position | None) -> Listing[ApiKey]:
        """Return keys, newest first."""
        ...

    def revoke(self, key_id: str, now: datetime) -> bool:
        """End the key; False when it was ended before. Raises NotFound."""
        ...

    def note_use(self, key_id: str, now: datetime, seen: datetime | None) -> None:
        """Write that it was used now, unless somebody wrote another time since *seen*."""
        ...


class AuditTrail(Protocol):
    """The audit log. There is no way to change or remove an entry."""

    def append(self, entry: AuditEntry) -> None:
        """Keep *entry*; the same one again changes nothing."""
        ...

    def page(self, wanted: AuditFilter, limit: int, after: Position | None) -> Listing[AuditEntry]:
        """
        Return entries, newest first.

        A page may hold fewer than *limit* and still not be the last.
        """
        ...


class AccessTokens(Protocol):
    """The access tokens of the identity provider."""

    def claims(self, token: str) -> Mapping[str, Any] | None:
        """
        Return what *token* says, ``sub`` at least, if it is genuine, ours and not over.

        Raises Unavailable when that cannot be told just now.
        """
        ...
