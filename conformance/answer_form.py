"""The form of answers: the envelope, its agreement with the status, and results as the OpenAPI description has them.

The description says what our own deployment answers; where the contract leaves more open than that, so does this:
other members, null for a member that may be missing, other states between, other codes, ids and products. Labels and
secrets have values that are other properties' affair.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import jsonschema_rs

from conformance.servers.openapi import contract
from sim.messages import Answer

_MEMBERS: Final = ("success", "errors", "messages", "result")
_PASSERS_BY: Final = (408, 413, 414, 415, 431, 502, 503, 504)
"""What a proxy or a server answers by itself, in a form of its own, before or in place of the service."""
_ENTRIES: Final[Mapping[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
    },
}
_SUCCESS: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": list(_MEMBERS),
    "properties": {"success": {"const": True}, "errors": {**_ENTRIES, "maxItems": 0}, "messages": _ENTRIES},
}
_REFUSAL: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": list(_MEMBERS),
    "properties": {
        "success": {"const": False},
        "errors": {**_ENTRIES, "minItems": 1},
        "messages": _ENTRIES,
        "result": {"type": "null"},
    },
}
_MASK: Final = "what is there"
"""Stands in a remark in place of every value: an answer may hold secrets."""


def misfits(operation: str, answer: Answer) -> Iterator[str]:
    """In what an answer does not have its operation's form, in words; of an unknown operation, the envelope's."""
    body, status = answer.body, answer.status
    if not isinstance(body, Mapping):
        if not _comes_bare(operation, answer) and not (status in _PASSERS_BY or 300 <= status < 400):
            yield f"the body is no JSON object, but {type(body).__name__ if body is not None else 'empty'}"
        return
    if status < 300:
        validator = _of_success(operation)
    elif status >= 400:
        validator = _of_refusal()
    else:
        return
    if type(body.get("success")) is bool and body["success"] is not (status < 300):
        yield f"success: {str(body['success']).lower()}, although the status is {status}"
        return
    error = next(validator.iter_errors(body), None)
    if error is None:
        return
    shorn = _without_nulls(body, error)
    if shorn is not None:
        error = next(validator.iter_errors(shorn), None)
    if error is not None:
        place = ".".join(str(part) for part in error.instance_path)
        yield f"{place or 'the answer'}: {error.message}"


def _comes_bare(operation: str, answer: Answer) -> bool:
    """A file, which has no envelope."""
    return operation == "invoice_pdf" and answer.status < 300


@cache
def _of_refusal() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(dict(_REFUSAL), mask=_MASK)


@cache
def _of_success(operation: str) -> jsonschema_rs.Draft202012Validator:
    result = _results().get(operation)
    schema: dict[str, Any] = {**_SUCCESS, "components": {"schemas": _schemas()}}
    if result is not None:
        schema["allOf"] = [result]
    return jsonschema_rs.Draft202012Validator(schema, mask=_MASK, validate_formats=True)


@cache
def _results() -> Mapping[str, Any]:
    """What each operation answers besides the envelope, by the operation's name."""
    described = contract()
    responses = described["components"]["responses"]
    found: dict[str, Any] = {}
    for item in described["paths"].values():
        for operation in item.values():
            if not isinstance(operation, Mapping) or "operationId" not in operation:
                continue
            for status, response in operation["responses"].items():
                if not str(status).startswith("2"):
                    continue
                told = responses[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
                schema = told.get("content", {}).get("application/json", {}).get("schema", {})
                parts = [part for part in schema.get("allOf", ()) if "$ref" not in part]
                if parts:
                    found[operation["operationId"]] = {"allOf": parts}
    return found


@cache
def _schemas() -> dict[str, Any]:
    """The description's schemas, with what the contract leaves open left open."""
    schemas = copy.deepcopy(dict(contract()["components"]["schemas"]))
    subscription, zone = schemas["Subscription"]["properties"], schemas["Zone"]["properties"]
    subscription["state"] = zone["status"] = {"type": "string"}
    schemas["RatePlanId"] = schemas["Feature"] = {"type": "string"}
    schemas["ClientSecret"] = schemas["SetUp"]["properties"]["client_secret"] = {"type": "string"}
    schemas["Profile"]["properties"] = {}
    schemas["PaymentMethod"]["properties"]["id"] = {"type": "string", "minLength": 1}
    schemas["Invoice"]["properties"]["label"] = {"type": "string"}
    schemas["Bought"]["properties"]["subscriptions"].pop("minItems")
    schemas["Currency"] = schemas["ToConfirm"]["properties"]["intent_type"] = {"type": "string"}
    return schemas


def _without_nulls(body: Mapping[str, Any], error: jsonschema_rs.ValidationError) -> Any:
    """The same without the members that are null, of which any that may be missing may be; None if there are none.

    The result itself may be null only where the description says so, and stays.
    """
    if not error.instance_path:
        return None
    shorn = {name: _shorn(value) for name, value in body.items()}
    return shorn if shorn != body else None


def _shorn(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shorn(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_shorn(inner) for inner in value]
    return value
