"""
DynamoDB behind a real socket: moto's tables, for clients that are not boto3's.

boto3's clients reach moto without a network; whoever speaks HTTP himself comes here and
finds the same tables. It can refuse, as DynamoDB does, and notes what it was asked.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

# Told (operation, body); names the error that this request is refused with, or None.
Refusal = Callable[[str, bytes], str | None]


def no_refusal(_operation: str, _body: bytes) -> None:
    """Refuse nothing."""


_MOTOS_URL = "https://dynamodb.us-east-1.amazonaws.com/"


@dataclass
class DynamoServer:
    """Where it listens, and what it was asked: operations, in their order."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refusal: Refusal = no_refusal


@contextmanager
def dynamodb_server() -> Iterator[DynamoServer]:
    """Give a server on a free loopback port; it has tables within ``mock_aws()``."""
    state = DynamoServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            state.asked.append(operation)
            code = state.refusal(operation, body)
            if code is None:
                self._answer(*_answered(self.headers.items(), body))
                return
            state.refused.append(operation)
            words = b'{"__type": "com.amazonaws.dynamodb.v20120810#%s"}' % code.encode()
            self._answer(400, {}, words)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            # Writes the head and the body as one, and Date by itself.
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # A connection that a client keeps open must not keep the test open.
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answered(headers: "list[tuple[str, str]]", body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return moto's status, headers and body."""
    given = HTTPHeaders()
    for name, value in headers:
        given[name] = value
    request = AWSPreparedRequest("POST", _MOTOS_URL, given, body, stream_output=False)
    answer = botocore_stubber.process_request(request)
    assert answer is not None
    status, told, text = answer
    kept = {
        name: str(value)
        for name, value in told.items()
        if name.lower() in ("x-amz-crc32", "x-amzn-requestid", "content-type")
    }
    return status, kept, text.encode() if isinstance(text, str) else text
