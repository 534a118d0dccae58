"""The phases of the gate's removal, and what each does to the six operations that had the gate.

The payment-method gate refuses a change with HTTP 402, error 1210, while the account has no valid payment method on
file. It goes in six steps; the second, removal, is the commitment point: nothing after it can bring the gate back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

GateMode = Literal["enforced", "softened", "off"]
FrontEndByPhase = Literal["old", "inline", "new"]

PAYMENT_OPERATIONS: Final = ("bulk_create", "create", "update", "append", "registrar_checkout")
"""The five payment paths: without a payment method on file they answer with a client secret from phase 2 on."""

GATED_OPERATIONS: Final = (*PAYMENT_OPERATIONS, "profile_update")
"""The six operations that have the gate in phase 0. The profile's update needs no payment, only the gate's absence."""

SOFTENED_OPERATIONS: Final = ("update", "append", "profile_update")
"""The non-critical paths, in which phase 1 turns the refusal into a warning."""

COMMITMENT_PHASE: Final = 2
"""The removal: the first phase without the gate, and the one that cannot be undone."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase. `reversible`: whether going back to the phase before is possible once it is out."""

    number: int
    title: str
    sentence: str
    front_end: FrontEndByPhase
    reversible: bool


PHASES: Final[tuple[Phase, ...]] = (
    Phase(
        0,
        "gate enforced",
        "All six operations refuse an account without a valid payment method: 402, error 1210.",
        "old",
        True,
    ),
    Phase(
        1,
        "softening",
        "Update, append and profile only warn; the purchases still refuse. Baselines are measured.",
        "old",
        True,
    ),
    Phase(
        2,
        "removal",
        "No operation checks for a payment method; the five payment paths answer with a client secret instead. "
        "This cannot be undone.",
        "old",
        False,
    ),
    Phase(
        3,
        "integration",
        "The front end renders the payment form when it sees a client secret: card, wallet, PayPal, 3DS inline.",
        "inline",
        True,
    ),
    Phase(
        4,
        "error handling",
        "The front end explains failures, offers a retry with the same or another card, and handles expiry.",
        "new",
        True,
    ),
    Phase(
        5,
        "monitoring",
        "As phase 4, with alerts on payment failures, conversion and time to payment.",
        "new",
        True,
    ),
    Phase(
        6,
        "clean-up",
        "The gate's code, its error paths and its documentation are gone: no flag can bring 1210 back.",
        "new",
        False,
    ),
)

_LAST_PHASE: Final = PHASES[-1].number


def _modes_of(phase: int, pm_gate: bool) -> dict[str, GateMode]:
    if phase >= COMMITMENT_PHASE or not pm_gate:
        return dict.fromkeys(GATED_OPERATIONS, "off")
    if phase == 1:
        return {name: "softened" if name in SOFTENED_OPERATIONS else "enforced" for name in GATED_OPERATIONS}
    return dict.fromkeys(GATED_OPERATIONS, "enforced")


_MODES: Final[Mapping[tuple[int, bool], Mapping[str, GateMode]]] = MappingProxyType(
    {
        (phase.number, pm_gate): MappingProxyType(_modes_of(phase.number, pm_gate))
        for phase in PHASES
        for pm_gate in (True, False)
    }
)


def gate_modes(phase: int, pm_gate: bool = True) -> Mapping[str, GateMode]:
    """The mode of each of the six operations in a phase. Raises ValueError for a phase that does not exist.

    `pm_gate` is the server-side flag: False turns the gate off in phases 0 and 1 and does nothing from 2 on.
    """
    try:
        return _MODES[phase, pm_gate]
    except KeyError:
        raise ValueError(f"there is no phase {phase}: expected 0 to {_LAST_PHASE}") from None


def gate_mode(phase: int, operation: str, pm_gate: bool = True) -> GateMode:
    """What the gate does to one operation; an operation that never had the gate is "off". Raises as `gate_modes`."""
    return gate_modes(phase, pm_gate).get(operation, "off")


def default_front_end(phase: int) -> FrontEndByPhase:
    """The front end that is out in a phase. Raises ValueError for a phase that does not exist."""
    return phase_named(phase).front_end


def phase_named(number: int) -> Phase:
    """The phase of that number. Raises ValueError for one that does not exist."""
    if not 0 <= number <= _LAST_PHASE:
        raise ValueError(f"there is no phase {number}: expected 0 to {_LAST_PHASE}")
    return PHASES[number]
