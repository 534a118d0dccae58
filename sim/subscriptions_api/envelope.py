"""The envelope that every answer of the deployment comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sim.messages import NO_HEADERS, Answer

NOT_FITTING: Final = 1001
UNAUTHENTICATED: Final = 10000
WRONG_METHOD: Final = 7001
NOT_FOUND: Final = 7003
RATE_LIMITED: Final = 971
GATE: Final = 1210
NEEDS_CUSTOMER: Final = 1211
LOCKED: Final = 1212
BANNED: Final = 1213
CARD_REFUSED: Final = 1214
DEBTOR: Final = 1215
NOT_PAYABLE: Final = 1220
KEY_REUSED: Final = 1230
WRONG_STATE: Final = 1231
STRIPE_UNREACHABLE: Final = 1232
UPSTREAM: Final = 1000
"""Something behind the gateway failed or did not answer in time."""


class Refusal(Exception):
    """A request that is refused: HTTP status, error code, a message for a person, and headers for programs."""

    def __init__(self, status: int, code: int, message: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def answer(self) -> Answer:
        return refusal(self.status, self.code, self.message, self.headers)


class StripeUnreachable(Refusal):
    """Stripe did not answer, or answered that it could not: what was asked may or may not have happened."""

    def __init__(self, what: str) -> None:
        super().__init__(
            503,
            STRIPE_UNREACHABLE,
            f"Stripe did not answer ({what}); repeat the request: nothing is charged a second time",
        )


class CardRefused(Refusal):
    """Stripe refused the card; never to be mistaken for the gate."""

    def __init__(self, decline_code: str) -> None:
        super().__init__(402, CARD_REFUSED, f"the payment method was refused: {decline_code}")


class WrongMethod(Refusal):
    """A method that a path does not have; the answer names those that it has."""

    def __init__(self, method: str, possible: Iterable[str]) -> None:
        allowed = ", ".join(possible)
        message = f"{method[:20]} is not possible here: expected {allowed}"
        super().__init__(405, WRONG_METHOD, message, {"allow": allowed})


def refusal(status: int, code: int, message: str, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """An answer that says no."""
    errors = [{"code": code, "message": message}]
    return Answer(status, {"success": False, "errors": errors, "messages": [], "result": None}, headers)


def success(result: Any, messages: list[dict[str, Any]] | None = None, status: int = 200) -> Answer:
    """An answer that says yes."""
    return Answer(status, {"success": True, "errors": [], "messages": messages or [], "result": result})


def page_of(result: list[Any], page: int, per_page: int, total_count: int) -> Answer:
    """One page of a longer list."""
    info = {"page": page, "per_page": per_page, "count": len(result), "total_count": total_count}
    return Answer(200, {"success": True, "errors": [], "messages": [], "result": result, "result_info": info})
