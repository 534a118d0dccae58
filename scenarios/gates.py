"""The gates (feature flags) that decide which checkout a customer sees and what it does.

A scenario names a gate under `backend.gates` only where it departs from the default: an unnamed gate leaves what the
scenario says elsewhere (its client mix, its front end, its phase) as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from scenarios.catalogue import RATE_PLANS, REGISTRAR

PM_GATE: Final = "pm-gate"
UNIFIED_CHECKOUT: Final = "billing-unified-checkout"
ON_SESSION_PAYMENT: Final = "billing-on-session-payment"
BILLING_ROUTES: Final = "billing-routes"
ZONE_CREATION: Final = "billing-zone-creation"


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: who reads it, and what it means when it is off."""

    name: str
    side: Literal["front end", "server"]
    meaning: str


def product_gate(rate_plan: str) -> str:
    """The gate that moves one product to the Unified Checkout, such as `billing-unified-checkout-load-balancer`."""
    return f"{UNIFIED_CHECKOUT}-{rate_plan.replace('_', '-')}"


GATES: Final[Mapping[str, Gate]] = MappingProxyType(
    {
        gate.name: gate
        for gate in (
            Gate(UNIFIED_CHECKOUT, "front end", "Master gate of the Unified Checkout; off: everybody is on Multisku."),
            Gate(
                ON_SESSION_PAYMENT,
                "front end",
                "Whether the front end confirms client secrets; off: it never opens a challenge or a payment form.",
            ),
            Gate(BILLING_ROUTES, "front end", "Whether the billing section, Billing Profile included, is visible."),
            Gate(ZONE_CREATION, "front end", "Whether a checkout may create a new zone."),
            Gate(
                PM_GATE,
                "server",
                "The payment-method gate; off: no 402/1210 in phases 0 and 1. No effect from 2 on, and gone in 6.",
            ),
            *(
                Gate(product_gate(name), "front end", f"{name} is sold through the Unified Checkout; off: Multisku.")
                for name in (*RATE_PLANS, REGISTRAR)
            ),
        )
    }
)

_PRODUCT_GATES: Final[Mapping[str, str]] = MappingProxyType(
    {name: product_gate(name) for name in (*RATE_PLANS, REGISTRAR)}
)


def checkout_of(client: str, products: tuple[str, ...], gates: Mapping[str, bool]) -> str:
    """The checkout that a customer of these products really gets: the one of the mix, unless a named gate moves them.

    Unified Checkout falls back to Multisku where the master gate, or the gate of any product of the cart, is off.
    Multisku customers move to the Unified Checkout where the gate of every product of the cart is on and the master
    gate is not off. Other clients are no checkouts and stay.
    """
    if not gates or client not in ("unified-checkout", "multisku"):
        return client
    if gates.get(UNIFIED_CHECKOUT) is False:
        return "multisku"
    states = [gates.get(_PRODUCT_GATES[name]) for name in products]
    if any(state is False for state in states):
        return "multisku"
    if states and all(states):
        return "unified-checkout"
    return client
