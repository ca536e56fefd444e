"""The Grafana example asks only what the API answers: routes, parameters and fields."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

INFINITY = "yesoreyeram-infinity-datasource"
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


@pytest.mark.parametrize("title", PANELS)
def test_a_query_has_the_shape_that_the_infinity_source_reads(title: str) -> None:
    """As its types of queries say: a JSON answer of a URL, in columns, parsed by the backend."""
    target = PANELS[title]

    assert target["datasource"] == {"type": INFINITY, "uid": "${datasource}"}
    assert (target["type"], target["source"], target["parser"]) == ("json", "url", "backend")
    assert target["format"] in {"table", "timeseries", "dataframe"}
    assert target["url_options"]["method"] == "GET"
    assert all({"selector", "text", "type"} <= column.keys() for column in target["columns"])
    assert {column["type"] for column in target["columns"]} <= {"string", "number", "timestamp"}


def test_panels_stand_side_by_side_in_the_grid_of_24_columns() -> None:
    taken = [
        (column, line)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len({*taken})
    assert max(column for column, _ in taken) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_whatever_a_query_puts_in_is_a_variable_of_the_dashboard() -> None:
    named = {one["name"] for one in DASHBOARD["templating"]["list"]}

    used = {name.partition(":")[0] for name in re.findall(r"\$\{([^}]+)\}", json.dumps(DASHBOARD))}

    assert used - {"__from", "__to"} == named


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
