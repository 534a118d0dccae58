"""A customer's whole visit: one attempt, and a second one where the scenario has the customer come back."""

from __future__ import annotations

from typing import Final

from sim.clients.reply import member_of, objects_in
from sim.customers.billing_profile import billing_profile
from sim.customers.checkout import Checkout
from sim.customers.ending import Ending
from sim.customers.front_end import FetchFrontEnd
from sim.customers.iapi import ServicePurchase, service_name
from sim.customers.multisku import Multisku
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.customers.unified_checkout import UnifiedCheckout
from sim.effects import Program, Wait

_MAY_BE_PAID: Final = ("converted", "processing", "redirect_lost", "error")
"""Endings after which a payment may still turn out to have gone through, or a zone's activation to have failed."""


def customer_program(shopper: Shopper, session: Session) -> Program[None]:
    """Everything that the customer does. It ends by itself and never raises, whatever it is answered."""
    ending = yield from _attempt(shopper, session)
    returns_after_us = session.population.returns_after_us
    if returns_after_us is None or ending.outcome == "converted":
        return
    yield Wait(returns_after_us)
    if not (yield from _has_it_all(shopper, session)):
        yield from _attempt(shopper, session)


def _attempt(shopper: Shopper, session: Session) -> Program[Ending]:
    client = shopper.client
    basket = shopper.basket
    is_profile = client == "billing-profile"
    actor = service_name(session) if client == "iapi" else client
    place = shopper.place
    session.begin(
        actor,
        {
            "client": actor,
            "front_end": shopper.front_end,
            "region": place.region,
            "country": place.country,
            "pm_on_file": shopper.pm_on_file,
            "pays_with": shopper.pays_with,
            "products": [] if is_profile else basket.products,
            "lines": 0 if is_profile else basket.line_count,
        },
    )
    session.step("started")
    if is_profile:
        ending = yield from billing_profile(shopper, session)
        session.end(ending)
        return ending
    checkout = _checkout(shopper, session)
    ending = yield from checkout.run(session.attempts == 1)
    session.end(ending)
    if checkout.new_zones and (ending.outcome in _MAY_BE_PAID or checkout.bought_some()):
        yield from checkout.later_visits()
    return ending


def _checkout(shopper: Shopper, session: Session) -> Checkout:
    if shopper.client == "multisku":
        return Multisku(shopper, session)
    if shopper.client == "iapi":
        return ServicePurchase(shopper, session)
    return UnifiedCheckout(shopper, session)


def _has_it_all(shopper: Shopper, session: Session) -> Program[bool]:
    """Whether somebody who comes back finds the cart bought: a payment may have gone through unseen."""
    basket = shopper.basket
    if basket.append is not None or shopper.client == "billing-profile":
        return False
    front = FetchFrontEnd(session, shopper.client if shopper.client != "iapi" else service_name(session))
    listed, _ = yield from front.query("list_subscriptions", session.addresses.subscriptions)
    in_force = [
        member_of(one.get("rate_plan"), "id")
        for one in objects_in(listed)
        if one.get("state") in ("Paid", "Provisioned")
    ]
    return all(product in in_force for product in basket.products)
