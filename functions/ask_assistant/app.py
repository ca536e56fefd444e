"""What contacts ask the assistant, from its queue: a reply, a person's turn, or nothing."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.assistant.choice import chosen_assistant
from carillon.adapters.audiences import S3Audiences
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.adapters.dynamodb.limits import DynamoBudgets
from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.dynamodb.transcripts import DynamoCampaignTexts, DynamoTranscripts
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.adapters.templates import compile_template
from carillon.domain.assistant import AssistantPolicy
from carillon.domain.law_pack import shipped_pack
from carillon.domain.whereabouts import Whereabouts
from carillon.edge.batches import GiveUp, PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.usecases.answer_as_assistant import AssistantWorld
from carillon.usecases.ask_assistant import Asked, AskingWorld, ask_assistant, give_up
from carillon.usecases.read_transcript import TranscriptWorld
from carillon.usecases.render_texts import Render
from carillon.usecases.reply_in_conversation import reply_rules

# What fails so often is a person's to answer. The queue gives a message out twice more before
# it is dead, so that the hand-over itself may fail once.
TRIES = 3


@cache
def build() -> AskingWorld:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.AskAssistant)
    dynamodb, clock = aws.client("dynamodb"), SystemClock()
    directory = DynamoDirectory(dynamodb, env.control_table)

    def locate(phone: str) -> Whereabouts:
        # Its telephone data takes 150 ms to load, and few contacts are of no campaign.
        from carillon.domain.locating import whereabouts  # noqa: PLC0415

        return whereabouts(phone, {}, env.default_country)

    return AskingWorld(
        assistant=_assistant(env, dynamodb, clock),
        transcript=TranscriptWorld(
            transcripts=DynamoTranscripts(dynamodb, env.messages_table),
            texts=DynamoCampaignTexts(dynamodb, env.control_table),
            audiences=S3Audiences(S3Objects(aws.client("s3"), env.files_bucket)),
            compile_body=_compile_body,
            link_base_url=env.link_base_url,
        ),
        book=DynamoConversations(dynamodb, env.conversations_table),
        directory=directory,
        suppressions=DynamoSuppressions(
            dynamodb, env.suppressions_table, env.consent_table, clock.now
        ),
        outbox=DynamoOutbox(
            dynamodb, control_table=env.control_table, messages_table=env.messages_table
        ),
        send_queue=SqsQueue(aws.client("sqs"), env.send_queue_url, correlation_id),
        rules=reply_rules(directory.policy, shipped_pack(), locate),
    )


def _assistant(env: settings.AskAssistant, dynamodb: Any, clock: SystemClock) -> AssistantWorld:
    return AssistantWorld(
        knowledge=DynamoKnowledge(dynamodb, env.control_table),
        assistant=chosen_assistant(
            DynamoBudgets(dynamodb, env.control_table),
            clock,
            model=env.assistant_model,
            guardrail=env.assistant_guardrail,
            daily_tokens=env.assistant_daily_tokens,
        ),
        clock=clock,
        organisation=env.organisation_name,
        policy=AssistantPolicy(per_hour=env.assistant_answers_per_hour),
    )


def _compile_body(body: str) -> Render:
    return compile_template(body).render


@cache
def assistant_queue() -> SqsQueue:
    """Return the queue that this function works off, once per process."""
    env = settings.from_env(settings.AskAssistant)
    return SqsQueue(aws.client("sqs"), env.assistant_queue_url, correlation_id)


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse:
    """Ask the assistant about each message of the batch."""
    response = handle_each(
        event,
        _ask,
        context,
        come_back=assistant_queue().come_back,
        give_up=GiveUp(TRIES, _give_up),
    )
    metrics().flush_metrics()
    return response


def _ask(message: Mapping[str, Any]) -> None:
    _publish(ask_assistant(message["conversation_id"], message["inbound_id"], build()))


def _give_up(message: Mapping[str, Any]) -> None:
    _publish(give_up(message["conversation_id"], build()))


def _publish(asked: Asked) -> None:
    logger.info(
        "assistant_asked",
        outcome=asked.outcome,
        reason=asked.reason,
        sources=asked.sources,
        score=asked.score,
        input_tokens=asked.usage.input_tokens,
        output_tokens=asked.usage.output_tokens,
    )
    _count(f"assistant_{asked.outcome}", 1)
    _count("assistant_input_tokens", asked.usage.input_tokens)
    _count("assistant_output_tokens", asked.usage.output_tokens)


def _count(name: str, value: int) -> None:
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)
