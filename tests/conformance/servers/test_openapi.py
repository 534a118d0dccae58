"""The served description is OpenAPI 3.1, and describes what the deployment has: every operation, and nothing else."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from conformance.servers.openapi import contract, openapi_page
from scenarios.catalogue import RATE_PLANS
from sim.backend import REGIMES
from sim.billing_webhooks.service import PATH as WEBHOOKS
from sim.gateway import ADMIN_API_PREFIX, CUSTOMER_PREFIX
from sim.store import IN_FORCE
from sim.subscriptions_api import envelope
from sim.subscriptions_api.body import MAX_LINES
from sim.subscriptions_api.routes import (
    ADMIN_OPERATIONS,
    BUYS,
    CUSTOMER_OPERATIONS,
    admin_methods_of,
    methods_of,
)
from sim.test_support import ACCOUNTS, CLOCK, CONFIG

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NAMED = CUSTOMER_PREFIX + "/accounts/{account_id}"
ADMIN = ADMIN_API_PREFIX + "{account_id}"
TEST_SUPPORT = {
    ("POST", ACCOUNTS),
    ("DELETE", ACCOUNTS + "/{account_id}"),
    ("POST", CLOCK),
    ("GET", CONFIG),
    ("PUT", CONFIG),
}


def operations() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and description of every operation that is described."""
    for path, item in contract()["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def below(prefix: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The operations whose paths begin so, with the rest of the path."""
    for method, path, described in operations():
        if path.startswith(prefix + "/"):
            yield method, path[len(prefix) :], described


def customer_forms() -> tuple[dict[tuple[str, str], Any], dict[tuple[str, str], Any]]:
    """Customers' operations by method and path: with the account from the credential, and with the account named."""
    named = {(method, path): described for method, path, described in below(NAMED)}
    short = {
        (method, path): described
        for method, path, described in below(CUSTOMER_PREFIX)
        if not path.startswith("/accounts/")
    }
    return short, named


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference within the document refers to."""
    while "$ref" in node:
        place: Any = contract()
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


def codes_of(response: Mapping[str, Any]) -> set[int]:
    """The error codes that a refusal may carry."""
    [_, narrowed] = resolved(response)["content"]["application/json"]["schema"]["allOf"]
    code = narrowed["properties"]["errors"]["items"]["properties"]["code"]
    return set(code.get("enum", [code.get("const")]))


def test_it_is_openapi_3_1() -> None:
    document = orjson.loads(openapi_page()[0])
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_validator_would_find_a_fault() -> None:
    broken = copy.deepcopy(orjson.loads(openapi_page()[0]))
    del broken["paths"]["/api/v4/zones/{id}"]["parameters"]
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_it_is_served_as_json() -> None:
    content, media_type = openapi_page()
    assert media_type == "application/json"
    assert orjson.loads(content) == contract()


def test_every_customer_operation_is_described_and_nothing_else() -> None:
    short, _ = customer_forms()
    described: set[str] = set()
    for (method, path), operation in short.items():
        found = methods_of(path.replace("{id}", "some-id"))
        assert found is not None, f"{path} does not exist"
        methods, identifier = found
        assert methods.get(method) == operation["operationId"], f"{method} {path}"
        assert bool(identifier) == ("{id}" in path)
        described.add(operation["operationId"])
    assert described == set(CUSTOMER_OPERATIONS)


def test_every_customer_operation_is_described_with_the_account_named_too() -> None:
    short, named = customer_forms()
    assert set(named) == set(short)
    for place, operation in named.items():
        other = short[place]
        assert operation["operationId"] == other["operationId"] + "_of_account"
        answers = operation["responses"]
        assert 10000 in codes_of(answers["403"])
        assert codes_of(answers["403"]) - {10000} == (
            codes_of(other["responses"]["403"]) if place_refuses(other) else set()
        )
        assert {**operation, "operationId": None, "responses": None} == {
            **other,
            "operationId": None,
            "responses": None,
        }
        assert {**answers, "403": None} == {**other["responses"], "403": None}


def place_refuses(operation: Mapping[str, Any]) -> bool:
    """Whether an operation is refused to some accounts."""
    return "403" in operation["responses"]


def test_every_administrators_operation_is_described_and_nothing_else() -> None:
    described = set()
    for method, path, operation in below(ADMIN):
        methods = admin_methods_of(path)
        assert methods is not None, f"{path} does not exist"
        assert methods.get(method) == operation["operationId"]
        assert operation["security"] == [{"administrator": []}]
        described.add(operation["operationId"])
    assert described == set(ADMIN_OPERATIONS)


def test_the_other_services_are_described() -> None:
    others = {
        (method, path)
        for method, path, _ in operations()
        if not path.startswith((CUSTOMER_PREFIX + "/", ADMIN_API_PREFIX))
    }
    assert others == TEST_SUPPORT | {("POST", WEBHOOKS)}


def test_only_purchases_take_a_key() -> None:
    """What honours a key says so, and can refuse a reused one."""
    for method, path, operation in operations():
        name = operation["operationId"].removesuffix("_of_account")
        keys = [resolved(entry)["name"] for entry in operation.get("parameters", [])]
        assert ("Idempotency-Key" in keys) == (name in BUYS), f"{method} {path}"
        reused = "409" in operation["responses"] and envelope.KEY_REUSED in codes_of(operation["responses"]["409"])
        assert reused == (name in BUYS), f"{method} {path}"


def test_every_refusal_that_exists_is_described() -> None:
    described: set[int] = {envelope.WRONG_METHOD}  # no operation answers it: it is for methods that are not there
    for _, _, operation in operations():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                described |= codes_of(response)
    known = set(contract()["components"]["schemas"]["Code"]["enum"])
    existing = {value for name, value in vars(envelope).items() if name.isupper() and isinstance(value, int)}
    assert known == existing - {envelope.NEEDS_CUSTOMER}
    assert described == known


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ("RatePlanId", RATE_PLANS),
        ("Frequency", ("monthly", "yearly")),
    ],
)
def test_enumerations_are_those_of_the_model(schema: str, values: tuple[str, ...]) -> None:
    assert set(contract()["components"]["schemas"][schema]["enum"]) == set(values)


def test_limits_and_states_are_those_of_the_model() -> None:
    schemas = contract()["components"]["schemas"]
    assert schemas["Lines"]["maxItems"] == MAX_LINES
    assert schemas["Settings"]["properties"]["regime"]["enum"] == list(REGIMES)
    assert set(schemas["Subscription"]["properties"]["state"]["enum"]) > set(IN_FORCE)


def test_every_id_in_a_path_is_a_parameter() -> None:
    for path, item in contract()["paths"].items():
        given = [resolved(entry) for entry in item.get("parameters", [])]
        assert {entry["name"] for entry in given if entry["in"] == "path"} == set(re.findall(r"{(\w+)}", path)), path


def test_what_is_shared_is_used() -> None:
    """No schema or response lies about that nothing refers to."""
    text = openapi_page()[0].decode()
    components = contract()["components"]
    for kind in ("schemas", "responses", "parameters", "headers"):
        for name in components[kind]:
            assert f'"#/components/{kind}/{name}"' in text, f"{kind}/{name}"
