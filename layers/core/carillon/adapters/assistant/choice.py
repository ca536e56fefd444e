"""Which assistant answers in this deployment: the built-in one unless a model is named."""

from collections.abc import Callable
from typing import Any

from carillon.adapters.assistant.bedrock import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    BedrockAssistant,
)
from carillon.adapters.assistant.faq import FaqAssistant
from carillon.adapters.aws import unrepeating_client
from carillon.ports import Assistant, Budgets, Clock


def chosen_assistant(
    budgets: Budgets,
    clock: Clock,
    *,
    model: str,
    guardrail: str = "",
    daily_tokens: int,
    client: Callable[..., Any] = unrepeating_client,
) -> Assistant:
    """Return Bedrock's *model* as the assistant; with an empty *model* the built-in one."""
    if not model:
        return FaqAssistant()
    runtime = client(
        "bedrock-runtime",
        connect_timeout_s=CONNECT_TIMEOUT_S,
        read_timeout_s=READ_TIMEOUT_S,
    )
    return BedrockAssistant(
        runtime,
        budgets,
        clock,
        model=model,
        daily_tokens=daily_tokens,
        guardrail=guardrail,
    )
