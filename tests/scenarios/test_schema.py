"""The JSON Schema that editors use."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import scenarios
from scenarios.library import library_files
from scenarios.schema import FILE_NAME, scenario_schema, schema_text
from scenarios.yaml_tree import plain, read_tree

_HEAD = {"name": "case", "title": "A case"}


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(scenario_schema())


def _as_json(content: bytes) -> Any:
    return json.loads(json.dumps(plain(read_tree(content))))


def test_the_committed_file_is_the_generated_one() -> None:
    committed = Path(scenarios.__file__).parent / FILE_NAME
    assert committed.read_text() == schema_text(), "run: python -m scenarios.schema > scenarios/" + FILE_NAME


def test_it_is_a_schema() -> None:
    jsonschema_rs.meta.validate(scenario_schema())


@pytest.mark.parametrize("name", list(library_files()))
def test_the_library_fits(name: str, schema: jsonschema_rs.Validator) -> None:
    schema.validate(_as_json(library_files()[name].read_bytes()))


@pytest.mark.parametrize(
    "part",
    [
        {"title": 5},
        {"name": "Not A Name"},
        {"phase": 2},
        {"customers": {"count": 0}},
        {"customers": {"client": "unified-chekout"}},
        {"customers": {"client": {"multisku": -1}}},
        {"customers": {"client": {}}},
        {"customers": {"client": "calibrated"}},
        {"customers": {"pays_with": {"crad": 1}}},
        {"customers": {"returns_after": 24}},
        {"customers": {"returns_after": "24 hours"}},
        {"customers": {"carts": [{"lines": [{"rate_plan": "workers_payed"}]}]}},
        {"customers": {"carts": [{"lines": [{}]}]}},
        {"customers": {"parameters": {"mobile_share": 2}}},
        {"customers": {"parameters": {"mobile_shar": 0.2}}},
        {"backend": {"phase": 7}},
        {"backend": {"gates": {"pmgate": False}}},
        {"matrix": {"regime": ["act1"]}},
        {"faults": [{"kind": "latency", "colour": "red"}]},
        {"properties": ["charged-twice"]},
        {"expect": [{"thresholds": ["conversin >= 0.5"]}]},
        {"expect": [{"thresholds": ["conversion = 0.5"]}]},
        {"expect": [{"when": "fase == 2"}]},
        {"expect": [{"violated": ["paypal-wrong-path"]}]},
    ],
)
def test_what_is_wrong_does_not_fit(part: dict[str, Any], schema: jsonschema_rs.Validator) -> None:
    assert schema.is_valid(_HEAD)
    assert not schema.is_valid(_HEAD | part)


def test_shorthands_fit(schema: jsonschema_rs.Validator) -> None:
    customers = {
        "client": {"multisku": 1, "iapi": 0.5},
        "pays_with": "calibrated",
        "challenge": "passed",
        "regions": None,
        "returns_after": "1.5h",
        "arrivals": {"process": "every", "every": "250ms"},
    }
    schema.validate(_HEAD | {"customers": customers, "expect": [{"thresholds": ["outcome[stuck] == 0"]}]})


def test_defaults_are_written_as_files_write_them() -> None:
    parts = scenario_schema()["$defs"]
    assert parts["Arrivals"]["properties"]["over"]["default"] == "1h"
    assert parts["Capacity"]["properties"]["service_time"]["default"] == "20ms"
    assert parts["Customers"]["properties"]["client"]["default"] == "unified-checkout"
