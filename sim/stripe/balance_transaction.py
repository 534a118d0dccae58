"""Balance transactions: what a charge or a refund did to the merchant's balance. Nothing keeps them: they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.stripe.charge import Charge
from sim.stripe.refund import Refund

if TYPE_CHECKING:
    from sim.stripe.account import Ledger

PREFIX: Final = "txn_"


def balance_transaction(ledger: Ledger, transaction_id: str) -> dict[str, Any] | None:
    """The balance transaction of that id; None if there is none."""
    if not transaction_id.startswith(PREFIX):
        return None
    rest = transaction_id.removeprefix(PREFIX)
    charge, refund = ledger.find(f"ch_{rest}"), ledger.find(f"re_{rest}")
    if isinstance(charge, Charge) and charge.captured:
        return _rendered(transaction_id, "charge", charge.id, charge.amount_captured, charge.currency, charge.created)
    if isinstance(refund, Refund):
        return _rendered(transaction_id, "refund", refund.id, -refund.amount, refund.charge.currency, refund.created)
    return None


def _rendered(
    transaction_id: str, kind: str, source_id: str, amount_minor: int, currency: str, created: int
) -> dict[str, Any]:
    # Assumption: no fees, and available at once; both depend on the merchant's contract.
    return {
        "id": transaction_id,
        "object": "balance_transaction",
        "amount": amount_minor,
        "available_on": created,
        "balance_type": "payments",
        "created": created,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount_minor,
        "reporting_category": kind,
        "source": source_id,
        "status": "available",
        "type": kind,
    }
