"""Refunds: money that goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from sim.stripe.charge import Charge


class Refund:
    """A part or all of one charge, given back at once."""

    __slots__ = ("id", "charge", "created", "amount", "reason", "metadata")
    spoken_name: ClassVar = "refund"

    def __init__(
        self, refund_id: str, charge: Charge, created: int, amount: int, reason: str | None, metadata: dict[str, str]
    ) -> None:
        self.id = refund_id
        self.charge = charge
        self.created = created
        self.amount = amount
        self.reason = reason
        self.metadata = metadata

    def render(self) -> dict[str, Any]:
        charge = self.charge
        kind = charge.method.type
        details = {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"}
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": f"txn_{self.id[3:]}",
            "charge": charge.id,
            "created": self.created,
            "currency": charge.currency,
            "customer": charge.customer_id,
            "customer_account": None,
            "destination_details": {"type": kind, kind: details if kind == "card" else {}},
            "metadata": self.metadata,
            "payment_intent": charge.intent_id,
            "payment_method": charge.method.id,
            "reason": self.reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
