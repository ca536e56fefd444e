"""A small HTTP server that keeps what it is called with, for judging webhooks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Call:
    """One request as it came: ``target`` is its path and query, undecoded."""

    url: str
    target: str
    headers: dict[str, str]
    form: dict[str, str]
    wall_s: float
    body: bytes = b""

    @property
    def signature(self) -> str:
        return self.headers["x-twilio-signature"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@dataclass
class WebhookReceiver:
    """Answers *status* (or what *answer* returns for a call) on any POST, as a context manager."""

    status: int = 204
    answer: Callable[[Call], int] | None = None
    calls: list[Call] = field(default_factory=list)
    base_url: str = ""

    def __enter__(self) -> "WebhookReceiver":
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                call = Call(
                    url=receiver.base_url + self.path,
                    target=self.path,
                    headers={name.lower(): value for name, value in self.headers.items()},
                    form=dict(parse_qsl(body.decode(), keep_blank_values=True)),
                    wall_s=time.time(),
                    body=body,
                )
                receiver.calls.append(call)
                self.send_response(receiver.answer(call) if receiver.answer else receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: a request line holds ids."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def statuses(self, sid: str = "") -> list[str]:
        """Return the MessageStatus of each receipt, in order of arrival."""
        return [
            call.form["MessageStatus"]
            for call in list(self.calls)
            if "MessageStatus" in call.form and sid in ("", call.form["MessageSid"])
        ]

    def texts(self) -> list[dict[str, str]]:
        """Return the forms of inbound texts, in order of arrival."""
        return [call.form for call in list(self.calls) if "MessageStatus" not in call.form]
