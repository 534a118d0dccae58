"""What an exploration may draw: the phases and regimes, and whether anything may go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scenarios.scenario import Regime
from scenarios.variants import ALL_PHASES

REGIMES: Final[tuple[Regime, ...]] = ("continuation", "act-1")
"""Those under which every property must hold. The legacy engine grants before it is paid: it is known to violate some
(premature-removal-legacy.yaml), and exploring it finds nothing else."""

_CUSTOMERS: Final = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """The room in which scenarios are drawn.

    `faults`: whether anything may go wrong on the way; `capacity`: whether services may be limited; `gates`: whether
    feature flags may depart from their defaults; `probes`: whether customers may probe instead of shopping. A real
    deployment has none of them. `customers`: at most so many come
    in one scenario.
    """

    phases: tuple[int, ...] = ALL_PHASES
    regimes: tuple[Regime, ...] = REGIMES
    faults: bool = True
    capacity: bool = True
    gates: bool = True
    probes: bool = True
    customers: int = _CUSTOMERS

    def __post_init__(self) -> None:
        if not self.phases or not self.regimes or self.customers < 1:
            raise ValueError(f"nothing can be drawn within {self}: expected a phase, a regime and a customer")
