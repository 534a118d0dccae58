"""From verdicts and figures to what a variant, and a run, comes to.

The rules, in order:
1. A property that is violated without being expected to be fails the variant, and so does a missed threshold.
2. A negative control names the properties that it must violate. Their violations are as intended; one that did not
   occur fails the variant, for then the instrument does not see what it is there to see.
3. Otherwise the variant is inconclusive if customers are missing, if the harness itself was late, if a checker crashed
   or could not decide, if a threshold had nothing to measure, if a property that the scenario lists by name had nothing
   to check, or if nothing at all was checked. With `properties: all`, a property that a scenario has no evidence for
   (no zones, say) is reported, and changes nothing; one that means nothing in a phase changes nothing even when it is
   listed.
4. Otherwise it held.
An incomplete variant can be violated by what was seen, but no control is said to have failed before all have come, and
no threshold to be met or missed, except a count that is above its bound already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from conformance.verdict import PropertyVerdict, Value, overall
from reports.outcome import RunOutcome, VariantOutcome
from scenarios.expectation import Threshold, parse_threshold, parse_when
from scenarios.scenario import Expectation

PASSED: Final = 0
VIOLATED: Final = 1
INCONCLUSIVE: Final = 3
SET_UP_FAILED: Final = 4
REFUSED: Final = 5

_CODES: Final = {"held": PASSED, "violated": VIOLATED, "inconclusive": INCONCLUSIVE}
_UNSEEN: Final = ("nothing_observed", "not_applicable")


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation: what was written, what was measured (None: nothing to measure), and whether it was met.

    `intent` is True for the expected violations of a negative control.
    """

    expression: str
    actual: float | str | None
    verdict: Value
    intent: bool = False


@dataclass(frozen=True, slots=True)
class Undecided:
    """Something that could not be judged, and why. `counts`: it makes the variant inconclusive."""

    name: str
    reason: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one variant comes to.

    `unexpected` are the violated properties that nobody expected, `intended` those that a negative control named.
    """

    outcome: VariantOutcome
    verdict: Value
    expectations: tuple[Checked, ...]
    unexpected: tuple[PropertyVerdict, ...]
    intended: tuple[PropertyVerdict, ...]
    undecided: tuple[Undecided, ...]

    @property
    def is_control(self) -> bool:
        """Whether something is expected to be violated here."""
        return any(checked.intent for checked in self.expectations)

    @property
    def finding_count(self) -> int:
        """How many breaches were found that nobody expected."""
        return sum(verdict.violations for verdict in self.unexpected)

    @property
    def failed(self) -> tuple[Checked, ...]:
        """The expectations that were not met."""
        return tuple(checked for checked in self.expectations if checked.verdict == "violated")

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it did not hold: what broke, what was missed, what could not be judged."""
        return (*self.broken, *(_missed(checked) for checked in self.failed), *self.left_open)

    @property
    def broken(self) -> tuple[str, ...]:
        """The properties that broke, in words."""
        return tuple(f"{verdict.property} is violated: {verdict.reason}" for verdict in self.unexpected)

    @property
    def left_open(self) -> tuple[str, ...]:
        """What could not be judged though it should have been, in words."""
        return tuple(f"{item.name}: {item.reason}" for item in self.undecided if item.counts)


@dataclass(frozen=True, slots=True)
class RunConclusion:
    """What a run comes to."""

    outcome: RunOutcome
    variants: tuple[Conclusion, ...]
    verdict: Value
    exit_code: int


def conclude(outcome: VariantOutcome) -> Conclusion:
    """Apply the rules to one variant."""
    expected = _expected_violations(outcome)
    violated = [verdict for verdict in outcome.verdicts if verdict.value == "violated"]
    unexpected = tuple(verdict for verdict in violated if verdict.property not in expected)
    expectations = (*_thresholds(outcome), *_controls(outcome, expected))
    undecided = tuple(_undecided(outcome, expectations, expected))
    return Conclusion(
        outcome=outcome,
        verdict=_verdict(unexpected, expectations, undecided),
        expectations=expectations,
        unexpected=unexpected,
        intended=tuple(verdict for verdict in violated if verdict.property in expected),
        undecided=undecided,
    )


def conclude_run(outcome: RunOutcome) -> RunConclusion:
    """Apply the rules to every variant. Precedence of exit codes: refused, set-up, violated, inconclusive, passed."""
    variants = tuple(conclude(variant) for variant in outcome.variants)
    verdict = overall(variant.verdict for variant in variants)
    if outcome.trouble == "refused":
        return RunConclusion(outcome, variants, _not_held(verdict), REFUSED)
    if outcome.trouble == "set-up failed":
        return RunConclusion(outcome, variants, _not_held(verdict), SET_UP_FAILED)
    return RunConclusion(outcome, variants, verdict, _CODES[verdict])


def _not_held(verdict: Value) -> Value:
    """A run that did not come to its end cannot have held."""
    return "violated" if verdict == "violated" else "inconclusive"


def _verdict(
    unexpected: Sequence[PropertyVerdict], expectations: Sequence[Checked], undecided: Sequence[Undecided]
) -> Value:
    if unexpected or any(checked.verdict == "violated" for checked in expectations):
        return "violated"
    if any(item.counts for item in undecided):
        return "inconclusive"
    return "held"


def _matching(outcome: VariantOutcome) -> Iterator[Expectation]:
    variant = outcome.variant
    for expectation in variant.scenario.expect:
        if parse_when(expectation.when).matches(variant.phase, variant.regime, variant.front_end):
            yield expectation


def _expected_violations(outcome: VariantOutcome) -> tuple[str, ...]:
    names = (name for expectation in _matching(outcome) for name in expectation.violated)
    return tuple(dict.fromkeys(names))


def _thresholds(outcome: VariantOutcome) -> Iterator[Checked]:
    for expectation in _matching(outcome):
        for text in expectation.thresholds:
            threshold = parse_threshold(text)
            actual = outcome.metrics.figure(threshold.key)
            yield Checked(str(threshold), actual, _met(outcome, threshold, actual))


def _met(outcome: VariantOutcome, threshold: Threshold, actual: float | None) -> Value:
    """Whether a threshold is met. While customers are missing only one that is missed for good says anything."""
    if outcome.complete:
        return threshold.verdict(actual)
    return "violated" if threshold.missed_for_good(actual) else "inconclusive"


def _controls(outcome: VariantOutcome, expected: Sequence[str]) -> Iterator[Checked]:
    """Whether each property that the control must violate is violated."""
    by_name = {verdict.property: verdict for verdict in outcome.verdicts}
    for name in expected:
        verdict = by_name.get(name)
        expression = f"{name} is violated"
        if verdict is None:
            yield Checked(expression, "not judged", "violated", True)
        elif verdict.value == "violated":
            yield Checked(expression, "violated", "held", True)
        elif not outcome.complete or verdict.because in ("crashed", "undecided"):
            yield Checked(expression, verdict.value, "inconclusive", True)
        else:
            yield Checked(expression, verdict.value, "violated", True)


def _undecided(
    outcome: VariantOutcome, expectations: Sequence[Checked], expected: Sequence[str]
) -> Iterator[Undecided]:
    planned = outcome.variant.scenario.customers.count
    if not outcome.complete:
        because = f": {outcome.incomplete_because}" if outcome.incomplete_because else ""
        yield Undecided("the run", f"only {outcome.customers} of {planned} customers were recorded{because}", True)
    if outcome.harness_late is not None:
        yield Undecided("the harness", outcome.harness_late, True)
    for checked in expectations:
        if checked.verdict == "inconclusive":
            reason = f"measured: {checked.actual}" if checked.intent else _unmeasured(outcome)
            yield Undecided(checked.expression, reason, True)
    listed = outcome.variant.scenario.properties
    for verdict in outcome.verdicts:
        if verdict.value != "inconclusive" or verdict.property in expected:
            continue
        counts = verdict.because not in _UNSEEN or (listed != "all" and verdict.because == "nothing_observed")
        yield Undecided(verdict.property, verdict.reason, counts)
    if outcome.complete and not any(verdict.checks for verdict in outcome.verdicts):
        yield Undecided("the properties", "not one of them had anything to check", True)


def _unmeasured(outcome: VariantOutcome) -> str:
    return "there was nothing to measure it by" if outcome.complete else "not all customers are there to measure it by"


def _missed(checked: Checked) -> str:
    if checked.intent:
        return f"a negative control did not bite: expected that {checked.expression}, found: {checked.actual}"
    return f"expected {checked.expression}, found {shown(checked.actual)}"


def shown(actual: float | str | None) -> str:
    """A measured value as people write it."""
    if actual is None:
        return "nothing"
    if isinstance(actual, str):
        return actual
    return f"{actual:.0f}" if float(actual).is_integer() else f"{actual:.4g}"
