"""Targets by the names that the command line takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatefall.mistakes import unknown_name

if TYPE_CHECKING:
    from conformance.target import Target

SIMULATED: Final = "simulated"
MOCK: Final = "mock"
NAMES: Final = (SIMULATED, MOCK)


def check_target(name: str) -> str:
    """The name, if customers can be let loose on that target. Raises Mistake."""
    if name in NAMES:
        return name
    raise unknown_name("target", name, NAMES, "gatefall run --help")


def target_named(name: str, pace: float = 0.0) -> Target:
    """The target of that name. Raises Mistake."""
    check_target(name)
    if name == MOCK:
        from conformance.mock import MockTarget

        return MockTarget(pace)
    from conformance.simulated import SimulatedTarget

    return SimulatedTarget()
