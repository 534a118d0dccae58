"""Proving proves nothing by itself: a defect that nobody finds, or that is accused of something else, must be told."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import defects as catalogue
from conformance.defects import DEFECTS, Defect
from conformance.defects.planting import Patches
from conformance.mock import MockTarget
from conformance.proving import trial as trials_module
from conformance.proving.matrix import Matrix, Row, clean_of
from conformance.proving.proving import CLEAN, prove, theme_of, trials
from conformance.proving.trial import Accusation, Trial, TrialResult, try_out
from conformance.simulated import SimulatedTarget
from reports.matrix.markdown import as_markdown
from reports.matrix.result import as_result
from scenarios.phase import COMMITMENT_PHASE
from sim.subscriptions_api import purchases

SCENARIOS = ("missing-payment-method", "webhooks-forged")
CUSTOMERS = 6


def tried(defect: str | None, target: Any = None, phase: int = 4) -> TrialResult:
    """A trial of a small suite."""
    return try_out(Trial(defect, phase, "continuation", 1, target or SimulatedTarget(), SCENARIOS, CUSTOMERS))


def row(defect: Defect, *accusations: Accusation, failures: tuple[str, ...] = ()) -> Row:
    return Row(defect, "theme", TrialResult(defect.name, 4, "continuation", 1, 2, 12, accusations, failures))


def invented(**settings: Any) -> Defect:
    usual: dict[str, Any] = {
        "name": "invented",
        "title": "An invented bug.",
        "plant": lambda patches: None,
        "finds": ("charged-once",),
        "also": ("stores-agree",),
        "shown_by": ("busy-hour",),
    }
    return Defect(**{**usual, **settings})


def accusation(name: str, outside: int = 1, exact: int = 1) -> Accusation:
    return Accusation(name, outside, exact, "somewhere", "because")


@pytest.fixture
def planted_in_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> dict[str, Defect]:
    """The catalogue, to which a test may add."""
    added = dict(DEFECTS)
    monkeypatch.setattr(trials_module, "DEFECTS", added)
    return added


def test_a_defect_is_found_in_the_suite_and_nothing_without_it() -> None:
    found = tried("signature-not-checked")
    assert "webhook-authentic" in found.seen_outside & found.seen_exactly
    assert (found.variants, found.customers, found.failures) == (2, 12, ())
    assert tried(None).accusations == ()


def test_the_first_finding_is_shown_as_somebody_outside_has_it() -> None:
    [authentic] = [one for one in tried("signature-not-checked").accusations if one.property == "webhook-authentic"]
    assert authentic.place.startswith("webhooks-forged (phase=4 ")
    assert (authentic.outside, authentic.exact) == (1, 1)
    assert "not signed by Stripe" in authentic.proof


def test_over_http_a_trial_comes_to_the_same() -> None:
    assert tried("signature-not-checked", MockTarget()) == tried("signature-not-checked")


def test_what_a_defect_remembers_does_not_leak_into_the_next_variant(
    planted_in_the_catalogue: dict[str, Defect],
) -> None:
    plants: list[Patches] = []
    planted_in_the_catalogue["invented"] = invented(plant=plants.append)
    assert tried("invented").variants == len(plants) == 2
    assert tried("secret-of-another-account") == tried("secret-of-another-account")


def test_a_defect_that_breaks_nothing_is_missed(planted_in_the_catalogue: dict[str, Defect]) -> None:
    harmless = planted_in_the_catalogue["invented"] = invented()
    matrix = Matrix("0", "simulated", 1, (Row(harmless, "", tried("invented")),), ())
    assert (matrix.rows[0].word, matrix.rows[0].missed) == ("missed", ("charged-once",))
    assert not matrix.proven


def test_a_deployment_that_crashes_proves_nothing(planted_in_the_catalogue: dict[str, Defect]) -> None:
    def crashes(patches: Patches) -> None:
        patches.wrap(purchases, "_answer", lambda original: lambda *arguments: 1 // 0)

    planted_in_the_catalogue["invented"] = invented(plant=crashes)
    failures = tried("invented").failures
    assert failures
    assert all("ZeroDivisionError" in one or "division" in one for one in failures)


@pytest.mark.parametrize(
    ("accusations", "word"),
    [
        ([accusation("charged-once")], "found"),
        ([accusation("charged-once"), accusation("stores-agree")], "found"),
        ([accusation("charged-once", outside=0)], "missed"),
        ([accusation("stores-agree")], "missed"),
        ([], "missed"),
        ([accusation("charged-once"), accusation("no-rollback")], "accused wrongly"),
        ([accusation("charged-once"), accusation("no-rollback", outside=0)], "accused wrongly"),
        ([accusation("charged-once"), accusation("no-rollback", exact=0)], "accused wrongly"),
    ],
)
def test_what_counts_is_seen_from_outside_and_declared(accusations: list[Accusation], word: str) -> None:
    assert row(invented(), *accusations).word == word
    assert Matrix("0", "simulated", 1, (row(invented(), *accusations),), ()).proven is (word == "found")


def test_what_nobody_outside_can_see_must_be_there_exactly() -> None:
    hidden = invented(unseen={"charged-once": "nobody lists it"})
    assert row(hidden, accusation("charged-once", outside=0)).word == "unseen"
    assert row(hidden).word == "missed"
    seen = row(hidden, accusation("charged-once"))
    assert (seen.word, seen.seen_after_all) == ("found", ("charged-once",))


def test_a_failure_proves_nothing() -> None:
    failed = row(invented(), accusation("charged-once"), failures=("it broke",))
    matrix = Matrix("0", "simulated", 1, (failed,), ())
    assert failed.word == "failed"
    assert matrix.failures == ("invented: it broke",)
    assert not matrix.proven


def test_a_false_alarm_proves_nothing() -> None:
    quiet = TrialResult(None, 4, "continuation", 1, 2, 12, (), ())
    alarmed = TrialResult(None, 4, "continuation", 2, 2, 12, (accusation("no-rollback", outside=0),), ())
    assert Matrix("0", "simulated", 1, (), clean_of([quiet])).proven
    matrix = Matrix("0", "simulated", 1, (), clean_of([quiet, alarmed]))
    assert (matrix.proven, matrix.false_alarms) == (False, 1)
    assert [seed for seed, _ in matrix.clean[0].accusations] == [2]


def test_the_clean_deployment_is_tried_in_every_phase_and_under_every_engine_that_fits_it() -> None:
    assert {phase for phase, _ in CLEAN} == set(range(7))
    assert {regime for phase, regime in CLEAN if phase < COMMITMENT_PHASE} == {"legacy", "act-1", "continuation"}
    planned = list(trials([DEFECTS["nothing-expires"]], CLEAN, 5, 3, SimulatedTarget()))
    assert [one.defect for one in planned[:2]] == ["nothing-expires", None]
    assert len(planned) == 1 + 3 * len(CLEAN)
    assert {one.seed for one in planned[1:]} == {5, 6, 7}


def test_every_defect_of_the_catalogue_has_a_theme() -> None:
    assert all(theme_of(defect) in catalogue.THEMES for defect in DEFECTS.values())


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing() -> None:
    defects = (DEFECTS["payment-of-0"], DEFECTS["zone-stuck"])
    alone, shared = (
        prove(defects, [(4, "continuation")], SimulatedTarget(), version="0", seeds=1, workers=workers)
        for workers in (1, 2)
    )
    assert as_result(alone) == as_result(shared)
    assert as_markdown(alone) == as_markdown(shared)
    assert [one.found_by for one in alone.rows] == [("zero-due-sets-up",), ("zone-activated",)]
