"""One customer: who it is and what it came to do, drawn once and the same in every phase, target and world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.scenario import (
    AbandonStep,
    CardBehaviour,
    DoubleSubmit,
    PaymentMethodState,
    PaymentStep,
    PaysWith,
    Region,
    Standing,
    Variant,
)
from sim.streams import Streams

if TYPE_CHECKING:
    from sim.customers.basket import Basket
    from sim.customers.population import Place


class Shopper:
    """What is known of a customer before the first click.

    `client` is the checkout really met, gates considered ("unified-checkout", "multisku", "billing-profile", "iapi").
    `front_end` is "old", "inline" or "new". `pays_with` is what it prefers; "saved" only where a method is on file.
    `payment_step` matters to old front ends only: whether the checkout collects a card before submit. `first_card`: how
    the first card behaves. `standing`: whether the account may buy at all. What happens later (challenges, declines) is
    drawn when it comes up, by number of try.
    """

    __slots__ = (
        "abandons_at",
        "basket",
        "client",
        "double_submit",
        "first_card",
        "front_end",
        "index",
        "payment_step",
        "pays_with",
        "place",
        "pm_on_file",
        "standing",
    )

    def __init__(
        self,
        index: int,
        place: Place,
        pm_on_file: PaymentMethodState,
        client: str,
        front_end: str,
        basket: Basket,
        pays_with: PaysWith,
        payment_step: PaymentStep,
        first_card: CardBehaviour,
        double_submit: DoubleSubmit,
        abandons_at: AbandonStep,
        standing: Standing = "good",
    ) -> None:
        self.index = index
        self.place = place
        self.pm_on_file = pm_on_file
        self.client = client
        self.front_end = front_end
        self.basket = basket
        self.pays_with = pays_with
        self.payment_step = payment_step
        self.first_card = first_card
        self.double_submit = double_submit
        self.abandons_at = abandons_at
        self.standing: Standing = standing

    @property
    def region(self) -> Region:
        """Where the customer is."""
        return self.place.region

    @property
    def country(self) -> str:
        """ISO 3166 code of the country, upper case."""
        return self.place.country

    @property
    def has_usable_method(self) -> bool:
        """Whether a payment method is on file that is not expired, whatever will become of its charges."""
        return self.pm_on_file not in ("none", "expired")


def draw_shopper(variant: Variant, streams: Streams) -> Shopper:
    """One customer of a variant. A world that draws many keeps a `Population` and draws from that."""
    from sim.customers.population import Population

    return Population(variant).draw(streams)
