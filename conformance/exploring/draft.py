"""A draft: a scenario as plain data, with the keys that depart from the defaults and no others, and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from scenarios.scenario import Scenario, Variant
from scenarios.sense_check import check_sense
from scenarios.variants import combinations, pm_gate_in

NAME: Final = "explored"
TITLE: Final = "Drawn by gatefall explore"

Data = Mapping[str, Any]
"""A scenario as its file has it, durations as text."""


class Senseless(Exception):
    """A draft that no scenario file may say. Says why."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A scenario to run with a seed. `data` holds neither name nor title, and names exactly one phase."""

    data: Data
    seed: int

    def variant(self) -> Variant:
        """The one variant of the scenario. Raises Senseless where a file of this content would be refused."""
        scenario = self._scenario()
        [only] = combinations(scenario)
        return Variant(
            scenario=scenario,
            file=f"{NAME}.yaml",
            phase=only.phase,
            regime=only.regime,
            front_end=only.front_end,
            pm_gate=pm_gate_in(only.phase, scenario),
        )

    def _scenario(self) -> Scenario:
        try:
            scenario = Scenario.model_validate_json(orjson.dumps({"name": NAME, "title": TITLE, **self.data}))
        except ValueError as error:
            raise Senseless(str(error)) from error
        for finding in check_sense(scenario):
            raise Senseless(f"{'.'.join(map(str, finding.path))}: {finding.problem} {finding.value}")
        return scenario

    @property
    def size(self) -> tuple[int, int, str]:
        """Smallest for the draft that is quickest to read: fewest values, then the shortest text, then any order."""
        text = self.text
        return values_in(self.data), len(text), text

    @property
    def text(self) -> str:
        """The draft in one line, the same for equal drafts."""
        return orjson.dumps({"seed": self.seed, **self.data}, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def digest(self) -> str:
        """Eight characters that tell this draft from others."""
        return sha256(self.text.encode()).hexdigest()[:8]


def values_in(data: Any) -> int:
    """How many values a person has to read."""
    if isinstance(data, Mapping):
        return sum(values_in(value) for value in data.values())
    if isinstance(data, list | tuple):
        return sum(values_in(value) for value in data)
    return 1
