"""A small HTTP server that gives one prepared answer to everything, and keeps what was asked."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@dataclass
class RecordingServer:
    """
    Answers with *status*, *body* and *headers*, as a context manager; ``None`` hangs up.

    After each answer the next of *following*, if there is one, becomes the body.
    """

    status: int | None = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    following: list[bytes] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    base_url: str = ""

    def says(self, status: int | None, body: Any = b"{}", **headers: str) -> None:
        """Answer so from now on; what is not bytes goes out as JSON."""
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def says_in_turn(self, *bodies: Any) -> None:
        """Answer 200 with each of *bodies* once, as JSON, and then with the last for good."""
        first, *self.following = (json.dumps(body).encode() for body in bodies)
        self.says(200, first)

    def __enter__(self) -> "RecordingServer":
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.asked.append(Asked(self.command, self.path, headers, body))
                if recorder.status is None:
                    return
                answer = recorder.body
                if recorder.following:
                    recorder.body = recorder.following.pop(0)
                self.send_response_only(recorder.status)
                for name, value in recorder.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST  # noqa: N815 - http.server looks for this name

            def log_message(self, *_: object) -> None:
                """Say nothing: a request line holds numbers."""

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
