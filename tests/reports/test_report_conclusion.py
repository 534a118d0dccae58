"""The rules that turn verdicts and figures into what a variant and a run come to."""

from __future__ import annotations

from typing import Any

import pytest

from reports.conclusion import conclude, conclude_run


@pytest.fixture
def concluded(story: Any, variant: Any, outcome: Any) -> Any:
    """The conclusion of one variant whose single customer bought in phase 2, with the verdicts given."""

    def make(*verdicts: Any, expect: Any = (), properties: Any = "all", **more: Any) -> Any:
        return conclude(outcome(variant(expect=expect, properties=properties), [story().bought()], verdicts, **more))

    return make


@pytest.fixture
def broken(story: Any, judged: Any, found: Any) -> Any:
    return lambda name: judged(name, found(story().bought(), name, "it broke"))


def test_all_held_is_held(concluded: Any, judged: Any) -> None:
    conclusion = concluded(judged("charged-once"))
    assert (conclusion.verdict, conclusion.reasons) == ("held", ())


def test_an_unexpected_violation_fails(concluded: Any, broken: Any) -> None:
    conclusion = concluded(broken("charged-once"))
    assert conclusion.verdict == "violated"
    assert conclusion.reasons == ("charged-once is violated: 1 of 40 customers affected",)


def test_a_missed_threshold_fails_and_says_what_was_found(concluded: Any, judged: Any) -> None:
    conclusion = concluded(judged("charged-once"), expect=[{"thresholds": ["conversion <= 50%"]}])
    assert conclusion.verdict == "violated"
    assert conclusion.reasons == ("expected conversion <= 0.5, found 1",)


def test_a_threshold_of_another_phase_does_not_apply(concluded: Any, judged: Any) -> None:
    expect = [{"when": "phase < 2", "thresholds": ["conversion <= 50%"]}]
    assert concluded(judged("charged-once"), expect=expect).expectations == ()


def test_a_threshold_with_nothing_to_measure_is_inconclusive(concluded: Any, judged: Any) -> None:
    expect = [{"thresholds": ["pm_gate_rejections[operation=append] == 0"]}]
    conclusion = concluded(judged("charged-once"), expect=expect)
    assert conclusion.verdict == "inconclusive"
    assert "nothing to measure" in conclusion.reasons[0]


CONTROL = [{"violated": ["charged-once"]}]


def test_a_control_that_bites_is_as_intended(concluded: Any, broken: Any, judged: Any) -> None:
    conclusion = concluded(broken("charged-once"), judged("stores-agree"), expect=CONTROL)
    assert (conclusion.verdict, conclusion.unexpected, conclusion.finding_count) == ("held", (), 0)
    assert [verdict.property for verdict in conclusion.intended] == ["charged-once"]


def test_a_control_that_does_not_bite_fails(concluded: Any, judged: Any) -> None:
    conclusion = concluded(judged("charged-once"), expect=CONTROL)
    assert conclusion.verdict == "violated"
    assert "did not bite" in conclusion.reasons[0]


def test_a_control_on_a_property_that_is_not_judged_fails(concluded: Any, judged: Any) -> None:
    assert concluded(judged("stores-agree"), expect=CONTROL).verdict == "violated"


def test_a_control_violated_by_more_than_it_names_fails(concluded: Any, broken: Any) -> None:
    conclusion = concluded(broken("charged-once"), broken("stores-agree"), expect=CONTROL)
    assert conclusion.verdict == "violated"
    assert [verdict.property for verdict in conclusion.unexpected] == ["stores-agree"]


def test_a_control_whose_checker_crashed_shows_nothing(concluded: Any, judged: Any) -> None:
    crashed = judged("charged-once", value="inconclusive", because="crashed", reason="KeyError")
    assert concluded(crashed, judged("stores-agree"), expect=CONTROL).verdict == "inconclusive"


def test_an_incomplete_control_is_not_said_to_have_failed(concluded: Any, judged: Any) -> None:
    conclusion = concluded(judged("charged-once"), expect=CONTROL, complete=False, incomplete_because="it was killed")
    assert conclusion.verdict == "inconclusive"
    assert conclusion.reasons[0] == "the run: only 1 of 4 customers were recorded: it was killed"


@pytest.mark.parametrize(
    ("threshold", "verdict"),
    [("conversion >= 0.9", "inconclusive"), ("attempts >= 4", "inconclusive"), ("attempts < 1", "violated")],
)
def test_an_incomplete_run_meets_no_threshold(concluded: Any, judged: Any, threshold: str, verdict: str) -> None:
    """One attempt of four is there: no more can mend a bound that it has passed."""
    expect = [{"thresholds": [threshold]}]
    assert concluded(judged("charged-once"), expect=expect, complete=False).verdict == verdict


@pytest.mark.parametrize(
    ("because", "properties", "verdict"),
    [
        ("nothing_observed", "all", "held"),
        ("nothing_observed", ("zone-activated", "charged-once"), "inconclusive"),
        ("not_applicable", ("zone-activated", "charged-once"), "held"),
        ("undecided", "all", "inconclusive"),
        ("crashed", "all", "inconclusive"),
    ],
)
def test_what_an_inconclusive_property_does(
    concluded: Any, judged: Any, because: str, properties: Any, verdict: str
) -> None:
    silent = judged("zone-activated", value="inconclusive", because=because, reason="why")
    conclusion = concluded(judged("charged-once"), silent, properties=properties)
    assert conclusion.verdict == verdict
    assert [(item.name, item.counts) for item in conclusion.undecided] == [("zone-activated", verdict != "held")]


def test_nothing_checked_at_all_is_inconclusive(concluded: Any, judged: Any) -> None:
    silent = judged("zone-activated", value="inconclusive", because="nothing_observed", reason="why")
    assert concluded(silent).verdict == "inconclusive"


def test_inconclusive_never_hides_violated(concluded: Any, broken: Any) -> None:
    assert concluded(broken("charged-once"), complete=False).verdict == "violated"


def test_exit_codes_and_their_precedence(story: Any, variant: Any, outcome: Any, run_of: Any, broken: Any) -> None:
    held = outcome(variant(), [story().bought()])
    bad = outcome(variant(), [story().bought()], [broken("charged-once")])
    cut = outcome(variant(), [story().bought()], complete=False)
    assert [conclude_run(run_of(*parts)).exit_code for parts in ([held], [cut], [held, bad, cut], [])] == [0, 3, 1, 3]
    assert conclude_run(run_of(bad, trouble="set-up failed")).exit_code == 4
    assert conclude_run(run_of(bad, trouble="refused")).exit_code == 5
    assert conclude_run(run_of(held, trouble="refused")).verdict == "inconclusive"
