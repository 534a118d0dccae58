"""Subscription items: one price, and how many of it, within a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sim.stripe.invoice_item import Period, Sale

if TYPE_CHECKING:
    from sim.stripe.price import Price
    from sim.stripe.subscription import Subscription


class SubscriptionItem:
    """One item. A change of price or quantity makes a revised copy with the same id."""

    __slots__ = ("id", "created", "subscription", "price", "quantity", "metadata")
    spoken_name: ClassVar = "subscription_item"

    def __init__(self, item_id: str, created: int, subscription: Subscription, price: Price, quantity: int) -> None:
        self.id = item_id
        self.created = created
        self.subscription = subscription
        self.price = price
        self.quantity = quantity
        self.metadata: dict[str, str] = {}

    def revised(self, price: Price, quantity: int, metadata: dict[str, str]) -> SubscriptionItem:
        copy = SubscriptionItem(self.id, self.created, self.subscription, price, quantity)
        copy.metadata = metadata
        return copy

    @property
    def amount(self) -> int:
        """What a whole period of it costs, in minor units."""
        return self.price.amount(self.quantity)

    def sale(self, period: Period) -> Sale:
        """A whole period of it, as a line of an invoice."""
        return self._sale(self.amount, f"{self.quantity} × {self.price.product.name}", period)

    def trial(self, period: Period) -> Sale:
        return self._sale(0, f"Trial period for {self.price.product.name}", period)

    def part(self, amount: int, description: str, period: Period) -> Sale:
        """A part of a period of it, to be paid or given back."""
        sale = self._sale(amount, f"{description} {self.price.product.name}", period)
        sale.proration = True
        return sale

    def render(self) -> dict[str, Any]:
        start_s, end_s = self.subscription.period
        return {
            "id": self.id,
            "object": "subscription_item",
            "billed_until": end_s,
            "billing_thresholds": None,
            "created": self.created,
            "current_period_end": end_s,
            "current_period_start": start_s,
            "current_trial": None,
            "discounts": [],
            "metadata": self.metadata,
            "plan": self.price.render_plan(),
            "price": self.price.render(),
            "quantity": None if self.price.metered else self.quantity,
            "subscription": self.subscription.id,
            "tax_rates": [],
        }

    def _sale(self, amount: int, description: str, period: Period) -> Sale:
        sale = Sale(amount, self.price.currency, description, period, self.quantity)
        sale.price = self.price
        sale.subscription = self.subscription
        sale.item = self
        sale.metadata = self.metadata
        return sale
