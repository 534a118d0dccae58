"""Refusals, in the shape in which Stripe tells them.

Statuses, types and codes follow Stripe's pages "Errors" and "Error codes"; the messages are close to Stripe's own,
because people search for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe.test_cards import Decline

NO_HEADERS: Final[Mapping[str, str]] = {}
ACCOUNT_ID: Final = "acct_gatefall"
"""The merchant's own account at Stripe."""


class StripeError(Exception):
    """A request that Stripe refuses. `headers` are told beside those of every answer.

    `kept` says whether a repeat with the same idempotency key gets this same refusal: true once the endpoint began to
    execute, false for parameters that did not pass and objects that do not exist.
    """

    def __init__(self, status: int, error: dict[str, Any], *, kept: bool = False) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.error = error
        self.kept = kept
        self.headers = NO_HEADERS


def doc_url(code: str) -> str:
    return "https://stripe.com/docs/error-codes/" + code.replace("_", "-")


def request_log_url(request_id: str, now_s: int) -> str:
    """Where the dashboard shows what was asked and answered."""
    return f"https://dashboard.stripe.com/test/logs/{request_id}?t={now_s}"


def invalid_request(
    message: str, *, param: str | None = None, code: str | None = None, status: int = 400, kept: bool = False
) -> StripeError:
    """A request that is wrong in itself: `invalid_request_error`."""
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error"}
    if code is not None:
        error["code"] = code
        error["doc_url"] = doc_url(code)
    if param is not None:
        error["param"] = param
    return StripeError(status, error, kept=kept)


def missing_parameter(param: str) -> StripeError:
    return invalid_request(f"Missing required param: {param}.", param=param, code="parameter_missing")


def no_such(spoken_name: str, object_id: object, param: str) -> StripeError:
    """404 when the path names it; Stripe answers 400 where a parameter does, and `at_parameter` makes that of it."""
    return invalid_request(f"No such {spoken_name}: '{object_id}'", param=param, code="resource_missing", status=404)


def unauthorized(message: str) -> StripeError:
    return invalid_request(message, status=401)


def secret_key_required() -> StripeError:
    return invalid_request(
        "This API call cannot be made with a publishable API key. Please use a secret API key. "
        "You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.",
        code="secret_key_required",
        status=403,
    )


def read_only_key(key: str, resource: str) -> StripeError:
    """A restricted key that asks for more than it was given."""
    return invalid_request(
        f"The provided key '{key}' does not have the required permissions for this endpoint on account "
        f"'{ACCOUNT_ID}'. Having the 'rak_{resource}_write' permission would allow this request to continue.",
        status=403,
    )


def rate_limited() -> StripeError:
    error = invalid_request(
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        status=429,
    )
    error.headers = {"stripe-rate-limited-reason": "global-rate"}
    return error


def failure(decline: Decline, payment_method: Mapping[str, Any] | None, charge: str | None = None) -> dict[str, Any]:
    """A refusal by issuer or provider, as `last_payment_error`, `last_setup_error` and an error's body hold it."""
    error: dict[str, Any] = {
        "code": decline.code,
        "doc_url": doc_url(decline.code),
        "message": decline.message,
        "type": "card_error",
    }
    if charge is not None:
        error["charge"] = charge
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    if decline.advice_code is not None:
        error["advice_code"] = decline.advice_code
    if decline.network_decline_code is not None:
        error["network_decline_code"] = decline.network_decline_code
    if payment_method is not None:
        error["payment_method"] = payment_method
        error["payment_method_type"] = payment_method["type"]
    return error


def authentication_failure(code: str, payment_method: Mapping[str, Any]) -> dict[str, Any]:
    """A failed challenge, or an authorization that the customer did not give: by Stripe's typing not a card error."""
    return {
        "code": code,
        "doc_url": doc_url(code),
        "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
        "payment_method": payment_method,
        "payment_method_type": payment_method["type"],
        "type": "invalid_request_error",
    }


def card_refused(decline: Decline, param: str | None = None) -> StripeError:
    """402 outside of an intent: a card that cannot be tokenized or saved."""
    error = failure(decline, None)
    if param is not None:
        error["param"] = param
    return StripeError(402, error, kept=True)
