"""A mix: one of several names, drawn by weight. Built once for a scenario, picked from for every customer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Generic, TypeVar

K = TypeVar("K")


class Mix(Generic[K]):
    """Names with their weights, made into one table. Raises ValueError if no weight is positive."""

    __slots__ = ("_steps", "_last", "only")

    def __init__(self, weights: Mapping[K, float]) -> None:
        positive = [(name, weight) for name, weight in weights.items() if weight > 0]
        if not positive:
            raise ValueError(
                f"no positive weight in {dict(weights)!r}: expected at least one name with a weight above 0"
            )
        total = math.fsum(weight for _, weight in positive)
        threshold = 0.0
        steps: list[tuple[float, K]] = []
        for name, weight in positive:
            threshold += weight / total
            steps.append((threshold, name))
        self._steps = tuple(steps[:-1])
        self._last = steps[-1][1]
        self.only: K | None = self._last if len(steps) == 1 else None

    def pick(self, uniform: float) -> K:
        """The name in whose part of [0, 1) the number falls."""
        for threshold, name in self._steps:
            if uniform < threshold:
                return name
        return self._last
