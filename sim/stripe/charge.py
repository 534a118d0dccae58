"""Charges: each attempt to move money, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.stripe.test_cards import Decline

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.payment_intent import PaymentIntent
    from sim.stripe.payment_method import PaymentMethod

_CONSTANT: Final[Mapping[str, Any]] = {
    "object": "charge",
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "calculated_statement_descriptor": "GATEFALL TEST",
    "failure_balance_transaction": None,
    "livemode": False,
    "on_behalf_of": None,
    "presentment_details": None,
    "radar_options": {},
    "receipt_number": None,
    "review": None,
    "source": None,
    "source_transfer": None,
    "transfer_data": None,
}
_AUTHORIZED: Final[Mapping[str, Any]] = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 12,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


class Charge:
    """One attempt. Money is conserved: `amount_refunded` never exceeds `amount_captured`, nor that `amount`."""

    __slots__ = (
        "id",
        "intent_id",
        "account",
        "created",
        "amount",
        "amount_captured",
        "amount_refunded",
        "captured",
        "currency",
        "customer_id",
        "decline",
        "disputed",
        "user_report",
        "transfer_group",
        "metadata",
        "method",
        "exp_month",
        "exp_year",
        "billing_details",
        "description",
        "receipt_email",
        "shipping",
        "statement_descriptor",
        "statement_descriptor_suffix",
    )
    spoken_name: ClassVar = "charge"

    def __init__(self, charge_id: str, intent: PaymentIntent, created: int, decline: Decline | None) -> None:
        method, customer = intent.payment_method, intent.customer
        assert method is not None, "a charge needs a payment method"
        self.id = charge_id
        self.intent_id = intent.id
        self.account: Account = intent.account
        self.created = created
        self.amount = intent.amount
        self.captured = decline is None and intent.capture_method != "manual"
        self.amount_captured = intent.amount if self.captured else 0
        self.amount_refunded = 0
        self.currency = intent.currency
        self.customer_id = customer.id if customer else None
        self.decline = decline
        self.disputed = False
        self.user_report: str | None = None
        self.transfer_group = intent.transfer_group
        self.metadata: dict[str, str] = intent.metadata
        self.method: PaymentMethod = method
        # Of the payment method this alone can change afterwards.
        self.exp_month = method.exp_month
        self.exp_year = method.exp_year
        self.billing_details = method.billing_details
        self.description = intent.description
        self.receipt_email = intent.receipt_email
        self.shipping = intent.shipping
        self.statement_descriptor = intent.statement_descriptor
        self.statement_descriptor_suffix = intent.statement_descriptor_suffix

    @property
    def refundable(self) -> int:
        return self.amount_captured - self.amount_refunded

    def capture(self, amount: int) -> None:
        assert 0 < amount <= self.amount, f"cannot capture {amount} of {self.amount}"
        self.captured = True
        self.amount_captured = amount

    def refund(self, amount: int) -> None:
        assert 0 < amount <= self.refundable, f"cannot refund {amount} of {self.refundable}"
        self.amount_refunded += amount

    def dispute(self) -> None:
        self.disputed = True

    def render(self) -> dict[str, Any]:
        return self._render(self.captured, self.amount_captured, self.amount_refunded, self.disputed)

    def snapshot(self) -> Callable[[], dict[str, Any]]:
        """What renders the charge as it is now: most events about charges are never looked at."""
        return partial(self._render, self.captured, self.amount_captured, self.amount_refunded, self.disputed)

    def _render(self, captured: bool, amount_captured: int, amount_refunded: int, disputed: bool) -> dict[str, Any]:
        decline = self.decline
        paid = decline is None
        return {
            "id": self.id,
            **_CONSTANT,
            "amount": self.amount,
            "amount_captured": amount_captured,
            "amount_refunded": amount_refunded,
            "balance_transaction": f"txn_{self.id[3:]}" if captured else None,
            "billing_details": self.billing_details,
            "captured": captured,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer_id,
            "description": self.description,
            "disputed": disputed,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {"user_report": self.user_report} if self.user_report else {},
            "metadata": self.metadata,
            "outcome": _refused(self.method, decline) if decline else _AUTHORIZED,
            "paid": paid,
            "payment_intent": self.intent_id,
            "payment_method": self.method.id,
            "payment_method_details": self._method_details(),
            "receipt_email": self.receipt_email,
            "receipt_url": f"https://pay.stripe.test/receipts/{self.id}" if paid else None,
            "refunded": captured and amount_refunded == amount_captured,
            "shipping": self.shipping,
            "statement_descriptor": self.statement_descriptor,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": "succeeded" if paid else "failed",
            "transfer_group": self.transfer_group,
        }

    def _method_details(self) -> dict[str, Any]:
        method = self.method
        card = method.card
        if card is None:
            return {"type": method.type, method.type: _WALLET_DETAILS[method.type](method)}
        shown = method.render_card(card, self.exp_month, self.exp_year)
        details = {name: shown[name] for name in _SHARED_WITH_CARD}
        authorized = self.decline is None
        details.update(
            amount_authorized=self.amount if authorized else None,
            authorization_code="123456" if authorized else None,
            extended_authorization={"status": "disabled"},
            incremental_authorization={"status": "unavailable"},
            installments=None,
            mandate=None,
            multicapture={"status": "unavailable"},
            network=card.brand,
            network_token={"used": False},
            network_transaction_id=None,
            overcapture={"maximum_amount_capturable": self.amount, "status": "unavailable"},
            three_d_secure=None,
        )
        return {"type": "card", "card": details}


_SHARED_WITH_CARD: Final = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "regulated_status",
    "wallet",
)


def _paypal(method: PaymentMethod) -> dict[str, Any]:
    return {
        "country": None,
        "payer_email": method.email,
        "payer_id": method.render()["paypal"]["payer_id"],
        "payer_name": method.billing_details["name"],
        "seller_protection": {"dispute_categories": None, "status": "not_eligible"},
        "transaction_id": None,
    }


def _link(method: PaymentMethod) -> dict[str, Any]:
    return {"country": None}


_WALLET_DETAILS: Final = {"paypal": _paypal, "link": _link}


def _refused(method: PaymentMethod, decline: Decline) -> dict[str, Any]:
    blocked = method.card is not None and method.card.blocked
    return {
        "advice_code": decline.advice_code,
        "network_advice_code": None,
        "network_decline_code": decline.network_decline_code,
        "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": "highest_risk_level" if blocked else decline.decline_code,
        "risk_level": "highest" if blocked else "normal",
        "risk_score": 95 if blocked else 12,
        "seller_message": "Stripe blocked this payment as too risky."
        if blocked
        else "The bank did not return any further details with this decline.",
        "type": "blocked" if blocked else "issuer_declined",
    }
