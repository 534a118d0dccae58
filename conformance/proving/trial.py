"""One trial: the whole suite against one deployment, with a defect or without, judged from outside and exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from conformance.circumstances import circumstances_of
from conformance.defects import DEFECTS, planted
from conformance.finding import Finding
from conformance.history import History
from conformance.judging import Judging
from conformance.outside_view import Outside, Settled
from conformance.suite.selection import suite_scenarios, suite_variants
from conformance.target import Target
from conformance.verdict import PropertyVerdict
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import LoadedScenario
from scenarios.scenario import Regime, Variant
from scenarios.variants import variant_label

_REAL = "real"
"""From outside a deployment is judged as a real one is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a worker needs for one trial. `defect` is a name of the catalogue; None: the clean deployment.

    `scenarios` takes these of the suite only, and `customers` so many of each variant, in place of the suite's own.
    """

    defect: str | None
    phase: int
    regime: Regime
    seed: int
    target: Target
    scenarios: tuple[str, ...] | None = None
    customers: int | None = None


@dataclass(frozen=True, slots=True)
class Accusation:
    """One property that was violated in a trial: in how many variants from outside, in how many by the exact facts.

    `place` and `proof` are those of the first finding: one from outside where there is one.
    """

    property: str
    outside: int
    exact: int
    place: str
    proof: str


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of a trial. `accusations` are in the order of the properties' names.

    `failures` say what could not be run, and where a checker crashed: such a trial proves nothing.
    """

    defect: str | None
    phase: int
    regime: Regime
    seed: int
    variants: int
    customers: int
    accusations: tuple[Accusation, ...]
    failures: tuple[str, ...]

    @property
    def seen_outside(self) -> frozenset[str]:
        """The properties that are violated as somebody outside sees it."""
        return frozenset(one.property for one in self.accusations if one.outside)

    @property
    def seen_exactly(self) -> frozenset[str]:
        """The properties that are violated by the exact facts."""
        return frozenset(one.property for one in self.accusations if one.exact)


class _Tally:
    """The accusations of one trial, variant by variant."""

    def __init__(self) -> None:
        self._outside: dict[str, int] = {}
        self._exact: dict[str, int] = {}
        self._first: dict[str, tuple[str, str]] = {}
        self.failures: list[str] = []

    def add(self, variant: Variant, outside: Iterable[PropertyVerdict], exact: Iterable[PropertyVerdict]) -> None:
        """Count what was found in a variant. From outside first: its findings are the ones to show."""
        for counts, verdicts in ((self._outside, outside), (self._exact, exact)):
            for verdict in verdicts:
                if verdict.crash is not None:
                    self.failures.append(f"{_place(variant)}: the checker of {verdict.property}: {verdict.crash}")
                if verdict.first is not None:
                    counts[verdict.property] = counts.get(verdict.property, 0) + 1
                    self._keep(verdict.property, variant, verdict.first, counts is self._outside)

    def _keep(self, name: str, variant: Variant, finding: Finding, outside: bool) -> None:
        if name not in self._first or (outside and self._outside[name] == 1):
            self._first[name] = (f"{_place(variant)}, customer {finding.customer}", finding.proof)

    def accusations(self) -> tuple[Accusation, ...]:
        """What was found, property by property."""
        return tuple(
            Accusation(name, self._outside.get(name, 0), self._exact.get(name, 0), *self._first[name])
            for name in CHECKED_PROPERTIES
            if name in self._first
        )


def try_out(trial: Trial) -> TrialResult:
    """Run the suite, and judge every variant twice. This is what workers do.

    The defect is planted anew for every variant, so that what it remembers does not leak from one to the next.
    """
    tally = _Tally()
    chosen = _variants(trial.phase, trial.regime, trial.seed, trial.scenarios, trial.customers)
    for variant in chosen:
        try:
            run = _run(trial, variant)
        except Exception as error:
            tally.failures.append(f"{_place(variant)}: {type(error).__name__}: {error}")
            continue
        exact = _judged(run, variant, trial.target.name)
        tally.add(variant, _judged(Outside().views(run), variant, _REAL), exact)
    return TrialResult(
        trial.defect,
        trial.phase,
        trial.regime,
        trial.seed,
        len(chosen),
        sum(variant.scenario.customers.count for variant in chosen),
        tally.accusations(),
        tuple(tally.failures),
    )


@cache
def _scenarios() -> tuple[LoadedScenario, ...]:
    return tuple(suite_scenarios())


@cache
def _variants(
    phase: int, regime: Regime, seed: int, scenarios: tuple[str, ...] | None, customers: int | None
) -> tuple[Variant, ...]:
    loaded = [one for one in _scenarios() if scenarios is None or one.scenario.name in scenarios]
    return tuple(suite_variants(phase, regime, seed=seed, customers=customers, loaded=loaded))


def _run(trial: Trial, variant: Variant) -> list[Settled]:
    run: list[Settled] = []
    with planted(*([] if trial.defect is None else [DEFECTS[trial.defect]])):
        trial.target.run(
            variant,
            trial.seed,
            range(variant.scenario.customers.count),
            lambda number, account, facts: run.append((number, account, facts)),
        )
    return run


def _judged(run: Iterable[Settled], variant: Variant, target: str) -> list[PropertyVerdict]:
    judging, circumstances = Judging(CHECKED_PROPERTIES), circumstances_of(variant, target)
    for number, account, facts in run:
        judging.add(History(number, account, facts, circumstances))
    return judging.verdicts()


def _place(variant: Variant) -> str:
    return f"{variant.scenario.name} ({variant_label(variant)})"
