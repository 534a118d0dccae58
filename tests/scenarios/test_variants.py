"""The matrix of a scenario."""

from scenarios.reading import LoadedScenario
from scenarios.scenario import Backend, Customers, Matrix, Scenario
from scenarios.variants import variant_label, variant_slug, variants


def _loaded(matrix: Matrix | None = None, backend: Backend | None = None) -> list[LoadedScenario]:
    scenario = Scenario(name="some-case", title="Some case", matrix=matrix or Matrix(), backend=backend or Backend())
    return [LoadedScenario(scenario, "some-case.yaml")]


def test_without_a_phase_all_phases_run_with_their_front_ends() -> None:
    found = [(one.phase, one.front_end) for one in variants(_loaded())]
    assert found == [(0, "old"), (1, "old"), (2, "old"), (3, "inline"), (4, "new"), (5, "new"), (6, "new")]


def test_a_pinned_phase_is_the_only_one() -> None:
    assert [one.phase for one in variants(_loaded(backend=Backend(phase=2)))] == [2]


def test_the_matrix_is_a_product_in_its_own_order() -> None:
    matrix = Matrix(phase=(4, 2), regime=("legacy", "act-1"), front_end=("old", "new"))
    found = [(one.phase, one.regime, one.front_end) for one in variants(_loaded(matrix))]
    assert found[:4] == [(4, "legacy", "old"), (4, "legacy", "new"), (4, "act-1", "old"), (4, "act-1", "new")]
    assert len(found) == len(set(found)) == 8


def test_variants_that_come_to_the_same_run_once() -> None:
    found = variants(_loaded(Matrix(phase=(0, 3), front_end=("auto", "old"))))
    assert [(one.phase, one.front_end) for one in found] == [(0, "old"), (3, "inline"), (3, "old")]


def test_phases_filter_and_customers_replace() -> None:
    found = variants(_loaded(), phases=[1, 5], customers=7)
    assert [(one.phase, one.scenario.customers.count) for one in found] == [(1, 7), (5, 7)]
    assert found[0].scenario.customers == Customers(count=7)


def test_the_gate_is_resolved() -> None:
    assert [one.pm_gate for one in variants(_loaded())] == [True, True, False, False, False, False, False]
    off = variants(_loaded(backend=Backend(gates={"pm-gate": False})))
    assert not any(one.pm_gate for one in off)
    forced = variants(_loaded(backend=Backend(phase=6, gates={"pm-gate": True})))
    assert [one.pm_gate for one in forced] == [False]


def test_labels_and_slugs_tell_variants_apart() -> None:
    found = variants(_loaded(Matrix(phase=(0, 2), regime=("legacy", "continuation"), front_end=("old", "new"))))
    assert variant_label(found[2]) == "phase=0 regime=continuation front_end=old"
    assert variant_slug(found[2]) == "some-case-phase-0-continuation-old"
    assert len({variant_slug(one) for one in found}) == len({variant_label(one) for one in found}) == 8
