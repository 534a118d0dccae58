"""What a purchase costs over HTTP, next to the same purchase simulated: from one process, in one run.

    python benchmarks/purchases.py [--customers N] [--rounds N]

(a) purchases a second and core of `gatefall run --target mock --pace 0`: client and servers in one process, every call
    between the customer, the gateway, subscriptions-api, Stripe and billing-webhooks a request over loopback;
(b) the same purchases simulated, the target of every other run;
(c) the cost of (a) in units of (b), and of one HTTP exchange (both ends of it) in microseconds.

The rounds alternate; of costs and ratios the median is printed. Customers are the same in both, and so are the facts:
the benchmark compares them, and fails where they differ.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from conformance.mock import MockTarget
from conformance.over_http.client import HttpAnswer, HttpxClient
from conformance.simulated import SimulatedTarget
from conformance.target import Target
from scenarios.reading import read_scenarios
from scenarios.variants import variants
from sim.facts import Fact

[CHECKOUT] = variants(read_scenarios([str(Path(__file__).with_name("plain-checkout.yaml"))]))
SEED = 1


def cost_us(target: Target, customers: int) -> tuple[float, dict[int, list[Fact]]]:
    """Processor time a purchase, in microseconds, and what happened to each customer."""
    happened: dict[int, list[Fact]] = {}

    def settled(number: int, account: str, facts: list[Fact]) -> None:
        happened[number] = facts

    gc.collect()
    gc.disable()
    begun_ns = time.process_time_ns()
    target.run(CHECKOUT, SEED, range(customers), settled)
    spent_ns = time.process_time_ns() - begun_ns
    gc.enable()
    return spent_ns / customers / 1_000, happened


def exchanges(customers: int) -> float:
    """HTTP requests of one purchase."""
    counted = 0
    send = HttpxClient.send

    async def counting(self: HttpxClient, *request: object) -> HttpAnswer:
        nonlocal counted
        counted += 1
        return await send(self, *request)  # type: ignore[arg-type]

    HttpxClient.send = counting  # type: ignore[assignment,method-assign]
    try:
        cost_us(MockTarget(), customers)
    finally:
        HttpxClient.send = send  # type: ignore[method-assign]
    return counted / customers


def round_of(customers: int) -> tuple[float, float]:
    """Costs over HTTP and simulated. Exits where the two differ in what happened."""
    over_http_us, seen = cost_us(MockTarget(), customers)
    simulated_us, expected = cost_us(SimulatedTarget(), customers)
    if seen != expected:
        sys.exit("what happened over HTTP is not what happened in the simulated world: the costs cannot be compared")
    return over_http_us, simulated_us


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=400, help="purchases a round (default: 400)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of rounds (default: 5)")
    arguments = parser.parse_args()
    tell(arguments.customers, rounds(arguments.customers, arguments.rounds))


def rounds(customers: int, count: int) -> Sequence[tuple[float, float]]:
    """Pairs of costs, after a short round that does not count: what is loaded at its first use."""
    round_of(min(50, customers))
    return [round_of(customers) for _ in range(count)]


def tell(customers: int, pairs: Sequence[tuple[float, float]]) -> None:
    """Print the medians."""
    over_http_us = statistics.median(pair[0] for pair in pairs)
    simulated_us = statistics.median(pair[1] for pair in pairs)
    ratios = sorted(one / other for one, other in pairs)
    requests = exchanges(min(50, customers))
    each_us = (over_http_us - simulated_us) / requests
    print(
        f"(a) over HTTP, pace 0: {1e6 / over_http_us:8,.0f} purchases a second and core ({over_http_us:,.0f} us each)"
    )
    print(
        f"(b) simulated:         {1e6 / simulated_us:8,.0f} purchases a second and core ({simulated_us:,.0f} us each)"
    )
    print(
        f"(c) ratio of cost (a)/(b), median: {statistics.median(ratios):.1f} (from {ratios[0]:.1f} to {ratios[-1]:.1f})"
    )
    print(
        f"    HTTP exchanges a purchase: {requests:.1f}; each costs {each_us:,.0f} us, both ends and lockstep included"
    )


if __name__ == "__main__":
    main()
