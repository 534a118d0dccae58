"""SetupAttempts: what became of each confirmation of a SetupIntent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from sim.stripe.payment_method import PaymentMethod
    from sim.stripe.setup_intent import SetupIntent

_SHARED_WITH_CARD: Final = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "wallet",
)


class SetupAttempt:
    """One attempt. `status` is requires_confirmation, requires_action, succeeded, failed or abandoned."""

    __slots__ = ("id", "created", "intent_id", "customer_id", "method", "usage", "status", "error")
    spoken_name: ClassVar = "setupattempt"

    def __init__(self, attempt_id: str, intent: SetupIntent, created: int) -> None:
        method, customer = intent.payment_method, intent.customer
        assert method is not None, "an attempt needs a payment method"
        self.id = attempt_id
        self.created = created
        self.intent_id = intent.id
        self.customer_id = customer.id if customer else None
        self.method: PaymentMethod = method
        self.usage = intent.usage
        self.status = "requires_confirmation"
        self.error: Mapping[str, Any] | None = None

    def end(self, status: str, error: Mapping[str, Any] | None = None) -> None:
        self.status = status
        self.error = error

    def render(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "setup_attempt",
            "application": None,
            "attach_to_self": False,
            "created": self.created,
            "customer": self.customer_id,
            "customer_account": None,
            "flow_directions": None,
            "livemode": False,
            "on_behalf_of": None,
            "payment_method": self.method.id,
            "payment_method_details": self._method_details(),
            "setup_error": self.error,
            "setup_intent": self.intent_id,
            "status": self.status,
            "usage": self.usage,
        }

    def _method_details(self) -> dict[str, Any]:
        method = self.method
        if method.card is None:
            return {"type": method.type, method.type: {}}
        card = method.render()["card"]
        details = {name: card[name] for name in _SHARED_WITH_CARD}
        return {"type": "card", "card": {**details, "network": card["brand"], "three_d_secure": None}}
