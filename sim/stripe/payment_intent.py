"""PaymentIntents: one payment, from the wish to the money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.facts import EXACT
from sim.stripe.charge import Charge
from sim.stripe.context import ACTOR
from sim.stripe.dispute import dispute
from sim.stripe.errors import failure, invalid_request
from sim.stripe.intent import CONFIRMABLE, Intent, Published, subscription_ids
from sim.stripe.test_cards import Decline

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer

_PUBLISHABLE: Final = (
    "id",
    "object",
    "amount",
    "amount_details",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "description",
    "last_payment_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_configuration_details",
    "payment_method_types",
    "processing",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "source",
    "status",
)
"""What a browser may see: not the customer, not the metadata. Source: answers to requests with a publishable key."""

_CONSTANT: Final[Mapping[str, Any]] = {
    "object": "payment_intent",
    "amount_details": {"tip": {}},
    "application": None,
    "application_fee_amount": None,
    "customer_account": None,
    "excluded_payment_method_types": None,
    "livemode": False,
    "managed_payments": None,
    "on_behalf_of": None,
    "payment_method_configuration_details": None,
    "payment_record": None,
    "presentment_details": None,
    "processing": None,
    "review": None,
    "source": None,
    "transfer_data": None,
}

_LASTING: Final = (
    "allowed_payment_method_types",
    "amount",
    "automatic_payment_methods",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "customer",
    "description",
    "metadata",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_MOVING: Final = (
    "amount_capturable",
    "amount_received",
    "canceled_at",
    "cancellation_reason",
    "last_payment_error",
    "latest_charge",
    "next_action",
    "payment_method",
    "status",
)
_TEMPLATE: Final[dict[str, Any]] = {"id": None, **_CONSTANT, **dict.fromkeys((*_LASTING, *_MOVING))}
"""All fields: to copy it and fill it in costs half of what making a mapping of that size does."""

_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "link": {"persistent_token": None},
    "paypal": {"preferred_locale": None, "reference": None},
}


class PaymentIntent(Intent):
    """Amounts are in minor units. Once `succeeded` or `canceled` it never changes its status again."""

    __slots__ = (
        "amount",
        "amount_capturable",
        "amount_received",
        "currency",
        "capture_method",
        "confirmation_method",
        "setup_future_usage",
        "latest_charge",
        "canceled_at",
        "receipt_email",
        "shipping",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_group",
    )
    spoken_name: ClassVar = "payment_intent"
    object_name: ClassVar = "payment_intent"
    type_name: ClassVar = "PaymentIntent"
    published: ClassVar = Published(_PUBLISHABLE, _CONSTANT)
    default_options: ClassVar = _OPTIONS
    cancelable: ClassVar[tuple[str, ...]] = (*CONFIRMABLE, "requires_capture", "processing")

    def __init__(
        self, intent_id: str, account: Account, context: Context, customer: Customer | None, amount: int, currency: str
    ) -> None:
        super().__init__(intent_id, account, context, customer)
        self.amount = amount
        self.amount_capturable = 0
        self.amount_received = 0
        self.currency = currency
        self.capture_method = "automatic_async"
        self.confirmation_method = "automatic"
        self.setup_future_usage: str | None = None
        self.latest_charge: Charge | None = None
        self.canceled_at: int | None = None
        self.receipt_email: str | None = None
        self.shipping: dict[str, Any] | None = None
        self.statement_descriptor: str | None = None
        self.statement_descriptor_suffix: str | None = None
        self.transfer_group: str | None = None

    def currency_of(self) -> str | None:
        return self.currency

    def is_saving(self) -> bool:
        return self.setup_future_usage is not None

    def note(self, context: Context, detail: Mapping[str, Any] | None = None) -> None:
        customer = self.customer
        context.journal.note(
            self.account.account_id,
            EXACT,
            ACTOR,
            "intent",
            self.id,
            customer.id if customer else None,
            None,
            self.status,
            None,
            None,
            self.amount,
            detail,
        )

    def note_purpose(self, context: Context) -> None:
        """Note what the intent is for: at its creation, and when amount or lines change."""
        detail = {"subscription_ids": subscription_ids(self.metadata), "account_id": self.account.account_id}
        self.note(context, detail)

    def check_confirmable_by(self, context: Context) -> None:
        if context.publishable and self.confirmation_method == "manual":
            raise invalid_request(
                "The confirmation_method of this PaymentIntent is manual: it is confirmed on the server, with a secret "
                "API key."
            )

    def authenticated(self, context: Context) -> None:
        if self.confirmation_method == "automatic":
            self.complete(context)
            return
        self.authenticated_method = self.payment_method
        self.next_action = None
        self.page = None
        self.moved("requires_confirmation")
        self.note(context)

    def complete(self, context: Context) -> None:
        method = self.payment_method
        assert method is not None, "only an intent with a payment method is charged"
        refusal = method.charge_refusal(context.now_s)
        if refusal is not None:
            self.decline(context, refusal)
        else:
            self._collect(context)

    def decline(self, context: Context, decline: Decline, *, charged: bool = True) -> None:
        method = self.payment_method
        assert method is not None, "only an intent with a payment method can be declined"
        charge = self._charge(context, decline) if charged else None
        error = failure(decline, method.render(), charge.id if charge else None)
        if charge is not None:
            context.note(
                self.account,
                "charge",
                charge.id,
                self.id,
                "failed",
                self.amount,
                {"decline_code": decline.decline_code, "code": decline.code},
            )
            context.emit(self.account, "charge.failed", charge.id, charge.snapshot())
        self.fail(context, error)

    def fail(self, context: Context, error: dict[str, Any]) -> None:
        self.end_attempt(error)
        self.note(context, {"decline_code": error.get("decline_code"), "code": error["code"]})
        self.emit(context, "payment_failed")

    def capture(self, context: Context, amount: int) -> None:
        """Take `amount` of what was authorized; the rest is released."""
        charge = self.latest_charge
        assert charge is not None, "an intent in requires_capture has its charge"
        charge.capture(amount)
        self.amount_capturable = 0
        context.emit(self.account, "charge.captured", charge.id, charge.snapshot())
        self._succeed(context, charge, amount)

    def cancel(self, context: Context, reason: str | None) -> None:
        self.check_cancelable(context)
        self.cancellation_reason = reason
        self.canceled_at = context.now_s
        self.next_action = None
        self.page = None
        self.amount_capturable = 0
        self.moved("canceled")
        self.note(context)
        self.emit(context, "canceled")

    def _collect(self, context: Context) -> None:
        method = self.payment_method
        assert method is not None, "only an intent with a payment method is charged"
        charge = self._charge(context, None)
        context.note(self.account, "charge", charge.id, self.id, "succeeded", self.amount)
        context.emit(self.account, "charge.succeeded", charge.id, charge.snapshot())
        self.next_action = None
        self.page = None
        if charge.captured:
            self._succeed(context, charge, self.amount)
        else:
            self.amount_capturable = self.amount
            self.moved("requires_capture")
            self.note(context)
            self.emit(context, "amount_capturable_updated")
        customer = self.customer
        if method.customer is None:
            method.used = True
            if self.is_saving() and customer is not None:
                method.set_up = self.setup_future_usage == "off_session"
                method.authorized = method.type == "paypal"
                method.attach(context, customer)
        elif self.setup_future_usage == "off_session":
            method.set_up = True

    def _succeed(self, context: Context, charge: Charge, amount: int) -> None:
        method = self.payment_method
        self.amount_received = amount
        self.moved("succeeded")
        self.note(context, {"payment_method": method.id if method else None, "amount_received": amount})
        self.emit(context, "succeeded")
        if method is not None and method.card is not None and method.card.disputed:
            charge.dispute()
            body = dispute(self.account.next_id("dp"), charge, context.now_s)
            context.emit(self.account, "charge.dispute.created", body["id"], body)

    def _charge(self, context: Context, decline: Decline | None) -> Charge:
        charge = Charge(self.account.next_id("ch"), self, context.now_s, decline)
        self.account.objects[charge.id] = charge
        self.latest_charge = charge
        return charge

    def _render_lasting(self) -> dict[str, Any]:
        customer, automatic = self.customer, self.automatic
        body = _TEMPLATE.copy()
        body["id"] = self.id
        body["allowed_payment_method_types"] = self.types
        body["amount"] = self.amount
        body["automatic_payment_methods"] = automatic and {"allow_redirects": automatic, "enabled": True}
        body["capture_method"] = self.capture_method
        body["client_secret"] = self.client_secret
        body["confirmation_method"] = self.confirmation_method
        body["created"] = self.created
        body["currency"] = self.currency
        body["customer"] = customer.id if customer else None
        body["description"] = self.description
        body["metadata"] = self.metadata
        body["payment_method_options"] = self.shown_options()
        body["payment_method_types"] = self.shown_types()
        body["receipt_email"] = self.receipt_email
        body["setup_future_usage"] = self.setup_future_usage
        body["shipping"] = self.shipping
        body["statement_descriptor"] = self.statement_descriptor
        body["statement_descriptor_suffix"] = self.statement_descriptor_suffix
        body["transfer_group"] = self.transfer_group
        return body

    def _render_moving(self, body: dict[str, Any]) -> None:
        method, charge = self.payment_method, self.latest_charge
        body["amount_capturable"] = self.amount_capturable
        body["amount_received"] = self.amount_received
        body["canceled_at"] = self.canceled_at
        body["cancellation_reason"] = self.cancellation_reason
        body["last_payment_error"] = self.last_error
        body["latest_charge"] = charge.id if charge else None
        body["next_action"] = self.next_action
        body["payment_method"] = method.id if method else None
        body["status"] = self.status
