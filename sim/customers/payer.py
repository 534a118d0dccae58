"""The person with the card: enters it, confirms secrets with it, solves challenges, goes to PayPal, tries again.

A front end uses it for a purchase and for saving a method alike. Nothing here knows what is bought.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from scenarios.scenario import CardBehaviour
from sim.clients.gateway_client import intent_of
from sim.clients.stripe_client import Confirmation, StripeClient
from sim.customers.cards import entered
from sim.customers.ending import Ending
from sim.customers.population import TYPING_ERRORS
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program, Visit, Wait
from sim.purposes import Purpose

# Looked up once: a member of an enumeration costs a call in Python 3.11.
_CARD_ENTRY: Final = Purpose.CARD_ENTRY

_REPEATS_MAX: Final = 3
"""How often Stripe is asked for something without a readable answer; a mere reading once more. Assumption."""
_BACK_OFF_US: Final = 2_000_000
"""How long to wait before asking Stripe again. Assumption."""

Settled = Literal["paid", "declined", "gone", "cannot_collect", "pending", "unknown", "left"]


class Settlement(NamedTuple):
    """What became of one secret.

    `paid`: succeeded, or Stripe is processing it. `declined`: the same secret works with another method (`code` says
    why). `gone`: the intent was cancelled. `cannot_collect`: it needs a method that this front end cannot ask for.
    `pending`: it waits for a page whose end was not seen. `unknown`: Stripe gave no readable answer. `left`: the
    customer went away in the middle, with the `ending` of the attempt.
    """

    how: Settled
    code: str | None = None
    ending: Ending | None = None


PAID: Final = Settlement("paid")
GONE: Final = Settlement("gone")
CANNOT_COLLECT: Final = Settlement("cannot_collect")
PENDING: Final = Settlement("pending")
NOT_KNOWN: Final = Settlement("unknown")


class Payer:
    """One customer at one attempt. `method` and `card` are what would be used now; `tries` counts tries to pay.

    `collects`: whether the front end can ask for a method when it has a client secret. `cards_only`: its form takes no
    PayPal and no wallet (CardElement). `paid_with`: the id of the method that the last settled intent has. `saved_id`:
    the method on file, where the page has listed it, so that an intent without one can be confirmed with it, once.
    `in_funnel`: whether a confirmation is the purchase's own, and not of a card that is put on file on the way to it.
    """

    __slots__ = (
        "_base",
        "_challenges",
        "_declines",
        "_details_entered",
        "_hesitations",
        "_redirects",
        "card",
        "cards_only",
        "collects",
        "in_funnel",
        "method",
        "paid_with",
        "saved_id",
        "session",
        "shopper",
        "stripe",
        "tries",
    )

    def __init__(
        self, shopper: Shopper, session: Session, collects: bool, cards_only: bool = False, in_funnel: bool = True
    ) -> None:
        self.shopper = shopper
        self.session = session
        self.stripe = StripeClient(session)
        self.collects = collects
        self.cards_only = cards_only
        self.in_funnel = in_funnel
        self.method: str = shopper.pays_with
        self.card: CardBehaviour = shopper.first_card
        self.tries = 0
        self._base = session.draw_base
        self._challenges = self._base
        self._redirects = self._base
        self._declines = self._base
        self._hesitations = self._base
        self._details_entered = False
        self.paid_with: str | None = None
        self.saved_id: str | None = None
        if cards_only and self.method == "wallet":
            self.method = "card"

    # Entering ---------------------------------------------------------------------------------------------------------

    def enter_details(self) -> Program[None]:
        """Take the time that it takes to enter the method; once for all secrets of a round."""
        if self._details_entered:
            return
        self._details_entered = True
        yield Wait(self._entry_us())

    def collect_nonce(self) -> Program[str | Settlement]:
        """Enter a card or wallet before any secret exists; the nonce `pm_…`, or why there is none."""
        yield from self.enter_details()
        for _ in range(_REPEATS_MAX):
            made = yield from self.stripe.create_payment_method(entered(self.method, self.card))
            if type(made) is str:
                return made
            assert isinstance(made, Confirmation)
            if made.decline_code is not None and made.http_status == 402:
                return Settlement("declined", made.decline_code)
            yield Wait(_BACK_OFF_US, needed=True)
        return NOT_KNOWN

    def _entry_us(self) -> int:
        entry = self.session.population.entries[self.method]
        if entry.sigma == 0:
            return entry.median_us
        return self.session.streams.duration_us(entry, _CARD_ENTRY, self._declines)

    # Confirming -------------------------------------------------------------------------------------------------------

    def begin_round(self) -> None:
        """One more try to pay whatever is still unpaid."""
        self.tries += 1

    def settle(self, secret: str, method_known: bool) -> Program[Settlement]:
        """Confirm one secret. `method_known`: the front end knows that the intent has a method (nonce or saved)."""
        if method_known:
            stands = yield from self._read(secret)
            settlement = yield from self._continue(secret, stands)
            if settlement is not None:
                return settlement
        if self.method == "saved" and self.saved_id is not None:
            identifier, self.saved_id = self.saved_id, None
            return (yield from self._confirm(secret, identifier))
        if not self.collects:
            return CANNOT_COLLECT
        if self.method == "saved":
            self.method = "card"  # the saved one did not do: the form asks for a card
        if self.method == "paypal" and self.cards_only:
            self.method = "card"
        if not self._details_entered:
            yield from self.enter_details()
        return (yield from self._confirm(secret, entered(self.method, self.card)))

    def _continue(self, secret: str, stands: Confirmation) -> Program[Settlement | None]:
        """Go on with an intent that has a method already; None where it turns out to need one."""
        status = stands.status
        if status == "requires_confirmation":
            return (yield from self._confirm(secret, None))
        if status == "requires_payment_method":
            return None
        return (yield from self._after(secret, stands))

    def _confirm(self, secret: str, data: Any) -> Program[Settlement]:
        """Confirm, and find out what happened where the answer does not say."""
        how = self.method
        if self.in_funnel:
            self.session.step("confirming")
        for _ in range(_REPEATS_MAX):
            stands = yield from self.stripe.confirm(secret, data, how, self.tries, how == "paypal")
            if stands.status == "succeeded":
                self.paid_with = stands.method_id
                return PAID
            if stands.status == "unknown" and stands.http_status == 402:
                return Settlement("declined", stands.decline_code or "card_declined")
            if stands.status == "unknown":
                # No answer, a 5xx, or the wrong state (somebody else confirmed): read it instead of assuming.
                stands = yield from self._read(secret)
                if stands.status in ("unknown", "requires_payment_method", "requires_confirmation"):
                    yield Wait(_BACK_OFF_US, needed=True)
                    continue
            return (yield from self._after(secret, stands))
        return NOT_KNOWN

    def _after(self, secret: str, stands: Confirmation) -> Program[Settlement]:
        """What to do where the intent stands now."""
        status = stands.status
        if status in ("succeeded", "processing", "requires_capture"):
            self.paid_with = stands.method_id
            return PAID
        if status == "requires_payment_method":
            return Settlement("declined", stands.decline_code or "card_declined")
        if status == "canceled":
            return GONE
        if status == "requires_action":
            if stands.next_url is None:
                return PENDING
            if self.in_funnel:
                self.session.step("confirming")
            if self._is_redirect():
                return (yield from self._redirect(secret, stands.next_url))
            return (yield from self._challenge(secret, stands.next_url))
        return NOT_KNOWN

    def _is_redirect(self) -> bool:
        if self.method == "saved":
            return self.shopper.pm_on_file == "paypal"
        return self.method == "paypal"

    def _read(self, secret: str) -> Program[Confirmation]:
        stands = yield from self.stripe.retrieve(secret)
        for _ in range(_REPEATS_MAX):
            if stands.status != "unknown":
                break
            yield Wait(_BACK_OFF_US, needed=True)
            stands = yield from self.stripe.retrieve(secret)
        return stands

    # Pages ------------------------------------------------------------------------------------------------------------

    def _challenge(self, secret: str, url: str) -> Program[Settlement]:
        """A 3DS challenge: passed, failed, or left alone, which shows as a time-out only."""
        session = self.session
        population = session.population
        index = self._challenges
        self._challenges += 1
        self._note_page("challenge", secret, "shown")
        outcome = population.challenge.pick(session.streams.uniform(Purpose.CHALLENGE_OUTCOME, index))
        if outcome == "abandoned":
            yield Wait(population.duration_us("challenge_timeout_s"))
            self._note_page("challenge", secret, "abandoned")
            return Settlement("left", ending=Ending("challenge_lost", "the challenge was abandoned"))
        yield Wait(self._page_us("challenge", Purpose.CHALLENGE_DURATION, index))
        yield Visit(url, "complete" if outcome == "passed" else "fail")
        self._note_page("challenge", secret, outcome)
        return (yield from self._end_of_page(secret, "challenge"))

    def _redirect(self, secret: str, url: str) -> Program[Settlement]:
        """PayPal: the customer leaves the page, and comes back or does not."""
        session = self.session
        index = self._redirects
        self._redirects += 1
        self._note_page("redirect", secret, "left")
        outcome = self._redirect_outcome(index)
        yield Wait(self._page_us("paypal", Purpose.REDIRECT_DURATION, index))
        if outcome == "never_back":
            # Approved at PayPal, and the browser closed: only the event can complete the purchase.
            yield Visit(url, "complete")
            self._note_page("redirect", secret, "never_back")
            return Settlement("left", ending=Ending("redirect_lost", "approved at PayPal and never came back"))
        yield Visit(url, _PAYPAL_PAGE[outcome])
        self._note_page("redirect", secret, outcome)
        self._note_page("redirect", secret, "returned")
        settlement = yield from self._end_of_page(secret, "redirect")
        if outcome == "cancelled" and settlement.how in ("declined", "pending"):
            session.shown("failure", "PayPal was cancelled; the cart is intact")
            return Settlement("declined", "paypal_cancelled")
        return settlement

    def _redirect_outcome(self, index: int) -> str:
        streams = self.session.streams
        population = self.session.population
        uniform = streams.uniform(Purpose.REDIRECT_OUTCOME, index)
        if population.redirect is not None:
            return population.redirect.pick(uniform)
        figures = population.figures
        on_mobile = streams.chance(figures["mobile_share"], Purpose.DEVICE)
        completed = figures["paypal_completed_mobile" if on_mobile else "paypal_completed_desktop"]
        never_back = min(figures["paypal_never_back"], completed)
        if uniform < never_back:
            return "never_back"
        if uniform < completed:
            return "finished"
        return "refused" if uniform < completed + figures["paypal_refused"] else "cancelled"

    def _page_us(self, name: str, purpose: Purpose, index: int) -> int:
        population = self.session.population
        median_us = population.duration_us(name + "_median_s")
        return self.session.streams.lognormal_us(median_us, population.duration_us(name + "_p95_s"), purpose, index)

    def _end_of_page(self, secret: str, page: str) -> Program[Settlement]:
        """Back from a page: only the intent knows how it ended."""
        stands = yield from self._read(secret)
        self.stripe.note_confirmation(secret, stands, self.method, self.tries, after=page)
        if stands.status == "requires_action":
            return PENDING  # an early return, or a page that did not answer: not a failure
        return (yield from self._after(secret, stands))

    def _note_page(self, kind: str, secret: str, state: str) -> None:
        self.session.note(kind, intent_of(secret), self.session.attempt_id, state=state)

    # After a failure --------------------------------------------------------------------------------------------------

    def hesitate(self) -> Program[None]:
        """Take the time to decide what to do after a failure."""
        population = self.session.population
        index = self._hesitations + 1
        self._hesitations = index
        yield Wait(
            self.session.streams.lognormal_us(
                population.duration_us("hesitation_median_s"),
                population.duration_us("hesitation_p95_s"),
                Purpose.THINK,
                index,
            )
        )

    def tries_again(self, code: str | None) -> bool:
        """Decide, after a declined try, whether to try again and with what. False: gives up.

        The odds depend on the decline code and on whether the front end says what went wrong.
        """
        if self.tries >= self.session.population.figures["payment_tries_max"]:
            return False
        index = self._declines + 1
        self._declines = index
        choice = self._choice_after(code, index)
        if choice == "gives_up":
            return False
        self._details_entered = False
        if choice == "paypal":
            self.method = "paypal"
            return True
        if choice == "same_card" and self.method == "saved":
            return True
        self.card = self._next_card(choice, code, index)
        self.method = "card"
        return True

    def _choice_after(self, code: str | None, index: int) -> str:
        population = self.session.population
        uniform = self.session.streams.uniform(Purpose.AFTER_DECLINE, index)
        if code == "paypal_cancelled" and population.after_decline is None:
            return "another_card" if uniform < population.figures["paypal_cancelled_pays_by_card"] else "gives_up"
        if population.after_decline is not None:
            choice: str = population.after_decline.pick(uniform)
        else:
            choice = self._calibrated_choice(code, uniform)
        if choice == "paypal" and self.cards_only:
            return "another_card" if population.after_decline is None else "gives_up"
        return choice

    def _calibrated_choice(self, code: str | None, uniform: float) -> str:
        population = self.session.population
        figures = population.figures
        if code in TYPING_ERRORS:
            share = figures["retries_after_typing_error"]
        elif code is not None and "authentication_failure" in code:
            share = figures["retries_after_failed_challenge"]
        else:
            share = figures["retries_after_issuer_decline"]
        if self.shopper.front_end != "new":
            share *= figures["generic_message_retry_factor"]
        if uniform >= share:
            return "gives_up"
        if code in TYPING_ERRORS:
            return "same_card"
        return population.retry_methods.pick(uniform / share)

    def _next_card(self, choice: str, code: str | None, index: int) -> CardBehaviour:
        """How the card of the next try behaves. With a mix given, the same card stays as it is."""
        population = self.session.population
        uniform = self.session.streams.uniform(Purpose.NEXT_CARD, index)
        figures = population.figures
        if choice == "same_card":
            if population.next_card is not None or (code is not None and "authentication_failure" in code):
                return self.card
            typing = code in TYPING_ERRORS
            name = "retry_succeeds_after_typing_error" if typing else "retry_succeeds_after_issuer_decline"
            return "succeeds" if uniform < figures[name] else self.card
        if population.next_card is not None:
            return population.next_card.pick(uniform)
        return population.calibrated_card(
            self.shopper.place, self.session.streams, index, uniform, figures["another_card_decline_share"]
        )


_PAYPAL_PAGE: Final = {"finished": "complete", "cancelled": "cancel", "refused": "refuse"}
"""What the customer does at PayPal, for each way that the redirect may end."""
