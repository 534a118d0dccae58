"""Targets by the names that the command line takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatefall.mistakes import Mistake

if TYPE_CHECKING:
    from conformance.target import Target

SIMULATED: Final = "simulated"


def check_target(name: str) -> str:
    """The name, if customers can be let loose on that target. Raises Mistake."""
    if name == SIMULATED:
        return name
    if name == "mock" or name.endswith(".toml"):
        raise Mistake(
            f'the target "{name}" cannot be reached by this version of gatefall, which runs in virtual time only; '
            f"use --target {SIMULATED}, or leave it out"
        )
    raise Mistake(f'there is no target "{name}"; expected "{SIMULATED}"')


def target_named(name: str) -> Target:
    """The target of that name. Raises Mistake."""
    check_target(name)
    from conformance.simulated import SimulatedTarget

    return SimulatedTarget()
