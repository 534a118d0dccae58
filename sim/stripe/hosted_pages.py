"""The pages that Stripe shows to the customer: the issuer's challenge, and PayPal's authorization.

Nobody but the person in front of the page decides, so it needs no key: whoever has the address may answer it. `GET`
shows a page, `POST` with an `outcome` is the decision. Who accepts HTML is answered in HTML, a program briefly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from sim.messages import Answer, Request
from sim.stripe.currency import spoken_amount
from sim.stripe.errors import StripeError, invalid_request, no_such
from sim.stripe.hosted_html import HEADERS, Choice, render
from sim.stripe.intent import Intent
from sim.stripe.payment_intent import PaymentIntent
from sim.stripe.payment_method import PROVIDER_DECLINE

if TYPE_CHECKING:
    from sim.stripe.context import Context

PREFIX: Final = "/hosted/"

_TITLES: Final[Mapping[str, str]] = {"3d_secure": "Confirm that it is you", "paypal": "Agree with PayPal"}
_EXPLANATIONS: Final[Mapping[str, str]] = {
    "3d_secure": "The bank that issued the card wants to know that it is really you. In live mode this is the bank's "
    "own page (3D Secure); here you choose how it ends.",
    "paypal": "In live mode this is PayPal's own page, where you log in and agree. Here you choose how it ends.",
}
_CHOICES: Final[Mapping[str, Sequence[Choice]]] = {
    "3d_secure": (
        Choice("complete", "Complete authentication", "The bank believes you; the card is then charged or saved."),
        Choice("fail", "Fail authentication", "The bank does not believe you; nothing is charged or saved."),
        Choice("cancel", "Cancel", "You give up; nothing is charged or saved."),
    ),
    "paypal": (
        Choice("complete", "Agree and continue", "You agree; PayPal is then charged or saved."),
        Choice("fail", "Fail", "PayPal cannot authorize it; nothing is charged or saved."),
        Choice("cancel", "Cancel and return", "You do not agree; nothing is charged or saved."),
        Choice("refuse", "Agree, but have PayPal refuse", "PayPal declines although you agree; nothing is charged."),
    ),
}
OUTCOMES: Final[Mapping[str, tuple[str, ...]]] = {
    page: tuple(choice.outcome for choice in choices) for page, choices in _CHOICES.items()
}
"""What can be done on each page."""


def hosted_page(intent: Mapping[str, Any]) -> str | None:
    """Where the customer of a rendered intent has to go; None if nowhere."""
    action = intent.get("next_action")
    if not action:
        return None
    if action["type"] == "redirect_to_url":
        url: str = action["redirect_to_url"]["url"]
        return url
    script: str = action["use_stripe_sdk"]["stripe_js"]
    return script


def answer(context: Context, request: Request, params: Mapping[str, Any]) -> Answer:
    """Show a page, or do on it what the person decided. Raises StripeError for a program that asks for what is not."""
    for_person = request.method == "GET" or "text/html" in request.headers.get("accept", "")
    merchant = context.merchant.name
    try:
        page, intent = _found(context, request.path)
        if request.method == "GET":
            return _shown(context, page, intent)
        _visit(context, page, intent, params)
    except StripeError as refusal:
        if not for_person:
            raise
        text = render("This page cannot be shown", merchant, [refusal.error["message"]])
        return Answer(refusal.status, text, HEADERS)
    if for_person and intent.return_url is None:
        closing = ["You can close this page now and go back to where you came from."]
        return Answer(200, render(_ending(intent), merchant, closing), HEADERS)
    return _sent_back(intent)


def page_of(merchant: str, page: str, intent: Intent) -> str:
    """The page as HTML: while the intent waits on it a form, afterwards what became of it."""
    if not _is_waiting(intent, page):
        over = ["This page is over: nothing can be decided here any more."]
        way_back = None if intent.return_url is None else return_location(intent)
        return render(_ending(intent), merchant, over, details=_details(intent), way_back=way_back)
    return render(_TITLES[page], merchant, [_EXPLANATIONS[page]], details=_details(intent), choices=_CHOICES[page])


def return_location(intent: Intent) -> str:
    """The merchant's return URL with its own query kept and the intent's parameters appended."""
    parts = urlsplit(intent.return_url or "")
    name = intent.object_name
    went_well = intent.status in ("succeeded", "requires_capture", "processing")
    appended = urlencode(
        {
            name: intent.id,
            f"{name}_client_secret": intent.client_secret,
            "redirect_status": "succeeded" if went_well else "failed",
        }
    )
    return urlunsplit(parts._replace(query=f"{parts.query}&{appended}" if parts.query else appended))


def _found(context: Context, path: str) -> tuple[str, Intent]:
    page, _, intent_id = path.removeprefix(PREFIX).partition("/")
    if page not in OUTCOMES:
        raise no_such("hosted page", page, "page")
    intent = context.ledger.find(intent_id)
    if not isinstance(intent, Intent):
        raise no_such("intent", intent_id, "intent")
    return page, intent


def _shown(context: Context, page: str, intent: Intent) -> Answer:
    return Answer(200 if _is_waiting(intent, page) else 410, page_of(context.merchant.name, page, intent), HEADERS)


def _visit(context: Context, page: str, intent: Intent, params: Mapping[str, Any]) -> None:
    """A person does `outcome` on a page.

    A page whose moment is over (the intent was paid, cancelled or tried anew in another way) changes nothing.
    """
    context.account = intent.account
    outcome = params.get("outcome")
    if outcome not in OUTCOMES[page]:
        raise invalid_request(
            f"Invalid outcome: {outcome!r}, on this page one of {', '.join(OUTCOMES[page])}", param="outcome"
        )
    if _is_waiting(intent, page):
        _decide(context, intent, outcome)


def _is_waiting(intent: Intent, page: str) -> bool:
    return intent.status == "requires_action" and intent.page == page


def _decide(context: Context, intent: Intent, outcome: str) -> None:
    if outcome == "complete":
        intent.authenticated(context)
    elif outcome == "refuse":
        intent.decline(context, PROVIDER_DECLINE)
    else:
        intent.fail_authentication(context)


def _sent_back(intent: Intent) -> Answer:
    body = {"object": "hosted_page", "status": intent.status}
    if intent.return_url is None:
        return Answer(200, body)
    return Answer(303, body, {"location": return_location(intent)})


def _ending(intent: Intent) -> str:
    """What became of the intent, as a person is told."""
    what = "The payment" if isinstance(intent, PaymentIntent) else "Saving the payment method"
    endings = {
        "succeeded": "succeeded",
        "requires_capture": "was authorized",
        "requires_confirmation": "was authenticated",
        "requires_action": "goes on elsewhere",
        "canceled": "was cancelled",
    }
    return f"{what} {endings.get(intent.status, 'failed')}"


def _details(intent: Intent) -> list[tuple[str, str]]:
    details = []
    if isinstance(intent, PaymentIntent):
        details.append(("Amount", spoken_amount(intent.amount, intent.currency)))
    else:
        details.append(("Amount", "none: the payment method is saved for later"))
    method = intent.payment_method
    if method is not None:
        card = method.card
        shown = f"{card.brand} ending in {card.number[-4:]}" if card else method.email or method.type
        details.append(("Payment method", shown))
    if intent.description:
        details.append(("For", intent.description))
    return details
