"""The card in a probe's hand: puts payment methods on file, pays secrets, and waits for what should come of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from scenarios.scenario import CardBehaviour
from sim.clients.reply import Reply, member_of, objects_in
from sim.customers.payer import Payer, Settlement
from sim.effects import Program, Wait
from sim.probes.prober import Prober
from sim.time import MINUTE_US, SECOND_US

PATIENCE_US: Final = MINUTE_US
"""How long a probe waits for what a payment brings about. Source: the contract's bound for provisioning."""
_LOOKS_US: Final = 3 * SECOND_US
"""How often it looks. Assumption: seldom enough for any rate limit."""
APART_US: Final = 6 * SECOND_US
"""How far a probe keeps apart what may charge: Stripe tells whole seconds, by a clock of its own. Assumption."""


def payer_with(prober: Prober, card: CardBehaviour) -> Payer:
    """Somebody who pays with a card that behaves so, outside any funnel."""
    payer = Payer(prober.shopper, prober.session, collects=True, in_funnel=False)
    payer.method, payer.card = "card", card
    payer.begin_round()
    return payer


def pay(prober: Prober, secret: str, card: CardBehaviour = "succeeds") -> Program[Settlement]:
    """Confirm a client secret with a card."""
    return (yield from payer_with(prober, card).settle(secret, method_known=False))


def nonce(prober: Prober, card: CardBehaviour = "succeeds") -> Program[str | None]:
    """A payment method that is on nobody's file yet; None where Stripe made none."""
    found = yield from payer_with(prober, card).collect_nonce()
    return found if isinstance(found, str) else None


def put_on_file(prober: Prober, tries: str) -> Program[str | None]:
    """Set a card up and put it on file; its id, or None where that did not work."""
    asked = yield from prober.client.ask(
        "setup_payment_method", "POST", prober.session.addresses.setup, {}, tries=tries
    )
    secret = asked.member("client_secret")
    if not isinstance(secret, str):
        return None
    payer = payer_with(prober, "succeeds")
    settled = yield from payer.settle(secret, method_known=False)
    if settled.how != "paid" or payer.paid_with is None:
        return None
    body = {"payment_method_id": payer.paid_with}
    path = prober.session.addresses.payment_methods
    added = yield from prober.client.ask("add_payment_method", "POST", path, body, tries=tries)
    return payer.paid_with if added.ok else None


def secrets_in(reply: Reply) -> list[str]:
    """The client secrets of a purchase's answer."""
    listed = member_of(reply.result, "client_secrets")
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def listed(prober: Prober, operation: str, below: str, tries: str) -> Program[list[dict[str, Any]]]:
    """A list of the account's things; empty where it is refused."""
    reply = yield from prober.client.ask(operation, "GET", prober.path(below), tries=tries)
    return objects_in(reply.result)


def until(
    prober: Prober, operation: str, below: str, ready: Callable[[list[dict[str, Any]]], bool], tries: str
) -> Program[bool]:
    """Look at a list until it is as it should be, for a minute at most; whether it came to be so."""
    waited_us = 0
    while True:
        if ready((yield from listed(prober, operation, below, tries))):
            return True
        if waited_us >= PATIENCE_US:
            return False
        yield Wait(_LOOKS_US, needed=True)
        waited_us += _LOOKS_US


def line(rate_plan: str) -> Mapping[str, Any]:
    """A line of a cart."""
    return {"rate_plan": {"id": rate_plan}, "frequency": "monthly"}


def buy(prober: Prober, rate_plan: str, tries: str, on_session: bool = True, **more: Any) -> Program[Reply]:
    """Buy one line in bulk, as a decision of its own."""
    body = {"subscriptions": [line(rate_plan)], "user_is_on_session": on_session, **more}
    key = prober.session.next_key()
    return (
        yield from prober.client.ask("bulk_create", "POST", prober.session.addresses.bulk, body, tries=tries, key=key)
    )
