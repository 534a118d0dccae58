"""The names of the probes: what a scenario's key `probe` may say.

Only names and a line about each: what a probe does is written in the model's package `sim.probes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROBE_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ordinary-purchase": "buys, looks on from beside as a neighbour, and finds everything as it should be",
        "other-accounts": "names another account's things, path and keys, and comes with credentials that are none",
        "administrators-tokens": "asks for administrators' operations with tokens that are none",
        "administrators-grants": "has administrators put the books of paid and unpaid accounts right",
        "card-numbers": "puts a card number wherever a front end might put one",
        "forged-events": "tells billing-webhooks of payments that Stripe never told of",
        "malformed-input": "sends what does not fit to every operation, and to addresses that nothing is at",
        "bad-batches": "buys batches with one bad line at each place among good ones",
        "rate-limit": "asks until it is limited, and buys once it is not any more",
        "repeats": "buys the same again with the same key: at once, after a time-out, changed, elsewhere, refused",
        "repeats-after-errors": "buys the same again with a key that met a server error",
        "every-operation": "asks for every operation as each client does, on session and off",
        "payment-method-in-use": "takes off file what a subscription in force depends on, and what it does not",
        "payment-method-before-confirmation": "takes off file what is there while a purchase waits for its customer",
        "debts": "pays invoices that are no debts, then a debt, then the debt again, beside a neighbour",
        "billing-history": "reads the billing history by pages while invoices arrive, and by days and moments",
        "change-watched": "changes a plan, has the payment declined, pays, and looks between every two steps",
        "purchase-repeated": "buys without a payment method, and repeats what answers 500 for more than a minute",
        "pay-after-expiry": "pays a day too late, and buys again",
    }
)
"""One line about each probe, by name, in the order in which they are listed."""
