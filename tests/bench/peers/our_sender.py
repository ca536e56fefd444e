"""Ours: the function as Lambda runs it, woken once for one sender."""

import json
import sys
from importlib import import_module

from tests.bench.lambda_model import sqs_event

_TIMEOUT_S = 300


class _Context:
    aws_request_id = "bench"
    function_name = "send_messages"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:send_messages"

    def get_remaining_time_in_millis(self) -> int:
        return _TIMEOUT_S * 1000


def main(sender_id: str) -> None:
    """Pace *sender_id* until it has nothing to send."""
    message = json.dumps({"v": 1, "correlation_id": "bench", "sender_id": sender_id})
    function = import_module("functions.send_messages.app")
    answer = function.lambda_handler(sqs_event([message]), _Context())
    if answer["batchItemFailures"]:
        raise SystemExit("the function failed; see above")


if __name__ == "__main__":
    main(sys.argv[1])
