"""SQS queues. Every message carries a version and the correlation id of what caused it."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

ENVELOPE_VERSION = 1
_LONGEST_VISIBILITY_S = 12 * 3600
_MOST_IN_A_CALL = 10


class SqsQueue:
    """Implements ``ports.Queue``. *correlation_id* is asked at each send."""

    def __init__(self, client: Any, queue_url: str, correlation_id: Callable[[], str]) -> None:
        self._client = client
        self._queue_url = queue_url
        self._correlation_id = correlation_id

    def put(self, message: Mapping[str, Any], *, delay_s: int = 0) -> None:
        """Send one message durably; botocore's error escapes when the queue did not take it."""
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=self._body(message),
            DelaySeconds=min(max(delay_s, 0), 900),
        )

    def put_all(self, messages: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """
        Send every message, ten to a call; return the keys of those that the queue did not take.

        A message may name the correlation id of its own cause.
        """
        refused = set()
        keys = list(messages)
        for start in range(0, len(keys), _MOST_IN_A_CALL):
            group = keys[start : start + _MOST_IN_A_CALL]
            entries = [
                {"Id": str(n), "MessageBody": self._body(messages[key])}
                for n, key in enumerate(group)
            ]
            answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            refused |= {group[int(failed["Id"])] for failed in answer.get("Failed", [])}
        return refused

    def _body(self, message: Mapping[str, Any]) -> str:
        body = {"v": ENVELOPE_VERSION, "correlation_id": self._correlation_id(), **message}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)

    def come_back(self, receipt_handle: str, after_s: float) -> None:
        """Make a message that is being worked on visible again *after_s* from now (to 12 hours)."""
        self._client.change_message_visibility(
            QueueUrl=self._queue_url,
            ReceiptHandle=receipt_handle,
            VisibilityTimeout=min(max(math.ceil(after_s), 0), _LONGEST_VISIBILITY_S),
        )
