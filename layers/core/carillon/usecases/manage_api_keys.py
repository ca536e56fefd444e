"""API keys: made once, shown once, revoked for good (P3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from carillon.domain.api_keys import ApiKey, MintedKey, mint
from carillon.domain.commands import Command, Entries, Length, OneOf, Origin
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import KeyKind, Role
from carillon.ports import ApiKeys, Clock, Offices
from carillon.usecases.manage_offices import require_known_offices

_KINDS = tuple(kind.value for kind in KeyKind)
_ROLES = tuple(role.value for role in Role)


@dataclass(frozen=True, kw_only=True)
class NewApiKey(Command):
    """
    What a new key needs: what its bearer is, and where.

    A ``test`` key reads what its role reads, and changes and launches test campaigns alone.
    """

    name: Annotated[str, Length(1, 200)]
    kind: Annotated[str, OneOf(_KINDS)] = "live"
    role: Annotated[str, OneOf(_ROLES)]
    offices: Annotated[tuple[str, ...], Entries(100, 64)] = ()
    expires_at: datetime | None = None


class ManageApiKeys:
    """Creates, lists and revokes keys."""

    def __init__(self, keys: ApiKeys, offices: Offices, clock: Clock) -> None:
        self._keys = keys
        self._offices = offices
        self._clock = clock

    def create(self, origin: Origin, new: NewApiKey) -> tuple[ApiKey, MintedKey]:
        """
        Create a key; return it with the text that nobody can see again.

        InvalidInput for an office that is not there or an expiry that has passed. A
        repeated request makes a second key: its text was lost with the first answer.
        """
        require_known_offices(self._offices, new.offices)
        now = self._clock.now()
        if new.expires_at is not None and new.expires_at <= now:
            raise InvalidInput("expires_at must lie ahead.", field="expires_at")
        kind = KeyKind(new.kind)
        minted = mint(kind)
        key = ApiKey(
            id=minted.id,
            name=new.name.strip(),
            kind=kind,
            role=Role(new.role),
            offices=tuple(sorted(set(new.offices))),
            secret_hash=minted.secret_hash,
            created_at=now,
            created_by=origin.subject,
            expires_at=new.expires_at,
        )
        self._keys.create(key)
        return key, minted

    def get(self, key_id: str) -> ApiKey:
        """Return the key; raises NotFound (``api_key_not_found``)."""
        return self._keys.get(key_id)

    def page(self, limit: int, after: Position | None) -> Listing[ApiKey]:
        """Return keys, revoked ones too, newest first."""
        return self._keys.page(limit, after)

    def revoke(self, key_id: str) -> ApiKey:
        """End the key for good; Conflict (``api_key_revoked``) when it was ended before."""
        now = self._clock.now()
        if not self._keys.revoke(key_id, now):
            raise Conflict("This key is revoked already.", code="api_key_revoked")
        return self._keys.get(key_id)
