"""Our RSA signatures against OpenSSL's: PKCS #1 v1.5 is deterministic, so they are the same."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.adapters.providers.rs256 import RsaKey

KEY = rsa.generate_private_key(65537, 1024)
OTHER = rsa.generate_private_key(65537, 1024)


def pem_of(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


PEM = pem_of(KEY)


@pytest.mark.parametrize("bits", [1024, 1025, 2048])
def test_a_signature_is_that_of_openssl(bits: int) -> None:
    key = rsa.generate_private_key(65537, bits)

    signature = RsaKey.from_pem(pem_of(key)).sign(b"header.claims")

    assert signature == key.sign(b"header.claims", padding.PKCS1v15(), SHA256())


@settings(max_examples=30, deadline=None)
@given(st.binary())
def test_whatever_is_signed_openssl_agrees(data: bytes) -> None:
    assert RsaKey.from_pem(PEM).sign(data) == KEY.sign(data, padding.PKCS1v15(), SHA256())


def test_a_key_with_its_newlines_written_out_is_the_same_key() -> None:
    assert RsaKey.from_pem(PEM.replace("\n", "\\n")) == RsaKey.from_pem(PEM)
    assert RsaKey.from_pem(f"\n  {PEM}\n".replace("\n", "\r\n")) == RsaKey.from_pem(PEM)


def der(data: bytes) -> str:
    lines = base64.encodebytes(data).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n???\n-----END PRIVATE KEY-----",
        der(b"\x30"),
        der(b"\x30\x05\x02\x01\x00"),
        der(b"\x30\x03\x02\x01\x00"),
        der(b"\x02\x01\x00\x02\x01\x00"),
        pem_of(KEY, PrivateFormat.TraditionalOpenSSL),
        pem_of(ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_what_is_no_rsa_key_is_refused(pem: str) -> None:
    with pytest.raises(ValueError):
        RsaKey.from_pem(pem)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=2))
def test_a_damaged_key_never_signs_wrongly(at: int, damage: bytes) -> None:
    data = base64.b64decode("".join(PEM.splitlines()[1:-1]))
    damaged = data[:at] + damage + data[at + len(damage) :]
    good = KEY.sign(b"x", padding.PKCS1v15(), SHA256())

    try:
        signature = RsaKey.from_pem(der(damaged)).sign(b"x")
    except ValueError:
        return
    # What was damaged is not used for signing.
    assert signature == good


def test_parts_of_two_keys_sign_nothing() -> None:
    mixed = replace(RsaKey.from_pem(PEM), p=RsaKey.from_pem(pem_of(OTHER)).p)

    with pytest.raises(ValueError, match="do not belong together"):
        mixed.sign(b"x")


def test_a_key_does_not_show_itself() -> None:
    assert str(KEY.private_numbers().p) not in repr(RsaKey.from_pem(PEM))
