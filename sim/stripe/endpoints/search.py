"""Searches: refused, because they have a language of their own that this double does not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.errors import invalid_request

SEARCH: Final[parameters.Specification] = dict.fromkeys(("query", "limit", "page", "expand"), parameters.unread)
SEARCHABLE: Final = ("charges", "customers", "invoices", "payment_intents", "prices", "products", "subscriptions")
"""The resources that Stripe can search. Source: the classes of the official SDK that can."""


def refuse(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    raise invalid_request(
        "This double of Stripe does not model search. List the resource instead: its filters do for what a test made."
    )
