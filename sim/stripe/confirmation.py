"""Confirming an intent: choose the payment method, ask the customer where the issuer wants it, then charge or save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from sim.stripe import parameters
from sim.stripe.errors import StripeError, invalid_request
from sim.stripe.intent import CONFIRMABLE, Intent
from sim.stripe.payment_method import DATA, PaymentMethod, chosen, make
from sim.stripe.test_cards import AUTHENTICATION_REQUIRED, GENERIC_DECLINE
from sim.stripe.unmodelled import OTHER_TYPES

if TYPE_CHECKING:
    from sim.stripe.context import Context

Need = Literal["nothing", "challenge", "redirect", "absent_customer", "broken"]

MANDATE: Final = parameters.clearable(
    parameters.nested(
        {
            "customer_acceptance": parameters.nested(
                {
                    "accepted_at": parameters.integer,
                    "offline": parameters.nested({}),
                    "online": parameters.nested(
                        {
                            "infer_from_client": parameters.boolean,
                            "ip_address": parameters.text,
                            "user_agent": parameters.text,
                        }
                    ),
                    "type": parameters.choice("offline", "online"),
                }
            )
        }
    )
)
"""Consent to a mandate. It is read and not kept: cards and PayPal have none to show."""

METHOD: Final[parameters.Specification] = {
    "payment_method": parameters.clearable(parameters.text),
    "payment_method_data": parameters.nested({**OTHER_TYPES, **DATA}),
    "allowed_payment_method_types": parameters.listed(parameters.text),
    "payment_method_types": parameters.listed(parameters.text),
    "expand": parameters.listed(parameters.text),
}
CONFIRM: Final[parameters.Specification] = {
    **METHOD,
    "client_secret": parameters.text,
    "mandate_data": MANDATE,
    "return_url": parameters.url,
    "use_stripe_sdk": parameters.boolean,
}


def take_method(context: Context, intent: Intent, values: Mapping[str, Any]) -> None:
    """Give the intent the payment method that the parameters name, if any. Raises StripeError for an unusable one."""
    method = _given(context, intent, values)
    if method is not None:
        intent.check_usable(method)
        intent.use(method)
    elif "payment_method" in values and intent.payment_method is not None:  # empty: it is taken away
        intent.payment_method = None
        intent.moved("requires_payment_method")


_TYPES: Final = frozenset(("allowed_payment_method_types", "payment_method_types", "automatic_payment_methods"))


def take_types(intent: Intent, values: Mapping[str, Any]) -> None:
    """Fix which types of payment method the intent allows; both names of the parameter are understood."""
    if _TYPES.isdisjoint(values):
        intent.automatic = intent.automatic or ("always" if intent.types is None else None)
        return
    types = values.get("allowed_payment_method_types", values.get("payment_method_types"))
    automatic = values.get("automatic_payment_methods")
    if types is not None:
        if automatic is not None and automatic.get("enabled"):
            raise invalid_request(
                "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.",
                param="automatic_payment_methods",
            )
        for kind in types:
            if kind not in intent.merchant.automatic_types:
                raise invalid_request(
                    f"The payment method type `{kind}` is invalid. Please ensure it is activated in your "
                    f"dashboard; activated here: {', '.join(intent.merchant.automatic_types)}.",
                    param="payment_method_types",
                    code="payment_intent_invalid_parameter",
                )
        intent.types, intent.automatic = types, None
    elif automatic is not None and not automatic.get("enabled", True):
        intent.types = ["card"]
    elif intent.types is None:
        intent.automatic = (automatic or {}).get("allow_redirects", intent.automatic or "always")


def prepare(context: Context, intent: Intent, values: Mapping[str, Any]) -> None:
    """Make the intent ready for an attempt. Raises StripeError (400) for a wrong state, method or return URL."""
    if intent.status not in CONFIRMABLE:
        raise _not_confirmable(context, intent)
    intent.check_confirmable_by(context)
    given = _given(context, intent, values)
    method = given or intent.payment_method
    if method is None:
        raise _missing_method(context, intent)
    intent.check_usable(method)
    off_session = "off_session" in values and values["off_session"]
    options = values.get("payment_method_options", intent.options)
    return_url = values.get("return_url", intent.return_url)
    if return_url is None:
        # Requests with a publishable key come from Stripe.js, which handles the next action itself.
        from_sdk = context.publishable or ("use_stripe_sdk" in values and values["use_stripe_sdk"])
        _check_redirects(intent, method, options, off_session, from_sdk)
    # Nothing is changed before this line: a malformed request leaves the intent as it was.
    if given is not None:
        intent.use(given)
    intent.return_url = return_url
    intent.off_session = off_session
    if options is not intent.options:
        intent.options = options
        intent.changed()


def attempt(context: Context, intent: Intent, values: Mapping[str, Any]) -> dict[str, Any]:
    """Run one attempt with a prepared intent. Raises StripeError (402) where it is refused."""
    method = intent.payment_method
    assert method is not None, "a prepared intent has its payment method"
    intent.last_error = None
    intent.moved(intent.status)
    _run(context, intent, method, values)
    if intent.last_error is not None:
        raise intent.refusal(context)
    return intent.present(context)


def _run(context: Context, intent: Intent, method: PaymentMethod, values: Mapping[str, Any]) -> None:
    if intent.authenticated_method is method:
        needed: Need = "nothing"
    else:
        needed = need(method, intent.options, off_session=intent.off_session)
    if needed == "nothing":
        intent.complete(context)
    elif needed == "broken":
        intent.decline(context, GENERIC_DECLINE)
    elif needed == "absent_customer":
        intent.decline(context, AUTHENTICATION_REQUIRED)
    elif values.get("error_on_requires_action"):
        intent.decline(context, AUTHENTICATION_REQUIRED, charged=False)
    else:
        intent.require_action(
            context, "paypal" if needed == "redirect" else "3d_secure", values.get("use_stripe_sdk", False)
        )


def need(method: PaymentMethod, options: Mapping[str, Any], *, off_session: bool) -> Need:
    """What stands between a confirmation with these options and the money."""
    card = method.card
    if card is None:
        if method.type != "paypal" or method.authorized or _imported_agreement(options):
            return "nothing"
        return "absent_customer" if off_session else "redirect"
    rule = card.authentication
    if rule == "never":
        return "nothing"
    if rule == "lookup_fails":
        return "broken"
    if rule == "optional":
        asked = options.get("card", {}).get("request_three_d_secure") in ("any", "challenge")
        return "challenge" if asked and not off_session else "nothing"
    if not off_session:
        return "challenge"
    if rule == "on_session" or (rule == "unless_set_up" and method.set_up):
        return "nothing"
    return "absent_customer"


def _imported_agreement(options: Mapping[str, Any]) -> bool:
    """A billing agreement brought from elsewhere needs no redirect. Source: Stripe's page "Import saved PayPal
    payment methods"."""
    return bool(options.get("paypal", {}).get("billing_agreement_id"))


def _given(context: Context, intent: Intent, values: Mapping[str, Any]) -> PaymentMethod | None:
    method_id = values.get("payment_method", None)
    if "payment_method_data" in values:
        if method_id:
            raise invalid_request(
                "You may only specify one of these parameters: payment_method, payment_method_data.",
                param="payment_method_data",
            )
        return make(context, intent.account, values["payment_method_data"])
    return chosen(context, intent.account, method_id) if method_id else None


def _not_confirmable(context: Context, intent: Intent) -> StripeError:
    if intent.status == "succeeded":
        message = (
            f"You cannot confirm this {intent.type_name} because it has already succeeded after being previously "
            "confirmed."
        )
    else:
        message = (
            f"This {intent.type_name}'s status is {intent.status}, but it must have one of the following statuses "
            f"to be confirmed: {', '.join(CONFIRMABLE)}."
        )
    return intent.unexpected_state(context, message)


def _missing_method(context: Context, intent: Intent) -> StripeError:
    if intent.customer is None:
        hint = f"Update the {intent.type_name} with a payment method and then confirm it again."
    else:
        hint = (
            f"To confirm the {intent.type_name} with {intent.customer.id}, specify a payment method attached to this "
            "customer along with the customer ID."
        )
    return intent.unexpected_state(
        context, f"You cannot confirm this {intent.type_name} because it's missing a payment method. {hint}"
    )


def _check_redirects(
    intent: Intent, method: PaymentMethod, options: Mapping[str, Any], off_session: bool, from_sdk: bool
) -> None:
    """Without a return URL nothing may redirect. Raises StripeError where something would, or could."""
    if method.type == "paypal" and not off_session and not method.authorized and not _imported_agreement(options):
        raise invalid_request(
            "The `return_url` must be specified to confirm with a payment method of type paypal, because the customer "
            "is redirected.",
            param="return_url",
            code="parameter_missing",
        )
    # Assumption: where nothing that is switched on redirects, no return URL is asked for.
    may_redirect = intent.automatic == "always" and "paypal" in intent.merchant.automatic_types
    if may_redirect and not off_session and not from_sdk:
        raise invalid_request(
            f"This {intent.type_name} is configured to accept payment methods enabled in your Dashboard. Because some "
            "of these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating the intent.",
            param="return_url",
        )
