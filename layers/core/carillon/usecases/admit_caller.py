"""
Who may come in: somebody with an access token, or a machine with an API key (P2, P3).

The gateway asks once a minute for each caller and keeps the answer, so whoever is disabled,
revoked or given less is so within that minute. What a caller may do is then decided by each
function, from the groups that stand here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carillon.domain.api_keys import PREFIX, ApiKey, presented
from carillon.domain.errors import NotFound
from carillon.domain.people import bounded
from carillon.domain.permissions import OFFICE_GROUP, ROLE_GROUP, KeyKind
from carillon.ports import AccessTokens, ApiKeys, Clock, UserRecords

_SCHEME = "bearer "


@dataclass(frozen=True)
class Admitted:
    """Who it is, and what they have been given; *key* is None of a person."""

    subject: str
    groups: tuple[str, ...]
    key: KeyKind | None = None


@dataclass(frozen=True)
class Door:
    """What is asked before somebody is let in."""

    tokens: AccessTokens
    records: UserRecords
    keys: ApiKeys
    clock: Clock


def admit_caller(authorization: str, door: Door) -> Admitted | None:
    """Return whom the header *authorization* shows, or None for somebody to turn away."""
    text = authorization.strip()
    if text.lower().startswith(_SCHEME):
        text = text[len(_SCHEME) :].strip()
    if text.startswith(PREFIX):
        return _with_key(text, door)
    claims = door.tokens.claims(text)
    return None if claims is None else _with_token(claims, door)


def _with_token(claims: Mapping[str, Any], door: Door) -> Admitted | None:
    subject = claims["sub"]
    record = door.records.get(subject)
    if record is not None and record.disabled:
        return None
    groups = claims.get("cognito:groups") or []
    return Admitted(subject, tuple(sorted(bounded(frozenset(groups), record))))


def _with_key(text: str, door: Door) -> Admitted | None:
    shown = presented(text)
    if shown is None:
        return None
    try:
        key = door.keys.get(shown.id)
    except NotFound:
        return None
    now = door.clock.now()
    if not key.opens_for(shown, now):
        return None
    if not key.was_just_used(now):
        door.keys.note_use(key.id, now, key.last_used_at)
    return Admitted(key.id, _groups_of(key), key.kind)


def _groups_of(key: ApiKey) -> tuple[str, ...]:
    return (f"{ROLE_GROUP}{key.role}", *(f"{OFFICE_GROUP}{one}" for one in key.offices))
