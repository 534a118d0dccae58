"""Histories are handed on some at a time, so that the code of a fold runs while it is in the processor's caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conformance.history import History

TOGETHER: Final = 32
"""Enough to spare a tenth of a checkout's cost, few enough to hold little memory (benchmarks/checkout.py)."""


class Batch:
    """Collects histories and gives them to every sink, sink by sink, in their order."""

    __slots__ = ("_held", "_sinks")

    def __init__(self, *sinks: Callable[[History], object]) -> None:
        self._sinks = sinks
        self._held: list[History] = []

    def add(self, history: History) -> None:
        """Take one history; hand on what is held when there are enough."""
        self._held.append(history)
        if len(self._held) == TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Hand on what is held. Call it after the last history."""
        for sink in self._sinks:
            for history in self._held:
                sink(history)
        self._held.clear()
