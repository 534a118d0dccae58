"""What the backend asks of Stripe, as calls that a program yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.effects import Call
from sim.messages import NO_HEADERS, Answer, Request
from sim.store import Account, IntentKind, Purchase
from sim.time import SECOND_US

_PATHS: Final[Mapping[IntentKind, str]] = {"payment": "/v1/payment_intents", "setup": "/v1/setup_intents"}
_NAMES: Final[Mapping[IntentKind, str]] = {"payment": "payment_intent", "setup": "setup_intent"}
_CREATES: Final[Mapping[IntentKind, str]] = {"payment": "create_payment_intent", "setup": "create_setup_intent"}
_METADATA_CHARACTERS: Final = 500
"""The longest value of a metadata key. Source: Stripe's documentation of metadata."""

_TIMEOUT_US: Final = 20 * SECOND_US
"""How long the backend waits for Stripe. Assumption: less than its own callers wait, so that they hear of it."""

_METHOD_CODES: Final = frozenset(
    {
        "payment_method_unactivated",
        "payment_method_unexpected_state",
        "payment_method_unsupported_type",
        "payment_method_customer_mismatch",
    }
)


class StripeCalls:
    """Builds requests with the deployment's secret key; every key that makes something is idempotent by purchase."""

    __slots__ = ("_authorization", "_headers")

    def __init__(self, secret_key: str) -> None:
        self._authorization = f"Bearer {secret_key}"
        self._headers = {"authorization": self._authorization}

    def create_intent(self, account: Account, purchase: Purchase, body: Mapping[str, Any]) -> Call:
        """Create the purchase's intent. A repeat with the same generation reaches the same intent."""
        kind = purchase.intent_kind
        key = f"{account.customer}-{purchase.id}-{purchase.generation}"
        return self._post(_PATHS[kind], body, key, _CREATES[kind])

    def confirm_intent(self, purchase: Purchase, body: Mapping[str, Any]) -> Call:
        """Confirm the purchase's intent. An intent succeeds once, however often it is confirmed."""
        kind = purchase.intent_kind
        key = f"{purchase.intent_id}-confirm-{purchase.confirmations}"
        return self._post(f"{_PATHS[kind]}/{purchase.intent_id}/confirm", body, key, "confirm_" + _NAMES[kind])

    def retrieve_intent(self, kind: IntentKind, intent_id: str) -> Call:
        return self._get(f"{_PATHS[kind]}/{intent_id}", "retrieve_" + _NAMES[kind])

    def cancel_intent(self, kind: IntentKind, intent_id: str, reason: str) -> Call:
        path = f"{_PATHS[kind]}/{intent_id}/cancel"
        return self._post(path, {"cancellation_reason": reason}, None, "cancel_" + _NAMES[kind])

    def list_intents(self, kind: IntentKind, customer: str) -> Call:
        request = Request(
            "GET", _PATHS[kind], None, self._headers, {"customer": customer, "limit": "100"}, f"list_{_NAMES[kind]}s"
        )
        return Call("stripe", request, _TIMEOUT_US)

    def refund(self, intent_id: str, amount_minor: int, key: str) -> Call:
        body = {"payment_intent": intent_id, "amount": amount_minor, "reason": "requested_by_customer"}
        return self._post("/v1/refunds", body, key, "create_refund")

    def create_setup(self, account: Account) -> Call:
        """A SetupIntent outside any purchase, with which a customer puts a payment method on file."""
        body = {"customer": account.customer, "usage": "off_session", "metadata": {"account_id": account.id}}
        key = f"{account.customer}-setup-{account.setups + 1}"
        return self._post("/v1/setup_intents", body, key, "create_setup_intent")

    def create_customer(self, account_id: str, profile: Mapping[str, Any]) -> Call:
        body = {"name": profile["name"], "email": profile["email"], "metadata": {"account_id": account_id}}
        return self._post("/v1/customers", body, None, "create_customer")

    def delete_customer(self, customer: str) -> Call:
        request = Request("DELETE", f"/v1/customers/{customer}", None, self._headers, operation="delete_customer")
        return Call("stripe", request, _TIMEOUT_US)

    def import_paypal(self, customer: str, email: str) -> Call:
        """Put a PayPal account on file whose owner agreed elsewhere, without sending anybody to PayPal."""
        body = {
            "customer": customer,
            "confirm": True,
            "payment_method_data": {"type": "paypal", "billing_details": {"email": email}},
            "payment_method_options": {"paypal": {"billing_agreement_id": f"B-{customer}"}},
            "return_url": "https://billing.example.com/profile",
        }
        return self._post("/v1/setup_intents", body, None, "create_setup_intent")

    def retrieve_payment_method(self, payment_method_id: str) -> Call:
        return self._get(f"/v1/payment_methods/{payment_method_id}", "retrieve_payment_method")

    def update_payment_method(self, payment_method_id: str, body: Mapping[str, Any]) -> Call:
        return self._post(f"/v1/payment_methods/{payment_method_id}", body, None, "update_payment_method")

    def attach_payment_method(self, payment_method_id: str, customer: str) -> Call:
        path = f"/v1/payment_methods/{payment_method_id}/attach"
        return self._post(path, {"customer": customer}, None, "attach_payment_method")

    def detach_payment_method(self, payment_method_id: str) -> Call:
        return self._post(f"/v1/payment_methods/{payment_method_id}/detach", {}, None, "detach_payment_method")

    def list_payment_methods(self, customer: str) -> Call:
        path = f"/v1/customers/{customer}/payment_methods"
        request = Request("GET", path, None, self._headers, {"limit": "100"}, "list_payment_methods")
        return Call("stripe", request, _TIMEOUT_US)

    def _get(self, path: str, operation: str) -> Call:
        return Call("stripe", Request("GET", path, None, self._headers, operation=operation), _TIMEOUT_US)

    def _post(self, path: str, body: Mapping[str, Any], key: str | None, operation: str) -> Call:
        headers: Mapping[str, str] = self._headers
        if key is not None:
            headers = {"authorization": self._authorization, "idempotency-key": key}
        return Call("stripe", Request("POST", path, body, headers, NO_HEADERS, operation), _TIMEOUT_US)


def intent_body(account: Account, purchase: Purchase) -> dict[str, Any]:
    """What an intent of the purchase says: amount, customer, and the metadata that a ledger is matched by."""
    metadata = {"account_id": account.id, "purchase_id": purchase.id}
    if len(purchase.subscription_ids) == 1:
        metadata["subscription_ids"] = purchase.subscription_ids[0]
    else:
        metadata.update(_subscription_ids(purchase.subscription_ids))
    if purchase.invoice_id is not None:
        metadata["invoice_id"] = purchase.invoice_id
    if purchase.intent_kind == "setup":
        return {"customer": account.customer, "usage": "off_session", "metadata": metadata}
    return {
        "amount": purchase.amount_minor,
        "currency": "usd",
        "customer": account.customer,
        "setup_future_usage": "off_session",
        "metadata": metadata,
    }


def _subscription_ids(subscription_ids: list[str]) -> dict[str, str]:
    joined = ",".join(subscription_ids)
    if not joined:  # a debt: Stripe has no empty values
        return {}
    if len(joined) <= _METADATA_CHARACTERS:
        return {"subscription_ids": joined}
    end = joined.rindex(",", 0, _METADATA_CHARACTERS + 1)
    return {"subscription_ids": joined[:end], "subscription_ids_more": joined[end + 1 :]}


def is_uncertain(answer: Answer) -> bool:
    """Whether nobody can know yet what became of the request: no answer, a fault of Stripe's, or "later"."""
    status = answer.status
    return status == 0 or status >= 500 or status in (409, 429)


def is_replayed(answer: Answer) -> bool:
    """Whether Stripe repeats what it answered the first time."""
    return answer.headers.get("idempotent-replayed") == "true"


def refuses_payment_method(answer: Answer) -> bool:
    """Whether a 4xx says that the payment method is unknown, detached, used up or another customer's."""
    error = answer.body["error"]
    return error.get("param") == "payment_method" or error.get("code") in _METHOD_CODES


def error_message(answer: Answer) -> str:
    """What Stripe says about an error, for a person."""
    body = answer.body
    error = body.get("error") if isinstance(body, dict) else None
    return f"HTTP {answer.status}, {error.get('message') if isinstance(error, dict) else 'no error object'}"
