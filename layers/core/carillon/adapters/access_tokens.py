"""
Access tokens of the user pool: RS256, held against the pool's published keys (P2).

The keys are fetched once a process, and again for a key that is not known, at most once a
minute: tokens that a stranger makes up must not make us ask for each. Why a text is no token
is nobody's business; nothing here says it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from carillon.adapters.providers.rs256 import RsaPublicKey, base64url
from carillon.domain.errors import Unavailable
from carillon.ports import Clock

# What a token must be for: the same as the method of the contract asked of Cognito.
SCOPE = "aws.cognito.signin.user.admin"
_FETCH_AGAIN_AFTER_S = 60.0
_TIMEOUT = urllib3.Timeout(connect=2.0, read=3.0)
_MOST_BYTES = 256 * 1024

PublishedKeys = Mapping[str, RsaPublicKey]


@dataclass(frozen=True)
class Pool:
    """Who issues our tokens, and for which client."""

    issuer: str
    client_id: str


def fetched_keys(url: str) -> PublishedKeys:
    """Return the keys that stand at *url* (a JWKS); Unavailable when they cannot be read."""
    with urllib3.PoolManager(timeout=_TIMEOUT, retries=urllib3.Retry(2, redirect=0)) as pool:
        try:
            answer = pool.request("GET", url)
            listed = json.loads(answer.data[:_MOST_BYTES])["keys"]
            return {
                one["kid"]: RsaPublicKey.from_jwk(one["n"], one["e"])
                for one in listed
                if one.get("kty") == "RSA"
            }
        except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("The user pool's keys cannot be read.") from error


class PoolTokens:
    """Implements ``ports.AccessTokens`` for one user pool."""

    def __init__(self, pool: Pool, fetch: Callable[[], PublishedKeys], clock: Clock) -> None:
        self._pool = pool
        self._fetch = fetch
        self._clock = clock
        self._keys: PublishedKeys = {}
        self._fetched_at: float | None = None

    def claims(self, token: str) -> Mapping[str, Any] | None:
        """Return what an access token of the pool says, or None for anything else."""
        signed, _, signature = token.rpartition(".")
        head, _, body = signed.partition(".")
        try:
            header, claims = json.loads(base64url(head)), json.loads(base64url(body))
            raw = base64url(signature)
        except ValueError:
            return None
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return None
        # The algorithm is ours, not the token's to name.
        if header.get("alg") != "RS256" or not self._is_signed(header.get("kid"), signed, raw):
            return None
        return claims if self._is_ours(claims) else None

    def _is_signed(self, key_id: Any, signed: str, signature: bytes) -> bool:
        key = self._key(key_id) if isinstance(key_id, str) else None
        return key is not None and key.verifies(signed.encode(), signature)

    def _is_ours(self, claims: Mapping[str, Any]) -> bool:
        expires_at = claims.get("exp")
        return (
            claims.get("iss") == self._pool.issuer
            and claims.get("client_id") == self._pool.client_id
            and claims.get("token_use") == "access"
            and SCOPE in str(claims.get("scope", "")).split()
            and isinstance(claims.get("sub"), str)
            and isinstance(expires_at, int)
            and self._clock.now().timestamp() < expires_at
        )

    def _key(self, key_id: str) -> RsaPublicKey | None:
        now = self._clock.monotonic()
        is_due = self._fetched_at is None or now - self._fetched_at >= _FETCH_AGAIN_AFTER_S
        if key_id not in self._keys and is_due:
            self._keys = self._fetch()
            self._fetched_at = now
        return self._keys.get(key_id)
