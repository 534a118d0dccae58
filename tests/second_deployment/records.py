"""What the deployment remembers. Everything lives in plain objects and dies with the process."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

LineKey = tuple[str, str | None, str | None]

_subscription_numbers = itertools.count(700_001, 7)
"""Ids are numbers, written as texts: nothing like an account's name or a purchase's is in them."""


@dataclass
class Line:
    plan: str
    frequency: str
    price: int
    zone_id: str | None = None
    quantity: int = 1
    domain: str | None = None

    @property
    def thing(self) -> LineKey:
        """What is bought, and for what: two lines of one thing are in each other's way while unpaid."""
        return self.plan, self.zone_id, self.domain

    @property
    def whole(self) -> tuple[Any, ...]:
        return (*self.thing, self.frequency, self.quantity, self.price)


@dataclass
class Subscription:
    line: Line
    created_s: float
    state: str = "AwaitingPayment"
    activated_s: float | None = None
    status: str | None = None
    """The entitlement's: None where there is no row."""
    components: dict[str, int] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(next(_subscription_numbers)))


@dataclass
class Part:
    """One intent of a purchase, and what it pays for."""

    kind: str
    amount: int
    subscription_ids: list[str]
    id: str = field(default_factory=lambda: uuid4().hex)
    intent_id: str | None = None
    secret: str | None = None
    tries: int = 0
    settled: bool = False
    """Its success was applied."""
    ended: bool = False
    """It may not be paid any more; what is paid all the same is given back."""
    refunded: bool = False

    @property
    def open(self) -> bool:
        return not self.settled and not self.ended


@dataclass
class Purchase:
    """A cart, or the `change` of one subscription, or a debt."""

    created_s: float
    parts: list[Part]
    lines: list[Line] = field(default_factory=list)
    subscription_ids: list[str] = field(default_factory=list)
    change: dict[str, Any] | None = None
    invoice_id: str | None = None

    @property
    def open(self) -> bool:
        return any(part.open for part in self.parts)

    @property
    def wholes(self) -> Counter[tuple[Any, ...]]:
        return Counter(line.whole for line in self.lines)


@dataclass
class Account:
    customer: str
    country: str
    token: str = field(default_factory=lambda: f"sess-{uuid4()}")
    id: str = field(default_factory=lambda: str(uuid4()))
    profile: dict[str, Any] = field(default_factory=dict)
    locked: bool = False
    banned: bool = False
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    purchases: list[Purchase] = field(default_factory=list)
    zones: dict[str, dict[str, str]] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Payment methods as Stripe has or had them, with `detached` where it has them no more."""
    removed: set[str] = field(default_factory=set)
    default: str | None = None
    invoices: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """By idempotency key: what was asked, and what was answered."""
    asked_s: deque[float] = field(default_factory=deque)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def owes(self) -> int:
        return sum(one["amount"] for one in self.invoices if one["status"] == "bad_debt")

    def open_purchases(self) -> Iterator[Purchase]:
        return (purchase for purchase in self.purchases if purchase.open)

    def part_of(self, intent_id: str) -> tuple[Purchase, Part] | None:
        for purchase in self.purchases:
            for part in purchase.parts:
                if part.intent_id == intent_id:
                    return purchase, part
        return None
