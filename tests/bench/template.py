"""What template.yaml says of functions and what triggers them: the bench declares none of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.tables import _Loader as Loader

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


@dataclass(frozen=True)
class Trigger:
    """How Lambda forms this function's batches: at most *size* records, waiting *window_s*."""

    size: int
    window_s: float


@dataclass(frozen=True)
class Function:
    """One function: its memory, what it may take at most, and its queue or stream, if any."""

    memory_mb: int
    timeout_s: float
    trigger: Trigger | None


def functions() -> dict[str, Function]:
    """Return every function by its folder (``send_messages``)."""
    template = yaml.load(TEMPLATE.read_text(), Loader)
    defaults = template["Globals"]["Function"]
    return {
        resource["Properties"]["CodeUri"].rpartition("/")[2]: _function(
            {**defaults, **resource["Properties"]}
        )
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _function(properties: dict[str, Any]) -> Function:
    batched = [
        event["Properties"]
        for event in properties.get("Events", {}).values()
        if event["Type"] in ("SQS", "DynamoDB")
    ]
    trigger = None
    if batched:
        (event,) = batched
        trigger = Trigger(event["BatchSize"], event.get("MaximumBatchingWindowInSeconds", 0))
    return Function(properties["MemorySize"], properties["Timeout"], trigger)
