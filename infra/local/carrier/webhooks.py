"""
Calling our webhooks: each dialect words and signs its calls and says how it retries.

A call goes over HTTP to a URL, or, where a dialect has no URLs of ours (an emulated
cloud's queue), to a function: an event sink, run on a thread of its own.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from urllib.parse import SplitResult, urlsplit

from infra.local.carrier.http import BadRequest, read_head
from infra.local.carrier.ledger import Ledger, WebhookCall, now

CONNECT_TIMEOUT_S = 5.0
# For a try, or for all tries of one webhook together.
TOTAL_TIMEOUT_S = 15.0
# Every way in which a try may end but well: no connection, no answer, an answer that refuses.
EVERY_FAILURE = frozenset({"ct", "rt", "4xx", "5xx"})

EventSink: TypeAlias = Callable[[dict[str, Any]], None]
Headers: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True)
class Retries:
    """
    How a dialect tries again: *count* more times after one of *after* (see EVERY_FAILURE).

    Each try may take *each_s*; None gives all of them together what one has.
    """

    count: int
    after: frozenset[str]
    each_s: float | None = None


class Caller(Protocol):
    """Who calls: the part of a dialect that the postman needs."""

    @property
    def name(self) -> str:
        """The dialect's name."""
        ...

    def encode(self, webhook: "Webhook", token: str, attempt: int) -> tuple[Headers, bytes]:
        """Return headers and body of one try (from 1), signed; *token* is the same in all tries."""
        ...

    def retries(self, webhook: "Webhook") -> Retries:
        """Return how often to try again."""
        ...


@dataclass(frozen=True)
class Webhook:
    """One thing to tell us: *content* is the caller's, given to *sink* if there is one."""

    caller: Caller
    purpose: str
    content: Any
    sid: str
    phone: str
    message_status: str
    url: str = ""
    sink: EventSink | None = None
    duplicate: bool = False


class _NotConnected(Exception):
    """No connection: surely not delivered."""


class _NotAnswered(Exception):
    """Connected, but no whole answer came: may have been delivered."""


class Postman:
    """Calls webhooks, at most *concurrency* at a time, and writes each try to the ledger."""

    def __init__(self, ledger: Ledger, *, concurrency: int, timeout_s: float) -> None:
        self._ledger = ledger
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(concurrency)

    async def call(self, webhook: Webhook) -> None:
        """Deliver *webhook*, or give up after its caller's retries."""
        retries = webhook.caller.retries(webhook)
        token = str(uuid.uuid4())
        async with self._slots:
            limit_s = min(self._timeout_s, retries.each_s or self._timeout_s)
            deadline = time.monotonic() + limit_s
            for attempt in range(1, 2 + retries.count):
                if retries.each_s is not None:
                    deadline = time.monotonic() + limit_s
                too_late = f"no answer within {limit_s:g} s"
                outcome = await self._try(webhook, token, attempt, deadline, too_late)
                if outcome not in retries.after:
                    return

    def lose(self, webhook: Webhook) -> None:
        """Record that *webhook* is never called."""
        self._record(webhook, called_wall_s=time.time(), outcome="lost")

    async def _try(
        self, webhook: Webhook, token: str, attempt: int, deadline: float, too_late: str
    ) -> str:
        """Return how it went: ok, ct (not connected), rt (not answered), 4xx or 5xx."""
        called = time.time()
        left = max(deadline - time.monotonic(), 0.001)
        try:
            status = await asyncio.wait_for(self._post(webhook, token, attempt), left)
        except (_NotConnected, _NotAnswered, TimeoutError) as error:
            reason = str(error) or too_late
            self._record(webhook, token=token, called_wall_s=called, outcome="failed", error=reason)
            return "ct" if isinstance(error, _NotConnected) else "rt"
        self._record(
            webhook, token=token, called_wall_s=called, outcome="answered", answer_status=status
        )
        return f"{status // 100}xx" if status >= 400 else "ok"

    async def _post(self, webhook: Webhook, token: str, attempt: int) -> int:
        if webhook.sink is not None:
            return await _give(webhook.sink, webhook.content)
        url = urlsplit(webhook.url)
        reader, writer = await _connect(url)
        try:
            writer.write(_encode(webhook, url, token, attempt))
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
                dialect=webhook.caller.name,
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


def _encode(webhook: Webhook, url: SplitResult, token: str, attempt: int) -> bytes:
    headers, body = webhook.caller.encode(webhook, token, attempt)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        f"Content-Length: {len(body)}",
        "Accept: */*",
        *(f"{name}: {value}" for name, value in headers),
        # One connection a call: reusing one leaves in doubt whether a call that
        # met a closing server was delivered, and the ledger must not be in doubt.
        "Connection: close",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _give(sink: EventSink, event: dict[str, Any]) -> int:
    try:
        await asyncio.to_thread(sink, event)
    except Exception as error:  # whatever ails the sink, the event did not arrive
        raise _NotAnswered(f"the event sink failed ({type(error).__name__})") from error
    return 200


async def _connect(url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    try:
        return await asyncio.wait_for(
            asyncio.open_connection(url.hostname, port, ssl=secure or None), CONNECT_TIMEOUT_S
        )
    except (OSError, TimeoutError) as error:
        raise _NotConnected(f"no connection ({type(error).__name__})") from error


def is_callback_url(url: str) -> bool:
    """Whether *url* is one that a provider would call."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that is none
        return False
    return whole and not any(char.isspace() or not char.isprintable() for char in url)
