"""
RSA signatures (RS256: PKCS #1 v1.5 with SHA-256, RFC 8017) without a library.

Lambda has no cryptography, and its wheel is larger than all else that we ship. A key that is
ours signs one token every few minutes, never anything that others choose, so that nobody can
time it.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

_INTEGER, _OCTET_STRING, _SEQUENCE = 0x02, 0x04, 0x30
# DigestInfo of SHA-256 up to the digest (RFC 8017, section 9.2, note 1).
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_LEAST_BITS = 1024
_LEAST_EXPONENT = 3
_LONG_FORM = 0x80


@dataclass(frozen=True, repr=False)
class RsaKey:
    """A private key; make one with ``from_pem``."""

    modulus: int
    public_exponent: int
    p: int
    q: int
    exponent_p: int
    exponent_q: int
    coefficient: int

    @classmethod
    def from_pem(cls, pem: str) -> "RsaKey":
        """Return the key in *pem* (PKCS #8, "BEGIN PRIVATE KEY"); ValueError for another."""
        info = _items(_only(_der(pem), _SEQUENCE))
        if len(info) < 3 or info[2][0] != _OCTET_STRING:
            raise ValueError("not a PKCS #8 private key")
        fields = _items(_only(info[2][1], _SEQUENCE))
        if len(fields) < 9 or any(tag != _INTEGER for tag, _ in fields):
            raise ValueError("not an RSA key")
        # version, n, e, d, p, q, d mod (p-1), d mod (q-1), 1/q mod p
        _, n, e, _, p, q, dp, dq, qinv = (int.from_bytes(value) for _, value in fields[:9])
        if n.bit_length() < _LEAST_BITS:
            raise ValueError("too short a key to be one")
        return cls(n, e, p, q, dp, dq, qinv)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of *data*."""
        size = (self.modulus.bit_length() + 7) // 8
        padded = _padded(data, size)
        message = int.from_bytes(padded)
        # By the two primes: four times faster than by the modulus.
        by_p = pow(message, self.exponent_p, self.p)
        by_q = pow(message, self.exponent_q, self.q)
        signature = by_q + (self.coefficient * (by_p - by_q) % self.p) * self.q
        again = pow(signature, self.public_exponent, self.modulus).to_bytes(size)
        if not hmac.compare_digest(again, padded):
            # A wrong signature of this kind gives the key away.
            raise ValueError("the parts of the RSA key do not belong together")
        return signature.to_bytes(size)


@dataclass(frozen=True)
class RsaPublicKey:
    """A public key; make one with ``from_jwk``."""

    modulus: int
    exponent: int

    @classmethod
    def from_jwk(cls, modulus: str, exponent: str) -> "RsaPublicKey":
        """Return the key of a JWK's ``n`` and ``e`` (RFC 7518); ValueError for another."""
        n, e = (int.from_bytes(base64url(text)) for text in (modulus, exponent))
        if n.bit_length() < _LEAST_BITS or e < _LEAST_EXPONENT or not e % 2:
            raise ValueError("not an RSA key")
        return cls(n, e)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """
        Whether *signature* is this key's of *data*.

        The padding is made anew and compared whole, never parsed: what stands behind a
        parsed one has been forged.
        """
        size = (self.modulus.bit_length() + 7) // 8
        number = int.from_bytes(signature)
        if len(signature) != size or number >= self.modulus:
            return False
        shown = pow(number, self.exponent, self.modulus).to_bytes(size)
        return hmac.compare_digest(shown, _padded(data, size))


def _padded(data: bytes, size: int) -> bytes:
    tail = _SHA256_INFO + hashlib.sha256(data).digest()
    return b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail


def base64url(text: str) -> bytes:
    """Return what a part of a JWT stands for; ValueError for another alphabet."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _der(pem: str) -> bytes:
    # A secret may hold the newlines of the file as two characters.
    lines = [line.strip() for line in pem.replace("\\n", "\n").strip().splitlines()]
    ends = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
    if len(lines) < 3 or (lines[0], lines[-1]) != ends:
        raise ValueError("not a PKCS #8 private key in PEM")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _only(data: bytes, tag: int) -> bytes:
    items = _items(data)
    if len(items) != 1 or items[0][0] != tag:
        raise ValueError("not the structure of a key")
    return items[0][1]


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """Return the (tag, value) pairs that stand one after another in *data* (DER)."""
    found = []
    while data:
        if len(data) < 2:
            raise ValueError("cut off")
        tag, length, start = data[0], data[1], 2
        if length & _LONG_FORM:
            start += length & ~_LONG_FORM
            length = int.from_bytes(data[2:start])
        if len(data) < start + length:
            raise ValueError("cut off")
        found.append((tag, data[start : start + length]))
        data = data[start + length :]
    return found
