"""
AWS's Signature Version 4 for one kind of request: JSON, posted to the root of one service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
botocore's signer, which takes any request, takes 0.1 ms for one; this one 7 µs, because the
signing key holds for a whole day and the names of the headers never change. What it signs is
held byte for byte against botocore's in tests/adapters/test_signing.py.
"""

import hashlib
import hmac
from typing import Any

from botocore.exceptions import NoCredentialsError

CONTENT_TYPE = "application/x-amz-json-1.0"
_NAMES = "content-type;host;x-amz-date;x-amz-target"
_NAMES_OF_A_SESSION = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"


class Signer:
    """Signs for *service* in *region* with botocore's credentials, which it may renew meanwhile."""

    def __init__(self, credentials: Any, *, service: str, region: str, host: str) -> None:
        self._credentials = credentials
        self._scope = f"{region}/{service}/aws4_request"
        self._host = host
        # Secret, day, and the key made of both; swapped as one, for other threads.
        self._kept: tuple[str, str, bytes] = ("", "", b"")

    def headers(self, target: str, body: bytes, at: str) -> str:
        """
        Return the header lines of a post of *body* to the operation *target*.

        *at* is the present instant as ``20261124T093000Z``. Raises NoCredentialsError.
        """
        if self._credentials is None:
            raise NoCredentialsError
        access_key, secret, token = self._credentials.get_frozen_credentials()[:3]
        day = at[:8]
        scope = f"{day}/{self._scope}"
        names, signed_token, sent_token = _NAMES, "", ""
        if token:
            names = _NAMES_OF_A_SESSION
            signed_token = f"x-amz-security-token:{token}\n"
            sent_token = f"X-Amz-Security-Token: {token}\r\n"
        request = (
            f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{at}\n"
            f"{signed_token}x-amz-target:{target}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(secret, day), to_sign.encode(), "sha256").hex()
        return (
            f"Content-Type: {CONTENT_TYPE}\r\nX-Amz-Target: {target}\r\nX-Amz-Date: {at}\r\n"
            f"{sent_token}Authorization: AWS4-HMAC-SHA256 Credential={access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}\r\n"
        )

    def _key(self, secret: str, day: str) -> bytes:
        kept_secret, kept_day, key = self._kept
        if kept_day != day or kept_secret != secret:
            key = f"AWS4{secret}".encode()
            for part in (day, *self._scope.split("/")):
                key = hmac.digest(key, part.encode(), "sha256")
            self._kept = (secret, day, key)
        return key
