"""Test clocks: customers whose time stands still until somebody moves it on.

Source: Stripe's page "API and advanced usage" of test clocks. Everything of the customers on one clock is an account of
its own, whose time is the clock's: lists of everything leave it out, and it goes when the clock goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.stripe.account import UNCLAIMED, Account, T
from sim.stripe.dunning import DAY_S

if TYPE_CHECKING:
    from sim.messages import Request
    from sim.stripe.context import Context

KEPT_S: Final = 7 * DAY_S
"""How long after it was made a clock is shown to be deleted. Source: the example of the Test Clock object in Stripe's
reference, whose `deletes_after` is so much later than its `created`. The double deletes none by itself."""
_TIMED_BY: Final = ("customer", "subscription", "invoice", "payment_intent", "charge")
"""Parameters that name something which may be on a test clock."""


class TestClock:
    """One clock. Times are Unix seconds; `target` is there while it is being advanced."""

    __slots__ = ("id", "created", "frozen_time", "name", "target")
    __test__ = False
    spoken_name: ClassVar = "test clock"

    def __init__(self, clock_id: str, created: int, frozen_time: int, name: str | None) -> None:
        self.id = clock_id
        self.created = created
        self.frozen_time = frozen_time
        self.name = name
        self.target: int | None = None

    def render(self) -> dict[str, Any]:
        advancing = None if self.target is None else {"target_frozen_time": self.target}
        return {
            "id": self.id,
            "object": "test_helpers.test_clock",
            "created": self.created,
            "deletes_after": self.created + KEPT_S,
            "frozen_time": self.frozen_time,
            "livemode": False,
            "name": self.name,
            "status": "advancing" if advancing else "ready",
            "status_details": {"advancing": advancing} if advancing else {},
        }

    def emit(self, context: Context, change: str) -> None:
        account = context.ledger.account(UNCLAIMED)
        context.emit(account, f"test_helpers.test_clock.{change}", self.id, self.render())


def account_on(context: Context, clock_id: str) -> Account:
    """The account of those on a clock, and its time from here on. Raises StripeError where there is no such clock."""
    test_clock = context.ledger.given(TestClock, clock_id, "test_clock")
    account = context.ledger.account(test_clock.id)
    context.ledger.set_clock(account, test_clock)
    context.stand_at(test_clock.frozen_time)
    return account


def all_on(context: Context, clock_id: str, kind: type[T]) -> list[T]:
    """All objects of one class on a clock, oldest first. Raises StripeError where there is no such clock."""
    return context.ledger.account(context.ledger.given(TestClock, clock_id, "test_clock").id).of(kind)


def tell_time(context: Context, object_id: str, request: Request) -> None:
    """Let the request happen at the time of the clock on which the objects are that it names, if they are on one."""
    body = request.body if isinstance(request.body, Mapping) else {}
    for name in (object_id, *(body.get(name) for name in _TIMED_BY)):
        account = context.ledger.holder(name) if isinstance(name, str) else None
        if account is not None and account.test_clock is not None:
            context.stand_at(account.test_clock.frozen_time)
            return
