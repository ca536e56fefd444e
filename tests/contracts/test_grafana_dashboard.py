"""The Grafana example asks only what the API answers: routes, parameters and fields."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

INFRA = Path(__file__).resolve().parents[2] / "infra"
DASHBOARD = json.loads((INFRA / "grafana" / "campaign_analytics.json").read_text())
PANELS = {panel["title"]: panel["targets"][0] for panel in DASHBOARD["panels"]}


@pytest.fixture(scope="module")
def contract() -> Any:
    return yaml.load((INFRA / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_asks_for_fields_that_the_api_answers(contract: Any, title: str) -> None:
    target = PANELS[title]
    url = urlsplit(target["url"].removeprefix("${api}"))
    operation = contract["paths"][url.path]["get"]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]

    rows = field(contract, answer, target["root_selector"]) if target["root_selector"] else answer
    found = [field(contract, rows, column["selector"]) for column in target["columns"]]

    asked = {name for name, _ in parse_qsl(url.query)}
    assert asked <= {parameter["name"] for parameter in operation["parameters"]}
    assert found
    assert None not in found


def field(contract: Any, schema: Any, path: str) -> Any:
    """Return the schema at *path* of names parted by dots, lists entered; None when it is not."""
    for name in path.split("."):
        schema = resolved(contract, schema)
        if schema.get("type") == "array":
            schema = resolved(contract, schema["items"])
        schema = schema.get("properties", {}).get(name)
        if schema is None:
            return None
    return schema


def resolved(contract: Any, schema: Any) -> Any:
    while "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
