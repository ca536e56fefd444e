"""
The API behind a real socket: what a client of HTTP sees of the real functions over moto.

Stands in for the gateway (routes, stage, authorizer), for S3's presigned uploads, and for the
queues of imports: once one is started, the next look at it finds it carried on.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from functions.import_contacts import app as import_contacts
from functions.move_opt_outs import app as move_opt_outs
from tests.support.http_api import APPS, HttpApi
from tests.support.requests import Answered

_WORKERS = {"import": import_contacts, "opt_out": move_opt_outs}
_CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000)


@dataclass
class Gateway:
    """Where it listens, who may come in by which token, and what was asked."""

    api: HttpApi
    tokens: Mapping[str, Mapping[str, Any]]
    url: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered:
        parts = urlsplit(target)
        if parts.path.startswith("/uploads/"):
            self.api.upload(unquote(parts.path.removeprefix("/uploads/")), body)
            return Answered(200, {}, {})
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return Answered(401, {}, {"title": "Unauthorized", "detail": "Sign in.", "code": "x"})
        self._carry_on()
        said = json.loads(body) if body else None
        self.asked.append((method, parts.path, said))
        template, ids = _route(method, parts.path)
        answer = self.api.send(
            method,
            template,
            claims=self.tokens[token],
            ids=ids,
            body=said,
            query=dict(parse_qsl(parts.query)),
            headers=dict(headers),
        )
        if isinstance(answer.json, dict) and "upload" in answer.json:
            key = urlsplit(answer.json["upload"]["url"]).path.lstrip("/")
            answer.json["upload"]["url"] = f"{self.url}/uploads/{key.removeprefix('files/')}"
        return answer

    def _carry_on(self) -> None:
        for name, app in _WORKERS.items():
            bodies = self.api.queued(name)
            records = [
                {
                    "messageId": str(number),
                    "body": body,
                    "attributes": {"ApproximateReceiveCount": "1"},
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                }
                for number, body in enumerate(bodies)
            ]
            if records:
                done = app.lambda_handler({"Records": records}, _CONTEXT)
                assert done == {"batchItemFailures": []}


def _route(method: str, path: str) -> tuple[str, dict[str, str]]:
    for app in APPS:
        for template in app.app.routes:
            found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), path)
            if found and method in app.app.routes[template]:
                return template, {name: unquote(text) for name, text in found.groupdict().items()}
    raise AssertionError(f"no route for {method} {path}")


@contextmanager
def gateway(api: HttpApi, tokens: Mapping[str, Mapping[str, Any]]) -> Iterator[Gateway]:
    """Serve *api* to whoever has one of *tokens*."""
    served = Gateway(api, tokens)
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with turn:
                answer = served.answer(self.command, self.path, dict(self.headers), body)
            text = json.dumps(answer.json).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server looks for these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with pytest.MonkeyPatch.context() as environment:
        for app in _WORKERS.values():
            app.build.cache_clear()
        environment.setenv("DEFAULT_COUNTRY", "US")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
            for app in _WORKERS.values():
                app.build.cache_clear()
