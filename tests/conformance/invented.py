"""An invented target and fold: quick, deterministic, and picklable, for testing what runs, records and merges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.cells import cell_count
from conformance.history import History
from conformance.manifest import Manifest, PlannedVariant, StoredScenario
from conformance.running import Plan
from conformance.target import OnSettled
from scenarios.scenario import Capacity, Customers, Scenario, Variant
from sim.facts import EXACT, OBSERVED, Fact
from sim.streams import Streams


def invented_facts(seed: int, customer: int) -> list[Fact]:
    """A few facts that depend on seed and customer alone."""
    streams = Streams(seed, customer)
    start_us = streams.exponential_us(1_000_000, 0)
    price = round(streams.uniform(1) * 5_000)
    return [
        Fact(
            start_us, OBSERVED, "unified-checkout", "attempt", "a1", detail={"lines": 1, "client": "unified-checkout"}
        ),
        Fact(
            start_us + 7, OBSERVED, "unified-checkout", "answer", "r1", "a1", "create", "ok", 200, None, None, {"z": 1}
        ),
        Fact(start_us + 9, EXACT, "stripe", "intent", f"pi_{customer}", "cus_é", state="succeeded", amount_minor=price),
        Fact(start_us + 11, EXACT, "world", "settled", f"acct{customer:08d}", state="drained"),
    ]


@dataclass(frozen=True)
class InventedTarget:
    """Settles customers in the opposite order; breaks or loses the customers that it is told to."""

    breaks_at: int | None = None
    loses: int | None = None
    interrupts_at: int | None = None
    name: str = "invented"

    def run(self, variant: Variant, seed: int, customers: Sequence[int], on_settled: OnSettled) -> None:
        for customer in reversed(customers):
            if customer == self.breaks_at:
                raise RuntimeError("the invented target broke")
            if customer == self.interrupts_at:
                raise KeyboardInterrupt
            if customer != self.loses:
                on_settled(customer, f"acct{customer:08d}", invented_facts(seed, customer))


@dataclass
class Sum:
    """Adds amounts and keeps the order in which customers came: merging in another order shows."""

    amount_minor: int = 0
    customers: list[int] = field(default_factory=list)

    def add(self, history: History) -> None:
        self.amount_minor += sum(fact.amount_minor or 0 for fact in history.facts)
        self.customers.append(history.customer)

    def merge(self, other: Any) -> None:
        self.amount_minor += other.amount_minor
        self.customers += other.customers


def sum_of(_: Variant) -> Sum:
    return Sum()


def invented_variant(count: int, name: str = "invented", shares_queues: bool = False) -> Variant:
    capacity: Any = {"stripe": Capacity(workers=1)} if shares_queues else {}
    scenario = Scenario(name=name, title=name, customers=Customers(count=count), capacity=capacity)
    return Variant(
        scenario=scenario, file=f"{name}.yaml", phase=2, regime="continuation", front_end="old", pm_gate=False
    )


def invented_plan(*variants: Variant, seed: int = 7) -> Plan:
    manifest = Manifest(
        gatefall="0",
        seed=seed,
        target="invented",
        scenarios=tuple(StoredScenario.of(v.scenario.name, v.file, "name: x\n") for v in variants),
        variants=tuple(
            PlannedVariant(v.scenario.name, "phase-2", v.scenario.customers.count, cell_count(v)) for v in variants
        ),
    )
    return Plan(manifest, variants)
