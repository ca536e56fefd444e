"""Access tokens as a user pool signs them; PyJWT over OpenSSL is the pool."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.adapters.access_tokens import SCOPE, Pool, PoolTokens, PublishedKeys, fetched_keys
from carillon.adapters.providers.rs256 import RsaPublicKey
from carillon.domain.errors import Unavailable
from tests.support.clock import NOON, FakeClock
from tests.support.recording_server import RecordingServer

KEY = rsa.generate_private_key(65537, 2048)
STRANGER = rsa.generate_private_key(65537, 2048)
POOL = Pool("https://cognito-idp.eu-central-1.amazonaws.com/pool_1", "client_1")
CLAIMS: dict[str, Any] = {
    "sub": "usr_1",
    "iss": POOL.issuer,
    "client_id": POOL.client_id,
    "token_use": "access",
    "scope": f"openid {SCOPE}",
    "exp": int((NOON + timedelta(hours=1)).timestamp()),
    "cognito:groups": ["role.manager", "office.off_1"],
}


def public(key: rsa.RSAPrivateKey) -> RsaPublicKey:
    numbers = key.public_key().public_numbers()
    return RsaPublicKey(numbers.n, numbers.e)


class Published:
    """The pool's keys, and how often they were fetched."""

    def __init__(self) -> None:
        self.keys: dict[str, RsaPublicKey] = {"k1": public(KEY)}
        self.fetches = 0

    def __call__(self) -> PublishedKeys:
        self.fetches += 1
        return dict(self.keys)


def tokens(published: Published | None = None, clock: FakeClock | None = None) -> PoolTokens:
    return PoolTokens(POOL, published or Published(), clock or FakeClock())


def a_token(
    key: rsa.RSAPrivateKey = KEY, kid: str | None = "k1", alg: str = "RS256", **changes: Any
) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid} if kid else {})


def test_a_token_of_the_pool_says_what_it_says() -> None:
    assert tokens().claims(a_token()) == CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://cognito-idp.eu-central-1.amazonaws.com/pool_2"},
        {"client_id": "client_2"},
        {"token_use": "id"},
        {"token_use": None},
        {"scope": "openid"},
        {"scope": None},
        {"sub": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": int(NOON.timestamp())},
    ],
    ids=str,
)
def test_a_token_for_something_else_or_of_yesterday_is_none(changes: dict[str, Any]) -> None:
    assert tokens().claims(a_token(**changes)) is None


def test_a_strangers_signature_under_our_keys_name_is_none() -> None:
    assert tokens().claims(a_token(STRANGER)) is None


def test_an_unsigned_or_otherwise_signed_token_is_none() -> None:
    unsigned = jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "k1"})
    # The public key as a shared secret: what libraries that let a token choose have fallen for.
    shared = jwt.encode(CLAIMS, "x" * 32, algorithm="HS256", headers={"kid": "k1"})

    for text in (unsigned, shared, a_token(alg="RS512"), a_token(alg="PS256")):
        assert tokens().claims(text) is None


def test_a_token_that_was_changed_after_it_was_signed_is_none() -> None:
    head, _, signature = a_token().split(".")
    forged = {**CLAIMS, "cognito:groups": ["role.admin"]}
    body = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")

    assert tokens().claims(f"{head}.{body}.{signature}") is None


@given(st.text(max_size=60) | st.from_regex(r"\A[\w-]{0,20}\.[\w-]{0,20}\.[\w-]{0,20}\Z"))
@settings(max_examples=100, deadline=None)
def test_no_text_is_more_than_no_token(text: str) -> None:
    assert tokens().claims(text) is None


@pytest.mark.parametrize("head", ["[]", "7", '"RS256"', '{"alg": "RS256", "kid": ["k1"]}'])
def test_a_header_of_another_shape_is_no_token(head: str) -> None:
    packed = base64.urlsafe_b64encode(head.encode()).decode().rstrip("=")

    assert tokens().claims(f"{packed}.e30.AAAA") is None


def test_keys_are_fetched_once_and_again_for_one_that_is_new() -> None:
    published, clock = Published(), FakeClock()
    pool = tokens(published, clock)

    assert pool.claims(a_token()) == pool.claims(a_token()) == CLAIMS
    assert published.fetches == 1
    published.keys = {"k2": public(STRANGER)}
    clock.sleep(60)

    assert pool.claims(a_token(STRANGER, kid="k2")) == CLAIMS
    assert published.fetches == 2


def test_a_stranger_does_not_make_us_fetch_more_than_once_a_minute() -> None:
    published, clock = Published(), FakeClock()
    pool = tokens(published, clock)

    for number in range(5):
        assert pool.claims(a_token(STRANGER, kid=f"x{number}")) is None
        clock.sleep(10)

    assert published.fetches == 1


def test_a_token_that_names_no_key_asks_for_none() -> None:
    published = Published()

    assert tokens(published).claims(a_token(kid=None)) is None
    assert published.fetches == 0


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_openssl_has_signed_verifies_and_nothing_else(data: bytes) -> None:
    signature = KEY.sign(data, padding.PKCS1v15(), SHA256())

    assert public(KEY).verifies(data, signature)
    assert not public(STRANGER).verifies(data, signature)
    assert not public(KEY).verifies(data + b"x", signature)
    assert not public(KEY).verifies(data, signature + b"\x00")
    assert not public(KEY).verifies(data, KEY.sign(data, padding.PKCS1v15(), SHA1()))


def test_a_signature_as_large_as_the_modulus_is_none() -> None:
    key = public(KEY)
    number = int.from_bytes(KEY.sign(b"x", padding.PKCS1v15(), SHA256())) + key.modulus
    size = (number.bit_length() + 7) // 8

    assert not key.verifies(b"x", number.to_bytes(size))


@pytest.mark.parametrize(("n", "e"), [("AQAB", "AQAB"), ("!!", "AQAB"), ("", ""), (None, "AQAB")])
def test_what_is_no_key_is_refused(n: str | None, e: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        RsaPublicKey.from_jwk(n, e)  # type: ignore[arg-type]  # as a wrong document would


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


def test_keys_are_read_as_a_pool_publishes_them(server: RecordingServer) -> None:
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
    other = {"kty": "EC", "kid": "k9", "crv": "P-256"}
    server.says(200, {"keys": [{**jwk, "kid": "k1"}, other]})

    assert fetched_keys(f"{server.base_url}/.well-known/jwks.json") == {"k1": public(KEY)}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": [{"kty": "RSA"}]}', b"<html>"])
def test_keys_that_cannot_be_read_are_an_error_to_try_again(
    server: RecordingServer, body: bytes
) -> None:
    server.says(200, body)

    with pytest.raises(Unavailable):
        fetched_keys(server.base_url)
