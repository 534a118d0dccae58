"""A defect: a bug that real teams ship, which can be switched on in Gatefall's own deployment, and what it breaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from conformance.defects.planting import Plant
from scenarios.property_names import BY_ID
from scenarios.scenario import Regime

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defect.

    `name` is its id on the command line, `title` says the bug in a sentence. `finds` are the properties that it
    breaks: each must accuse it, from outside too. `also` are further properties that may be violated as its
    consequence; whatever else is violated is a wrong accusation. `unseen` names those of both that are violated by the
    exact facts and cannot be seen from outside, each with the reason; a defect whose `finds` are all unseen is seen by
    nobody outside. It is planted in a deployment in `phase` and `regime`; `shown_by` are scenarios each of which shows
    it there, with so many `customers`.

    Raises ValueError for a name that is none, and for a property that does not exist or is only unseen.
    """

    name: str
    title: str
    plant: Plant
    finds: tuple[str, ...]
    also: tuple[str, ...] = ()
    unseen: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    shown_by: tuple[str, ...]
    phase: int = 4
    regime: Regime = "continuation"
    customers: int = 20

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"defect {self.name!r}: expected lower-case words joined by hyphens")
        unknown = sorted({*self.finds, *self.also, *self.unseen} - BY_ID.keys())
        if unknown:
            raise ValueError(f"defect {self.name}: there is no property {unknown[0]!r}")
        undeclared = sorted(self.unseen.keys() - self.declared)
        if undeclared:
            raise ValueError(f"defect {self.name}: {undeclared[0]!r} is unseen, but not declared")
        if not self.finds:
            raise ValueError(f"defect {self.name}: it breaks no property")

    @property
    def declared(self) -> frozenset[str]:
        """Every property that may accuse it."""
        return frozenset((*self.finds, *self.also))

    @property
    def finds_outside(self) -> tuple[str, ...]:
        """The properties that must accuse it where it is seen from outside; none where nobody sees it."""
        return tuple(name for name in self.finds if name not in self.unseen)

    @property
    def wants(self) -> tuple[int, Regime]:
        """The phase and the regime of the deployment in which it is planted."""
        return self.phase, self.regime
