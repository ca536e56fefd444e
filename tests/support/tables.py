"""
The tables of infra/data.yaml, created in an emulator: tests never declare a key themselves.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "infra" / "data.yaml"
_CREATED = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "StreamSpecification",
)


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as {tag: value}; key schemas hold none of them."""


def _short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {tag: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


@cache
def table_definitions() -> dict[str, dict[str, Any]]:
    """Return what CreateTable needs, by logical id (``ControlTable``), which is also the name."""
    template = yaml.load(TEMPLATE.read_text(), _Loader)
    return {
        logical_id: _definition(logical_id, resource["Properties"])
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


def create_tables(client: Any) -> None:
    """Create every table of the template through *client*."""
    for definition in table_definitions().values():
        client.create_table(**definition)


def _definition(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    definition = {key: properties[key] for key in _CREATED if key in properties}
    if stream := definition.get("StreamSpecification"):
        definition["StreamSpecification"] = {"StreamEnabled": True, **stream}
    return {"TableName": name, **definition}
