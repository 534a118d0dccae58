"""Stripe.js as the customer's browser has it: creates payment methods, confirms intents, reads them by their secret.

What it sends holds card numbers and client secrets, so no request is noted: only what became of each confirmation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.clients.gateway_client import intent_of
from sim.effects import Call, Program
from sim.messages import Answer, Request

if TYPE_CHECKING:
    from sim.customers.session import Session

_RETURN_URL: Final = "https://dashboard.example.com/checkout/return"
_STATUSES: Final = frozenset(
    (
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "processing",
        "requires_capture",
        "succeeded",
        "canceled",
    )
)


class Confirmation:
    """Where an intent stands after an operation on it.

    `status`: Stripe's, or "unknown" where no readable answer came. `http_status` 0: none came in time. `decline_code`:
    why the last try to pay failed, if it did. `next_url`: the hosted page to visit where `status` is `requires_action`.
    `method_id`: the payment method that the intent has.
    """

    __slots__ = ("decline_code", "http_status", "method_id", "next_url", "status")

    def __init__(self, status: str, http_status: int, decline_code: str | None = None, intent: Any = None) -> None:
        self.status = status
        self.http_status = http_status
        self.decline_code = decline_code
        self.next_url = _page_of(intent)
        self.method_id = _method_of(intent)


class StripeClient:
    """One browser's Stripe.js with the merchant's publishable key."""

    __slots__ = ("_headers", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self._headers = {"authorization": "Bearer " + session.publishable_key}

    def create_payment_method(self, data: Mapping[str, Any]) -> Program[str | Confirmation]:
        """Tokenize what was entered: the nonce `pm_…`, or why there is none."""
        body = {**data, "metadata": {"account_id": self.session.account_id}}
        answer = yield self._call("POST", "/v1/payment_methods", body, "create_payment_method")
        if answer.status == 200 and type(answer.body) is dict:
            identifier = answer.body.get("id")
            if type(identifier) is str and identifier:
                return identifier
        return Confirmation("unknown", answer.status, _decline_in(answer))

    def confirm(
        self, secret: str, method: str | Mapping[str, Any] | None, how: str, attempt_try: int, redirects: bool = False
    ) -> Program[Confirmation]:
        """Confirm an intent, with `redirect: if_required`: pages open only where the method or the issuer needs one.

        `method`: a nonce, the data that was entered, or None to confirm what is attached already. `how` names it in the
        facts: card, wallet, paypal, saved. `redirects`: the method always leaves the page, so a return URL is given.
        """
        operation, path = _of_secret(secret)
        body: dict[str, Any] = {"client_secret": secret}
        if type(method) is str:
            body["payment_method"] = method
        elif method is not None:
            body["payment_method_data"] = method
        if redirects:
            body["return_url"] = _RETURN_URL
        else:
            body["use_stripe_sdk"] = True
        answer = yield self._call("POST", path + "/confirm", body, operation)
        confirmation = _read(answer)
        self.note_confirmation(secret, confirmation, how, attempt_try)
        return confirmation

    def retrieve(self, secret: str) -> Program[Confirmation]:
        """Read where an intent stands."""
        _, path = _of_secret(secret)
        answer = yield Call(
            "stripe",
            Request("GET", path, None, self._headers, {"client_secret": secret}, operation="retrieve_intent"),
        )
        return _read(answer)

    def note_confirmation(
        self, secret: str, confirmation: Confirmation, how: str, attempt_try: int, after: str | None = None
    ) -> None:
        """Note where a confirmation led. `after`: the challenge or redirect that came between."""
        detail: dict[str, Any] = {"payment_method": how, "try": attempt_try}
        if confirmation.decline_code is not None and confirmation.status == "requires_payment_method":
            detail["decline_code"] = confirmation.decline_code
        if after is not None:
            detail["after"] = after
        session = self.session
        session.note(
            "confirm",
            intent_of(secret),
            session.attempt_id,
            "confirm_setup" if secret.startswith("seti_") else "confirm_payment",
            confirmation.status,
            confirmation.http_status or None,
            None,
            None,
            detail,
        )

    def _call(self, method: str, path: str, body: Mapping[str, Any], operation: str) -> Call:
        return Call("stripe", Request(method, path, body, self._headers, operation=operation))


def _of_secret(secret: str) -> tuple[str, str]:
    """The operation that confirms the secret's intent, and the intent's path."""
    identifier = secret.partition("_secret_")[0]
    if secret.startswith("seti_"):
        return "confirm_setup", "/v1/setup_intents/" + identifier
    return "confirm_payment", "/v1/payment_intents/" + identifier


def _read(answer: Answer) -> Confirmation:
    """The intent in an answer, which an error carries inside."""
    body = answer.body
    if type(body) is not dict:
        return Confirmation("unknown", answer.status)
    error = body.get("error")
    if type(error) is dict:
        intent = error.get("payment_intent") or error.get("setup_intent")
        status = _status_in(intent)
        if status == "unknown" and error.get("type") == "card_error":
            status = "requires_payment_method"
        return Confirmation(status, answer.status, _decline_of(error), intent)
    failure = body.get("last_payment_error") or body.get("last_setup_error")
    decline_code = None if failure is None else _decline_of(failure)
    return Confirmation(_status_in(body), answer.status, decline_code, body)


def _status_in(intent: Any) -> str:
    status = intent.get("status") if type(intent) is dict else None
    return status if type(status) is str and status in _STATUSES else "unknown"


def _decline_in(answer: Answer) -> str | None:
    return _decline_of(answer.body.get("error")) if type(answer.body) is dict else None


def _decline_of(error: Any) -> str | None:
    if type(error) is not dict:
        return None
    for name in ("decline_code", "code"):
        code = error.get(name)
        if type(code) is str:
            return code
    return None


def _page_of(intent: Any) -> str | None:
    """The page that `next_action` asks to visit: 3D Secure or the provider's."""
    action = intent.get("next_action") if type(intent) is dict else None
    if type(action) is not dict:
        return None
    for name, member in (("redirect_to_url", "url"), ("use_stripe_sdk", "stripe_js")):
        page = action.get(name)
        url = page.get(member) if type(page) is dict else None
        if type(url) is str and url.count("/") >= 3:
            return url
    return None


def _method_of(intent: Any) -> str | None:
    method = intent.get("payment_method") if type(intent) is dict else None
    if type(method) is dict:
        method = method.get("id")
    return method if type(method) is str else None
