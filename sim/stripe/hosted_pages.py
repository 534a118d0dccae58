"""The pages that Stripe shows to the customer: the issuer's challenge, and PayPal's authorization.

Nobody but the person in front of the page decides, so it needs no key: whoever has the address may answer it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from sim.messages import Answer
from sim.stripe.errors import invalid_request, no_such
from sim.stripe.intent import Intent
from sim.stripe.payment_method import PROVIDER_DECLINE

if TYPE_CHECKING:
    from sim.stripe.context import Context

PREFIX: Final = "/hosted/"
OUTCOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "3d_secure": ("complete", "fail", "cancel"),
    "paypal": ("complete", "fail", "cancel", "refuse"),
}


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


def visit(context: Context, path: str, body: Mapping[str, Any]) -> Answer:
    """A person does `outcome` on a page and is sent back.

    A page whose moment is over (the intent was paid, cancelled or tried anew in another way) changes nothing.
    """
    page, _, intent_id = path.removeprefix(PREFIX).partition("/")
    if page not in OUTCOMES:
        raise no_such("hosted page", page, "page")
    intent = context.ledger.find(intent_id)
    if not isinstance(intent, Intent):
        raise no_such("intent", intent_id, "intent")
    context.account = intent.account
    outcome = body.get("outcome")
    if outcome not in OUTCOMES[page]:
        raise invalid_request(
            f"Invalid outcome: {outcome!r}, on this page one of {', '.join(OUTCOMES[page])}", param="outcome"
        )
    if intent.status == "requires_action" and intent.page == page:
        _decide(context, intent, outcome)
    return _sent_back(intent)


def _decide(context: Context, intent: Intent, outcome: str) -> None:
    if outcome == "complete":
        intent.complete(context)
    elif outcome == "refuse":
        intent.decline(context, PROVIDER_DECLINE)
    else:
        intent.fail_authentication(context)


def _sent_back(intent: Intent) -> Answer:
    body = {"object": "hosted_page", "status": intent.status}
    if intent.return_url is None:
        return Answer(200, body)
    return Answer(303, body, {"location": return_location(intent)})


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
