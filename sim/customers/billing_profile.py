"""Billing Profile: adds a payment method outside a purchase; also the detour of whom a 402/1210 blocked."""

from __future__ import annotations

from typing import Final

from sim.clients.reply import member_of
from sim.customers.ending import Ending, Outcome
from sim.customers.front_end import FetchFrontEnd, FrontEnd
from sim.customers.payer import Payer
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program, Wait

ADDED: Final = Ending("converted", "the payment method is on file")


def add_method(payer: Payer, front: FrontEnd) -> Program[Ending]:
    """Set a method up and put it on file: a set-up secret, confirmed with the customer present, then registered.

    The ending is `ADDED`, or why there is no method on file.
    """
    session = front.session
    addresses = session.addresses
    asked, error = yield from front.persist("setup_payment_method", "POST", addresses.setup, {})
    if error is not None:
        return _no_setup(front, error.status, error.code)
    secret = member_of(asked, "client_secret")
    if type(secret) is not str:
        return Ending("error", "the set-up came without a client secret")
    ending = yield from _confirm(payer, front, secret)
    if ending is not None:
        return ending
    body = {"payment_method_id": payer.paid_with}
    _, error = yield from front.persist("add_payment_method", "POST", addresses.payment_methods, body)
    if error is not None:
        session.shown("failure", "the payment method was not saved", error.status or None, error.code)
        return Ending("error" if error.status == 0 or error.status >= 500 else "refused", "the method was not saved")
    return ADDED


def _no_setup(front: FrontEnd, status: int, code: int | None) -> Ending:
    front.session.shown("failure", "no payment method can be added now", status or None, code)
    return Ending("error" if status == 0 or status >= 500 else "refused", "no set-up")


def _confirm(payer: Payer, front: FrontEnd, secret: str) -> Program[Ending | None]:
    """Confirm the set-up, trying again after a decline as long as the customer will; None once it succeeded."""
    while True:
        payer.begin_round()
        settlement = yield from payer.settle(secret, method_known=False)
        if settlement.how == "paid":
            return None
        if settlement.ending is not None:
            return settlement.ending
        front.session.shown("failure", settlement.code or settlement.how)
        if settlement.how != "declined":
            return Ending("error", f"the set-up ended {settlement.how}")
        yield from payer.hesitate()
        if not payer.tries_again(settlement.code):
            return Ending(lost_to(settlement.code), settlement.code or "declined")


def lost_to(code: str | None) -> Outcome:
    """The outcome of giving up after a decline of that code."""
    if code is not None and "authentication_failure" in code:
        return "challenge_lost"
    return "redirect_lost" if code == "paypal_cancelled" else "declined"


def billing_profile(shopper: Shopper, session: Session) -> Program[Ending]:
    """Come to keep the profile up to date and to add a payment method; the profile's update has had the gate.

    Refused by the gate, the customer adds the method first and then updates the profile again.
    """
    population = session.population
    front = FetchFrontEnd(session, "billing-profile")
    if not population.shows_billing:
        session.shown("refused", "the billing section is not visible")
        return Ending("refused", "the billing section is not visible")
    yield Wait(session.review_us())
    if shopper.abandons_at == "cart":
        return Ending("abandoned", "left the profile")
    blocked = yield from _update(shopper, front)
    if blocked is not None and blocked.outcome != "blocked_by_gate":
        return blocked
    session.step("payment")
    if shopper.abandons_at == "payment":
        return Ending("abandoned", "left the payment form")
    session.step("submitted")
    payer = Payer(shopper, session, collects=True)
    if payer.method == "saved":
        payer.method = "card"
    ending = yield from add_method(payer, front)
    if ending is not ADDED or blocked is None:
        return _shown(session, ending)
    again = yield from _update(shopper, front)
    return _shown(session, ADDED if again is None else again)


def _shown(session: Session, ending: Ending) -> Ending:
    if ending is ADDED:
        session.shown("confirmation", ending.reason)
    return ending


def _update(shopper: Shopper, front: FrontEnd) -> Program[Ending | None]:
    """Update the profile; None where that worked."""
    body = {"name": f"Shopper {shopper.index}", "country": shopper.country, "address": "1 Example Street"}
    _, error = yield from front.persist("profile_update", "PUT", front.session.addresses.profile, body)
    if error is None:
        return None
    if error.status == 402 and error.code == 1210:
        front.session.shown("refused", "a payment method is required", 402, 1210)
        return Ending("blocked_by_gate", "the profile's update needs a payment method")
    front.session.shown("refused", "the profile was not updated", error.status or None, error.code)
    if error.status == 0 or error.status >= 500:
        return Ending("error", "the profile was not updated")
    return Ending("refused", f"the profile was not updated: {error.code}")
