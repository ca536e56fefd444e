"""
API keys: what a machine shows instead of a token (P3).

    crl_live_<id>_<secret>     crl_test_<id>_<secret>

The id finds the key, the secret opens it: 256 random bits, kept as their SHA-256 alone. A
slow hash is for what people choose: nobody guesses 256 bits, however fast each guess is, and
the hash is computed at every look at the key.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carillon.domain.ids import new_id
from carillon.domain.permissions import KeyKind, Role

PREFIX = "crl_"
# How exactly ``last_used_at`` is known: a write for every call would cost more than the call.
USED_WITHIN = timedelta(hours=1)
_SECRET_BYTES = 32
_SHAPE = re.compile(r"crl_(live|test)_([a-z2-7]{16})_([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """
    One key; it stays, revoked, for the audit log.

    ``role`` and ``offices`` are what its bearer may do, as for a user. ``last_used_at``
    is exact to an hour.
    """

    id: str
    name: str
    kind: KeyKind
    role: Role
    offices: tuple[str, ...]
    secret_hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def opens_for(self, presented: "PresentedKey", now: datetime) -> bool:
        """Whether *presented* is this key, not revoked and not expired; timing-safe."""
        same = hmac.compare_digest(self.secret_hash, presented.secret_hash)
        if not same or self.kind is not presented.kind:
            return False
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def was_just_used(self, now: datetime) -> bool:
        """Whether ``last_used_at`` is exact enough to be left alone."""
        return self.last_used_at is not None and now - self.last_used_at < USED_WITHIN


@dataclass(frozen=True)
class PresentedKey:
    """What a caller shows; its secret is gone, only the hash is left to compare."""

    id: str
    kind: KeyKind
    secret_hash: str


@dataclass(frozen=True, repr=False)
class MintedKey:
    """A fresh key's id, the text that its owner sees once, and what is kept of it."""

    id: str
    text: str
    secret_hash: str


def mint(kind: KeyKind, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> MintedKey:
    """Return a new key of *kind*."""
    key_id = new_id("key")
    secret = random_bytes(_SECRET_BYTES).hex()
    text = f"{PREFIX}{kind}_{key_id.removeprefix('key_')}_{secret}"
    return MintedKey(key_id, text, _hash_of(secret))


def presented(text: str) -> PresentedKey | None:
    """Return the key that *text* shows, or None when it has not the shape of one."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    kind, name, secret = found.groups()
    return PresentedKey(f"key_{name}", KeyKind(kind), _hash_of(secret))


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
