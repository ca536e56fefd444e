"""Queues and streams: what cfn-lint and `sam validate` let pass and AWS or the night would not."""

import json
import re
from typing import Any

import pytest

from carillon.adapters.dynamodb import schema
from carillon.edge.batches import MOST_TRIES
from tests.support.template import (
    ROOT,
    folder_of,
    functions,
    referred,
    resources,
    transformed,
)

QUEUES = resources("AWS::SQS::Queue", "queues")
TRIGGERS = resources("AWS::Lambda::EventSourceMapping")
DEAD = {
    referred(q["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]): name
    for name, q in QUEUES.items()
    if "RedrivePolicy" in q["Properties"]
}


def _triggers_of_queues() -> dict[str, dict[str, Any]]:
    """The SQS triggers by the queue's logical id."""
    return {
        referred(trigger["Properties"]["EventSourceArn"]): trigger["Properties"]
        for trigger in TRIGGERS.values()
        if "StartingPosition" not in trigger["Properties"]
    }


def _streams() -> list[dict[str, Any]]:
    return [t["Properties"] for t in TRIGGERS.values() if "StartingPosition" in t["Properties"]]


def _stream_dead_queues() -> set[str]:
    return {referred(s["DestinationConfig"]["OnFailure"]["Destination"]) for s in _streams()}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_reports_the_failed_items_alone(trigger: str) -> None:
    assert TRIGGERS[trigger]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("queue", sorted(_triggers_of_queues()))
def test_a_queue_hides_a_message_six_times_as_long_as_its_function_may_run(queue: str) -> None:
    timeout_s = functions()[folder_of(_triggers_of_queues()[queue]["FunctionName"])]["Timeout"]

    assert QUEUES[queue]["Properties"]["VisibilityTimeout"] >= 6 * timeout_s


@pytest.mark.parametrize("queue", sorted(set(QUEUES) - set(DEAD) - _stream_dead_queues()))
def test_a_queue_has_one_consumer_and_gives_up_into_a_dead_letter_queue(queue: str) -> None:
    properties = QUEUES[queue]["Properties"]

    assert queue in _triggers_of_queues()
    assert 3 <= properties["RedrivePolicy"]["maxReceiveCount"] <= 10
    assert referred(properties["RedrivePolicy"]["deadLetterTargetArn"]) in QUEUES


@pytest.mark.parametrize("queue", ["ImportQueue", "OptOutQueue", "ExportQueue"])
def test_the_last_try_is_known_to_a_function_that_notes_it(queue: str) -> None:
    assert QUEUES[queue]["Properties"]["RedrivePolicy"]["maxReceiveCount"] == MOST_TRIES


@pytest.mark.parametrize("queue", sorted(set(DEAD) | _stream_dead_queues()))
def test_a_dead_letter_queue_keeps_messages_two_weeks_and_wakes_somebody(queue: str) -> None:
    name = QUEUES[queue]["Properties"]["QueueName"]["Fn::Sub"].removeprefix("${Service}-")

    assert QUEUES[queue]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert name in _watched("AWS/SQS", "ApproximateNumberOfMessagesVisible")


@pytest.mark.parametrize("queue", sorted(QUEUES))
def test_a_queue_is_encrypted(queue: str) -> None:
    assert QUEUES[queue]["Properties"]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("queue", sorted(set(QUEUES) - set(DEAD) - _stream_dead_queues()))
def test_somebody_is_woken_when_work_waits_too_long(queue: str) -> None:
    name = QUEUES[queue]["Properties"]["QueueName"]["Fn::Sub"].removeprefix("${Service}-")

    assert name in _watched("AWS/SQS", "ApproximateAgeOfOldestMessage")


@pytest.mark.parametrize("stream", _streams(), ids=lambda one: referred(one["FunctionName"]))
def test_a_stream_gives_up_a_poison_record_and_says_where(stream: dict[str, Any]) -> None:
    assert stream["BisectBatchOnFunctionError"] is True
    assert 1 <= stream["MaximumRetryAttempts"] <= 50
    assert 3600 <= stream["MaximumRecordAgeInSeconds"] <= 12 * 3600
    assert referred(stream["DestinationConfig"]["OnFailure"]["Destination"]) in QUEUES
    assert stream["StartingPosition"] == "TRIM_HORIZON"


def test_a_full_batch_of_a_stream_fits_an_invocation() -> None:
    """Lambda takes 6 MB: 5,900 records of 1 KB, of which the largest row has about two."""
    sizes = sorted((referred(one["FunctionName"]), one["BatchSize"]) for one in _streams())

    # A campaign's item may hold ten texts of 1,600 characters, and a record two images of it.
    assert sizes == [
        ("AggregateCountersFunction", 1000),
        ("PublishEventsFunction", 100),
        ("PublishEventsFunction", 1000),
        *[("RecordAuditLogFunction", 100)] * 2,
    ]


def test_the_audit_log_is_given_every_item_that_it_tells_of() -> None:
    """P4: what a filter leaves out is never told, whatever ``schema.audited`` knows."""
    filters = [
        json.loads(pattern["Pattern"])["dynamodb"]["Keys"]
        for one in _streams()
        if referred(one["FunctionName"]) == "RecordAuditLogFunction"
        for pattern in one["FilterCriteria"]["Filters"]
    ]
    kinds = ("CMP", "SND", "USR", "KEY", "WHK")

    assert all(schema.audited(f"{kind}#x", kind) for kind in kinds)
    assert schema.audited("ORG", "POLICY")
    assert schema.audited("ORG", schema.office_sk("off_1"))
    assert {"sk": {"S": ["CMP", "SND", "POLICY", "USR", "KEY", "WHK"]}} in filters
    assert {"pk": {"S": ["ORG"]}, "sk": {"S": [{"prefix": "OFF#"}]}} in filters


def test_sending_takes_one_wake_up_at_a_time() -> None:
    """A pacer runs for minutes; a second message in its batch would wait behind it."""
    assert _triggers_of_queues()["SendQueue"]["BatchSize"] == 1
    assert _triggers_of_queues()["SendQueue"]["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_a_batch_of_more_than_ten_has_a_window_and_an_opt_out_has_none() -> None:
    for queue, trigger in _triggers_of_queues().items():
        window = trigger.get("MaximumBatchingWindowInSeconds", 0)
        assert (window > 0) == (trigger["BatchSize"] > 10), queue
    # The way of an opt-out.
    for queue in ("InboundQueue", "AwsSmsQueue"):
        assert "MaximumBatchingWindowInSeconds" not in _triggers_of_queues()[queue]


def test_a_scheduled_function_says_how_often_a_lost_tick_is_tried_again() -> None:
    scheduled = {
        folder_of(target["Arn"])
        for rule in resources("AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    }
    configured = {
        folder_of(config["Properties"]["FunctionName"])
        for config in resources("AWS::Lambda::EventInvokeConfig").values()
    }

    assert scheduled == {
        "start_due_campaigns",
        "send_messages",
        "reconcile_messages",
        "recount_counters",
        "mirror_opt_outs",
        "deliver_webhooks",
    }
    assert configured == scheduled


@pytest.mark.parametrize("folder", sorted(functions()))
def test_a_functions_errors_and_throttles_wake_somebody(folder: str) -> None:
    assert folder in _watched("AWS/Lambda", "Errors")
    assert folder in _watched("AWS/Lambda", "Throttles")


def test_late_counters_and_failing_gateways_wake_somebody() -> None:
    assert _watched("AWS/Lambda", "IteratorAge") == {
        "aggregate_counters",
        "publish_events",
    }
    assert _metrics() >= {("AWS/ApiGateway", "5XXError"), ("AWS/ApiGateway", "5xx")}


def test_every_alarm_reaches_the_topic_and_says_what_to_do() -> None:
    for name, alarm in resources("AWS::CloudWatch::Alarm", "alarms").items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
        assert len(alarm["Properties"]["AlarmDescription"]) > 20, name
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching", name


def _metrics() -> set[tuple[str, str]]:
    alarms = resources("AWS::CloudWatch::Alarm", "alarms").values()
    return {(a["Properties"]["Namespace"], a["Properties"]["MetricName"]) for a in alarms}


def _watched(namespace: str, metric: str) -> set[str]:
    """The names, without the stack's, of what alarms on *metric* watch."""
    found = set()
    for alarm in resources("AWS::CloudWatch::Alarm", "alarms").values():
        properties = alarm["Properties"]
        if (properties["Namespace"], properties["MetricName"]) == (namespace, metric):
            found |= {_name(dimension["Value"]) for dimension in properties["Dimensions"]}
    return found


def _name(value: Any) -> str:
    """Return ``${Service}-…`` without the stack's name."""
    substitute = value["Fn::Sub"]
    text, variables = (substitute, {}) if isinstance(substitute, str) else substitute
    for key, replacement in variables.items():
        text = text.replace(f"${{{key}}}", replacement)
    return str(text).removeprefix("${Service}-")


def test_outputs_name_what_an_operator_needs() -> None:
    outputs = set(transformed()["Outputs"])

    assert outputs >= {
        "ApiUrl",
        "DashboardUrl",
        "WebhookUrl",
        "UserPoolId",
        "UserPoolClientId",
        "ControlTable",
        "ContactsTable",
        "MessagesTable",
        "CountersTable",
        "SuppressionsTable",
        "ConsentTable",
        "FilesBucket",
        "FunctionLogGroup",
        "AlarmTopic",
    }
    assert {f"{queue}Url" for queue in set(DEAD) | _stream_dead_queues()} <= outputs


def test_a_question_is_handed_to_a_person_twice_before_it_is_dead() -> None:
    given_out = QUEUES["AssistantQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    app = (ROOT / "functions" / "ask_assistant" / "app.py").read_text()
    (tries,) = re.findall(r"^TRIES = (\d+)$", app, re.MULTILINE)

    assert given_out - int(tries) == 2
