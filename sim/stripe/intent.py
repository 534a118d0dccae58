"""What PaymentIntents and SetupIntents have in common: a state machine that a customer drives with a client secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from sim.stripe.errors import (
    StripeError,
    authentication_failure,
    invalid_request,
    missing_parameter,
    request_log_url,
)
from sim.stripe.payment_method import PAYPAL_CURRENCIES, PaymentMethod, published, spent_refusal
from sim.stripe.test_cards import Decline

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context, Merchant
    from sim.stripe.customer import Customer

Page = Literal["3d_secure", "paypal"]
CONFIRMABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
TYPES_RENAMED_IN: Final = "2026-09-30"
"""The API version from which intents answer `allowed_payment_method_types`. Source: the official SDK's types."""


class Published:
    """The part of an intent that a browser may see: `fields`, of which those in `constant` are always the same."""

    __slots__ = ("_template", "_varying")

    def __init__(self, fields: Sequence[str], constant: Mapping[str, Any]) -> None:
        self._template = {name: constant.get(name) for name in fields}
        self._varying = [name for name in fields if name not in constant]

    def of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        shown = self._template.copy()
        for name in self._varying:
            shown[name] = body[name]
        return shown


class Intent:
    """The common part. `page` is the hosted page that waits for the customer while `requires_action` lasts.

    `authenticated_method` is the method whose challenge was passed while the charge still waits for the backend.
    `types` are the allowed types of payment method where the intent names them; else `automatic` holds
    `allow_redirects`, and the types switched on in the dashboard apply.
    """

    __slots__ = (
        "id",
        "account",
        "created",
        "client_secret",
        "status",
        "customer",
        "payment_method",
        "metadata",
        "description",
        "types",
        "automatic",
        "merchant",
        "options",
        "return_url",
        "next_action",
        "page",
        "off_session",
        "last_error",
        "cancellation_reason",
        "authenticated_method",
        "_rendered",
        "_lasting",
    )
    spoken_name: ClassVar = "intent"
    object_name: ClassVar = "intent"
    type_name: ClassVar = "Intent"
    published: ClassVar[Published]
    default_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    cancelable: ClassVar[tuple[str, ...]] = CONFIRMABLE

    def __init__(self, intent_id: str, account: Account, context: Context, customer: Customer | None) -> None:
        self.id = intent_id
        self.account = account
        self.created = context.now_s
        self.client_secret = client_secret(intent_id, context.merchant.secret_seed)
        self.status = "requires_payment_method"
        self.customer = customer
        self.payment_method: PaymentMethod | None = None
        self.metadata: dict[str, str] = {}
        self.description: str | None = None
        self.types: list[str] | None = None
        self.automatic: str | None = None
        self.merchant: Merchant = context.merchant
        self.options: Mapping[str, Any] = {}
        self.return_url: str | None = None
        self.next_action: dict[str, Any] | None = None
        self.page: Page | None = None
        self.off_session = False
        self.last_error: dict[str, Any] | None = None
        self.cancellation_reason: str | None = None
        self.authenticated_method: PaymentMethod | None = None
        self._rendered: dict[str, Any] | None = None
        self._lasting: dict[str, Any] | None = None

    # What each kind of intent does in its own way.

    def complete(self, context: Context) -> None:
        """Charge or save; afterwards the intent has succeeded, or is back in `requires_payment_method`."""
        raise NotImplementedError

    def decline(self, context: Context, decline: Decline, *, charged: bool = True) -> None:
        """Fail because the issuer or the provider says no."""
        raise NotImplementedError

    def emit(self, context: Context, change: str) -> None:
        """Record the event `<object>.<change>`."""
        context.emit(self.account, f"{self.object_name}.{change}", self.id, self.render())

    def note(self, context: Context, detail: Mapping[str, Any] | None = None) -> None:
        """Note the status as a fact."""
        raise NotImplementedError

    def fail(self, context: Context, error: dict[str, Any]) -> None:
        """Go back to `requires_payment_method` with `error`, so that the same secret can be tried again."""
        raise NotImplementedError

    def check_change(self, values: Mapping[str, Any]) -> None:
        """Raises StripeError where something is not for an update of the intent to change."""

    def check_confirmable_by(self, context: Context) -> None:
        """Raises StripeError where it is not for this caller to confirm."""

    def currency_of(self) -> str | None:
        return None

    def is_saving(self) -> bool:
        """Whether success saves the payment method."""
        raise NotImplementedError

    def _render_lasting(self) -> dict[str, Any]:
        """The fields that confirming does not change."""
        raise NotImplementedError

    def _render_moving(self, body: dict[str, Any]) -> None:
        """Set the fields that change with the status."""
        raise NotImplementedError

    # What they share.

    def moved(self, status: str) -> None:
        """Change the status, and whatever `_render_moving` renders."""
        self.status = status
        self._rendered = None

    def changed(self) -> None:
        """To be called after any other field was changed."""
        self._rendered = None
        self._lasting = None

    def render(self) -> dict[str, Any]:
        body = self._rendered
        if body is None:
            if self._lasting is None:
                self._lasting = self._render_lasting()
            body = self._rendered = self._lasting.copy()
            self._render_moving(body)
        return body

    def present(self, context: Context) -> dict[str, Any]:
        """The object as the caller may see it, in the caller's API version."""
        body = self.render()
        if context.publishable:
            shown = self.published.of(body)
            if self.last_error is not None:
                shown[f"last_{self.object_name.removesuffix('_intent')}_error"] = self._shown_error(context)
            return shown
        if context.version < TYPES_RENAMED_IN:
            return {name: value for name, value in body.items() if name != "allowed_payment_method_types"}
        return body

    def _shown_error(self, context: Context) -> dict[str, Any]:
        """The last error as the caller may see it."""
        error = self.last_error or {}
        if context.publishable and "payment_method" in error:
            return {**error, "payment_method": published(error["payment_method"])}
        return error

    def shown_types(self) -> list[str]:
        """The types of payment method that it allows."""
        return self.types if self.types is not None else _automatic_types(self.merchant.automatic_types, self.automatic)

    def check_usable(self, method: PaymentMethod) -> None:
        """Raises StripeError where `method` cannot serve this intent."""
        if method.spent:
            raise spent_refusal()
        owner = method.customer
        if owner is not None and owner is not self.customer:
            raise _belongs_to_other(method, owner, self.customer)
        if method.type not in self.shown_types():
            raise invalid_request(
                f"The PaymentMethod provided ({method.type}) is not allowed for this {self.type_name}. "
                f"Allowed here: {', '.join(self.shown_types())}.",
                param="payment_method",
            )
        currency = self.currency_of() if method.type == "paypal" else None
        if currency is not None and currency not in PAYPAL_CURRENCIES:
            raise invalid_request(
                f"The currency provided ({currency}) is invalid for payments with paypal. "
                f"Supported: {', '.join(sorted(PAYPAL_CURRENCIES))}.",
                param="currency",
            )

    def use(self, method: PaymentMethod) -> None:
        """Take `method` for the coming confirmation."""
        self.payment_method = method
        self.moved("requires_confirmation")
        self.next_action = None
        self.page = None

    def require_action(self, context: Context, page: Page, use_stripe_sdk: bool) -> None:
        """Wait for the customer on a hosted page."""
        self.page = page
        self.next_action = self._next_action(page, use_stripe_sdk)
        self.moved("requires_action")
        self.note(context)
        self.emit(context, "requires_action")

    def authenticated(self, context: Context) -> None:
        """Go on after the customer did on the hosted page what was asked."""
        self.complete(context)

    def fail_authentication(self, context: Context) -> None:
        method = self.payment_method
        assert method is not None, "only an intent that waits for its customer can fail authentication"
        error = authentication_failure(f"{self.object_name}_authentication_failure", method.render())
        self.fail(context, error)

    def end_attempt(self, error: dict[str, Any]) -> None:
        self.last_error = error
        self.payment_method = None
        self.authenticated_method = None
        self.next_action = None
        self.page = None
        self.moved("requires_payment_method")

    def refusal(self, context: Context) -> StripeError:
        """The 402 that tells of the last error."""
        assert self.last_error is not None, "a refusal follows a failure"
        error = {**self._shown_error(context), self.object_name: self.present(context)}
        error["request_log_url"] = request_log_url(context.request_id, context.now_s)
        return StripeError(402, error, kept=True)

    def unexpected_state(self, context: Context, message: str) -> StripeError:
        error = invalid_request(message, code=f"{self.object_name}_unexpected_state", kept=True)
        error.error[self.object_name] = self.present(context)
        return error

    def check_cancelable(self, context: Context) -> None:
        if self.status not in self.cancelable:
            raise self.unexpected_state(
                context,
                f"You cannot cancel this {self.type_name} because it has a status of {self.status}. Only a "
                f"{self.type_name} with one of the following statuses may be canceled: {', '.join(self.cancelable)}.",
            )

    def shown_options(self) -> dict[str, Any]:
        given, defaults = self.options, self.default_options
        if not given and self.types is None:
            return _automatic_options(type(self), self.merchant.automatic_types, self.automatic)  # type: ignore[arg-type]
        return {kind: {**defaults[kind], **given.get(kind, {})} for kind in self.shown_types()}

    def _next_action(self, page: Page, use_stripe_sdk: bool) -> dict[str, Any]:
        url = f"{self.merchant.hosted_origin}/hosted/{page}/{self.id}"
        if page == "paypal" or (self.return_url is not None and not use_stripe_sdk):
            return {"type": "redirect_to_url", "redirect_to_url": {"return_url": self.return_url, "url": url}}
        method = self.payment_method
        # Assumption: the fields beside `type` and `stripe_js`; they vary with the version.
        details = {
            "type": "three_d_secure_redirect",
            "stripe_js": url,
            "source": self.account.next_id("payatt"),
            "directory_server_encryption": None,
            "known_frame_issues": "false",
            "three_d_secure_method": method.id if method else None,
        }
        return {"type": "use_stripe_sdk", "use_stripe_sdk": details}


@lru_cache
def _automatic_types(dashboard_types: tuple[str, ...], redirects: str | None) -> list[str]:
    """The types of an intent that names none: those switched on, but none that must redirect where it may not."""
    return [kind for kind in dashboard_types if kind != "paypal" or redirects != "never"]


@lru_cache
def _automatic_options(kind: type[Intent], dashboard_types: tuple[str, ...], redirects: str | None) -> dict[str, Any]:
    """The options that such an intent shows where none were given."""
    return {name: kind.default_options[name] for name in _automatic_types(dashboard_types, redirects)}


def client_secret(intent_id: str, seed: bytes) -> str:
    """`<id>_secret_<part>`, neither part with an underscore; nobody without the secret key can work it out."""
    return f"{intent_id}_secret_{blake2b(intent_id.encode(), key=seed, digest_size=12).hexdigest()}"


def subscription_ids(metadata: Mapping[str, str]) -> list[str]:
    """The purchase lines that an intent pays, as its metadata lists them.

    A list longer than the 500 characters of one value goes on in `subscription_ids_more`.
    """
    listed = metadata.get("subscription_ids")
    if not listed:
        return []
    more = metadata.get("subscription_ids_more")
    return listed.split(",") + (more.split(",") if more else [])


def check_client_secret(context: Context, intent: Intent, given: str | None) -> None:
    """Raises StripeError for a wrong client secret, and for a browser that has none."""
    if given is None:
        if context.publishable:
            raise missing_parameter("client_secret")
    elif given != intent.client_secret:
        raise invalid_request(
            f"The client_secret provided does not match the client_secret associated with the {intent.type_name}.",
            param="client_secret",
            code=f"{intent.object_name}_invalid_parameter",
        )


def _belongs_to_other(method: PaymentMethod, owner: Customer, customer: Customer | None) -> StripeError:
    if customer is None:
        message = (
            f"The payment method `{method.id}` belongs to the Customer `{owner.id}`. "
            "Please include the Customer in the `customer` parameter."
        )
    else:
        message = (
            f"The customer does not have a payment method with the ID {method.id}. "
            "The payment method must be attached to the customer."
        )
    return invalid_request(message, param="payment_method")
