"""
Calling our webhooks the way Twilio does: signed form posts, 15 s, one retry.

Twilio retries once (``rc=1``) and only when the connection could not be made
(``rp=ct``); an answer of 4xx or 5xx and a read timeout are not retried. A URL may
change both in its fragment, ``#rc=3&rp=all`` or ``rp=ct,rt,4xx,5xx``. Source:
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

import asyncio
import time
import uuid
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from infra.local.carrier.http import BadRequest, read_head
from infra.local.carrier.ledger import Ledger, WebhookCall, now
from infra.local.carrier.twilio_api import signature

CONNECT_TIMEOUT_S = 5.0
# For all tries of one webhook together.
TOTAL_TIMEOUT_S = 15.0


@dataclass
class Account:
    """The credentials. Webhooks are signed with ``auth_token``; the others still sign in."""

    sid: str
    auth_token: str
    other_tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Webhook:
    """One thing to tell us."""

    purpose: str
    url: str
    form: tuple[tuple[str, str], ...]
    sid: str
    phone: str
    message_status: str
    duplicate: bool = False


class _NotConnected(Exception):
    """No connection: surely not delivered."""


class _NotAnswered(Exception):
    """Connected, but no whole answer came: may have been delivered."""


class Postman:
    """Calls webhooks, at most *concurrency* at a time, and writes each try to the ledger."""

    def __init__(
        self, ledger: Ledger, account: Account, *, concurrency: int, timeout_s: float
    ) -> None:
        self._ledger = ledger
        self._account = account
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(concurrency)

    async def call(self, webhook: Webhook) -> None:
        """Deliver *webhook*, or give up after Twilio's retries."""
        retries, policy = _retry_rules(urlsplit(webhook.url).fragment)
        token = str(uuid.uuid4())
        async with self._slots:
            deadline = time.monotonic() + self._timeout_s
            for _ in range(1 + retries):
                if await self._try(webhook, token, deadline) not in policy:
                    return

    def lose(self, webhook: Webhook) -> None:
        """Record that *webhook* is never called."""
        self._record(webhook, called_wall_s=time.time(), outcome="lost")

    async def _try(self, webhook: Webhook, token: str, deadline: float) -> str:
        """Return how it went in the words of ``rp``: ok, ct, rt, 4xx or 5xx."""
        called = time.time()
        left = max(deadline - time.monotonic(), 0.001)
        try:
            status = await asyncio.wait_for(self._post(webhook, token), left)
        except (_NotConnected, _NotAnswered, TimeoutError) as error:
            reason = str(error) or f"no answer within {self._timeout_s:g} s"
            self._record(webhook, token=token, called_wall_s=called, outcome="failed", error=reason)
            return "ct" if isinstance(error, _NotConnected) else "rt"
        self._record(
            webhook, token=token, called_wall_s=called, outcome="answered", answer_status=status
        )
        return f"{status // 100}xx" if status >= 400 else "ok"

    async def _post(self, webhook: Webhook, token: str) -> int:
        url = urlsplit(webhook.url)
        reader, writer = await _connect(url)
        try:
            writer.write(self._encode(webhook, url, token))
            await writer.drain()
            head = await read_head(reader)
            if head is None:
                raise _NotAnswered("closed without an answer")
            # Take the body too: closing before it is read would look like a broken pipe there.
            await reader.readexactly(int(head[1].get("content-length", "0")))
            return int(head[0].split(" ")[1])
        except (OSError, EOFError, BadRequest, ValueError, IndexError) as error:
            raise _NotAnswered(f"broken answer ({type(error).__name__})") from error
        finally:
            writer.close()

    def _encode(self, webhook: Webhook, url: SplitResult, token: str) -> bytes:
        body = urlencode(webhook.form).encode()
        signed_url = webhook.url.partition("#")[0]
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {url.netloc.rpartition('@')[2]}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            "Accept: */*",
            "User-Agent: TwilioProxy/1.1",
            f"I-Twilio-Idempotency-Token: {token}",
            f"X-Twilio-Signature: {signature(self._account.auth_token, signed_url, webhook.form)}",
            # One connection a call: reusing one leaves in doubt whether a call that
            # met a closing server was delivered, and the ledger must not be in doubt.
            "Connection: close",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def _record(
        self,
        webhook: Webhook,
        *,
        called_wall_s: float,
        outcome: str,
        token: str = "",
        answer_status: int | None = None,
        error: str | None = None,
    ) -> None:
        self._ledger.add(
            WebhookCall(
                purpose=webhook.purpose,
                sid=webhook.sid,
                phone=webhook.phone,
                message_status=webhook.message_status,
                token=token,
                duplicate=webhook.duplicate,
                outcome=outcome,
                answer_status=answer_status,
                error=error,
                called_wall_s=called_wall_s,
                **now(),
            )
        )


async def _connect(url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    try:
        return await asyncio.wait_for(
            asyncio.open_connection(url.hostname, port, ssl=secure or None), CONNECT_TIMEOUT_S
        )
    except (OSError, TimeoutError) as error:
        raise _NotConnected(f"no connection ({type(error).__name__})") from error


def _retry_rules(fragment: str) -> tuple[int, frozenset[str]]:
    """Return how often to retry and after what, from a URL's connection overrides."""
    overrides = parse_qs(fragment)
    count = overrides.get("rc", ["1"])[0]
    retries = min(int(count), 5) if count.isdecimal() else 1
    policy = frozenset(overrides.get("rp", ["ct"])[0].split(","))
    if "all" in policy:
        policy = frozenset({"ct", "rt", "4xx", "5xx"})
    return retries, policy
