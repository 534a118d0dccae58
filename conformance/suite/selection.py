"""Which variants the suite consists of: the library without its negative controls, and the scenarios that go looking.

A suite runs in one phase and under one regime, as a deployment does. It asks of each customer whether what happened
was right; how many of them buy is a question for `gatefall run`, so that thresholds do not count here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final

from scenarios.library import library_directory, probing_directory
from scenarios.reading import LoadedScenario, read_scenarios
from scenarios.scenario import Customers, FrontEnd, Regime, Scenario, Variant
from scenarios.variants import ALL_PHASES, front_end_in, pm_gate_in
from sim.customers import Population, Shopper
from sim.streams import Streams

DEFAULT_PHASE: Final = 4
DEFAULT_REGIME: Final[Regime] = "continuation"

FEWEST_CUSTOMERS: Final = 8
"""Assumption: enough that what is drawn only later (a challenge, a second card) comes out in more than one way."""
MOST_CUSTOMERS: Final = 40
"""Assumption: a name that none of so many draws is too rare to wait for; other scenarios are about it alone."""
CUSTOMERS_PER_LATER_NAME: Final = 3
"""For each name of a mix that is drawn only when it comes up. Assumption: most of them come up then."""


def suite_scenarios() -> list[LoadedScenario]:
    """Every scenario that the suite may take, negative controls apart. Raises ScenarioErrors."""
    loaded = read_scenarios([library_directory(), probing_directory()])
    return [one for one in loaded if not is_control(one.scenario)]


def is_control(scenario: Scenario) -> bool:
    """Whether a scenario is there to be violated."""
    return any(expected.violated for expected in scenario.expect)


def suite_variants(
    phase: int = DEFAULT_PHASE,
    regime: Regime = DEFAULT_REGIME,
    *,
    seed: int = 1,
    customers: int | None = None,
    loaded: Sequence[LoadedScenario] | None = None,
) -> list[Variant]:
    """The suite's variants in a phase and regime, in the order of the scenarios.

    `customers` is how many come in each; without it, as many as meet every name of its mixes under that seed.
    `loaded`: the scenarios to take, in place of `suite_scenarios()`. A scenario that is about other phases or regimes
    has no variant here.
    """
    chosen = suite_scenarios() if loaded is None else loaded
    return [_with_customers(variant, seed, customers) for one in chosen for variant in _variants_of(one, phase, regime)]


def _variants_of(loaded: LoadedScenario, phase: int, regime: Regime) -> Iterator[Variant]:
    scenario = loaded.scenario
    if phase not in phases_of(scenario) or regime not in (regimes_of(scenario) or (regime,)):
        return
    judged = scenario.model_copy(update={"expect": (), "properties": "all"})
    front_ends: tuple[FrontEnd, ...] = scenario.matrix.front_end or (scenario.customers.front_end,)
    for front_end in dict.fromkeys(front_end_in(phase, one) for one in front_ends):
        yield Variant(
            scenario=judged,
            file=loaded.file,
            phase=phase,
            regime=regime,
            front_end=front_end,
            pm_gate=pm_gate_in(phase, scenario),
        )


def phases_of(scenario: Scenario) -> tuple[int, ...]:
    """The phases that a scenario is about; all, if it names none."""
    pinned = () if scenario.backend.phase is None else (scenario.backend.phase,)
    return scenario.matrix.phase or pinned or ALL_PHASES


def regimes_of(scenario: Scenario) -> tuple[Regime, ...]:
    """The regimes that a scenario names; empty: it is about none in particular."""
    pinned = (scenario.backend.regime,) if "regime" in scenario.backend.model_fields_set else ()
    return scenario.matrix.regime or pinned


def _with_customers(variant: Variant, seed: int, customers: int | None) -> Variant:
    count = customers if customers is not None else customers_needed(variant, seed)
    who = variant.scenario.customers.model_copy(update={"count": count})
    return variant.model_copy(update={"scenario": variant.scenario.model_copy(update={"customers": who})})


def customers_needed(variant: Variant, seed: int) -> int:
    """How many customers, from the first on, meet every name of the scenario's mixes under a seed."""
    population = Population(variant)
    last_new = 0
    met: set[Hashable] = set()
    for number in range(MOST_CUSTOMERS):
        traits = set(_traits(population.draw(Streams(seed, number)), variant.scenario.customers))
        if not traits <= met:
            last_new = number + 1
            met |= traits
    fewest = max(FEWEST_CUSTOMERS, CUSTOMERS_PER_LATER_NAME * _most_later_names(variant.scenario.customers))
    return max(last_new, min(fewest, MOST_CUSTOMERS))


def _traits(shopper: Shopper, customers: Customers) -> Iterable[Hashable]:
    """What the scenario's own mixes decided of a customer; the default customer model's are not what it is about."""
    yield "payment_method_on_file", shopper.pm_on_file
    yield "client", shopper.client
    yield "cart", shopper.basket
    yield "double_submit", shopper.double_submit
    yield "standing", shopper.standing
    for name, drawn in (
        ("pays_with", shopper.pays_with),
        ("payment_step", shopper.payment_step),
        ("first_card", shopper.first_card),
        ("abandons_at", shopper.abandons_at),
    ):
        if getattr(customers, name) != "calibrated":
            yield name, drawn


def _most_later_names(customers: Customers) -> int:
    """Of the mixes that are drawn only when they come up, how many names the largest has."""
    later = (
        customers.challenge,
        customers.redirect,
        customers.after_decline,
        customers.after_gate,
        customers.next_card,
    )
    return max(len(mix) if isinstance(mix, dict) else 1 for mix in later)
