"""The properties have teeth: each defect of the catalogue, planted in the simulated deployment, is found by name.

`finds` says which properties must be violated, `also` which others may be: consequences of the same defect. Anything
else that is violated is a wrong accusation, and so is anything that is violated without the defect.
"""

from __future__ import annotations

from functools import cache

import pytest

from conformance.circumstances import circumstances_of
from conformance.defects import DEFECTS, THEMES, Defect, planted
from conformance.history import History
from conformance.inspection import ContractInspector
from conformance.judging import Judging
from conformance.verdict import PropertyVerdict
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment

SEED = 1
PLACES = [(defect, scenario) for defect in DEFECTS.values() for scenario in defect.shown_by]
"""Each defect, in each scenario that shows it."""


@cache
def variant_of(scenario: str, phase: int, customers: int, regime: str = "continuation") -> Variant:
    """A scenario of the library, or a probing one, in one phase and regime, with so many customers."""
    (found,) = [one for one in variants(read_scenarios([scenario]), [phase], customers) if one.regime == regime]
    return found


def place_of(defect: Defect, scenario: str) -> Variant:
    """The variant in which a scenario shows a defect."""
    return variant_of(scenario, defect.phase, defect.customers, defect.regime)


def judged(variant: Variant) -> list[PropertyVerdict]:
    """What all properties say of a run."""
    circumstances = circumstances_of(variant)
    judging = Judging(CHECKED_PROPERTIES)
    SimulatedDeployment(variant, SEED, inspector=ContractInspector()).run(
        range(variant.scenario.customers.count),
        lambda number, account, facts: judging.add(History(number, account, facts, circumstances)),
    )
    found = judging.verdicts()
    assert [one.crash for one in found if one.crashes] == []
    return found


def violated(found: list[PropertyVerdict]) -> dict[str, str]:
    """The violated properties, each with its first proof."""
    return {one.property: one.first.proof for one in found if one.first is not None}


@pytest.mark.parametrize(("defect", "scenario"), PLACES, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_planted_defect_is_found(defect: Defect, scenario: str) -> None:
    with planted(defect):
        found = violated(judged(place_of(defect, scenario)))
    missed = set(defect.finds) - found.keys()
    assert not missed, f"{defect.title}: not found by {sorted(missed)}; found: {found}"
    accused = found.keys() - defect.declared
    assert not accused, f"accused without need: { {name: found[name] for name in sorted(accused)} }"


@pytest.mark.parametrize(
    "place",
    sorted({(scenario, defect.phase, defect.customers, defect.regime) for defect, scenario in PLACES}),
    ids=lambda one: f"{one[0]} {one[1:]}",
)
def test_nothing_is_found_without_a_defect(place: tuple[str, int, int, str]) -> None:
    assert violated(judged(variant_of(*place))) == {}


def test_every_property_that_a_backend_can_violate_finds_a_defect() -> None:
    found = {name for defect in DEFECTS.values() for name in defect.finds}
    # These speak of callers and front ends: no defect of the backend alone violates them.
    assert set(CHECKED_PROPERTIES) - found == {"consumers-known", "conversion-counted-once"}


def test_names_are_unique_and_so_are_plants() -> None:
    every = [defect for defects in THEMES.values() for defect in defects]
    assert len(DEFECTS) == len(every)
    assert len({defect.title for defect in every}) == len(every)
    # The same plant in another phase is another defect: elsewhere it would only be counted twice.
    assert len({(defect.plant, *defect.wants) for defect in every}) == len(every)


def test_the_variant_that_shows_a_defect_runs_the_announced_engine() -> None:
    for defect, scenario in PLACES:
        assert place_of(defect, scenario).regime == defect.regime, (defect.name, scenario)
