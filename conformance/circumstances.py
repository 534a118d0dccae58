"""The circumstances of a run: what a property must know about the deployment besides the facts."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from scenarios.phase import GateMode, gate_mode
from scenarios.scenario import Regime, Scenario, Variant
from sim.time import HOUR_US, SECOND_US

ConsumerPattern = tuple[str, str]
"""A client and an operation, either with `*` for any."""

DECLARED_CONSUMERS: Final[tuple[ConsumerPattern, ...]] = (
    ("unified-checkout", "*"),
    ("multisku", "*"),
    ("billing-profile", "*"),
    ("iapi/provisioner", "*"),
)
"""Assumption: the callers that are known to handle 1210 are the three front ends and the one service that provisions.
Who else does is what a run is to find out."""

ENTITLEMENT_BOUND_US: Final = 60 * SECOND_US
"""How long provisioning may take once the payment is known (CONTRACT: left open up to 60 seconds)."""

EXPIRY_US: Final = 23 * HOUR_US
"""The age at which an unpaid purchase expires (CONTRACT, Purchases 7; Stripe's own limit for a first invoice)."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Which phase, regime and front end the customers met, and what this deployment leaves to its profile.

    `pm_gate` is the server-side flag. `declared_consumers` are the callers that may meet a 1210; None: nobody declared
    any. `sees_stripe`: whether Stripe's side is in the facts, so that the absence of a payment means something.
    `zones_apart_from_plans`: the deployment activates zones whether or not their plan is paid. `faulty`: the scenario
    makes things fail on purpose, so that an error of a server is nobody's fault. `fails_by_chance`: it does so without
    end or by drawing lots, so that one of two equal requests may fail and the other pass.
    """

    phase: int
    regime: Regime
    front_end: Literal["old", "inline", "new"]
    pm_gate: bool
    target: str = "simulated"
    declared_consumers: tuple[ConsumerPattern, ...] | None = DECLARED_CONSUMERS
    entitlement_bound_us: int = ENTITLEMENT_BOUND_US
    expiry_us: int = EXPIRY_US
    sees_stripe: bool = True
    zones_apart_from_plans: bool = False
    faulty: bool = False
    fails_by_chance: bool = False

    def gate(self, operation: str) -> GateMode:
        """What the PM gate does to an operation here."""
        return gate_mode(self.phase, operation, self.pm_gate)

    def declares(self, client: str, operation: str) -> bool:
        """Whether that caller is on the declared list; False too where there is none."""
        return any(
            fnmatchcase(client, client_pattern) and fnmatchcase(operation, operation_pattern)
            for client_pattern, operation_pattern in self.declared_consumers or ()
        )


def circumstances_of(
    variant: Variant,
    target: str = "simulated",
    declared_consumers: tuple[ConsumerPattern, ...] | None = DECLARED_CONSUMERS,
) -> Circumstances:
    """The circumstances in which the customers of a variant act on a target."""
    return Circumstances(
        phase=variant.phase,
        regime=variant.regime,
        front_end=variant.front_end,
        pm_gate=variant.pm_gate,
        target=target,
        declared_consumers=declared_consumers,
        faulty=variant.scenario.has_faults,
        fails_by_chance=_fails_by_chance(variant.scenario),
    )


def _fails_by_chance(scenario: Scenario) -> bool:
    """Whether anything goes wrong besides the first so many times of each customer."""
    return scenario.storm is not None or any(fault.first is None for fault in scenario.faults)
