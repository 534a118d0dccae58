"""A cart of the scenario made ready for buying: what the checkout needs to know, worked out once for all customers."""

from __future__ import annotations

from typing import Any

from scenarios.catalogue import REGISTRAR, NotOffered, component_price_minor, price_minor
from scenarios.scenario import Append, Cart, Domain, Line, Upgrade

JsonObject = dict[str, Any]


class Basket:
    """A cart with its products, and its parts as they go their separate ways at item separation.

    `lines`: the bodies of subscriptions that need no zone, shared by all customers and never changed. `products`: rate
    plans in the cart's order, `registrar` for a domain. `nothing_due`: whether all of it costs nothing at purchase.
    `one_click`: only a change of what the customer has, which old front ends sell without a payment step. `plain`:
    lines alone, none for a zone, so that its one request, `bulk_members`, is the same for all customers.
    """

    __slots__ = (
        "append",
        "bulk_members",
        "domains",
        "features",
        "held",
        "line_count",
        "lines",
        "needs_zones",
        "nothing_due",
        "one_click",
        "plain",
        "products",
        "upgrade",
        "zone_lines",
    )

    def __init__(self, cart: Cart) -> None:
        self.zone_lines: tuple[Line, ...] = cart.lines
        self.needs_zones = any(line.zone != "none" for line in cart.lines)
        self.lines: tuple[JsonObject, ...] = tuple(line_body(line) for line in cart.lines)
        self.domains: tuple[Domain, ...] = cart.domains
        self.upgrade: Upgrade | None = cart.upgrade
        self.append: Append | None = cart.append
        self.products = _products(cart)
        self.line_count = len(self.products)
        self.nothing_due = _due_minor(cart) <= 0
        self.one_click = not cart.lines and not cart.domains
        self.held: tuple[JsonObject, ...] = _held_at_start(cart)
        self.plain = bool(cart.lines) and not (self.needs_zones or self.domains or self.held)
        self.bulk_members: JsonObject = {"subscriptions": list(self.lines)}
        self.features = tuple(line.rate_plan for line in cart.lines)

    @property
    def existing_zones(self) -> int:
        """How many zones the account must have from the start."""
        return sum(line.zone == "existing" for line in self.zone_lines)


def line_body(line: Line, zone_id: str | None = None) -> JsonObject:
    """A line as the contract writes it."""
    body: JsonObject = {"rate_plan": {"id": line.rate_plan}, "frequency": line.frequency}
    if line.quantity != 1:
        body["quantity"] = line.quantity
    if zone_id is not None:
        body["zone_id"] = zone_id
    return body


def _products(cart: Cart) -> tuple[str, ...]:
    products = [line.rate_plan for line in cart.lines]
    products += [REGISTRAR] * len(cart.domains)
    if cart.upgrade is not None:
        products.append(cart.upgrade.to_plan)
    if cart.append is not None:
        products.append(cart.append.rate_plan)
    return tuple(products)


def _due_minor(cart: Cart) -> int:
    """What the cart costs at purchase, in minor units; something, where the catalogue does not say."""
    try:
        due = sum(price_minor(line.rate_plan, line.frequency, line.quantity) for line in cart.lines)
        if cart.upgrade is not None:
            frequency = cart.upgrade.frequency
            old = price_minor(cart.upgrade.from_plan, frequency)
            due += max(0, price_minor(cart.upgrade.to_plan, frequency) - old)
        if cart.append is not None:
            due += component_price_minor(cart.append.rate_plan, cart.append.component) * cart.append.value
    except NotOffered:
        return 1
    return due + len(cart.domains)


def _held_at_start(cart: Cart) -> tuple[JsonObject, ...]:
    """The subscriptions that the cart changes: the customer has them from the start."""
    held: list[JsonObject] = []
    if cart.upgrade is not None:
        held.append({"rate_plan": {"id": cart.upgrade.from_plan}, "frequency": cart.upgrade.frequency})
    if cart.append is not None:
        held.append({"rate_plan": {"id": cart.append.rate_plan}, "frequency": "monthly"})
    return tuple(held)
