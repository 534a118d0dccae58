"""The variants of a scenario: every combination of its matrix, with defaults resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from scenarios.gates import PM_GATE
from scenarios.phase import COMMITMENT_PHASE, PHASES, FrontEndByPhase, default_front_end
from scenarios.scenario import FrontEnd, Regime, Scenario, Variant

if TYPE_CHECKING:
    from scenarios.reading import LoadedScenario

ALL_PHASES: Final[tuple[int, ...]] = tuple(phase.number for phase in PHASES)


class Combination(NamedTuple):
    """What a variant adds to its scenario."""

    phase: int
    regime: Regime
    front_end: FrontEndByPhase


def combinations(scenario: Scenario) -> tuple[Combination, ...]:
    """Every combination of the scenario's matrix, once: by phase, then regime, then front end, as listed.

    A scenario that names no phase, neither in `backend` nor in `matrix`, runs in all of them.
    """
    matrix = scenario.matrix
    pinned = () if scenario.backend.phase is None else (scenario.backend.phase,)
    phases = matrix.phase or pinned or ALL_PHASES
    regimes = matrix.regime or (scenario.backend.regime,)
    front_ends = matrix.front_end or (scenario.customers.front_end,)
    every = (
        Combination(phase, regime, front_end_in(phase, front_end))
        for phase in phases
        for regime in regimes
        for front_end in front_ends
    )
    return tuple(dict.fromkeys(every))


def front_end_in(phase: int, front_end: FrontEnd) -> FrontEndByPhase:
    """The generation that `auto` stands for in a phase; any other stands for itself."""
    return default_front_end(phase) if front_end == "auto" else front_end


def variants(
    loaded: Sequence[LoadedScenario], phases: Sequence[int] | None = None, customers: int | None = None
) -> list[Variant]:
    """The variants of all scenarios, in order. `phases` keeps only those phases; `customers` replaces every count."""
    return [
        variant
        for one in loaded
        for variant in _variants_of(one, customers)
        if phases is None or variant.phase in phases
    ]


def _variants_of(loaded: LoadedScenario, customers: int | None) -> list[Variant]:
    scenario = loaded.scenario
    if customers is not None:
        who = scenario.customers.model_copy(update={"count": customers})
        scenario = scenario.model_copy(update={"customers": who})
    return [
        Variant(
            scenario=scenario,
            file=loaded.file,
            phase=phase,
            regime=regime,
            front_end=front_end,
            pm_gate=pm_gate_in(phase, scenario),
        )
        for phase, regime, front_end in combinations(scenario)
    ]


def pm_gate_in(phase: int, scenario: Scenario) -> bool:
    """Whether the payment-method gate refuses or warns anywhere: its flag counts in phases 0 and 1 only."""
    return phase < COMMITMENT_PHASE and scenario.backend.gates.get(PM_GATE, True)


def variant_label(variant: Variant) -> str:
    """A variant within its scenario, for people: "phase=2 regime=legacy front_end=old"."""
    return f"phase={variant.phase} regime={variant.regime} front_end={variant.front_end}"


def variant_slug(variant: Variant) -> str:
    """A variant among all of a run, for names of folders: "new-zone-phase-2-continuation-old"."""
    return f"{variant.scenario.name}-phase-{variant.phase}-{variant.regime}-{variant.front_end}"
