"""
All identifiers, built in one place: opaque, prefixed, safe in a URL and in a key.

Where deduplication depends on an id it is derived, not drawn: the same inputs
always give the same id, so that a second attempt finds the first.
"""

import base64
import hashlib
import secrets

# Crockford-like lower-case base32 keeps ids readable and free of '#', '.', '~'.
_RANDOM_BYTES = 10
LEAD_KEY_HEX = 32
_SLOT_HEX = 4
SLOTS: int = 16**_SLOT_HEX


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``cmp_6g2k…`` with 80 random bits."""
    return f"{prefix}_{_base32(secrets.token_bytes(_RANDOM_BYTES))}"


def derived_id(prefix: str, *parts: str) -> str:
    """Return the one id that *parts* always give (80 bits of BLAKE2b)."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=_RANDOM_BYTES).digest()
    return f"{prefix}_{_base32(digest)}"


def lead_key(phone: str) -> str:
    """
    Return the key under which a phone (E.164) stands in every list and campaign.

    32 hex digits of BLAKE2b. Deterministic, so the lead of a phone in a
    campaign is found by computing, without an index; ordered, so lists merge.
    """
    return hashlib.blake2b(phone.encode(), digest_size=LEAD_KEY_HEX // 2).hexdigest()


def part_of(key: str, parts: int) -> int:
    """Return which of *parts* equal key ranges (0-based) holds the lead *key*."""
    return int(key[:_SLOT_HEX], 16) * parts // SLOTS


def part_range(part: int, parts: int) -> tuple[str, str]:
    """
    Return the inclusive first and last four-digit slot prefixes of *part*.

    ``part_of(key, parts) == part`` exactly when ``first <= key[:4] <= last``.
    """
    first = -(-part * SLOTS // parts)
    last = -(-(part + 1) * SLOTS // parts) - 1
    return f"{first:04x}", f"{last:04x}"


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
