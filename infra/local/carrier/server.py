"""The carrier as one object: an event loop in a thread of its own."""

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from infra.local.carrier.api import MessagesApi
from infra.local.carrier.aws_api import Aws, EventDestination
from infra.local.carrier.control import Control
from infra.local.carrier.directory import Directory, Number
from infra.local.carrier.http import Answer, HttpServer, Request
from infra.local.carrier.ledger import Ledger
from infra.local.carrier.network import Network
from infra.local.carrier.scenario import Scenario
from infra.local.carrier.telnyx_api import Account as TelnyxAccount
from infra.local.carrier.telnyx_api import Telnyx
from infra.local.carrier.twilio_api import Account, Twilio
from infra.local.carrier.webhooks import TOTAL_TIMEOUT_S, EventSink, Postman, is_callback_url

DEFAULT_ACCOUNT_SID = "AC" + "ca1110" * 5 + "00"
# Only this process knows these accounts: token and key protect nothing.
DEFAULT_AUTH_TOKEN = "local-carrier-token"
DEFAULT_API_KEY = "KEY-local-carrier"
DEFAULT_REGION = "us-east-1"

_Result = TypeVar("_Result")


class PortTaken(RuntimeError):
    """Another process listens on the port; the message says so in one sentence."""


class Carrier:
    """
    A simulated carrier on 127.0.0.1.

    ``start()`` returns its base URL and ``stop()`` leaves nothing behind; as a
    context manager it does both. Methods may be called from any thread but the
    carrier's own. *numbers* maps our phone numbers at Twilio to their inbound webhook URL
    (empty for none), ``configure_number`` adds those of other providers; a message from
    any other number is refused.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        port: int = 0,
        account_sid: str = DEFAULT_ACCOUNT_SID,
        auth_token: str = DEFAULT_AUTH_TOKEN,
        other_tokens: tuple[str, ...] = (),
        api_key: str = DEFAULT_API_KEY,
        region: str = DEFAULT_REGION,
        event_url: str = "",
        event_sink: EventSink | None = None,
        numbers: Mapping[str, str] | None = None,
        ledger_path: Path | None = None,
        webhook_concurrency: int = 32,
        webhook_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self.account_sid = account_sid
        self.base_url = ""
        self._port = port
        self._requests_open = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.ledger = Ledger(ledger_path)
        self._account = Account(account_sid, auth_token, other_tokens)
        self._telnyx = TelnyxAccount(api_key)
        self._events = EventDestination()
        self.configure_events(event_url, event_sink)
        self._directory = Directory()
        self._network = Network(
            scenario or Scenario(),
            self._directory,
            (
                Twilio(self._directory, self._account),
                Telnyx(self._directory, self._telnyx),
                Aws(
                    self._directory,
                    self._events,
                    region=region,
                    handles_stop=lambda: self._network.scenario.of("aws").provider_handles_stop,
                ),
            ),
            self.ledger,
            Postman(self.ledger, concurrency=webhook_concurrency, timeout_s=webhook_timeout_s),
        )
        for phone, url in (numbers or {}).items():
            self._directory.numbers[phone] = Number(phone, url)
        self._api = MessagesApi(self._network)
        self._control = Control(
            self._network, self._account, self._events, lambda: self._requests_open
        )
        self._server = HttpServer(self._handle)

    def start(self) -> str:
        """Listen and return the base URL, such as ``http://127.0.0.1:40123``; raises PortTaken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="carrier", daemon=True)
        self._thread.start()
        try:
            port = self._run(self._server.start(self._port))
        except OSError as error:
            self._end_loop()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken(f"port {self._port} on 127.0.0.1 is not free") from error
            raise
        self.base_url = f"http://127.0.0.1:{port}"
        return self.base_url

    def stop(self) -> None:
        """Close the port, drop what is under way, end the thread. Twice is fine."""
        if self._loop is None:
            return
        self._run(self._server.stop())
        self._run(self._network.stop())
        self._run(self._loop.shutdown_default_executor())
        self._end_loop()
        self.ledger.close()

    def __enter__(self) -> "Carrier":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def credentials(self) -> dict[str, str]:
        """Return the fields of Twilio's secret that make our sender use this carrier."""
        return self.credentials_of("twilio")

    def credentials_of(self, dialect: str) -> dict[str, str]:
        """Return the fields of a provider's secret that make our sender use this carrier."""
        return self._network.dialect(dialect).secret(self.base_url)

    def play(self, scenario: Scenario | None, *, dialect: str = "") -> None:
        """
        Change the scenario from the next decision on, for all dialects or for *dialect*.

        None ends a dialect's own scenario; for all, it is the one to which nothing happens.
        """

        def change() -> None:
            if dialect:
                scenario_now = self._network.scenario.playing(dialect, scenario)
            else:
                scenario_now = scenario or Scenario()
            self._network.scenario = scenario_now

        self._call(change)

    def configure_number(
        self, phone: str, inbound_url: str = "", *, dialect: str = "twilio"
    ) -> None:
        """Own *phone* at the provider of *dialect* and call *inbound_url* for its texts."""
        number = Number(phone, inbound_url, dialect=dialect)
        self._call(lambda: self._directory.numbers.update({phone: number}))

    def configure_service(self, sid: str, numbers: tuple[str, ...]) -> None:
        """Own a messaging service that sends from *numbers*."""
        self._call(lambda: self._directory.services.update({sid: numbers}))

    def configure_events(self, url: str = "", sink: EventSink | None = None) -> None:
        """
        Send AWS's events and two-way messages to *url* and to *sink*, instead of where they went.

        *sink* gets each as a dict, on a thread of its own; what it raises is noted
        in the ledger, and the event is given to it again.
        """
        if url and not is_callback_url(url):
            raise ValueError(f"{url!r} is not an http or https URL")

        def change() -> None:
            self._events.url, self._events.sink = url, sink

        self._call(change)

    def rotate_token(self, auth_token: str, *, still_valid: tuple[str, ...] = ()) -> None:
        """Sign webhooks with *auth_token* from now on; *still_valid* tokens may still sign in."""

        def rotate() -> None:
            self._account.auth_token = auth_token
            self._account.other_tokens = still_valid

        self._call(rotate)

    def rotate_signing_key(self) -> None:
        """Sign Telnyx's webhooks with a new key from now on; the public one changes with it."""
        self._call(self._telnyx.key.turn)

    def text(self, phone: str, number: str, body: str, *, keyword: str | None = None) -> str:
        """Let *phone* text *body* to our *number*; return the sid."""
        return self._call(
            lambda: self._network.receive(phone=phone, number=number, body=body, keyword=keyword)
        )

    def is_idle(self) -> bool:
        """Whether every request is answered and every webhook delivered or given up."""
        return bool(self._call(self._control.idle)["idle"])

    def wait_idle(self, timeout_s: float = 10.0) -> bool:
        """Wait until ``is_idle``; False when *timeout_s* passes first."""
        deadline = time.monotonic() + timeout_s
        while not self.is_idle():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    async def _handle(self, request: Request) -> Answer | None:
        if request.path.startswith("/_carrier/"):
            return self._control.handle(request)
        self._requests_open += 1
        try:
            return await self._api.handle(request)
        finally:
            self._requests_open -= 1

    def _call(self, work: Callable[[], _Result]) -> _Result:
        """Run *work* on the loop's thread, which alone touches the carrier's state."""
        if self._loop is None:
            return work()

        async def there() -> _Result:
            return work()

        return self._run(there())

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._loop is None:
            raise RuntimeError("the carrier is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None
