"""What a full checkout costs, next to what SimPy itself costs: from one process, in one run, so that the ratio holds.

    python benchmarks/checkout.py [--customers N] [--rounds N]

(a) full Unified Checkouts a second and core: customer, clients, gateway, subscriptions-api, Stripe, signed webhooks,
    the history of facts, all properties and the metrics;
(b) a bare SimPy process with nineteen time-outs;
(c) the cost of (a) in units of (b). The pairs of rounds alternate, and the median of the ratios is printed.

Recording to Parquet is measured apart: it is the disk format's cost, not the checkout's.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import simpy

from conformance.batch import Batch
from conformance.circumstances import circumstances_of
from conformance.history import History
from conformance.judging import Judging
from conformance.recording import CellWriter
from reports.metrics import Metrics
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact

TIMEOUTS = 19

[CHECKOUT] = variants(read_scenarios([str(Path(__file__).with_name("plain-checkout.yaml"))]))


def bare_process(environment: simpy.Environment) -> Generator[Any, Any, None]:
    """A customer who only waits."""
    for _ in range(TIMEOUTS):
        yield environment.timeout(7)


def bare(customers: int) -> None:
    """SimPy alone: each customer arrives after the one before."""
    environment = simpy.Environment()

    def arrivals() -> Generator[Any, Any, None]:
        for _ in range(customers):
            environment.process(bare_process(environment))
            yield environment.timeout(1)

    environment.process(arrivals())
    environment.run()


def simulate(customers: int, on_history: Callable[[History], None]) -> None:
    """The whole deployment."""
    circumstances = circumstances_of(CHECKOUT)

    def settled(number: int, account: str, facts: list[Fact]) -> None:
        on_history(History(number, account, facts, circumstances))

    SimulatedDeployment(CHECKOUT, 1).run(range(customers), settled)


def full(customers: int) -> None:
    """Checkouts with history, properties and summary."""
    judging, metrics = Judging(CHECKED_PROPERTIES), Metrics()
    batch = Batch(judging.add, metrics.add)
    simulate(customers, batch.add)
    batch.flush()
    judging.verdicts()
    metrics.values()


def cost_us(work: Callable[[int], None], customers: int) -> float:
    """Processor time a customer, in microseconds; garbage is collected before and after, not meanwhile."""
    gc.collect()
    gc.disable()
    begun_ns = time.process_time_ns()
    work(customers)
    spent_ns = time.process_time_ns() - begun_ns
    gc.enable()
    return spent_ns / customers / 1_000


def parts(customers: int) -> Sequence[tuple[str, float]]:
    """The shares of a checkout's cost, measured one after another."""
    histories: list[History] = []
    judging, metrics = Judging(CHECKED_PROPERTIES), Metrics()

    def judge(_: int) -> None:
        for history in histories:
            judging.add(history)

    def count(_: int) -> None:
        for history in histories:
            metrics.add(history)

    def record(_: int) -> None:
        with tempfile.TemporaryDirectory() as folder, CellWriter(Path(folder), 0, len(histories)) as writer:
            for history in histories:
                writer.add(history.customer, history.account, history.facts)

    model = cost_us(lambda number: simulate(number, histories.append), customers)
    return (
        ("model and history", model),
        ("properties", cost_us(judge, customers)),
        ("metrics", cost_us(count, customers)),
        ("recording to Parquet (not in the ratio)", cost_us(record, customers)),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000, help="customers a round (default: 1000)")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of rounds (default: 7)")
    arguments = parser.parse_args()
    full(50)
    parts(50)  # what is imported at its first use must not count
    pairs = [(cost_us(full, arguments.customers), cost_us(bare, arguments.customers)) for _ in range(arguments.rounds)]
    checkout_us = statistics.median(pair[0] for pair in pairs)
    bare_us = statistics.median(pair[1] for pair in pairs)
    ratios = sorted(whole / alone for whole, alone in pairs)
    spread = f"from {ratios[0]:.1f} to {ratios[-1]:.1f}"
    print(
        f"(a) full Unified Checkouts:         {1e6 / checkout_us:8,.0f} a second and core ({checkout_us:.0f} us each)"
    )
    print(f"(b) bare SimPy, nineteen time-outs:{1e6 / bare_us:8,.0f} a second and core ({bare_us:.1f} us each)")
    print(f"(c) ratio of cost (a)/(b), median: {statistics.median(ratios):8.1f} ({spread})")
    for name, microseconds in parts(arguments.customers):
        print(f"    {name}: {microseconds:.0f} us")


if __name__ == "__main__":
    main()
