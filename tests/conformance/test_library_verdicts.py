"""The library's promise: negative controls violate exactly what they name, everything else holds.

SEEDS says how many seeds are tried (default 1, `SEEDS=50` before a release). Negative controls run
with all of their customers; the rest with enough of them to meet every path of its mix.
"""

from __future__ import annotations

import os

import pytest

from conformance.circumstances import circumstances_of
from conformance.history import History
from conformance.judging import Judging
from conformance.verdict import PropertyVerdict
from scenarios.expectation import parse_when
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_label, variants
from sim.deployment import SimulatedDeployment

SEEDS = range(1, 1 + int(os.environ.get("SEEDS", "1")))
CUSTOMERS = 25


def named_violations(variant: Variant) -> set[str]:
    """What the scenario says that this variant violates."""
    return {
        name
        for expectation in variant.scenario.expect
        if parse_when(expectation.when).matches(variant.phase, variant.regime, variant.front_end)
        for name in expectation.violated
    }


def judged() -> list[Variant]:
    loaded = read_scenarios([])
    controls = {one.scenario.name for one in loaded if any(expected.violated for expected in one.scenario.expect)}
    rest = [one for one in loaded if one.scenario.name not in controls]
    return [*variants([one for one in loaded if one.scenario.name in controls]), *variants(rest, None, CUSTOMERS)]


def verdicts(variant: Variant, seed: int) -> list[PropertyVerdict]:
    judging = Judging(CHECKED_PROPERTIES)
    circumstances = circumstances_of(variant)
    SimulatedDeployment(variant, seed).run(
        range(variant.scenario.customers.count),
        lambda number, account, facts: judging.add(History(number, account, facts, circumstances)),
    )
    return list(judging.verdicts())


def proofs(found: list[PropertyVerdict]) -> str:
    return "\n".join(f"{one.property}: {one.first.proof}" for one in found if one.first is not None)


@pytest.mark.parametrize("variant", judged(), ids=lambda one: f"{one.scenario.name} {variant_label(one)}")
def test_a_variant_violates_exactly_what_it_names(variant: Variant) -> None:
    for seed in SEEDS:
        found = verdicts(variant, seed)
        violated = {one.property for one in found if one.value == "violated"}
        assert violated == named_violations(variant), f"seed {seed}\n{proofs(found)}"
        undecided = [f"{one.property}: {one.reason} {one.crash}" for one in found if one.crashes]
        assert undecided == []
