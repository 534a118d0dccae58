"""What a service answers when it failed itself, in the form in which its clients expect errors."""

from __future__ import annotations

from typing import Any, Final

from sim.messages import Answer
from sim.subscriptions_api.envelope import NOT_FITTING, UPSTREAM, refusal

STRIPE: Final = "stripe"
_BROKEN: Final = "something went wrong on our side; the request may or may not have been carried out"


def broken(service: str) -> Answer:
    """500: a defect of the service, of which the client is told nothing more."""
    return own_error(service, 500, _BROKEN)


def unavailable(service: str, why: str) -> Answer:
    """503: nothing was changed; the request can be repeated."""
    return own_error(service, 503, f"{why}; repeat the request later")


def unreadable(status: int, message: str, service: str = "") -> Answer:
    """A request that the service cannot even be asked: no valid HTTP, or a body that is none."""
    return own_error(STRIPE, status, message) if service == STRIPE else refusal(status, NOT_FITTING, message)


def own_error(service: str, status: int, message: str) -> Answer:
    """An error in the form of Stripe, or of the deployment's own services."""
    if service == STRIPE:
        error: dict[str, Any] = {"message": message, "type": "api_error" if status >= 500 else "invalid_request_error"}
        return Answer(status, {"error": error})
    return refusal(status, UPSTREAM, message)
