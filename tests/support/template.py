"""The template as CloudFormation gets it: nested stacks read, SAM's short forms written out."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from infra.local.deploy import read_template
from infra.local.documents import read_yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = {
    "template": ROOT / "template.yaml",
    "data": ROOT / "infra" / "data.yaml",
    "permissions": ROOT / "infra" / "permissions.yaml",
    "alarms": ROOT / "infra" / "alarms.yaml",
    "aws_sms": ROOT / "infra" / "aws_sms.yaml",
    "queues": ROOT / "infra" / "queues.yaml",
    "sign_in": ROOT / "infra" / "sign_in.yaml",
    "webhooks": ROOT / "infra" / "webhooks.yaml",
    "links": ROOT / "infra" / "links.yaml",
    "invocations": ROOT / "infra" / "invocations.yaml",
}
Resource = dict[str, Any]


@cache
def source(name: str = "template") -> dict[str, Any]:
    """Return a template as written, with Fn::ForEach expanded and tags in their long form."""
    return read_template(TEMPLATES[name])


@cache
def transformed() -> dict[str, Any]:
    """Return ``template.yaml`` after the SAM transform."""
    template = read_template(TEMPLATES["template"])
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        for path in ("CodeUri", "ContentUri"):
            if path in properties:
                properties[path] = "s3://bucket/key"
        if resource["Type"] == "AWS::Serverless::Api":
            included = TEMPLATES["template"].with_name("infra") / "openapi.yaml"
            properties["DefinitionBody"] = read_yaml(included)
    session = boto3.Session(region_name="us-east-1")
    # The translator asks boto3 for the region only; no call is made.
    with patch.object(boto3.session, "Session", return_value=session):
        translator = Translator({}, Parser())
        result: dict[str, Any] = translator.translate(template, {})
    return result


def resources(kind: str, name: str = "template") -> dict[str, Resource]:
    """Return the resources of type *kind* of a template by logical id."""
    template = transformed() if name == "template" else source(name)
    return {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def functions() -> dict[str, Resource]:
    """Return the functions' properties by folder name."""
    return {
        found["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: found[
            "Properties"
        ]
        for found in resources("AWS::Lambda::Function").values()
    }


def folder_of(reference: object) -> str:
    """Return the function's folder that a Ref or Fn::GetAtt names."""
    logical_id = referred(reference)
    properties = resources("AWS::Lambda::Function")[logical_id]["Properties"]
    return str(properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"])


def referred(reference: object) -> str:
    """Return the logical id that a Ref or Fn::GetAtt names, in the nested stack if it is there."""
    assert isinstance(reference, dict), reference
    if "Ref" in reference:
        return str(reference["Ref"])
    attribute = reference["Fn::GetAtt"]
    name, attribute = attribute if isinstance(attribute, list) else attribute.split(".", 1)
    if not attribute.startswith("Outputs."):
        return str(name)
    return referred(_nested(name)["Outputs"][attribute.removeprefix("Outputs.")]["Value"])


def _nested(logical_id: str) -> dict[str, Any]:
    """Return the template of a nested stack."""
    stack = source()["Resources"][logical_id]
    return source(Path(stack["Properties"]["TemplateURL"]).stem)


def statements(role: Resource) -> Iterator[Resource]:
    """Yield the inline statements of a role."""
    for policy in role["Properties"].get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def many(value: object) -> list[Any]:
    """Return IAM's one-or-many as a list."""
    return value if isinstance(value, list) else [value]
