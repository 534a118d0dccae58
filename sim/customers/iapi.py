"""A service that changes subscriptions with no customer present, and the account's owner who may have to pay later."""

from __future__ import annotations

from typing import Final

from sim.clients.reply import Reply, objects_in
from sim.customers.checkout import AGAIN, Checkout
from sim.customers.ending import Ending
from sim.customers.front_end import FetchFrontEnd, ServiceFrontEnd
from sim.customers.part import Part
from sim.customers.refusal import ended_by
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program, Wait
from sim.purposes import Purpose

_ASKS_MAX: Final = 3
"""How often the owner's page asks for a secret whose intent was cancelled meanwhile."""


class ServicePurchase(Checkout):
    """One purchase by a service: `user_is_on_session` is false, and a client secret is of no use to it."""

    __slots__ = ("service",)

    def __init__(self, shopper: Shopper, session: Session) -> None:
        self.service = ServiceFrontEnd(session, service_name(session))
        super().__init__(shopper, session, self.service, cards_only=False)

    def collect_before_submit(self) -> Program[Ending | None]:
        """A service has no card."""
        return None
        yield  # makes this a program

    def run(self, first_attempt: bool = True) -> Program[Ending]:
        """Buy; where the payment needs the customer, the owner pays later, or never."""
        session = self.session
        ending = yield from self._separate()
        if ending is not None:
            return ending
        session.step("submitted")
        waiting: list[Part] = []
        for part in self.parts:
            self.service.needs_customer = False
            result, error = yield from self.service.request(
                part.operation, part.method, part.path, part.body(on_session=False)
            )
            if error is not None and error.status == 0:
                ending = yield from self._read_again(part)
            elif error is not None:
                ending = self._service_refused(error)
            else:
                part.take(result)
            if ending is not None:
                return ending
            if self.service.needs_customer or part.secrets:
                waiting.append(part)
        if not waiting:
            return (yield from self._await_entitlements(None))
        session.shown("waiting_for_customer", "the payment needs the customer")
        share = session.population.figures["owner_confirms_service_purchase"]
        if session.streams.chance(share, Purpose.RETURN_LATER, session.draw_base):
            return (yield from self._owner_pays(waiting))
        return Ending("waiting_for_customer", "the owner did not pay")

    def _service_refused(self, error: Reply) -> Ending:
        if error.status == 402 and error.code == 1210:
            self.session.shown("refused", "a payment method is required", 402, 1210)
            return Ending("blocked_by_gate", "the service was refused")
        if error.status == 402:
            self.session.shown("refused", "the payment was refused", 402, error.code)
            return Ending("declined", error.decline_code or "card refused")
        return ended_by(error, "the purchase was refused", self.session)

    def _owner_pays(self, waiting: list[Part]) -> Program[Ending]:
        """The account's owner signs in hours later and pays what waits, in the Unified Checkout's front end.

        What the service bought without its customer is not asked for again: that would buy it a second time.
        """
        session = self.session
        population = session.population
        median_us = population.duration_us("owner_confirms_median_s")
        p95_us = population.duration_us("owner_confirms_p95_s")
        yield Wait(session.streams.lognormal_us(median_us, p95_us, Purpose.RETURN_LATER, session.draw_base + 1))
        self.front = FetchFrontEnd(session)
        if self.shopper.has_usable_method:
            self.payer.method = "saved"
            self.payer.saved_id = yield from self._saved_method()
        lost: Ending | None = AGAIN
        for _ in range(_ASKS_MAX):
            for part in waiting:
                ending = yield from self._ask_for_secret(part)
                if ending is not None:
                    return ending
            lost = yield from self._settle()
            if lost is not AGAIN:
                break
            waiting = [part for part in waiting if not part.bought]
        if self._cannot_collect:
            session.shown("waiting_for_customer", "this front end cannot collect the payment")
            return Ending("waiting_for_customer", "the owner's front end cannot collect the payment")
        if lost is not None:
            return Ending("error", "the intent was cancelled again and again") if lost is AGAIN else lost
        return (yield from self._await_entitlements(None))

    def _saved_method(self) -> Program[str | None]:
        """The id of the default method on file, as the owner's page lists it."""
        listed, _ = yield from self.front.query("payment_methods", self.session.addresses.payment_methods)
        for method in objects_in(listed):
            identifier = method.get("id")
            if method.get("is_default") is True and method.get("valid") is True and type(identifier) is str:
                return identifier
        return None

    def _ask_for_secret(self, part: Part) -> Program[Ending | None]:
        """What waits is asked for again: lines by pre-auth, a change by repeating it with the customer present."""
        session = self.session
        if part.lines:
            error = yield from self._pre_authorize(part)
        else:
            key = session.next_key()
            result, error = yield from self.front.persist(part.operation, part.method, part.path, part.body(), key)
            if error is None:
                part.take(result)
        if error is None:
            return None
        session.shown("waiting_for_customer", "the payment could not be made now", error.status or None, error.code)
        return Ending("waiting_for_customer", f"the owner could not pay: HTTP {error.status}, {error.code}")


def service_name(session: Session) -> str:
    """The name that the service gives itself."""
    return "iapi/" + session.population.iapi_service
