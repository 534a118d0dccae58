"""Exploring finds planted defects within few examples, shrinks them to files that run alone, and is repeatable."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.defects import DEFECTS, planted
from conformance.exploring.bounds import Bounds
from conformance.exploring.coverage import Coverage
from conformance.exploring.draft import values_in
from conformance.exploring.exploration import Exploration, Found, Limits
from conformance.exploring.failure_file import read_kept, write_failure
from conformance.exploring.trial import Trials
from conformance.simulated import SimulatedTarget

EXAMPLES = 300
SEED = 1
SMALL = 9
"""Values in a file, the customers' number and the phase among them."""


class Enough(BaseException):
    """What was looked for is found."""


def first_of(name: str, seed: int = SEED) -> tuple[Found, Coverage]:
    """What finds the defect first, and what was tried until then."""
    defect = DEFECTS[name]
    wanted: list[Found] = []

    def on_found(found: Found) -> None:
        if any(key.what in defect.finds for key in found.keys):
            wanted.append(found)
            raise Enough

    bounds = Bounds((defect.phase,), (defect.regime,), probes=False)
    exploration = Exploration(Trials(SimulatedTarget()), bounds, seed, Limits(EXAMPLES), on_found)
    with planted(defect), pytest.raises(Enough):
        exploration.run()
    return wanted[0], exploration.coverage


@pytest.mark.parametrize(
    "name",
    [
        "gate-left-on-update-after-removal",
        "gate-forgotten-on-append-before-removal",
        "decline-answered-with-an-unknown-code",
        "more-collected-than-shown",
        "only-the-first-line-granted",
        "repeat-makes-a-second-payable-intent",
        "event-applied-as-often-as-it-comes",
        "expiry-leaves-the-intent-payable",
        "upgrade-in-force-before-it-is-paid",
        "last-line-never-made",
        "old-engine-at-work",
        "failure-taken-for-success",
    ],
)
def test_a_planted_defect_is_found_and_its_file_is_small_and_runs_alone(name: str, tmp_path: Path) -> None:
    found, _ = first_of(name)
    assert found.draft.data["customers"]["count"] == 1
    assert values_in(found.draft.data) <= SMALL, found.draft.text
    kept = read_kept(write_failure(found, tmp_path, "simulated", "exact", "0"))
    assert kept.keys == found.keys
    with planted(DEFECTS[name]):
        assert found.failure.key in Trials(SimulatedTarget()).run_variant(kept.variant, kept.seed).failures
    assert not Trials(SimulatedTarget()).run_variant(kept.variant, kept.seed).failures


def test_no_key_of_a_file_is_superfluous() -> None:
    found, _ = first_of("upgrade-in-force-before-it-is-paid")
    [cart] = found.draft.data["customers"]["carts"]
    assert cart["upgrade"].keys() == {"from_plan", "to_plan"}
    assert found.draft.data == {"customers": {"count": 1, "carts": [cart]}, "backend": {"phase": 4}}


def test_the_same_seed_tries_the_same() -> None:
    first, then = first_of("event-applied-as-often-as-it-comes"), first_of("event-applied-as-often-as-it-comes")
    assert first[0].draft == then[0].draft
    assert first[1] == then[1]
    assert first_of("event-applied-as-often-as-it-comes", seed=2)[1] != first[1]


def test_what_is_known_is_not_told_again_and_hides_nothing_else() -> None:
    defects = DEFECTS["gate-left-on-update-after-removal"], DEFECTS["upgrade-in-force-before-it-is-paid"]
    told: list[Found] = []
    exploration = Exploration(
        Trials(SimulatedTarget()), Bounds((4,), ("continuation",), probes=False), SEED, Limits(EXAMPLES), told.append
    )
    with planted(*defects):
        exploration.run()
    keys = [key for found in told for key in found.keys]
    assert {"no-pm-gate-rejections", "update-keeps-old-plan"} <= {key.what for key in keys}
    assert len({found.failure.key for found in told}) == len(told)


def test_the_clean_model_withstands_a_hundred_examples() -> None:
    told: list[Found] = []
    exploration = Exploration(Trials(SimulatedTarget()), Bounds(), SEED, Limits(100), told.append)
    exploration.run()
    assert [(found.keys, found.draft.text) for found in told] == []
    assert exploration.drawn == exploration.coverage.trials == 100
    assert len(exploration.coverage.checks) > 20
