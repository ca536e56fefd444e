"""Functions, data and people as the template describes them."""

import dataclasses
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from carillon import settings
from carillon.domain.counters import CLICK_ATTRIBUTES, MACHINE_ATTRIBUTES
from tests.support.template import (
    ROOT,
    TEMPLATES,
    functions,
    referred,
    resources,
    source,
    transformed,
)

FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
_OF_POWERTOOLS = {
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
}
_TABLES_WITH_TTL = {"ControlTable", "DeliveriesTable", "MessagesTable", "CountersTable"}


def test_every_folder_is_a_function_and_every_function_a_folder() -> None:
    assert sorted(functions()) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_told_what_its_settings_ask_for_and_nothing_else(folder: str) -> None:
    wanted = getattr(settings, folder.title().replace("_", ""))
    names = {field.name.upper() for field in dataclasses.fields(wanted)}

    variables = functions()[folder]["Environment"]["Variables"]

    assert set(variables) - _OF_POWERTOOLS == names
    assert set(variables) >= _OF_POWERTOOLS


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_logs_where_logs_expire(folder: str) -> None:
    group = referred(functions()[folder]["LoggingConfig"]["LogGroup"])

    assert "RetentionInDays" in resources("AWS::Logs::LogGroup")[group]["Properties"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_runs_as_its_own_role_on_the_chosen_python_and_processor(folder: str) -> None:
    function = functions()[folder]

    role = function["Role"]["Fn::GetAtt"]
    assert role == ["Permissions", f"Outputs.{folder.title().replace('_', '')}Role"]
    assert function["Runtime"] == {"Ref": "Runtime"}
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert function["Handler"] == "app.lambda_handler"
    assert [referred(layer) for layer in function["Layers"]] == list(
        resources("AWS::Lambda::LayerVersion")
    )


def test_the_vendor_layer_is_built_for_the_templates_defaults() -> None:
    makefile = (ROOT / "layers" / "vendor" / "Makefile").read_text()
    parameters = source()["Parameters"]

    assert _make_default(makefile, "CARILLON_RUNTIME") == parameters["Runtime"]["Default"]
    assert _make_default(makefile, "CARILLON_ARCHITECTURE") == parameters["Architecture"]["Default"]


def _make_default(makefile: str, name: str) -> str:
    found = re.search(rf"^{name} \?= (\S+)$", makefile, re.MULTILINE)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", resources("AWS::DynamoDB::Table", "data"))
def test_a_table_can_be_restored_is_encrypted_and_outlives_the_stack(name: str) -> None:
    table = resources("AWS::DynamoDB::Table", "data")[name]
    properties = table["Properties"]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["DeletionProtectionEnabled"] == {"Ref": "ProtectData"}
    assert ("TimeToLiveSpecification" in properties) == (name in _TABLES_WITH_TTL)
    # A name of ours could not be given to a second table when the first must be kept.
    assert "TableName" not in properties


def test_what_is_counted_or_told_is_streamed_and_nothing_hot_has_an_index() -> None:
    tables = resources("AWS::DynamoDB::Table", "data")

    assert [n for n, t in tables.items() if "StreamSpecification" in t["Properties"]] == [
        "ControlTable",
        "MessagesTable",
        "ConsentTable",
    ]
    assert [n for n, t in tables.items() if "GlobalSecondaryIndexes" in t["Properties"]] == [
        "ControlTable",
        # Sparse: what is tried again alone has a place in it.
        "DeliveriesTable",
        # Written by folds of many messages, not by each.
        "CountersTable",
        "ConversationsTable",
        "ConsentTable",
        "AuditTable",
    ]
    assert tables["MessagesTable"]["Properties"]["StreamSpecification"] == {
        "StreamViewType": "NEW_AND_OLD_IMAGES"
    }


def test_files_are_private_encrypted_and_kept() -> None:
    bucket = resources("AWS::S3::Bucket", "data")["FilesBucket"]

    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in bucket["Properties"]
    assert _prefixes(bucket["Properties"]["LifecycleConfiguration"]["Rules"]) == {
        "uploads/",
        "rejected/",
        "exports/",
        "extracts/",
        "media/",
    }


def _prefixes(rules: list[dict[str, Any]]) -> set[str]:
    return {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}


def test_only_an_administrator_creates_users_and_everybody_has_one_of_five_roles() -> None:
    (pool,) = resources("AWS::Cognito::UserPool", "sign_in").values()
    groups = resources("AWS::Cognito::UserPoolGroup", "sign_in").values()

    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Properties"]["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    assert {group["Properties"]["GroupName"] for group in groups} == {
        "role.admin",
        "role.manager",
        "role.agent",
        "role.analyst",
        "role.limited",
    }


def test_access_logs_hold_route_templates_and_nothing_of_a_person() -> None:
    rest = next(iter(resources("AWS::ApiGateway::Stage").values()))["Properties"]
    formats = [rest["AccessLogSetting"]["Format"]]
    for name in ("webhooks", "links"):
        http = next(iter(resources("AWS::ApiGatewayV2::Stage", name).values()))["Properties"]
        formats.append(http["AccessLogSettings"]["Format"])

    for logged in formats:
        variables = set(re.findall(r"\$context\.([A-Za-z.]+)", logged))
        assert variables <= {
            "requestId",
            "resourcePath",
            "routeKey",
            "httpMethod",
            "status",
            "responseLatency",
            "responseLength",
        }


def test_every_gateway_is_throttled() -> None:
    rest = next(iter(resources("AWS::ApiGateway::Stage").values()))["Properties"]

    assert rest["MethodSettings"][0]["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    for name in ("webhooks", "links"):
        http = next(iter(resources("AWS::ApiGatewayV2::Stage", name).values()))["Properties"]
        told = source()["Resources"][name.title()]["Properties"]["Parameters"]
        assert http["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
        assert told["RequestsPerSecond"] == {"Ref": f"{name.title()}PerSecond"}


def test_whoever_follows_links_sees_no_phone_and_changes_nothing_but_clicks() -> None:
    """M6: it answers strangers."""
    role = resources("AWS::IAM::Role", "permissions")["FollowLinksRole"]["Properties"]
    statements = {one["Sid"]: one for one in role["Policies"][0]["PolicyDocument"]["Statement"]}
    seen = statements["FindLead"]["Condition"]
    changed = statements["NoteClick"]["Condition"]

    assert seen["StringEquals"] == {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
    assert "phone" not in seen["ForAllValues:StringEquals"]["dynamodb:Attributes"]
    patterns = changed["ForAllValues:StringLike"]["dynamodb:Attributes"]
    for name in (*CLICK_ATTRIBUTES, *MACHINE_ATTRIBUTES, "clicked_at", "last_click"):
        assert any(fnmatch(name, pattern) for pattern in patterns), name
    for name in ("status", "phone", "claim_id", "replied_at", "opted_out_at"):
        assert not any(fnmatch(name, pattern) for pattern in patterns), name


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_and_output_says_what_it_is(name: str) -> None:
    template = source(name)

    for key, entry in (template["Parameters"] | template.get("Outputs", {})).items():
        assert entry["Description"].endswith((".", ")")), key
    for key, parameter in template["Parameters"].items():
        assert "Type" in parameter, key


def test_nothing_is_deployed_that_we_did_not_ask_for() -> None:
    """SAM's short forms add resources of their own; a new kind among them is a decision."""
    kinds = {resource["Type"] for resource in transformed()["Resources"].values()}

    assert kinds == {
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
        "AWS::CloudFormation::Stack",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
    }


def test_every_nested_template_is_deployed_and_every_one_is_looked_at() -> None:
    deployed = {
        Path(stack["Properties"]["TemplateURL"]).stem
        for stack in resources("AWS::CloudFormation::Stack").values()
    }

    assert deployed == set(TEMPLATES) - {"template"}
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"infra/{name}.yaml" in makefile for name in deployed)


def test_the_template_stays_one_read() -> None:
    """Functions cannot leave it: a nested stack that needs the SAM transform runs nowhere here."""
    assert len((ROOT / "template.yaml").read_text().splitlines()) < 1200


def test_licence_is_apache() -> None:
    assert "Apache License" in Path(ROOT / "LICENSE").read_text()
