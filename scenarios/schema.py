"""The JSON Schema (2020-12) of scenario files, for editors. `python -m scenarios.schema` prints it.

It is made from the model of scenario.py, and says in addition what a file may write that the model does not show: one
name in place of a mix, durations with units, and the names of products, gates, parameters, properties and metrics. It
is deliberately weaker than reading a file, which checks meaning too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from scenarios.catalogue import RATE_PLANS, TLD_PRICES_MINOR
from scenarios.duration import PATTERN, written
from scenarios.gates import GATES
from scenarios.metrics import METRICS
from scenarios.parameters import PARAMETERS
from scenarios.probe_names import PROBE_NAMES
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.scenario import Scenario

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME: Final = "scenario.schema.json"
"""The generated file, beside this module."""

_COMPARISON: Final = "(>=|<=|==|!=|>|<)"
_CALIBRATED: Final = "calibrated"


def scenario_schema() -> Schema:
    """The schema of a scenario file."""
    schema = Scenario.model_json_schema(mode="validation")
    parts: Schema = schema["$defs"]
    for part in (schema, *parts.values()):
        part["description"] = _one_line(part.get("description", ""))
        for described in part.get("properties", {}).values():
            _tidy(described)
    _name_everything(schema, parts)
    head = {"$schema": DIALECT, "title": "Gatefall scenario"}
    return head | {key: value for key, value in schema.items() if key != "title"}


def schema_text() -> str:
    """The schema as the text of the generated file."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tidy(described: Schema) -> None:
    """One property: no generated titles, its default as a file would write it, one name where a mix may stand."""
    described.pop("title", None)
    if "description" in described:
        described["description"] = _one_line(described["description"])
    for member in (described, *described.get("anyOf", ())):
        member.pop("title", None)
        member.pop("x-title", None)
    if "default" in described and not _tidy_default(described):
        del described["default"]
    mix = next(_mixes(described), None)
    if mix is not None:
        _allow_one_name(described, mix)


def _tidy_default(described: Schema) -> bool:
    """Write the default as a file would; False where a file could not or need not (nothing, whole parts)."""
    default = described["default"]
    if described.get("pattern") == PATTERN:
        described["default"] = written(default)
    elif isinstance(default, dict):
        described["default"] = next(iter(default), None)
        return next(_mixes(described), None) is not None and bool(default)
    return default is not None and not isinstance(default, list | tuple)


def _mixes(described: Schema) -> Iterator[Schema]:
    """The mapping of names to weights among the forms of a property, if it is a mix."""
    for member in (described, *described.get("anyOf", ())):
        if member.get("type") == "object" and "enum" in member.get("propertyNames", {}):
            weight = member.get("additionalProperties")
            if isinstance(weight, dict) and weight.get("type") == "number":
                yield member


def _allow_one_name(described: Schema, mix: Schema) -> None:
    """A mix is one name, or a mapping of names to weights of which one is above 0."""
    names = list(mix["propertyNames"]["enum"])
    members = described.pop("anyOf", [])
    shorthand = [_CALIBRATED] if any(member.get("const") == _CALIBRATED for member in members) else []
    nothing = [member for member in members if member.get("type") == "null"]
    mapping = {
        "type": "object",
        "propertyNames": {"enum": names},
        "additionalProperties": {"type": "number", "minimum": 0},
        "minProperties": 1,
    }
    for key in ("type", "propertyNames", "additionalProperties"):
        described.pop(key, None)
    described["anyOf"] = [{"enum": [*names, *shorthand]}, mapping, *nothing]


def _name_everything(schema: Schema, parts: Schema) -> None:
    """Put the names of the catalogues where the model only says text."""
    for part, key in (("Line", "rate_plan"), ("Upgrade", "from_plan"), ("Upgrade", "to_plan"), ("Append", "rate_plan")):
        parts[part]["properties"][key]["enum"] = list(RATE_PLANS)
    parts["Domain"]["properties"]["tld"]["enum"] = list(TLD_PRICES_MINOR)
    schema["properties"]["probe"]["anyOf"][0]["enum"] = list(PROBE_NAMES)
    _replace_mapping(parts["Backend"]["properties"]["gates"], _gates())
    _replace_mapping(parts["Customers"]["properties"]["parameters"], _parameters())
    properties: Schema = {"enum": list(CHECKED_PROPERTIES)}
    for member in schema["properties"]["properties"]["anyOf"]:
        if member.get("type") == "array":
            member["items"] = properties
    expectation = parts["Expectation"]["properties"]
    expectation["violated"]["items"] = properties
    expectation["thresholds"]["items"] = _threshold()
    for member in expectation["when"]["anyOf"]:
        if member.get("type") == "string":
            member["pattern"] = rf"^\s*{_condition()}(\s+and\s+{_condition()})*\s*$"


def _replace_mapping(described: Schema, names: Schema) -> None:
    described.update(type="object", properties=names, additionalProperties=False)


def _gates() -> Schema:
    return {gate.name: {"type": "boolean", "description": gate.meaning} for gate in GATES.values()}


def _parameters() -> Schema:
    return {
        one.name: {
            "type": "integer" if one.unit == "count" else "number",
            "description": f"{one.meaning} ({one.unit}; default {one.default:g})",
            "minimum": one.low,
            "maximum": one.high,
        }
        for one in PARAMETERS.values()
    }


def _threshold() -> Schema:
    names = "|".join(METRICS)
    listed = "; ".join(f"{metric.name}: {metric.meaning}" for metric in METRICS.values())
    return {
        "type": "string",
        "pattern": rf"^\s*({names})\s*(\[[^\[\]]+\])?\s*({_COMPARISON}\s*-?[0-9.]+\s*%?|between\s+.+\s+and\s+.+)\s*$",
        "description": f"A metric compared with a number. {listed}.",
    }


def _condition() -> str:
    regime, front_end = r"regime\s*(==|!=)\s*(legacy|act-1|continuation)", r"front_end\s*(==|!=)\s*(old|inline|new)"
    return rf"(phase\s*{_COMPARISON}\s*[0-6]|{regime}|{front_end})"


if __name__ == "__main__":
    print(schema_text(), end="")
