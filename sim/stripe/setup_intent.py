"""SetupIntents: save a payment method with the customer's consent, and move no money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.stripe.errors import failure
from sim.stripe.intent import Intent, Published, subscription_ids
from sim.stripe.setup_attempt import SetupAttempt
from sim.stripe.test_cards import Decline

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer

_PUBLISHABLE: Final = (
    "id",
    "object",
    "automatic_payment_methods",
    "cancellation_reason",
    "client_secret",
    "created",
    "description",
    "last_setup_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_configuration_details",
    "payment_method_types",
    "status",
    "usage",
)
"""What a browser may see: not the customer, not the metadata. Source: answers to requests with a publishable key."""

_CONSTANT: Final[Mapping[str, Any]] = {
    "object": "setup_intent",
    "application": None,
    "customer_account": None,
    "excluded_payment_method_types": None,
    "flow_directions": None,
    "livemode": False,
    "managed_payments": None,
    "mandate": None,
    "on_behalf_of": None,
    "payment_method_configuration_details": None,
    "single_use_mandate": None,
}

_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "link": {"persistent_token": None},
    "paypal": {"billing_agreement_id": None},
}


class SetupIntent(Intent):
    """Succeeds once the payment method is authenticated; with a customer it is then attached."""

    __slots__ = ("usage", "attempts")
    spoken_name: ClassVar = "setupintent"
    object_name: ClassVar = "setup_intent"
    type_name: ClassVar = "SetupIntent"
    published: ClassVar = Published(_PUBLISHABLE, _CONSTANT)
    default_options: ClassVar = _OPTIONS

    def __init__(
        self, intent_id: str, account: Account, context: Context, customer: Customer | None, usage: str
    ) -> None:
        super().__init__(intent_id, account, context, customer)
        self.usage = usage
        self.attempts: list[SetupAttempt] = []

    def is_saving(self) -> bool:
        return True

    def note(self, context: Context, detail: Mapping[str, Any] | None = None) -> None:
        customer = self.customer
        context.note(self.account, "intent", self.id, customer.id if customer else None, self.status, 0, detail)

    def note_purpose(self, context: Context) -> None:
        """Note what the intent is for: at its creation, and when its lines change."""
        detail = {"subscription_ids": subscription_ids(self.metadata), "account_id": self.account.account_id}
        self.note(context, detail)

    def require_action(self, context: Context, page: Any, use_stripe_sdk: bool) -> None:
        self._begin_attempt(context).end("requires_action")
        super().require_action(context, page, use_stripe_sdk)

    def complete(self, context: Context) -> None:
        method = self.payment_method
        assert method is not None, "only an intent with a payment method is set up"
        refusal = method.save_refusal(context.now_s)
        if refusal is not None:
            self.decline(context, refusal)
            return
        if self.status != "requires_action":
            self._begin_attempt(context)
        self.attempts[-1].end("succeeded")
        self.next_action = None
        self.page = None
        method.set_up = self.usage == "off_session"
        method.authorized = method.type == "paypal"
        self.moved("succeeded")
        self.note(context, {"payment_method": method.id, "amount_received": 0})
        self.emit(context, "succeeded")
        if self.customer is not None:
            method.attach(context, self.customer)

    def decline(self, context: Context, decline: Decline, *, charged: bool = True) -> None:
        method = self.payment_method
        assert method is not None, "only an intent with a payment method can be declined"
        if self.status != "requires_action":
            self._begin_attempt(context)
        self.fail(context, failure(decline, method.render()))

    def fail(self, context: Context, error: dict[str, Any]) -> None:
        self.attempts[-1].end("failed", error)
        self.end_attempt(error)
        self.note(context, {"decline_code": error.get("decline_code"), "code": error["code"]})
        self.emit(context, "setup_failed")

    def cancel(self, context: Context, reason: str | None) -> None:
        self.check_cancelable(context)
        self._abandon_attempt()
        self.cancellation_reason = reason
        self.next_action = None
        self.page = None
        self.moved("canceled")
        self.note(context)
        self.emit(context, "canceled")

    def _abandon_attempt(self) -> None:
        """Whoever waited for the customer waits no more."""
        if self.attempts and self.attempts[-1].status == "requires_action":
            self.attempts[-1].end("abandoned")

    def _begin_attempt(self, context: Context) -> SetupAttempt:
        self._abandon_attempt()
        attempt = SetupAttempt(self.account.next_id("setatt"), self, context.now_s)
        self.account.objects[attempt.id] = attempt
        self.attempts.append(attempt)
        self.moved(self.status)
        return attempt

    def _render_lasting(self) -> dict[str, Any]:
        customer, automatic = self.customer, self.automatic
        return {
            "id": self.id,
            **_CONSTANT,
            "allowed_payment_method_types": self.types,
            "automatic_payment_methods": automatic and {"allow_redirects": automatic, "enabled": True},
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": customer.id if customer else None,
            "description": self.description,
            "metadata": self.metadata,
            "payment_method_options": self.shown_options(),
            "payment_method_types": self.shown_types(),
            "usage": self.usage,
        }

    def _render_moving(self, body: dict[str, Any]) -> None:
        method = self.payment_method
        body["cancellation_reason"] = self.cancellation_reason
        body["last_setup_error"] = self.last_error
        body["latest_attempt"] = self.attempts[-1].id if self.attempts else None
        body["next_action"] = self.next_action
        body["payment_method"] = method.id if method else None
        body["status"] = self.status
