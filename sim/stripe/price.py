"""Prices: what a product costs, once or per period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sim.stripe.account import CATALOGUE
from sim.stripe.billing_period import Interval

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.product import Product


class Recurring:
    """How often a price is due."""

    __slots__ = ("interval", "interval_count", "meter", "trial_period_days", "usage_type")

    def __init__(
        self, interval: Interval, interval_count: int, usage_type: str, meter: str | None, trial_period_days: int | None
    ) -> None:
        self.interval: Interval = interval
        self.interval_count = interval_count
        self.usage_type = usage_type
        self.meter = meter
        self.trial_period_days = trial_period_days

    def render(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Price:
    """One price. Amounts are in minor units, `unit_amount` possibly with decimals; `tiers` as Stripe renders them."""

    __slots__ = (
        "id",
        "created",
        "product",
        "currency",
        "unit_amount",
        "recurring",
        "tiers",
        "tiers_mode",
        "transform_quantity",
        "custom_unit_amount",
        "tax_behavior",
        "active",
        "lookup_key",
        "nickname",
        "metadata",
    )
    spoken_name: ClassVar = "price"

    def __init__(self, price_id: str, created: int, product: Product, currency: str) -> None:
        self.id = price_id
        self.created = created
        self.product = product
        self.currency = currency
        self.unit_amount: Decimal | None = None
        self.recurring: Recurring | None = None
        self.tiers: Sequence[Mapping[str, Any]] | None = None
        self.tiers_mode: str | None = None
        self.transform_quantity: dict[str, Any] | None = None
        self.custom_unit_amount: dict[str, Any] | None = None
        self.tax_behavior = "unspecified"
        self.active = True
        self.lookup_key: str | None = None
        self.nickname: str | None = None
        self.metadata: dict[str, str] = {}

    @property
    def metered(self) -> bool:
        """Whether it is charged by usage, of which the double reports none."""
        return self.recurring is not None and self.recurring.usage_type == "metered"

    @property
    def unit_amount_decimal(self) -> str | None:
        return None if self.unit_amount is None else _plain(self.unit_amount)

    @property
    def includable(self) -> Mapping[str, Any]:
        """Shown only where expanded."""
        return {"tiers": lambda: self.tiers, "currency_options": dict}

    def amount(self, quantity: int) -> int:
        """What that many cost, in minor units; half a unit is rounded up."""
        if self.metered:
            return 0
        if self.transform_quantity is not None:
            whole, rest = divmod(quantity, self.transform_quantity["divide_by"])
            quantity = whole + (1 if rest and self.transform_quantity["round"] == "up" else 0)
        total = (self.unit_amount or Decimal(0)) * quantity if self.tiers is None else self._tiered(quantity)
        return int(total.quantize(Decimal(1), ROUND_HALF_UP))

    def render(self) -> dict[str, Any]:
        recurring = self.recurring
        return {
            "id": self.id,
            "object": "price",
            "active": self.active,
            "billing_scheme": "per_unit" if self.tiers is None else "tiered",
            "created": self.created,
            "currency": self.currency,
            "custom_unit_amount": self.custom_unit_amount,
            "livemode": False,
            "lookup_key": self.lookup_key,
            "metadata": self.metadata,
            "nickname": self.nickname,
            "product": self.product.id,
            "recurring": recurring.render() if recurring else None,
            "tax_behavior": self.tax_behavior,
            "tiers_mode": self.tiers_mode,
            "transform_quantity": self.transform_quantity,
            "type": "recurring" if recurring else "one_time",
            "unit_amount": self._whole_unit_amount(),
            "unit_amount_decimal": self.unit_amount_decimal,
        }

    def render_plan(self) -> dict[str, Any]:
        """A recurring price under its old name."""
        recurring = self.recurring
        assert recurring is not None, "only what recurs is a plan"
        return {
            "id": self.id,
            "object": "plan",
            "active": self.active,
            "amount": self._whole_unit_amount(),
            "amount_decimal": self.unit_amount_decimal,
            "billing_scheme": "per_unit" if self.tiers is None else "tiered",
            "created": self.created,
            "currency": self.currency,
            "interval": recurring.interval,
            "interval_count": recurring.interval_count,
            "livemode": False,
            "metadata": self.metadata,
            "meter": recurring.meter,
            "nickname": self.nickname,
            "product": self.product.id,
            "tiers_mode": self.tiers_mode,
            "transform_usage": self.transform_quantity,
            "trial_period_days": recurring.trial_period_days,
            "usage_type": recurring.usage_type,
        }

    def emit(self, context: Context, change: str, previous: Mapping[str, Any] | None = None) -> None:
        context.emit(context.ledger.account(CATALOGUE), f"price.{change}", self.id, self.render(), previous)

    def _whole_unit_amount(self) -> int | None:
        amount = self.unit_amount
        return int(amount) if amount is not None and amount == int(amount) else None

    def _tiered(self, quantity: int) -> Decimal:
        """Graduated: each tier charges its part. Volume: the tier in which the quantity lies charges all of it."""
        total, below = Decimal(0), 0
        for tier in self.tiers or ():
            top = tier["up_to"]
            inside = quantity if top is None else min(quantity, top)
            last = top is None or quantity <= top
            if self.tiers_mode == "graduated":
                total += _tier_amount(tier, inside - below)
            elif last:
                return _tier_amount(tier, quantity)
            if last:
                break
            below = inside
        return total


def _tier_amount(tier: Mapping[str, Any], quantity: int) -> Decimal:
    return Decimal(tier["flat_amount_decimal"] or 0) + Decimal(tier["unit_amount_decimal"] or 0) * quantity


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
