"""
Our check of Telnyx's webhooks against Telnyx's own SDK, in both directions.

The SDK leaves the curve to PyNaCl, which is not installed: a stand-in gives it OpenSSL's
Ed25519. Headers, time and format are the SDK's own code.
"""

import base64
import importlib.util
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.adapters.providers.contract import WebhookCall
from carillon.adapters.providers.telnyx import MODULE


def _sdk() -> types.ModuleType:
    """Return the one module of the SDK that checks signatures: all of it takes four seconds."""
    telnyx = importlib.util.find_spec("telnyx")
    assert telnyx is not None
    assert telnyx.origin is not None
    path = Path(telnyx.origin).parent / "lib" / "webhook_verification.py"
    spec = importlib.util.spec_from_file_location("telnyx_webhook_verification", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SDK = _sdk()
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
BODIES = [
    b'{"data":{"event_type":"message.finalized","payload":{"text":"Hi"}}}',
    '{"text": "Ünï¢ødé 👋 — ¿qué?"}'.encode(),
    b'{"a": "|", "b": "1|2"}\n',
    b"{}",
    b"",
]
# What somebody might turn an accepted call into.
texts = st.text(max_size=90)


def now() -> datetime:
    """Return the present, because the SDK knows no other time."""
    return datetime.now(UTC)


def public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def signed(
    body: bytes, at: datetime, key: Ed25519PrivateKey = KEY, received_at: datetime | None = None
) -> WebhookCall:
    """Return a call signed as Telnyx's documentation says: Ed25519 over ``timestamp|body``."""
    timestamp = str(int(at.timestamp()))
    signature = key.sign(timestamp.encode() + b"|" + body)
    return call(
        body,
        {
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "telnyx-timestamp": timestamp,
        },
        received_at or at,
    )


def call(body: bytes, headers: dict[str, str], received_at: datetime) -> WebhookCall:
    return WebhookCall(
        method="POST",
        url="https://hooks.example.com/telnyx/snd_a/status",
        headers=headers,
        body=body,
        received_at=received_at,
    )


def sdk_accepts(one: WebhookCall, key: Ed25519PrivateKey = KEY) -> bool:
    try:
        SDK.verify_webhook_signature(one.body, one.headers, public(key))
    except SDK.WebhookVerificationError:
        return False
    return True


class _BadSignatureError(Exception):
    """What PyNaCl raises."""


class _VerifyKey:
    """PyNaCl's key over OpenSSL's curve."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(key)

    def verify(self, message: bytes, signature: bytes) -> bytes:
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise _BadSignatureError from error
        return message


@pytest.fixture(autouse=True)
def nacl(monkeypatch: pytest.MonkeyPatch) -> None:
    signing, exceptions = types.ModuleType("nacl.signing"), types.ModuleType("nacl.exceptions")
    signing.__dict__["VerifyKey"] = _VerifyKey
    exceptions.__dict__["BadSignatureError"] = _BadSignatureError
    for name, module in (("signing", signing), ("exceptions", exceptions)):
        monkeypatch.setitem(sys.modules, f"nacl.{name}", module)
    monkeypatch.setitem(sys.modules, "nacl", types.ModuleType("nacl"))


@pytest.mark.parametrize("body", BODIES)
def test_we_and_the_sdk_accept_what_telnyx_signs(body: bytes) -> None:
    one = signed(body, now())

    assert sdk_accepts(one)
    assert MODULE.is_authentic(one, {"public_key": public(KEY)})


def test_we_accept_a_signature_of_the_standard() -> None:
    # RFC 8032, section 7.1, test 2: the one byte 0x72. No timestamp fits before it, so the
    # vector proves the curve alone, through the key that the stand-in above uses as well.
    key = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )

    assert key.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    one = signed(b"\x72", now(), key)
    assert MODULE.is_authentic(one, {"public_key": public(key)})


def changed(name: str) -> WebhookCall:
    """Return a call that Telnyx signed and somebody has touched."""
    at = now()
    good = signed(BODIES[0], at)
    signature = base64.b64decode(good.headers["telnyx-signature-ed25519"])
    headers = dict(good.headers)
    body = good.body
    match name:
        case "body":
            body = body.replace(b"Hi", b"Ho")
        case "timestamp":
            headers["telnyx-timestamp"] = str(int(at.timestamp()) - 1)
        case "key":
            return signed(BODIES[0], at, OTHER)
        case "signature":
            flipped = bytes([signature[0] ^ 1]) + signature[1:]
            headers["telnyx-signature-ed25519"] = base64.b64encode(flipped).decode()
        case "signature cut":
            headers["telnyx-signature-ed25519"] = base64.b64encode(signature[:63]).decode()
        case "malleable signature":
            order = 2**252 + 27742317777372353535851937790883648493
            s = int.from_bytes(signature[32:], "little") + order
            other = signature[:32] + s.to_bytes(32, "little")
            headers["telnyx-signature-ed25519"] = base64.b64encode(other).decode()
        case "no signature":
            del headers["telnyx-signature-ed25519"]
        case "no timestamp":
            del headers["telnyx-timestamp"]
        case "timestamp of letters":
            headers["telnyx-timestamp"] = "now"
        case "too old":
            return signed(BODIES[0], at - timedelta(seconds=302), received_at=at)
        case "too new":
            return signed(BODIES[0], at + timedelta(seconds=302), received_at=at)
    return call(body, headers, at)


@pytest.mark.parametrize(
    "name",
    [
        "body",
        "timestamp",
        "key",
        "signature",
        "signature cut",
        "malleable signature",
        "no signature",
        "no timestamp",
        "timestamp of letters",
        "too old",
        "too new",
    ],
)
def test_what_the_sdk_rejects_we_reject(name: str) -> None:
    one = changed(name)

    assert not sdk_accepts(one)
    assert not MODULE.is_authentic(one, {"public_key": public(KEY)})


def test_a_body_that_is_no_text_is_checked_all_the_same() -> None:
    # The SDK cannot read it; Telnyx would never send it, and nobody else can sign it.
    assert MODULE.is_authentic(signed(b"\xff\x00", now()), {"public_key": public(KEY)})


@pytest.mark.parametrize(("age_s", "accepted"), [(300, True), (301, False), (-300, True)])
def test_a_call_is_taken_for_five_minutes(age_s: int, accepted: bool) -> None:
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    one = signed(BODIES[0], at - timedelta(seconds=age_s), received_at=at)

    assert MODULE.is_authentic(one, {"public_key": public(KEY)}) is accepted


def test_the_previous_key_counts_while_it_is_rotated() -> None:
    one = signed(BODIES[0], now(), OTHER)
    rotating = {"public_key": public(KEY), "previous_public_key": public(OTHER)}

    assert MODULE.is_authentic(one, rotating)
    assert not MODULE.is_authentic(one, {"public_key": public(KEY), "previous_public_key": ""})


@pytest.mark.parametrize(
    "secret", [{}, {"public_key": ""}, {"public_key": "no key"}, {"public_key": "AAAA"}]
)
def test_without_a_key_nothing_is_authentic(secret: dict[str, str]) -> None:
    assert MODULE.is_authentic(signed(BODIES[0], now()), secret) is False


@settings(max_examples=60, deadline=None)
@given(
    body=st.binary(max_size=60),
    headers=st.dictionaries(
        st.sampled_from(["telnyx-signature-ed25519", "telnyx-timestamp", "other"]), texts
    ),
)
def test_no_junk_is_authentic_and_none_raises(body: bytes, headers: dict[str, str]) -> None:
    one = call(body, headers, datetime(2026, 11, 24, tzinfo=UTC))

    assert MODULE.is_authentic(one, {"public_key": public(KEY)}) is False


@settings(max_examples=60, deadline=None)
@given(signature=st.binary(min_size=64, max_size=64), key=st.binary(min_size=32, max_size=32))
def test_no_point_beside_the_curve_raises(signature: bytes, key: bytes) -> None:
    headers = {
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        "telnyx-timestamp": "1763942400",
    }
    one = call(b"{}", headers, datetime.fromtimestamp(1763942400, UTC))

    MODULE.is_authentic(one, {"public_key": base64.b64encode(key).decode()})
    assert MODULE.is_authentic(one, {"public_key": public(KEY)}) is False
