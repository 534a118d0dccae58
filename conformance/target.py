"""What customers run against: the port that every target implements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from scenarios.scenario import Variant
from sim.facts import Fact

OnSettled = Callable[[int, str, list[Fact]], None]
"""Called once for every customer when nothing more can happen: its number, its account id and all of its facts."""


class Target(Protocol):
    """A deployment that customers can be let loose on. Must survive pickling: cells run in other processes."""

    @property
    def name(self) -> str:
        """How the target is called on the command line and in a run's files."""

    def run(self, variant: Variant, seed: int, customers: Sequence[int], on_settled: OnSettled) -> None:
        """Run those customers of the variant until nothing is left to happen.

        `on_settled` is called once for each of them; its order is the same at every run.
        """
