"""Our check of Vonage's webhooks against Vonage's own vonage-jwt, in both directions."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vonage_jwt import VonageVerifyJwtError, verify_signature

from carillon.adapters.providers.contract import WebhookCall
from carillon.adapters.providers.vonage import MODULE

# Long enough for HS512 as well, so that only the algorithm is wrong where it is wrong.
SECRET = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210" * 2
OTHER = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SECRETS = {"signature_secret": SECRET}
BODIES = [
    b'{"message_uuid":"aaaa","status":"delivered"}',
    '{"text": "Ünï¢ødé 👋"}'.encode(),
    b"{}",
    b"",
    b"\xff\x00",
]


def now() -> datetime:
    """Return the present, because the library knows no other time."""
    return datetime.now(UTC)


def token_of(
    body: bytes, at: datetime, secret: str = SECRET, algorithm: str = "HS256", **claims: Any
) -> str:
    """Return a token as Vonage's documentation describes one; None takes a claim away."""
    all_claims = {
        "iat": int(at.timestamp()),
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "a1b2c3d",
        "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        **claims,
    }
    kept = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm)


def call(body: bytes, authorization: str, received_at: datetime) -> WebhookCall:
    return WebhookCall(
        method="POST",
        url="https://hooks.example.com/vonage/snd_a/status?ref=abc",
        headers={"authorization": authorization, "content-type": "application/json"},
        body=body,
        received_at=received_at,
    )


def sdk_accepts(token: str, secret: str = SECRET) -> bool:
    try:
        return bool(verify_signature(token, secret))
    except VonageVerifyJwtError:
        return False


@pytest.mark.parametrize("body", BODIES)
def test_we_and_the_sdk_accept_what_vonage_signs(body: bytes) -> None:
    at = now()
    token = token_of(body, at)

    assert sdk_accepts(token)
    assert MODULE.is_authentic(call(body, f"Bearer {token}", at), SECRETS)


def forged(name: str) -> str:
    """Return a token that is not Vonage's, or not of now."""
    at = now()
    good = token_of(b"{}", at)
    seconds = int(at.timestamp())
    return {
        "another secret": token_of(b"{}", at, OTHER),
        "signature changed": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "signature gone": good.rpartition(".")[0] + ".",
        "no algorithm": token_of(b"{}", at, "", "none"),
        "another algorithm": token_of(b"{}", at, SECRET, "HS512"),
        "expired": token_of(b"{}", at, exp=seconds - 60),
        "not yet": token_of(b"{}", at, nbf=seconds + 120),
        "from the future": token_of(b"{}", at + timedelta(seconds=400)),
        "time of letters": token_of(b"{}", at, iat="now"),
        "junk": "a.b.c",
        "nothing": "",
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "another secret",
        "signature changed",
        "signature gone",
        "no algorithm",
        "another algorithm",
        "expired",
        "not yet",
        "from the future",
        "time of letters",
        "junk",
        "nothing",
    ],
)
def test_what_the_sdk_rejects_we_reject(name: str) -> None:
    token = forged(name)

    assert not sdk_accepts(token)
    assert not MODULE.is_authentic(call(b"{}", f"Bearer {token}", now()), SECRETS)


@pytest.mark.parametrize(
    ("body", "claims"),
    [
        (b'{"status":"delivered"} ', {}),  # another body than the one that was signed
        (b'{"status":"delivered"}', {"payload_hash": None}),
        (b'{"status":"delivered"}', {"payload_hash": ""}),
        (b'{"status":"delivered"}', {"payload_hash": "\ud800"}),
        (b'{"status":"delivered"}', {"payload_hash": ["a"]}),
        (b'{"status":"delivered"}', {"iat": None}),
        (b'{"status":"delivered"}', {"iat": True}),
        (b'{"status":"delivered"}', {"exp": "never"}),
    ],
)
def test_a_token_must_speak_of_this_body_and_of_now(body: bytes, claims: dict[str, Any]) -> None:
    at = now()
    token = token_of(b'{"status":"delivered"}', at, **claims)

    assert not MODULE.is_authentic(call(body, f"Bearer {token}", at), SECRETS)


@pytest.mark.parametrize(
    ("age_s", "accepted"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_call_is_taken_for_five_minutes(age_s: int, accepted: bool) -> None:
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    token = token_of(b"{}", at - timedelta(seconds=age_s))

    assert MODULE.is_authentic(call(b"{}", f"Bearer {token}", at), SECRETS) is accepted


@pytest.mark.parametrize(("hashed", "accepted"), [(str.upper, True), (str.lower, True)])
def test_a_hash_may_be_written_either_way(hashed: Any, accepted: bool) -> None:
    at = now()
    token = token_of(b"{}", at, payload_hash=hashed(hashlib.sha256(b"{}").hexdigest()))

    assert MODULE.is_authentic(call(b"{}", f"bearer {token}", at), SECRETS) is accepted


def test_the_previous_secret_counts_while_it_is_rotated() -> None:
    at = now()
    one = call(b"{}", f"Bearer {token_of(b'{}', at, OTHER)}", at)

    assert MODULE.is_authentic(one, {**SECRETS, "previous_signature_secret": OTHER})
    assert not MODULE.is_authentic(one, {**SECRETS, "previous_signature_secret": ""})


@pytest.mark.parametrize("secret", [{}, {"signature_secret": ""}])
def test_without_a_secret_nothing_is_authentic(secret: dict[str, str]) -> None:
    at = now()

    assert not MODULE.is_authentic(call(b"{}", f"Bearer {token_of(b'{}', at)}", at), secret)


def test_a_secret_that_is_not_set_is_no_secret_to_sign_with() -> None:
    at = now()
    signed = token_of(b"{}", at).rpartition(".")[0]
    by_nothing = hmac.new(b"", signed.encode(), hashlib.sha256).digest()
    token = f"{signed}.{jwt.utils.base64url_encode(by_nothing).decode()}"

    for secret in ({}, {"signature_secret": ""}, {**SECRETS, "previous_signature_secret": ""}):
        assert not MODULE.is_authentic(call(b"{}", f"Bearer {token}", at), secret)


@pytest.mark.parametrize("prefix", ["", "Basic ", "Bearer", "Bearer Bearer "])
def test_only_a_bearer_token_counts(prefix: str) -> None:
    at = now()

    assert not MODULE.is_authentic(call(b"{}", prefix + token_of(b"{}", at), at), SECRETS)


def test_a_header_nested_without_end_is_not_authentic() -> None:
    deep = jwt.utils.base64url_encode(b"[" * 50_000).decode()

    assert not MODULE.is_authentic(call(b"{}", f"Bearer {deep}.e30.AAAA", now()), SECRETS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None)
@given(body=st.binary(max_size=30), authorization=st.text(max_size=60))
def test_no_junk_is_authentic_and_none_raises(body: bytes, authorization: str) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)

    for given_one in (authorization, f"Bearer {authorization}"):
        assert MODULE.is_authentic(call(body, given_one, at), SECRETS) is False


@settings(max_examples=80, deadline=None)
@given(header=json_values, claims=json_values, signature=st.binary(max_size=40))
def test_no_forged_token_is_authentic_and_none_raises(
    header: Any, claims: Any, signature: bytes
) -> None:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    token = ".".join(jwt.utils.base64url_encode(part).decode() for part in parts)

    one = call(b"{}", f"Bearer {token}", datetime(2026, 11, 24, tzinfo=UTC))
    assert MODULE.is_authentic(one, SECRETS) is False


@settings(max_examples=60, deadline=None)
@given(claims=st.dictionaries(st.sampled_from(["iat", "exp", "nbf", "payload_hash"]), json_values))
def test_no_signed_nonsense_raises(claims: dict[str, Any]) -> None:
    token = jwt.encode({**claims, "iat": 1}, SECRET, algorithm="HS256")

    one = call(b"{}", f"Bearer {token}", datetime(2026, 11, 24, tzinfo=UTC))
    assert MODULE.is_authentic(one, SECRETS) is False
