"""Exploring: round after round of Hypothesis, each looking for what the rounds before it did not find.

Failures are told apart by their key, a property and an operation. A round stops at the first failures, shrinks each,
and hands them over; later rounds pass over keys that are known. So one exploration finds as many different failures as
its time allows, and a frequent one hides no rare one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException

from conformance.exploring.bounds import Bounds
from conformance.exploring.coverage import Coverage
from conformance.exploring.draft import Draft
from conformance.exploring.drawing import drafts
from conformance.exploring.trial import Failure, Key, Outcome, Trials
from conformance.exploring.trimming import trimmed
from scenarios.scenario import Variant

EXAMPLES_PER_ROUND: Final = 1_000
"""Drafts of one round. Hypothesis remembers all that it has tried in a round, so that a long one grows slow."""
_TRIMMING_TRIALS: Final = 3_000


class _LimitReached(BaseException):
    """The exploration has to end; not an Exception, which Hypothesis would take for a failure to shrink."""


@dataclass(frozen=True, slots=True)
class Found:
    """A failure with the smallest draft that shows it; `with_it`: what else that draft fails by."""

    failure: Failure
    draft: Draft
    outcome: Outcome
    with_it: tuple[Failure, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Everything that the draft fails by, the failure itself first."""
        return (self.failure.key, *(one.key for one in self.with_it))


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: after so many examples, at a moment of `time.monotonic`, or before there are more customers than so
    many, whichever comes first. What makes a failure smaller counts for time and customers, not for examples."""

    examples: int | None = None
    until_s: float | None = None
    customers: int | None = None

    @property
    def time_is_up(self) -> bool:
        """Whether the moment has come."""
        return self.until_s is not None and time.monotonic() >= self.until_s


@dataclass(slots=True)
class Exploration:
    """One exploration. `why_not` gives the reason why a variant cannot be run at the target, None where it can.

    `on_found` is called with each failure as soon as it is as small as it gets; `on_trial` after every trial.
    """

    trials: Trials
    bounds: Bounds
    seed: int
    limits: Limits
    on_found: Callable[[Found], None]
    on_trial: Callable[[Coverage], None] = lambda _: None
    why_not: Callable[[Variant, int], str | None] = lambda _variant, _seed: None
    known: set[Key] = field(default_factory=set)
    shrinks: bool = True
    coverage: Coverage = field(default_factory=Coverage)
    drawn: int = 0
    """Examples so far, those that only made a failure smaller not among them."""
    _smallest: dict[Key, tuple[Draft, Outcome]] = field(default_factory=dict)

    def run(self) -> None:
        """Explore until a limit is reached. Whatever the target raises is passed on, after what was found is told."""
        number = 0
        try:
            while not self.limits.time_is_up and (self.limits.examples is None or self.drawn < self.limits.examples):
                self._round(number)
                self._hand_over()
                number += 1
        except _LimitReached:
            self._hand_over()
        except BaseException:
            self._hand_over(trim=False)
            raise

    def _round(self, number: int) -> None:
        left = EXAMPLES_PER_ROUND
        if self.limits.examples is not None:
            left = min(left, self.limits.examples - self.drawn)
        before, tried, first_failed = self.drawn, 0, 0

        def trial(draft: Draft) -> None:
            nonlocal tried, first_failed
            if self.limits.time_is_up:
                raise _LimitReached
            tried += 1
            if not first_failed:
                self.drawn = before + tried
            new = self._try(draft)
            if new:
                first_failed = first_failed or tried
                raise _error_of(new[0])

        run = seeded(_round_seed(self.seed, number))(_settings(left, self.shrinks)(given(drafts(self.bounds))(trial)))
        with contextlib.suppress(_Failed, BaseExceptionGroup, HypothesisException):
            run()
        if not first_failed:
            self.drawn = before + max(tried, left)

    def _try(self, draft: Draft) -> list[Key]:
        """Run a draft; the keys of its failures that are new, in the order of the properties."""
        variant = draft.variant()
        if self.why_not(variant, draft.seed) is not None:
            reject()
        if self._is_too_many(variant):
            raise _LimitReached
        outcome = self._run(variant, draft.seed)
        new = [key for key in outcome.failures if key not in self.known]
        for key in new:
            kept = self._smallest.get(key)
            if kept is None or draft.size < kept[0].size:
                self._smallest[key] = draft, outcome
        return new

    def try_again(self, variant: Variant, seed: int, keys: Iterable[Key]) -> Outcome:
        """Run what failed by these keys before. Those that it still fails by are known, and not looked for any more."""
        outcome = self._run(variant, seed)
        self.known.update(key for key in keys if key in outcome.failures)
        return outcome

    def _run(self, variant: Variant, seed: int) -> Outcome:
        outcome = self.trials.run_variant(variant, seed)
        self.coverage.add(outcome)
        self.on_trial(self.coverage)
        return outcome

    def _is_too_many(self, variant: Variant) -> bool:
        cap = self.limits.customers
        return cap is not None and self.coverage.customers + variant.scenario.customers.count > cap

    def _hand_over(self, trim: bool = True) -> None:
        """Tell what the round has found: each key once, and not again those that an earlier one's draft shows too."""
        while self._smallest:
            key = min(self._smallest, key=_order)
            draft, outcome = self._smallest.pop(key)
            if trim:
                draft, outcome = self._trimmed(key, draft, outcome)
            others = tuple(one for other, one in outcome.failures.items() if other != key)
            found = Found(outcome.failures[key], draft, outcome, others)
            self.known.update(found.keys)
            for known in found.keys:
                self._smallest.pop(known, None)
            self.on_found(found)

    def _trimmed(self, key: Key, draft: Draft, outcome: Outcome) -> tuple[Draft, Outcome]:
        smallest, left = (draft, outcome), _TRIMMING_TRIALS

        def fails(one: Draft) -> bool:
            nonlocal smallest, left
            left -= 1
            if left < 0 or self.limits.time_is_up:
                return False
            variant = one.variant()
            if self._is_too_many(variant) or self.why_not(variant, one.seed) is not None:
                return False
            came = self._run(variant, one.seed)
            if key not in came.failures:
                return False
            smallest = one, came
            return True

        trimmed(draft, fails)
        return smallest


def _order(key: Key) -> tuple[bool, Key]:
    """Violated properties first: a checker's crash beside them may come of the same."""
    return "-crashed-" in key.what, key


class _Failed(Exception):
    """What a trial raises for Hypothesis, which tells failures apart by the class and the line that raised it."""


_ERRORS: Final[dict[Key, type[_Failed]]] = {}


def _error_of(key: Key) -> _Failed:
    """An exception of the key's own class."""
    if key not in _ERRORS:
        _ERRORS[key] = type(f"Failed: {key}", (_Failed,), {})
    return _ERRORS[key](str(key))


def _round_seed(seed: int, number: int) -> int:
    """A seed for each round, which says nothing about those of neighbouring explorations."""
    return int.from_bytes(sha256(f"{seed}/{number}".encode()).digest()[:8], "big")


def _settings(examples: int, shrinks: bool) -> Any:
    return settings(
        max_examples=examples,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=tuple(HealthCheck),
        report_multiple_bugs=True,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
