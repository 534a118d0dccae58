"""Requests about test clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.account import UNCLAIMED, Account
from sim.stripe.billing_period import moved_on
from sim.stripe.context import Context, Unprompted
from sim.stripe.errors import invalid_request, missing_parameter
from sim.stripe.listing import PAGING, page
from sim.stripe.subscription import Subscription
from sim.stripe.test_clock import TestClock
from sim.time import time_us

CREATE: Final[parameters.Specification] = {
    "customer": parameters.unmodelled,
    "frozen_time": parameters.integer,
    "name": parameters.text,
    "expand": parameters.listed(parameters.text),
}
ADVANCE: Final[parameters.Specification] = {
    "frozen_time": parameters.integer,
    "expand": parameters.listed(parameters.text),
}
LIST: Final = PAGING
MOST_INTERVALS: Final = 2
MOST_YEARS: Final = 2
"""How far a clock can be advanced at a time: so many intervals of the shortest subscription on it, or so many years
where there is none. Source: the description of `frozen_time` of the operation in the official SDK."""


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "frozen_time" not in values:
        raise missing_parameter("frozen_time")
    account = context.account = context.owner(None)
    clock = TestClock(account.next_id("clock"), context.now_s, values["frozen_time"], values.get("name"))
    account.objects[clock.id] = clock
    clock.emit(context, "created")
    return clock.render()


def retrieve(context: Context, values: Mapping[str, Any], clock_id: str) -> dict[str, Any]:
    return context.ledger.get(TestClock, clock_id).render()


def advance(context: Context, values: Mapping[str, Any], clock_id: str) -> dict[str, Any]:
    """Do all that falls due until then, in the order of time.

    All is done when the answer comes, which shows the clock on its way, as Stripe's does: whoever asks again finds it
    ready.
    """
    if "frozen_time" not in values:
        raise missing_parameter("frozen_time")
    clock = context.ledger.get(TestClock, clock_id)
    account = context.ledger.known(clock.id)
    target_s: int = values["frozen_time"]
    _check_target(clock, account, target_s)
    clock.target = target_s
    clock.emit(context, "advancing")
    body = clock.render()
    if account is not None:
        unprompted = Unprompted(context.merchant, account, time_us(clock.frozen_time))
        if account.billing is not None:
            account.billing.catch_up(unprompted, target_s)
        context.events += unprompted.events
    clock.frozen_time, clock.target = target_s, None
    clock.emit(context, "ready")
    return body


def delete(context: Context, values: Mapping[str, Any], clock_id: str) -> dict[str, Any]:
    """With the clock goes all that is on it: customers, and their subscriptions and invoices."""
    clock = context.ledger.get(TestClock, clock_id)
    clock.emit(context, "deleted")
    context.ledger.forget(clock.id)
    del context.ledger.account(UNCLAIMED).objects[clock.id]
    return {"id": clock.id, "object": "test_helpers.test_clock", "deleted": True}


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    return page(context.ledger.of(TestClock), values, "/v1/test_helpers/test_clocks")


def _check_target(clock: TestClock, account: Account | None, target_s: int) -> None:
    if target_s <= clock.frozen_time:
        raise invalid_request(
            f"Cannot advance the test clock to {target_s}: that is not after its frozen time, {clock.frozen_time}.",
            param="frozen_time",
        )
    furthest_s, why = _furthest(clock, account)
    if target_s > furthest_s:
        raise invalid_request(
            f"Cannot advance the test clock to {target_s}: {why} it can be advanced to {furthest_s} at most.",
            param="frozen_time",
        )


def _furthest(clock: TestClock, account: Account | None) -> tuple[int, str]:
    """The Unix second to which it can be advanced, and why no further. Assumption: what has ended does not count."""
    found = [
        (moved_on(clock.frozen_time, recurring.interval, MOST_INTERVALS * recurring.interval_count), subscription.id)
        for subscription in (account.of(Subscription) if account else ())
        if not subscription.ended and (recurring := subscription.items[0].price.recurring) is not None
    ]
    if not found:
        return moved_on(clock.frozen_time, "year", MOST_YEARS), f"in steps of {MOST_YEARS} years without a subscription"
    furthest_s, subscription_id = min(found)
    return furthest_s, f"in steps of {MOST_INTERVALS} intervals of the subscription {subscription_id}"
