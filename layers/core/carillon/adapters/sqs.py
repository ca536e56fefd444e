"""SQS queues. Every message carries a version and the correlation id of what caused it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

ENVELOPE_VERSION = 1


class SqsQueue:
    """Implements ``ports.Queue``. *correlation_id* is asked at each send."""

    def __init__(self, client: Any, queue_url: str, correlation_id: Callable[[], str]) -> None:
        self._client = client
        self._queue_url = queue_url
        self._correlation_id = correlation_id

    def put(self, message: Mapping[str, Any], *, delay_s: int = 0) -> None:
        """Send one message durably; botocore's error escapes when the queue did not take it."""
        body = {"v": ENVELOPE_VERSION, "correlation_id": self._correlation_id(), **message}
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=json.dumps(body, separators=(",", ":"), ensure_ascii=False),
            DelaySeconds=min(max(delay_s, 0), 900),
        )
