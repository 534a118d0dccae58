"""The second account that some probes act on."""

from __future__ import annotations

from typing import Final

from scenarios.scenario import Cart, PaymentMethodState
from sim.customers.basket import Basket
from sim.customers.shopper import Shopper

NEIGHBOURS: Final = 50_000_000
"""Added to a customer's number, gives the neighbour's: more than any scenario has customers."""


def neighbour_of(shopper: Shopper, payment_method: PaymentMethodState) -> Shopper:
    """Somebody from the same place with that payment method, and nothing else."""
    return Shopper(
        shopper.index,
        shopper.place,
        payment_method,
        "unified-checkout",
        shopper.front_end,
        Basket(Cart()),
        "saved",
        "skipped",
        "succeeds",
        "never",
        "never",
    )
