"""
Who may do what. The table below is the whole of it for data, files, queues and secrets;
a new call in a function is a row here first.
"""

import re
from typing import Any

import pytest

from carillon.adapters.dynamodb.schema import BY_AGENDA, SHELVES
from tests.support.template import functions, many, referred, resources, source, statements

CONTROL, INDEX, CONTACTS, MESSAGES = (
    "ControlTable",
    "ControlTable/gsi1",
    "ContactsTable",
    "MessagesTable",
)
COUNTERS, SUPPRESSIONS = "CountersTable", "SuppressionsTable"
CONSENT = "ConsentTable"
DELIVERIES = "DeliveriesTable"
AUDIT = "AuditTable"
CONVERSATIONS = "ConversationsTable"

DATABASE: dict[str, dict[str, set[str]]] = {
    "organisation_api": {CONTROL: {"GetItem", "PutItem", "UpdateItem", "Query"}, INDEX: {"Query"}},
    "contacts_api": {
        # DeleteItem: a segment goes.
        CONTROL: {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"},
        INDEX: {"Query"},
        CONTACTS: {"GetItem", "Query"},
        # PutItem: somebody who is to be erased is texted no more from that moment on.
        SUPPRESSIONS: {"BatchGetItem", "PutItem"},
    },
    # Everything about one person: read, and erased.
    "answer_people": {
        CONTROL: {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"},
        INDEX: {"Query"},
        CONTACTS: {"GetItem", "DeleteItem"},
        MESSAGES: {"Query", "PutItem", "UpdateItem", "DeleteItem"},
        CONVERSATIONS: {"GetItem", "DeleteItem"},
        SUPPRESSIONS: {"GetItem", "PutItem", "DeleteItem"},
        CONSENT: {"GetItem", "PutItem", "DeleteItem", "Query"},
    },
    # DeleteItem: an entry of what an assistant knows, a campaign that was never live. Batches:
    # the rows of a list; the entries by which a campaign is found.
    "campaigns_api": {
        CONTROL: {
            "GetItem",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "Query",
            "BatchGetItem",
            "BatchWriteItem",
        },
        **{f"{CONTROL}/{index}": {"Query"} for index, _ in SHELVES.values()},
        # A campaign that is stopped hands on its conversations.
        CONVERSATIONS: {"GetItem", "PutItem", "UpdateItem"},
        **{f"{CONVERSATIONS}/gsi{number}": {"Query"} for number in (2, 3)},
        # Whom a preview is for.
        CONTACTS: {"Query"},
    },
    "analytics_api": {
        CONTROL: {"GetItem", "BatchGetItem", "Query"},
        INDEX: {"Query"},
        f"{CONTROL}/by_status": {"Query"},
        # The listing of leads reads their rows; no figure does.
        MESSAGES: {"Query"},
        COUNTERS: {"GetItem", "BatchGetItem", "Query"},
        f"{COUNTERS}/gsi1": {"Query"},
    },
    "consent_api": {
        # BatchGetItem: whose the campaigns are in which somebody opted out. PutItem: the key
        # of erased people's hashes, as below.
        CONTROL: {"GetItem", "BatchGetItem", "PutItem", "Query"},
        MESSAGES: {"Query"},
        SUPPRESSIONS: {"GetItem", "PutItem"},
        CONSENT: {"GetItem", "PutItem", "UpdateItem", "Query"},
        f"{CONSENT}/gsi1": {"Query"},
    },
    "move_opt_outs": {
        SUPPRESSIONS: {"GetItem", "PutItem"},
        CONSENT: {"GetItem", "PutItem", "UpdateItem"},
        f"{CONSENT}/gsi1": {"Query"},
    },
    "conversations_api": {
        # PutItem: a reply waits in its sender's outbox. DeleteItem: a canned reply goes.
        # BatchGetItem: the campaigns that a limited user is an agent of.
        CONTROL: {"GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem"},
        # PutItem: the reply's row. UpdateItem: that an agent has opted somebody out.
        MESSAGES: {"GetItem", "Query", "PutItem", "UpdateItem"},
        # PutItem: somebody who was held is let go.
        SUPPRESSIONS: {"GetItem", "PutItem"},
        CONSENT: {"PutItem"},
        CONVERSATIONS: {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"},
        **{f"{CONVERSATIONS}/gsi{number}": {"Query"} for number in (1, 2, 3)},
    },
    # DeleteItem: an endpoint of another system.
    "integrations_api": {
        CONTROL: {"GetItem", "PutItem", "UpdateItem", "DeleteItem"},
        INDEX: {"Query"},
        DELIVERIES: {"Query"},
    },
    "publish_events": {INDEX: {"Query"}},
    # UpdateItem: that an endpoint fails.
    "deliver_webhooks": {
        CONTROL: {"GetItem", "UpdateItem"},
        DELIVERIES: {"BatchGetItem", "PutItem", "UpdateItem"},
        f"{DELIVERIES}/gsi1": {"Query"},
    },
    # It makes files of everything, and changes nothing but how far they are.
    "export_data": {
        CONTROL: {"GetItem", "UpdateItem"},
        INDEX: {"Query"},
        MESSAGES: {"Query"},
        COUNTERS: {"Query"},
        f"{CONSENT}/gsi1": {"Query"},
    },
    "dashboard": {},
    # UpdateItem: when a key was used last.
    "authorize_requests": {CONTROL: {"GetItem", "UpdateItem"}},
    "people_api": {
        CONTROL: {"GetItem", "PutItem", "UpdateItem", "Query"},
        INDEX: {"Query"},
        AUDIT: {"Query"},
        **{f"{AUDIT}/gsi{number}": {"Query"} for number in (1, 2)},
    },
    "record_audit_log": {AUDIT: {"PutItem"}},
    "provider_webhooks": {CONTROL: {"GetItem"}},
    # Strangers call it: it finds whose link it is, and notes the click.
    "follow_links": {CONTROL: {"GetItem", "BatchGetItem"}, MESSAGES: {"Query", "UpdateItem"}},
    "import_contacts": {
        # PutItem: the key of erased people's hashes is drawn by whoever needs it first.
        CONTROL: {"GetItem", "PutItem", "UpdateItem"},
        CONTACTS: {"GetItem", "PutItem"},
        SUPPRESSIONS: {"BatchGetItem"},
    },
    # GetItem: whether the policy asks for approvals.
    # What occurs is a new campaign, with the entries by which it is found.
    "start_due_campaigns": {
        CONTROL: {"GetItem", "PutItem", "UpdateItem", "Query", "BatchWriteItem"},
        f"{CONTROL}/{BY_AGENDA}": {"Query"},
    },
    # It reads for simulations. PutItem: the key of erased people's marks, if it is the first.
    "schedules_api": {
        CONTROL: {"GetItem", "PutItem", "UpdateItem", "Query"},
        CONTACTS: {"Query"},
        SUPPRESSIONS: {"BatchGetItem"},
    },
    # Scan: all opt-outs are compared with a provider's own list, a page at a time.
    "mirror_opt_outs": {
        CONTROL: {"GetItem", "Query", "PutItem"},
        INDEX: {"Query"},
        # UpdateItem: that a list does not let go of somebody.
        SUPPRESSIONS: {"GetItem", "BatchGetItem", "Scan", "PutItem", "UpdateItem"},
        CONSENT: {"PutItem"},
        f"{CONSENT}/gsi1": {"Query"},
    },
    "plan_audience": {
        CONTROL: {"GetItem", "Query", "PutItem", "UpdateItem"},
        CONTACTS: {"Query"},
    },
    "send_messages": {
        # BatchGetItem: a campaign, its run and the opt-out are read in one call before each send.
        # DeleteItem: an answer that is final leaves the outbox.
        CONTROL: {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
        INDEX: {"Query"},
        # DeleteItem: a claim that was not used is given back. BatchGetItem: the gate asks
        # whether the person of a follow-up has replied. GetItem: an answer's row.
        MESSAGES: {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
        # PutItem: the provider may refuse somebody as opted out. GetItem: how often a person
        # was texted lately stands beside.
        SUPPRESSIONS: {"GetItem", "BatchGetItem", "PutItem"},
        # With each opt-out goes its entry of the ledger.
        CONSENT: {"PutItem"},
        # How many of the campaign's messages failed, to stop it.
        COUNTERS: {"Query"},
        # BatchGetItem: whose conversation it is by now is read before each answer's send.
        # PutItem: a promised reply is let go, and an answer that never left calls a person.
        CONVERSATIONS: {"GetItem", "BatchGetItem", "PutItem"},
        f"{CONVERSATIONS}/gsi4": {"Query"},
    },
    "aws_sms_events": {INDEX: {"Query"}},
    # PutItem: a receipt without a row is parked; a receipt can say "opted out".
    # BatchGetItem: what a receipt would not change is found out by a read, a tenth of a write.
    "process_receipts": {
        MESSAGES: {"BatchGetItem", "PutItem", "UpdateItem"},
        SUPPRESSIONS: {"GetItem", "PutItem"},
        CONSENT: {"PutItem"},
    },
    "process_inbound": {
        CONTROL: {"GetItem", "Query"},
        MESSAGES: {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"},
        SUPPRESSIONS: {"GetItem", "PutItem"},
        # UpdateItem: in which conversation somebody opted out is known only afterwards.
        CONSENT: {"PutItem", "UpdateItem"},
        # BatchWriteItem: how a new conversation is found. UpdateItem: whose turn it is.
        CONVERSATIONS: {"GetItem", "PutItem", "UpdateItem", "BatchWriteItem"},
        # How busy agents are.
        f"{CONVERSATIONS}/gsi3": {"Query"},
    },
    # PutItem: a reply's row, and its entry in the sender's outbox. UpdateItem: a day's tokens.
    "ask_assistant": {
        CONTROL: {"GetItem", "Query", "PutItem", "UpdateItem"},
        MESSAGES: {"Query", "PutItem"},
        SUPPRESSIONS: {"GetItem"},
        CONVERSATIONS: {"GetItem", "PutItem"},
    },
    "fetch_media": {CONTROL: {"GetItem"}, MESSAGES: {"GetItem", "UpdateItem"}},
    "aggregate_counters": {COUNTERS: {"GetItem", "BatchGetItem", "UpdateItem"}},
    "reconcile_messages": {
        CONTROL: {"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
        INDEX: {"Query"},
        MESSAGES: {"Query", "UpdateItem", "DeleteItem"},
    },
    "recount_counters": {
        CONTROL: {"GetItem"},
        INDEX: {"Query"},
        MESSAGES: {"Query", "UpdateItem"},
        COUNTERS: {"GetItem", "BatchGetItem", "Query", "UpdateItem"},
    },
}

SENDS: dict[str, set[str]] = {
    "organisation_api": {"send"},
    "contacts_api": {"import", "people"},
    "answer_people": {"people"},
    "campaigns_api": {"plan", "send", "recount"},
    "consent_api": {"opt-outs"},
    "move_opt_outs": {"opt-outs"},
    "conversations_api": {"send"},
    "integrations_api": {"exports", "deliveries"},
    "publish_events": {"deliveries", "events-dead"},
    "deliver_webhooks": {"deliveries"},
    "export_data": {"exports"},
    "provider_webhooks": {"receipts", "inbound"},
    "import_contacts": {"import"},
    "start_due_campaigns": {"plan"},
    "plan_audience": {"plan", "send"},
    "send_messages": {"send", "reconcile"},
    "aws_sms_events": {"receipts", "inbound"},
    "aggregate_counters": {"counters-dead"},
    "record_audit_log": {"audit-dead"},
    "process_inbound": {"media", "assistant"},
    "ask_assistant": {"send"},
    "reconcile_messages": {"send", "reconcile", "recount"},
    "recount_counters": {"recount"},
}

TAKES: dict[str, str] = {
    "answer_people": "people",
    "move_opt_outs": "opt-outs",
    "export_data": "exports",
    "deliver_webhooks": "deliveries",
    "import_contacts": "import",
    "plan_audience": "plan",
    "send_messages": "send",
    "aws_sms_events": "aws-sms",
    "process_receipts": "receipts",
    "process_inbound": "inbound",
    "ask_assistant": "assistant",
    "fetch_media": "media",
    "reconcile_messages": "reconcile",
    "recount_counters": "recount",
}

FILES: dict[str, dict[str, set[str]]] = {
    # Files of campaigns.
    "campaigns_api": {
        "uploads": {"PutObject", "GetObject"},
        "outbound": {"PutObject", "GetObject"},
    },
    "contacts_api": {
        "uploads": {"PutObject", "GetObject"},
        "rejected": {"GetObject"},
        "exports": {"GetObject"},
    },
    "answer_people": {
        "audiences": {"GetObject", "PutObject"},
        "uploads": {"GetObject", "DeleteObject"},
        "rejected": {"GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"},
        "exports": {"GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"},
        "media": {"DeleteObject"},
    },
    "import_contacts": {
        "uploads": {"GetObject", "PutObject", "AbortMultipartUpload"},
        "rejected": {"PutObject", "AbortMultipartUpload"},
    },
    "consent_api": {"uploads": {"PutObject", "GetObject"}, "audiences": {"GetObject"}},
    "move_opt_outs": {"uploads": {"GetObject", "PutObject", "AbortMultipartUpload"}},
    "integrations_api": {"extracts": {"GetObject"}},
    "export_data": {"extracts": {"GetObject", "PutObject", "AbortMultipartUpload"}},
    "plan_audience": {"audiences": {"PutObject", "GetObject"}},
    # Providers get a campaign's files by links that it signs.
    "send_messages": {"audiences": {"GetObject"}, "outbound": {"GetObject"}},
    "fetch_media": {"media": {"PutObject"}},
    "reconcile_messages": {"audiences": {"GetObject"}},
    # A contact's name, and what they were sent.
    "process_inbound": {"audiences": {"GetObject"}},
    "conversations_api": {"audiences": {"GetObject"}},
    "ask_assistant": {"audiences": {"GetObject"}},
}

# Listing is what turns "forbidden" into "not there" when an object is missing.
LISTS_FILES = {
    *("contacts_api", "campaigns_api", "answer_people", "consent_api", "conversations_api"),
    *("import_contacts", "move_opt_outs", "process_inbound", "ask_assistant"),
    "export_data",
}
KNOWS_SECRETS = {
    "provider_webhooks",
    "aws_sms_events",
    "send_messages",
    "process_inbound",
    "fetch_media",
    "reconcile_messages",
    "mirror_opt_outs",
}
KNOWS_THE_LOGS_KEY = {"people_api", "record_audit_log"}
# A confirmation that must be tried again has five minutes, not a visibility; a file that is not
# there yet waits as long as it is old; another reply is queued within seconds.
DEFERS = {"process_inbound", "fetch_media", "ask_assistant"}
# AWS's own SMS service knows no key but the role; the reconciler asks it nothing.
SENDS_BY_AWS = {"send_messages", "process_inbound"}
FOLDERS = sorted(functions())


def _role(folder: str) -> dict[str, Any]:
    name = f"{folder.title().replace('_', '')}Role"
    return resources("AWS::IAM::Role", "permissions")[name]


def _granted(folder: str, service: str) -> list[tuple[set[str], list[str]]]:
    """(actions without the service, resources as texts) of a role's statements on *service*."""
    found = []
    for statement in statements(_role(folder)):
        actions = {
            action.partition(":")[2]
            for action in many(statement["Action"])
            if action.startswith(f"{service}:")
        }
        if actions:
            found.append((actions, [_text(r) for r in many(statement["Resource"])]))
    return found


def _text(resource: Any) -> str:
    return str(resource.get("Fn::Sub") or f"${{{resource['Ref']}}}")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_reads_and_writes_the_tables_it_says_and_no_others(folder: str) -> None:
    granted: dict[str, set[str]] = {}
    for actions, names in _granted(folder, "dynamodb"):
        for name in names:
            if name.endswith("StreamArn}"):
                continue
            table = re.search(r"table/\$\{(\w+)\}(/index/(\w+))?$", name)
            assert table, name
            granted.setdefault(table[1] + (f"/{table[3]}" if table[3] else ""), set()).update(
                actions
            )

    assert granted == DATABASE[folder]


def test_only_three_functions_read_streams_and_each_its_own() -> None:
    readers = {
        folder: (actions, set(names))
        for folder in FOLDERS
        for actions, names in _granted(folder, "dynamodb")
        if any(name.endswith("StreamArn}") for name in names)
    }
    reading = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}

    assert readers == {
        "aggregate_counters": (reading, {"${MessagesStreamArn}"}),
        "record_audit_log": (reading, {"${ControlStreamArn}", "${ConsentStreamArn}"}),
        # DynamoDB serves two readers of a shard; a third would hold all of them up.
        "publish_events": (reading, {"${MessagesStreamArn}", "${ControlStreamArn}"}),
    }


def test_nobody_may_change_or_delete_an_entry_of_the_audit_log() -> None:
    """P4: one function puts entries, another reads them, and there is nothing else."""
    granted = {
        (folder, action)
        for folder in FOLDERS
        for actions, names in _granted(folder, "dynamodb")
        if any("${AuditTable}" in name for name in names)
        for action in actions
    }

    assert granted == {("record_audit_log", "PutItem"), ("people_api", "Query")}


def test_one_function_alone_changes_the_user_pool_and_no_other() -> None:
    granted = {folder: found for folder in FOLDERS if (found := _granted(folder, "cognito-idp"))}

    ((actions, names),) = granted.pop("people_api")
    assert granted == {}
    assert names == ["${UserPoolArn}"]
    # Neither a password nor an address of somebody can be changed, and nobody is deleted.
    assert actions == {
        *("AdminCreateUser", "AdminGetUser", "AdminDisableUser", "AdminEnableUser"),
        *("AdminListGroupsForUser", "AdminAddUserToGroup", "AdminRemoveUserFromGroup"),
        *("AdminUserGlobalSignOut", "CreateGroup", "ListUsers", "ListUsersInGroup"),
    }


def test_the_analytics_only_read() -> None:
    for statement in statements(_role("analytics_api")):
        for action in many(statement["Action"]):
            assert re.fullmatch(r"dynamodb:(GetItem|BatchGetItem|Query)", action), action


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_sends_to_and_takes_from_its_own_queues(folder: str) -> None:
    sends, takes = set(), set()
    for actions, names in _granted(folder, "sqs"):
        queues = {name.rpartition("${Service}-")[2] for name in names}
        # AWS's name for either call is the first; the emulator wants the call's own as well.
        if actions in ({"SendMessage"}, {"SendMessage", "SendMessageBatch"}):
            sends |= queues
        else:
            defers = {"ChangeMessageVisibility"} if folder in DEFERS else set()
            assert actions == {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} | defers
            takes |= queues

    assert sends == SENDS.get(folder, set())
    assert takes == ({TAKES[folder]} if folder in TAKES else set())


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_touches_its_own_prefixes_of_the_bucket(folder: str) -> None:
    granted: dict[str, set[str]] = {}
    for actions, names in _granted(folder, "s3"):
        for name in names:
            if actions == {"ListBucket"}:
                assert folder in LISTS_FILES
                continue
            prefix = re.search(r"\$\{FilesBucket\}/(\w+)/\*(/rejected-\*)?$", name)
            assert prefix, name
            granted.setdefault(prefix[1], set()).update(actions)

    assert granted == FILES.get(folder, {})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_reads_secrets_below_the_prefix_or_none(folder: str) -> None:
    granted = _granted(folder, "secretsmanager")

    assert bool(granted) == (folder in KNOWS_SECRETS | KNOWS_THE_LOGS_KEY)
    for actions, names in granted:
        assert actions == {"GetSecretValue"}
        if folder in KNOWS_THE_LOGS_KEY:
            # Whatever a reference to it is: AWS's is its ARN, the emulator's its name.
            assert names[0] == "${AuditSecretArn}"
            assert [one.rpartition(":")[2] for one in names[1:]] == ["${Service}-*-AuditSecret-*"]
            continue
        assert [name.rpartition(":secret:")[2] for name in names] == ["${SecretPrefix}*"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_that_sends_may_send_by_the_numbers_of_this_account_and_region(
    folder: str,
) -> None:
    granted = [] if folder == "mirror_opt_outs" else _granted(folder, "sms-voice")

    assert bool(granted) == (folder in SENDS_BY_AWS)
    for actions, names in granted:
        assert actions == {"SendTextMessage", "SendMediaMessage"}
        before = "arn:${AWS::Partition}:sms-voice:${AWS::Region}:${AWS::AccountId}:"
        assert {name.removeprefix(before) for name in names} == {
            "configuration-set/*",
            "phone-number/*",
            "pool/*",
            "protect-configuration/*",
            "sender-id/*",
        }


def test_the_mirror_reads_and_changes_opt_out_lists_and_sends_nothing() -> None:
    ((actions, names),) = _granted("mirror_opt_outs", "sms-voice")

    assert actions == {"DescribeOptedOutNumbers", "PutOptedOutNumber", "DeleteOptedOutNumber"}
    (name,) = names
    assert name.endswith(":sms-voice:${AWS::Region}:${AWS::AccountId}:opt-out-list/*")


def test_only_the_mirror_may_read_a_whole_table() -> None:
    scanning = {
        folder
        for folder in FOLDERS
        for actions, _ in _granted(folder, "dynamodb")
        if "Scan" in actions
    }

    assert scanning == {"mirror_opt_outs"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_role_grants_nothing_but_these_services(folder: str) -> None:
    services = {
        action.partition(":")[0]
        for statement in statements(_role(folder))
        for action in many(statement["Action"])
    }

    known = {"dynamodb", "sqs", "s3", "secretsmanager", "sms-voice"}
    assert services <= known | ({"cognito-idp"} if folder == "people_api" else set())
    assert _role(folder)["Properties"]["ManagedPolicyArns"] == [{"Ref": "WriteLogs"}]


def test_logs_are_written_to_our_group_alone() -> None:
    policy = resources("AWS::IAM::ManagedPolicy", "permissions")["WriteLogs"]["Properties"]

    (statement,) = policy["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert statement["Resource"] == {"Ref": "LogGroupArn"}


def test_no_action_or_resource_is_a_wildcard() -> None:
    for name, role in resources("AWS::IAM::Role", "permissions").items():
        for statement in statements(role):
            for action in many(statement["Action"]):
                assert "*" not in action, (name, action)
            for resource in many(statement["Resource"]):
                # The names of objects, of secrets and of numbers are not known beforehand; all
                # else is.
                listed = re.search(
                    r"(\$\{FilesBucket\}/\w+/\*(/rejected-\*)?|\$\{SecretPrefix\}\*"
                    r"|:secret:\$\{Service\}-\*-AuditSecret-\*"
                    r"|:sms-voice:\$\{AWS::Region\}:\$\{AWS::AccountId\}:[a-z-]+/\*)$",
                    _text(resource),
                )
                assert "*" not in _text(resource) or listed, (name, resource)


def test_a_model_is_asked_only_where_one_is_named_and_only_that_one() -> None:
    (policy,) = resources("AWS::IAM::Policy", "permissions").values()
    ask, through_profile, guardrail = policy["Properties"]["PolicyDocument"]["Statement"]
    region = "arn:${AWS::Partition}:bedrock:${AWS::Region}:"
    profile = region + "${AWS::AccountId}:inference-profile/${AssistantModel}"

    assert policy["Condition"] == "AsksModel"
    assert {role["Ref"] for role in policy["Properties"]["Roles"]} == {
        "CampaignsApiRole",
        "AskAssistantRole",
    }
    assert ask["Action"] == through_profile["Action"] == ["bedrock:InvokeModel"]
    assert [_text(one) for one in ask["Resource"]] == [
        region + ":foundation-model/${AssistantModel}",
        profile,
    ]
    # A profile's regions are not known here; the condition binds them to the profile.
    assert through_profile["Condition"] == {
        "StringEquals": {"bedrock:InferenceProfileArn": {"Fn::Sub": profile}}
    }
    assert guardrail["Action"] == ["bedrock:ApplyGuardrail"]
    assert guardrail["Resource"]["Fn::Sub"][0].endswith(":guardrail/${Id}")


def test_no_function_gets_its_rights_from_a_policy_template() -> None:
    for name, resource in source()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert "Policies" not in resource["Properties"], name
            assert "Role" in resource["Properties"], name


def test_only_a_gateway_a_rule_or_lambda_itself_may_start_a_function() -> None:
    granted = resources("AWS::Lambda::Permission") | resources(
        "AWS::Lambda::Permission", "invocations"
    )
    for name, permission in granted.items():
        properties = permission["Properties"]
        assert properties["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com"), name
        assert "SourceArn" in properties, name


def test_awss_sms_service_alone_publishes_to_its_topic_and_the_topic_alone_reaches_the_queue() -> (
    None
):
    (topic,) = resources("AWS::SNS::TopicPolicy", "aws_sms").values()
    (queue,) = resources("AWS::SQS::QueuePolicy", "aws_sms").values()

    (publishes,) = topic["Properties"]["PolicyDocument"]["Statement"]
    (sends,) = queue["Properties"]["PolicyDocument"]["Statement"]
    assert (publishes["Action"], publishes["Resource"]) == ("sns:Publish", {"Ref": "Topic"})
    assert publishes["Principal"] == {"Service": "sms-voice.amazonaws.com"}
    assert publishes["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    assert (sends["Action"], sends["Resource"]) == ("sqs:SendMessage", {"Ref": "QueueArn"})
    assert sends["Principal"] == {"Service": "sns.amazonaws.com"}
    assert sends["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}}


def test_awss_events_come_with_the_time_at_which_they_were_published() -> None:
    """Raw, a message that is redriven would look newer than what the person wrote since."""
    (subscription,) = resources("AWS::SNS::Subscription", "aws_sms").values()
    parameters = source()["Resources"]["AwsSms"]["Properties"]["Parameters"]

    assert subscription["Properties"] == {
        "TopicArn": {"Ref": "Topic"},
        "Protocol": "sqs",
        "Endpoint": {"Ref": "QueueArn"},
    }
    assert referred(parameters["QueueUrl"]) == "AwsSmsQueue"
    assert referred(parameters["QueueArn"]) == "AwsSmsQueue"
