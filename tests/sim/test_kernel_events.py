"""How much of SimPy's schedule a plain checkout takes: the one figure of its cost that no machine changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import simpy

from scenarios.reading import read_scenarios
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact

FILE = Path(__file__).parents[2] / "benchmarks" / "plain-checkout.yaml"
[PLAIN_CHECKOUT] = variants(read_scenarios([str(FILE)]))


class Counting(simpy.Environment):
    """SimPy's own kernel, which counts what is put in its schedule."""

    scheduled = 0

    def schedule(self, *arguments: Any, **named: Any) -> None:
        self.scheduled += 1
        super().schedule(*arguments, **named)


def run(customers: int) -> tuple[int, int]:
    """Entries in the schedule, and how often entitlements were polled."""
    environment = Counting(initial_time=0)
    polls: list[int] = []

    def settled(_number: int, _account: str, facts: list[Fact]) -> None:
        polls.append(sum(fact.kind == "request" and fact.operation == "entitlements" for fact in facts))

    SimulatedDeployment(PLAIN_CHECKOUT, 1, environment).run(range(customers), settled)
    assert len(polls) == customers
    return environment.scheduled, sum(polls)


WAITS = 2  # the cart is looked at, the card is entered
CALLS = 3  # bulk create, the intent that it makes, the confirmation
WEBHOOKS = 1  # waits, is sent and is answered
ALARM = 1  # that of the purchase, which strikes in vain


def test_fifty_plain_checkouts_take_837_kernel_events() -> None:
    events, polls = run(50)
    assert polls == 79
    assert events == 50 * (WAITS + 2 * CALLS + 3 * WEBHOOKS + ALARM) + 3 * polls == 837
