"""The form of answers: what fits, what does not, and what the contract leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.answer_form import misfits
from sim.messages import Answer

SUBSCRIPTION: dict[str, Any] = {
    "id": "s1",
    "rate_plan": {"id": "images"},
    "frequency": "monthly",
    "price": 500,
    "currency": "usd",
    "state": "AwaitingPayment",
    "created_on": "2026-01-05T09:30:00Z",
}
BOUGHT: dict[str, Any] = {"subscriptions": [SUBSCRIPTION], "client_secrets": ["pi_1_secret_x"]}


def success(result: Any, **more: Any) -> dict[str, Any]:
    return {"success": True, "errors": [], "messages": [], "result": result, **more}


def refusal(**more: Any) -> dict[str, Any]:
    errors = [{"code": 1001, "message": "name: is required"}]
    return {"success": False, "errors": errors, "messages": [], "result": None, **more}


def found(operation: str, status: int, body: Any) -> list[str]:
    return list(misfits(operation, Answer(status, body)))


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        ("bulk_create", 200, success(BOUGHT)),
        ("bulk_create", 201, success(BOUGHT, trace="x")),
        ("list_subscriptions", 200, success([{**SUBSCRIPTION, "zone_id": None, "colour": "red"}])),
        ("list_subscriptions", 200, success([{**SUBSCRIPTION, "state": "Processing", "rate_plan": {"id": "new"}}])),
        ("bulk_create", 200, success(BOUGHT, messages=[{"code": 7, "message": "hello"}])),
        ("bulk_create", 402, refusal()),
        ("no_such_operation", 404, refusal()),
        ("cancel", 418, refusal(errors=[{"code": 5, "message": "", "documentation": "…"}])),
        ("invoice_pdf", 200, b"%PDF-1.7"),
        ("bulk_create", 502, b"<html>"),
        ("bulk_create", 413, None),
    ],
)
def test_what_fits_or_is_left_open(operation: str, status: int, body: Any) -> None:
    assert found(operation, status, body) == []


@pytest.mark.parametrize(
    ("operation", "status", "body", "said"),
    [
        ("bulk_create", 200, refusal(), "success"),
        ("bulk_create", 402, success(BOUGHT), "success"),
        ("bulk_create", 402, refusal(success=True), "success"),
        ("bulk_create", 402, refusal(errors=[]), "errors"),
        ("bulk_create", 402, refusal(errors=["no"]), "errors.0"),
        ("bulk_create", 402, refusal(errors=[{"message": "no"}]), '"code"'),
        ("bulk_create", 402, refusal(errors=[{"code": "1210", "message": "no"}]), "errors.0.code"),
        ("bulk_create", 402, refusal(result={}), "result"),
        ("bulk_create", 200, success(BOUGHT, errors=[{"code": 1, "message": "but"}]), "errors"),
        ("bulk_create", 200, success(BOUGHT, messages=None), "messages"),
        ("bulk_create", 200, success(None), "result"),
        ("bulk_create", 200, {"success": True, "errors": [], "result": BOUGHT}, '"messages"'),
        ("bulk_create", 200, BOUGHT, '"success"'),
        ("bulk_create", 200, success({**BOUGHT, "client_secrets": "pi_1_secret_x"}), "client_secrets"),
        ("bulk_create", 200, success({"subscriptions": [], "client_secrets": [5]}), "client_secrets.0"),
        ("list_subscriptions", 200, success(None), "result"),
        ("list_subscriptions", 200, success([{**SUBSCRIPTION, "price": "5.00"}]), "result.0.price"),
        ("list_subscriptions", 200, success([{**SUBSCRIPTION, "price": None}]), '"price"'),
        ("list_subscriptions", 200, success([{**SUBSCRIPTION, "created_on": "05.01.2026"}]), "created_on"),
        ("list_subscriptions", 200, success([{**SUBSCRIPTION, "created_on": "2026-01-05T09:30:00+01:00"}]), "created"),
        ("billing_history", 200, success([]), '"result_info"'),
        ("entitlements", 500, b"Internal Server Error", "no JSON object"),
        ("entitlements", 200, None, "empty"),
    ],
)
def test_what_does_not_fit(operation: str, status: int, body: Any, said: str) -> None:
    (what,) = found(operation, status, body)
    assert said in what


def test_no_remark_holds_a_value() -> None:
    (what,) = found("bulk_create", 200, success({**BOUGHT, "client_secrets": "pi_1_secret_hush"}))
    assert "hush" not in what
