"""Proving: the suite against every defect, and against the clean deployment in every phase and regime."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from typing import Final

from conformance.defects import THEMES, Defect
from conformance.proving.matrix import Matrix, clean_of, rows_of
from conformance.proving.trial import Trial, TrialResult, try_out
from conformance.target import Target
from conformance.workers import in_order, terminable, worker_pool
from scenarios.phase import COMMITMENT_PHASE
from scenarios.scenario import Regime
from scenarios.variants import ALL_PHASES

Deployed = tuple[int, Regime]
"""A phase and a regime."""

CLEAN: Final[tuple[Deployed, ...]] = tuple(
    (phase, regime)
    for phase in ALL_PHASES
    for regime in (("legacy", "act-1", "continuation") if phase < COMMITMENT_PHASE else ("continuation",))
)
"""Where nothing is wrong. The earlier engines behind a gate that is gone are what the project is there to warn of: the
negative controls run them, and defects of the catalogue switch them on."""

DEFAULT_CLEAN_SEEDS: Final = 20

OnResult = Callable[[TrialResult], None]


def trials(
    defects: Sequence[Defect], clean: Collection[Deployed], seed: int, seeds: int, target: Target
) -> Iterator[Trial]:
    """The defects under one seed; then the clean deployments under as many as are asked for, from that one on."""
    for defect in defects:
        yield Trial(defect.name, defect.phase, defect.regime, seed, target)
    for phase, regime in clean:
        for number in range(seed, seed + seeds):
            yield Trial(None, phase, regime, number, target)


def prove(
    defects: Sequence[Defect],
    clean: Collection[Deployed],
    target: Target,
    *,
    version: str,
    seed: int = 1,
    seeds: int = DEFAULT_CLEAN_SEEDS,
    workers: int = 1,
    executor: Executor | None = None,
    on_result: OnResult | None = None,
) -> Matrix:
    """Try every defect, and the clean deployments; the same seed gives the same matrix with any number of workers.

    SIGINT and SIGTERM raise KeyboardInterrupt. Raises WorkerLost when a process dies.
    """
    results: list[TrialResult] = []
    with terminable(), worker_pool(workers, executor) as pool:
        for result in in_order(try_out, trials(defects, clean, seed, seeds, target), pool, workers):
            results.append(result)
            if on_result is not None:
                on_result(result)
    of_defects, of_clean = results[: len(defects)], results[len(defects) :]
    themed = [(theme_of(defect), defect) for defect in defects]
    return Matrix(version, target.name, seed, rows_of(themed, of_defects), clean_of(of_clean))


def theme_of(defect: Defect) -> str:
    """The theme under which the catalogue has a defect; "" for one that it does not have."""
    return next((theme for theme, defects in THEMES.items() if defect in defects), "")
