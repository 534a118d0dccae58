"""Requests about balance transactions: each can be read, as charges and refunds name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.stripe.balance_transaction import balance_transaction
from sim.stripe.context import Context
from sim.stripe.errors import no_such


def retrieve(context: Context, values: Mapping[str, Any], transaction_id: str) -> dict[str, Any]:
    found = balance_transaction(context.ledger, transaction_id)
    if found is None:
        raise no_such("balance transaction", transaction_id, "id")
    return found
