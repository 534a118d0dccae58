"""Disputes: told as an event only; nothing in the model answers one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sim.stripe.charge import Charge

RESPONSE_TIME_S: Final = 7 * 86_400
"""How long evidence can be sent. Assumption: a week; networks give 7 to 21 days."""


def dispute(dispute_id: str, charge: Charge, now_s: int) -> dict[str, Any]:
    """The dispute that Stripe opens on a charge of the test card for it."""
    card = charge.method.card
    inquired = card is not None and card.inquired
    return {
        "id": dispute_id,
        "object": "dispute",
        "amount": charge.amount,
        "balance_transactions": [],
        "charge": charge.id,
        "created": now_s,
        "currency": charge.currency,
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now_s + RESPONSE_TIME_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquired,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge.intent_id,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": card.brand if card else None,
                "case_type": "inquiry" if inquired else "chargeback",
                "network": card.brand if card else None,
                "network_reason_code": "10.4",
            },
        },
        "reason": "fraudulent",
        "status": "warning_needs_response" if inquired else "needs_response",
    }
