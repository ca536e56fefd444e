"""
AWS inside this process, behind botocore's own hooks: real clients, no sockets.

DynamoDB is the local platform's engine (ministack), called directly: it passed all 34 of our
checks where moto's passed 25, and takes about a third of moto's time. S3 is a dictionary (one
bucket), SQS hands every message to whoever plays Lambda. Nothing here measures anything.
"""

import io
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from ministack.services import dynamodb as engine

from tests.support.tables import table_definitions

Item = dict[str, Any]
OnMessage = Callable[[str, str, int], None]


class Store:
    """One account: tables as infra/data.yaml has them, objects, and queues that only send."""

    def __init__(self, on_message: OnMessage) -> None:
        """*on_message* is told (queue URL, body, delay in seconds) of every message sent."""
        self._on_message = on_message
        self._lock = threading.RLock()
        self._uploads: dict[str, dict[int, bytes]] = {}
        self.objects: dict[str, bytes] = {}

    def attach(self, events: Any) -> None:
        """Answer the requests of every client whose session's *events* these are."""
        # Before the request is made and signed, which is most of what a call costs here.
        events.register("before-call.dynamodb.*", self._dynamodb)
        events.register("before-send.s3.*", self._s3)
        events.register("before-call.sqs.SendMessage", self._sqs)

    def create_tables(self, client: Any) -> None:
        """Create the template's tables anew; the streams are the bench's own."""
        for name, definition in table_definitions().items():
            engine._tables.pop(name, None)
            client.create_table(
                **{key: value for key, value in definition.items() if key != "StreamSpecification"}
            )

    def peek(self, table: str, key: Mapping[str, Any]) -> Item | None:
        """Return a copy of the item under *key*, past every client and meter."""
        kept = engine._tables[table]
        sort_key = kept["sk_name"]
        sk = key[sort_key]["S"] if sort_key else "__no_sort__"
        found = kept["items"].get(key[kept["pk_name"]]["S"], {}).get(sk)
        return dict(found) if found is not None else None

    def items(self, table: str) -> Iterator[Item]:
        """Yield every item of *table*, past every client and meter."""
        for by_sort_key in engine._tables[table]["items"].values():
            yield from by_sort_key.values()

    def query(self, request: Mapping[str, Any]) -> list[Item]:
        """Return one page of a Query, past every client and meter."""
        with self._lock:
            _, _, body = engine._query(dict(request))
        items: list[Item] = json.loads(body)["Items"]
        return items

    def _dynamodb(self, params: Mapping[str, Any], **_: Any) -> tuple[AWSResponse, Item]:
        headers = {"x-amz-target": params["headers"]["X-Amz-Target"]}
        # The emulator serves one request at a time; the importer writes from eight threads.
        with self._lock:
            status, _headers, body = _result(
                engine.handle_request("POST", "/", headers, params["body"], {})
            )
        parsed: Item = json.loads(body)
        if status >= 300:
            code = parsed.pop("__type").rpartition("#")[2]
            parsed["Error"] = {"Code": code, "Message": parsed.get("message", "")}
        return response(params["url"], status, {}, b""), parsed

    def _sqs(self, params: Mapping[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        sent = json.loads(params["body"])
        self._on_message(sent["QueueUrl"], sent["MessageBody"], int(sent.get("DelaySeconds", 0)))
        return response(params["url"], 200, {}, b""), {"MessageId": "sent"}

    # S3 -----------------------------------------------------------------------

    def _s3(self, request: AWSRequest, **_: Any) -> AWSResponse:
        address, _, query = request.url.partition("?")
        key = address.partition("//")[2].partition("/")[2]
        body = _body_of(request)
        if request.method == "PUT" and "partNumber=" in query:
            number = int(query.partition("partNumber=")[2].partition("&")[0])
            self._uploads.setdefault(key, {})[number] = body
            return response(request.url, 200, {"ETag": f'"{number}"'}, b"")
        if request.method == "PUT":
            self.objects[key] = body
            return response(request.url, 200, {"ETag": '"1"'}, b"")
        if request.method == "POST":
            return self._multipart(request, key, query)
        return self._read(request, key)

    def _multipart(self, request: AWSRequest, key: str, query: str) -> AWSResponse:
        if query.startswith("uploads"):
            answer = b"<R><UploadId>u</UploadId></R>"
        else:
            parts = self._uploads.pop(key)
            self.objects[key] = b"".join(parts[number] for number in sorted(parts))
            answer = b"<R/>"
        return response(request.url, 200, {"Content-Type": "application/xml"}, answer)

    def _read(self, request: AWSRequest, key: str) -> AWSResponse:
        if key not in self.objects:
            error = b"<Error><Code>NoSuchKey</Code><Message/></Error>"
            return response(request.url, 404, {}, error)
        whole = self.objects[key]
        span = request.headers.get("Range")
        start = int(_text(span).removeprefix("bytes=").rstrip("-")) if span else 0
        answer = b"" if request.method == "HEAD" else whole[start:]
        headers = {"Content-Length": str(len(whole) - start)}
        return response(request.url, 206 if start else 200, headers, answer)


class _Body(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self, amt: int = 65536, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(amt):
            yield chunk


def response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AWSResponse:
    """Return what botocore takes for an answer from the network."""
    return AWSResponse(url, status, HTTPHeaders.from_dict(headers), _Body(body))


def _result(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine that never waits comes to."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the engine waits for something")


def _body_of(request: AWSRequest) -> bytes:
    body = request.body
    if body is None or isinstance(body, bytes):
        return body or b""
    return bytes(body.read())


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
