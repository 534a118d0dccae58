"""Between which looks an event of Stripe's was delivered."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from conformance.real.stripe_api import StripeApi
from conformance.real.stripe_events import StripeEvents
from conformance.real.stripe_ledger import Ledger, ledger_facts

INTENT = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "created": 1_700_000_000, "amount": 500}
ANSWERING_US = 300


class Told:
    """Stripe, which takes its time to answer; `pending` is what each look is told in turn."""

    def __init__(self, pending: list[Any]) -> None:
        self.pending = pending
        self.now_us = 0
        self.asked_us: list[int] = []

    async def listed(self, path: str, filters: Any = None, *, most: int | None = None, down_to_s: int = 0) -> list[Any]:
        if most is not None:
            return []
        return [await self.get(path)]

    async def get(self, path: str, query: Any = None) -> dict[str, Any]:
        self.asked_us.append(self.now_us)
        self.now_us += ANSWERING_US
        return {
            "id": "evt_1",
            "type": "payment_intent.succeeded",
            "created": 1_700_000_000,
            "data": {"object": INTENT},
            "pending_webhooks": self.pending.pop(0) if len(self.pending) > 1 else self.pending[0],
        }


def success_after(stripe: Told, looks: int) -> dict[str, Any]:
    """What the ledger says of the success, after so many looks."""
    events = StripeEvents(cast(StripeApi, stripe), lambda: stripe.now_us)

    async def look() -> None:
        await events.begin()
        for _ in range(looks):
            stripe.now_us += 10_000
            await events.look()

    asyncio.run(look())
    assert events.failed is None
    [fact] = ledger_facts(Ledger([INTENT], [], []), events, "acct", None, lambda time_us: time_us)
    assert fact.state == "succeeded"
    return dict(fact.detail or {})


def test_the_delivery_is_bounded_by_the_looks_before_and_after_it() -> None:
    stripe = Told([1, 1, 0])
    detail = success_after(stripe, 3)
    first_zero = 2
    assert detail["delivered_by_us"] == stripe.asked_us[first_zero] + ANSWERING_US
    assert detail["delivered_after_us"] == stripe.asked_us[first_zero - 1]


def test_what_was_never_seen_pending_has_no_lower_bound() -> None:
    detail = success_after(Told([0]), 1)
    assert "delivered_after_us" not in detail
    assert "delivered_by_us" in detail


def test_what_is_still_pending_has_no_upper_bound() -> None:
    stripe = Told([2])
    detail = success_after(stripe, 2)
    assert detail["delivered_after_us"] == stripe.asked_us[-1]
    assert "delivered_by_us" not in detail


@pytest.mark.parametrize("nonsense", [None, "0", True])
def test_an_answer_that_tells_no_number_tells_nothing(nonsense: object) -> None:
    assert not {"delivered_by_us", "delivered_after_us"} & success_after(Told([nonsense]), 2).keys()
