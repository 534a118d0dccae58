"""What both checkouts do with a cart: submit its parts, settle the secrets, wait until what was bought is active.

Unified Checkout and Multisku differ in their clients and in how a method is collected before submit; see their modules.
"""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply, member_of, objects_in
from sim.customers.billing_profile import ADDED, add_method, lost_to
from sim.customers.ending import Ending
from sim.customers.front_end import FetchFrontEnd, FrontEnd
from sim.customers.part import IN_FORCE, Part, is_secret, lines_list, newest
from sim.customers.payer import Payer, Settlement
from sim.customers.refusal import ended_by
from sim.customers.separation import Separation
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import DEFAULT_TIMEOUT_US, Program, Spawn, Wait
from sim.purposes import Purpose
from sim.time import DAY_US, HOUR_US

_SUBMITS_MAX: Final = 12
"""Rounds of submitting in one attempt: a limit on every loop; parameters end it long before."""
_READAGAIN_US: Final = 1_000_000
"""How long a page waits before it reads what became of a submit without an answer. Assumption."""


class Checkout:
    """One attempt to buy the cart. Subclasses say which front end it is and how it collects a method before submit."""

    __slots__ = (
        "_cannot_collect",
        "_detoured",
        "_fresh",
        "_leaves_at_form",
        "_went_away",
        "front",
        "new_zones",
        "nonce",
        "parts",
        "payer",
        "session",
        "shopper",
    )

    def __init__(self, shopper: Shopper, session: Session, front: FrontEnd, cards_only: bool) -> None:
        self.shopper = shopper
        self.session = session
        self.front = front
        self.payer = Payer(shopper, session, shopper.front_end != "old", cards_only)
        self.parts: list[Part] = []
        self.new_zones: list[str] = []
        self.nonce: str | None = None
        self._detoured = False
        self._cannot_collect = False
        self._went_away = False
        self._fresh = True
        self._leaves_at_form = False

    def collect_before_submit(self) -> Program[Ending | None]:
        """Collect a method before anything is submitted, where this checkout does; an ending if it ends there."""
        raise NotImplementedError

    # The purchase, step by step ---------------------------------------------------------------------------------------

    def run(self, first_attempt: bool = True) -> Program[Ending]:
        """Buy the cart, or not. A customer who comes back means to buy."""
        session = self.session
        leaves_at = self.shopper.abandons_at if first_attempt else "never"
        yield Wait(session.review_us())
        if leaves_at == "cart":
            return Ending("abandoned", "left at the cart")
        ending = yield from self._separate()
        if ending is not None:
            return ending
        session.step("payment")
        self._leaves_at_form = leaves_at == "payment" and self._form_comes_with_secret()
        if leaves_at == "payment" and not self._leaves_at_form:
            return Ending("abandoned", "left at the payment step")
        ending = yield from self.collect_before_submit()
        if ending is not None:
            return ending
        for _ in range(_SUBMITS_MAX):
            refusal = yield from self._submit()
            if isinstance(refusal, Ending):
                return refusal
            if refusal is not None:
                ending = yield from self._refused(refusal)
                if ending is None:
                    continue
                if ending.outcome == "blocked_by_gate" or not self._has_secrets():
                    return ending
            if (leaves_at == "confirmation" or self._leaves_at_form) and self._has_secrets():
                yield from self.payer.hesitate()
                form = self._leaves_at_form
                return Ending("abandoned", "left at the payment form" if form else "left with the secret unconfirmed")
            lost = yield from self._settle()
            if lost is AGAIN:
                continue
            if lost is not None and (self._went_away or not self.bought_some()):
                return ending or lost
            return (yield from self._await_entitlements(ending or lost))
        return Ending("error", "submitted too often")

    def _form_comes_with_secret(self) -> bool:
        """Whether the payment form follows the submit: newer front ends show it upon a client secret.

        Who leaves there leaves an unpaid purchase behind.
        """
        return self.shopper.front_end != "old" and not self.shopper.has_usable_method

    def _separate(self) -> Program[Ending | None]:
        """Step 3: make the requests of the cart; an ending where that fails."""
        basket = self.shopper.basket
        if basket.plain:
            path = self.session.addresses.bulk
            self.parts = [Part("bulk_create", "POST", path, basket.bulk_members, basket.features, basket.lines)]
            return None
        separation = Separation(self.shopper, self.session, self.front)
        self.parts = separation.parts
        self.new_zones = separation.new_zones
        return (yield from separation.run())

    # Submitting -------------------------------------------------------------------------------------------------------

    def _submit(self) -> Program[Reply | Ending | None]:
        """Submit every part that is not bought yet; the first refusal stops the rest."""
        session = self.session
        shopper = self.shopper
        session.step("submitted")
        if self.payer.method == "saved" or self.nonce is not None:
            self.payer.begin_round()
        first, self._fresh = self._fresh, False
        timeout_us = DEFAULT_TIMEOUT_US
        if first and shopper.double_submit != "never":
            if shopper.double_submit == "retry_after_timeout":
                timeout_us = session.population.duration_us("impatient_timeout_s")
            elif shopper.double_submit == "two_tabs":
                yield Spawn(self._other_tab([(part, session.next_key()) for part in self.parts]))
        for part in self.parts:
            if part.bought:
                continue
            part.key = session.next_key()
            body = part.body(self.nonce)
            if first and shopper.double_submit == "double_click":
                yield Spawn(self._click_again(part, body))
            result, error = yield from self.front.persist(
                part.operation, part.method, part.path, body, part.key, timeout_us
            )
            if error is None:
                part.take(result)
                continue
            if error.status == 0:
                ending = yield from self._read_again(part)
                if ending is not None:
                    return ending
                continue
            return error
        return None

    def _click_again(self, part: Part, body: dict[str, Any]) -> Program[None]:
        """The second click of a double click: the same request with the same key, at the same instant."""
        _, error = yield from self.front.request(part.operation, part.method, part.path, body, part.key)
        if error is not None:
            self._shown_beside(error)

    def _other_tab(self, parts: list[tuple[Part, str]]) -> Program[None]:
        """The same cart submitted in a second tab, which has keys of its own. The person pays in the first one."""
        for part, key in parts:
            body = part.body(self.nonce)
            _, error = yield from self.front.request(part.operation, part.method, part.path, body, key)
            if error is not None:  # as in the first tab, the first refusal stops the rest
                self._shown_beside(error)
                return

    def _shown_beside(self, error: Reply) -> None:
        """A refusal that the page shows, or the other tab, while the purchase itself goes on."""
        self.session.shown("failure", "the second submission was refused", error.status or None, error.code)

    def _read_again(self, part: Part) -> Program[Ending | None]:
        """No answer came, whatever was tried: read what is there instead of assuming that nothing happened."""
        session = self.session
        yield Wait(_READAGAIN_US, needed=True)
        listed, error = yield from self.front.query("list_subscriptions", session.addresses.subscriptions)
        if error is not None:
            return ended_by(error, "no answer came, and the state could not be read", self.session)
        found = newest(listed, part)
        if found is not None and all(one.get("state") in IN_FORCE for one in found):
            part.bought = True
            part.subscriptions = found
            return None
        part.subscriptions = found or []
        if part.lines:
            refused = yield from self._pre_authorize(part)
            if refused is None:
                return None
            if refused.status == 409 and found is not None:
                part.bought = True  # paid already, its event on the way: nothing is left to do but to wait for it
                return None
        session.shown("processing", "no answer came: it is not known whether the purchase was made")
        return Ending("error", f"no answer to {part.operation}")

    # Refusals ---------------------------------------------------------------------------------------------------------

    def _refused(self, error: Reply) -> Program[Ending | None]:
        """Show a refusal; None if the customer did something about it and submits again."""
        if error.status == 402 and error.code == 1210:
            return (yield from self._blocked_by_gate())
        if error.status == 402:
            return (yield from self._card_refused(error))
        return ended_by(error, "the purchase was refused", self.session)

    def _blocked_by_gate(self) -> Program[Ending | None]:
        """402/1210: leave, ask support, or add a payment method in the Billing Profile and come back."""
        session = self.session
        population = session.population
        session.shown("refused", "a payment method is required", 402, 1210)
        if self._detoured:
            return Ending("blocked_by_gate", "still blocked after adding a payment method")
        choice = population.after_gate.pick(session.streams.uniform(Purpose.AFTER_GATE, session.draw_base))
        if choice == "asks_support":
            session.note("ticket", session.attempt_id, state="opened", detail={"reason": "402/1210"})
            return Ending("blocked_by_gate", "asked support")
        if choice == "leaves" or self._leaves_at_form or not population.shows_billing:
            return Ending("blocked_by_gate", "left")
        self._detoured = True
        yield from self.payer.hesitate()
        session.note("detour", session.attempt_id, state="started")
        payer = Payer(self.shopper, session, collects=True, in_funnel=False)
        if payer.method == "saved":
            payer.method = "card"
        ending = yield from add_method(payer, FetchFrontEnd(session, "billing-profile"))
        if ending is not ADDED:
            session.note("detour", session.attempt_id, state="failed", detail={"reason": ending.reason})
            return Ending("blocked_by_gate", f"the Billing Profile did not help: {ending.reason}")
        session.note("detour", session.attempt_id, state="added")
        self.payer.method = "saved"
        self.nonce = None
        return None

    def _card_refused(self, error: Reply) -> Program[Ending | None]:
        """402/1214: the card was charged in the request and refused. Try another one, or give up."""
        session = self.session
        code = error.decline_code
        reason = code or "card refused"
        session.shown(
            "failure", reason if self.shopper.front_end == "new" else "payment failed", error.status, error.code
        )
        yield from self.payer.hesitate()
        may_enter = self.shopper.front_end != "old" or self.shopper.payment_step == "before_submit"
        if not may_enter or not self.payer.tries_again(code):
            return Ending("declined", reason)
        return (yield from self._another_nonce(reason))

    def _another_nonce(self, reason: str) -> Program[Ending | None]:
        """Collect the method of the next try. PayPal gives no nonce: only a client secret, which pre-auth answers."""
        payer = self.payer
        if payer.method == "saved":
            self.nonce = None
            return None
        if payer.method == "paypal":
            return (yield from self._secret_for_paypal(reason))
        self.nonce = None
        return (yield from self.take_nonce())

    def _secret_for_paypal(self, reason: str) -> Program[Ending | None]:
        part = next(part for part in self.parts if not part.bought)
        if not self.payer.collects or not part.lines:
            return Ending("declined", reason)
        if (yield from self._pre_authorize(part)) is not None:
            return Ending("declined", reason)
        self.nonce = None
        return None

    def _pre_authorize(self, part: Part) -> Program[Reply | None]:
        """Get at the secret of a part's lines, whatever became of them; the refusal where there is none to be had.

        The answer names no subscription, and may have made one (the old one expired): so the page lists them again.
        """
        addresses = self.session.addresses
        body = {"subscriptions": lines_list(part.lines)}
        result, error = yield from self.front.persist("pre_auth", "POST", addresses.pre_auth, body)
        if error is not None:
            return error
        secret = member_of(result, "client_secret")
        part.bought = True
        part.secrets = [secret] if is_secret(secret) else []
        listed, _ = yield from self.front.query("list_subscriptions", addresses.subscriptions)
        part.subscriptions = newest(listed, part) or part.subscriptions
        return None

    def take_nonce(self) -> Program[Ending | None]:
        """Collect a nonce, entering another card after a refusal as long as the customer will."""
        payer = self.payer
        while True:
            collected = yield from payer.collect_nonce()
            if not isinstance(collected, Settlement):
                self.nonce = collected
                return None
            self.session.shown("failure", collected.code or "the card could not be checked")
            if collected.how != "declined":
                return Ending("error", "the card could not be checked")
            payer.begin_round()
            yield from payer.hesitate()
            if not payer.tries_again(collected.code):
                return Ending("declined", collected.code or "declined")
            if payer.method == "paypal":
                return None if payer.collects else Ending("declined", collected.code or "declined")

    # Step 4: on-session confirmation ----------------------------------------------------------------------------------

    def _has_secrets(self) -> bool:
        return any(part.secrets for part in self.parts)

    def _settle(self) -> Program[Ending | None]:
        """Confirm every secret, in rounds: those refused are tried again together. None: nothing is left to confirm.

        One refused secret does not keep the others from being confirmed. `AGAIN`: the intent is gone, submit again.
        """
        session = self.session
        payer = self.payer
        if not self._has_secrets():
            return None
        if not session.population.confirms_on_session:
            self._cannot_collect = True
            return None
        method_known = self.nonce is not None or payer.method == "saved"
        while True:
            if not method_known:
                payer.begin_round()
            code, end = yield from self._confirm_round(method_known)
            if end is not None:
                return end
            if code is None:
                return None
            retry = yield from self._retry_after(code)
            if retry is not None:
                return retry
            method_known = False

    def _confirm_round(self, method_known: bool) -> Program[tuple[str | None, Ending | None]]:
        """Confirm what is unconfirmed, once each: the first decline's code, and an ending where the customer left."""
        declined: str | None = None
        for part in self.parts:
            for secret in list(part.secrets):
                settlement = yield from self.payer.settle(secret, method_known)
                how = settlement.how
                if how in ("paid", "pending"):
                    part.secrets.remove(secret)
                elif how == "declined":
                    declined = declined or settlement.code or "card_declined"
                elif how == "cannot_collect":
                    self._cannot_collect = True
                elif how == "left":
                    self._went_away = True
                    return None, settlement.ending
                elif how == "gone":
                    part.bought = False
                    part.secrets = []
                    return None, AGAIN
                else:
                    self.session.shown(
                        "processing", "Stripe gave no answer: it is not known whether the payment was made"
                    )
                    return None, Ending("error", "Stripe gave no answer")
        return declined, None

    def _retry_after(self, code: str) -> Program[Ending | None]:
        """Show the failure, decide: None to confirm the same secrets with another method, `AGAIN` to resubmit."""
        session = self.session
        payer = self.payer
        front_end = self.shopper.front_end
        session.shown("failure", code if front_end == "new" else "payment failed")
        yield from payer.hesitate()
        may_enter = payer.collects or self.shopper.payment_step == "before_submit"
        if not may_enter or not payer.tries_again(code):
            return Ending(lost_to(code), code)
        if payer.collects:
            return None
        # An old front end has no form for a secret: it collects another nonce and submits the purchase again.
        if payer.method == "paypal":
            return Ending(lost_to(code), code)
        for part in self.parts:
            if part.secrets:
                part.bought = False
                part.secrets = []
        return (yield from self._another_nonce(code)) or AGAIN

    # Step 5: post-purchase --------------------------------------------------------------------------------------------

    def _await_entitlements(self, lost: Ending | None) -> Program[Ending]:
        """Poll entitlements until everything bought is active; `lost`: the ending of what was not."""
        session = self.session
        population = session.population
        session.step("entitlement")
        waiting = self._expected()
        started_us = session.clock.now_us
        if not waiting and lost is None and not self._bought_all():
            session.shown("processing", "the answer named no subscription")
            return Ending("error", "the answer named no subscription")
        at_once = self._all_provisioned()
        while waiting:
            if not at_once:
                yield Wait(population.poll_interval_us, needed=True)
            at_once = False
            listed, _ = yield from self.front.query("entitlements", session.addresses.entitlements)
            for entitlement in objects_in(listed):
                if entitlement.get("status") == "active":
                    waiting.pop(_name_of(entitlement), None)
            if self.new_zones:
                yield from self._activate_zones(listed)
            if session.clock.now_us - started_us >= population.poll_limit_us:
                break
        if waiting:
            return self._not_yet_active(lost)
        if lost is not None:
            return lost
        if self._cannot_collect and any(part.secrets and not part.shows for part in self.parts):
            yield Wait(population.poll_limit_us)
            return self._not_yet_active(None)
        session.shown("confirmation", "everything is active")
        session.step("done")
        return Ending("converted", "everything is active")

    def _expected(self) -> dict[tuple[str, str], bool]:
        """What must be seen active: (subscription, feature), of the parts of which nothing is left to confirm."""
        waiting: dict[tuple[str, str], bool] = {}
        for part in self.parts:
            if not part.bought or not part.shows or (part.secrets and not self._cannot_collect):
                continue
            for number, subscription in enumerate(part.subscriptions):
                identifier = subscription.get("id")
                if type(identifier) is str:
                    waiting[identifier, part.feature_of(number, subscription)] = True
        return waiting

    def _all_provisioned(self) -> bool:
        """Whether the answers said already that all that was bought is active."""
        for part in self.parts:
            if not part.bought:
                continue
            if not part.subscriptions:
                return False
            for subscription in part.subscriptions:
                if subscription.get("state") != "Provisioned":
                    return False
        return True

    def bought_some(self) -> bool:
        """Whether a part is bought with nothing of it left to confirm."""
        return any(part.bought and not part.secrets for part in self.parts)

    def _bought_all(self) -> bool:
        return all(part.bought and (part.subscriptions or not part.shows) for part in self.parts)

    def _not_yet_active(self, lost: Ending | None) -> Ending:
        session = self.session
        session.shown("processing", "not active after a minute")
        if lost is not None:
            return lost
        share = session.population.figures["processing_asks_support"]
        if session.streams.chance(share, Purpose.ASKS_SUPPORT, session.draw_base):
            session.note("ticket", session.attempt_id, state="opened", detail={"reason": "not active after a minute"})
        if self._cannot_collect:
            return Ending("stuck", "this front end cannot confirm the client secret")
        return Ending("processing", "paid, and not active after a minute")

    def _activate_zones(self, listed: Any) -> Program[None]:
        """New zones leave `initializing` once their own plan is active, whatever else the cart still waits for."""
        for entitlement in objects_in(listed):
            zone_id = entitlement.get("zone_id")
            if entitlement.get("status") != "active" or zone_id not in self.new_zones:
                continue
            path = f"{self.session.addresses.zones}/{zone_id}"
            _, error = yield from self.front.persist("patch_zone", "PATCH", path, {"status": "pending"})
            if error is None:
                self.new_zones.remove(zone_id)

    def later_visits(self) -> Program[None]:
        """Who saw "processing" looks at the new zone again later, and its page activates it then.

        Nothing is done for who has no new zone left to activate, or left unpaid.
        """
        for wait_us in _ZONE_VISITS_US:
            if not self.new_zones:
                return
            yield Wait(wait_us)
            listed, _ = yield from self.front.query("entitlements", self.session.addresses.entitlements)
            yield from self._activate_zones(listed)


_ZONE_VISITS_US: Final = (3 * HOUR_US, 21 * HOUR_US, 3 * DAY_US)
"""Assumption: the customer opens the zone's page again after three hours, a day and four days."""

AGAIN: Final = Ending("error", "submit again")
"""Not an ending: the intent was cancelled meanwhile, so the purchase is submitted again."""


def _name_of(entitlement: dict[str, Any]) -> tuple[str, str]:
    return str(entitlement.get("subscription_id")), str(entitlement.get("feature"))
