"""The timeline of one intent: what Stripe, the customer's side and the end of the run say of it."""

from __future__ import annotations

from typing import Final

from sim.facts import EXACT, LEDGER, Fact

LEDGER_SLACK_US: Final = 2_000_000
"""Assumption: Stripe stamps whole seconds by its own clock, so times read from its ledger may be two seconds off."""

PAYABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action", "processing")
"""The statuses in which money can still come of an intent."""

NOT_FOUND: Final = "not_found"
"""Stands for the status of an intent that a secret names and Stripe does not know."""

UNCLEAR: Final = "unclear"
"""Stands for a status that nobody can tell, because clocks differ by more than it lasted."""

REQUIRES_CUSTOMER: Final = ("requires_payment_method", "requires_confirmation", "requires_action")


class IntentTimeline:
    """One PaymentIntent or SetupIntent. Lists are in the order of the facts."""

    __slots__ = (
        "id",
        "states",
        "charges",
        "refunds",
        "secrets",
        "confirms",
        "challenges",
        "redirects",
        "final",
        "subscription_ids",
        "account_id",
        "success",
        "canceled",
        "succeeded",
        "amount_minor",
        "is_set_up",
        "refunded_minor",
    )

    def __init__(self, intent_id: str) -> None:
        self.id = intent_id
        self.states: list[Fact] = []
        self.charges: list[Fact] = []
        self.refunds: list[Fact] = []
        self.secrets: list[Fact] = []
        self.confirms: list[Fact] = []
        self.challenges: list[Fact] = []
        self.redirects: list[Fact] = []
        self.final: Fact | None = None
        self.subscription_ids: tuple[str, ...] = ()
        self.account_id: str | None = None
        self.success: Fact | None = None
        self.canceled: Fact | None = None
        self.succeeded = False
        """Whether it succeeded, by whoever's word."""
        self.amount_minor: int | None = None
        """What it asks for; None where nobody says."""
        self.refunded_minor = 0
        """What went back to the customer."""
        self.is_set_up = intent_id.startswith("seti_")
        """Whether it is a SetupIntent: it collects a payment method and no money."""

    def note_state(self, fact: Fact) -> None:
        """Take an `intent` fact in."""
        self.states.append(fact)
        state = fact.state
        if state == "succeeded":
            if self.success is None:
                self.success = fact
                self.succeeded = True
        elif state == "canceled" and self.canceled is None:
            self.canceled = fact
        if self.amount_minor is None:
            self.amount_minor = fact.amount_minor
        detail = fact.detail
        if detail is not None:
            ids = detail.get("subscription_ids")
            if ids:
                self.subscription_ids = tuple(ids)
            if "account_id" in detail:
                self.account_id = detail["account_id"]

    def note_final(self, fact: Fact) -> None:
        """Take the `final_intent` fact in."""
        self.final = fact
        if fact.state == "succeeded":
            self.succeeded = True
        if self.amount_minor is None:
            self.amount_minor = fact.amount_minor
        detail = fact.detail
        if detail is not None:
            if not self.subscription_ids or fact.source == LEDGER:  # what it is for may change after its creation
                self.subscription_ids = tuple(detail.get("subscription_ids") or ())
            if fact.source == LEDGER and "account_id" in detail:
                self.account_id = detail["account_id"]
            refunded = detail.get("amount_refunded")
            if refunded is not None:
                self.refunded_minor = int(refunded)

    def note_refund(self, fact: Fact) -> None:
        """Take a `refund` fact in. Where the end is known, it has the last word on the sum."""
        self.refunds.append(fact)
        if fact.state == "succeeded" and (self.final is None or self.final.detail is None):
            self.refunded_minor += fact.amount_minor or 0

    def note_confirm(self, fact: Fact) -> None:
        """Take a `confirm` fact in."""
        self.confirms.append(fact)
        if fact.state == "succeeded":
            self.succeeded = True

    @property
    def created(self) -> Fact | None:
        """The first that is known of it at Stripe."""
        return self.states[0] if self.states else None

    @property
    def created_us(self) -> int | None:
        """When it was made, where that is known."""
        return self.states[0].time_us if self.states else None

    @property
    def success_us(self) -> int | None:
        """When it succeeded at Stripe, if it did and Stripe's side says when. A client learns of it only later."""
        return self.success.time_us if self.success is not None else None

    def succeeded_by(self, time_us: int) -> bool:
        """Whether it had succeeded at that moment. A success of unknown time counts: nobody is accused on a guess."""
        success = self.success
        if success is None:
            return self.succeeded
        return success.time_us <= time_us + (0 if success.source == EXACT else LEDGER_SLACK_US)

    def state_at(self, time_us: int) -> str | None:
        """Its status at a moment; None before it is known; `unclear` where the ledger's clock leaves it open.

        Between two statuses that both wait for the customer, or can both still be paid, the later one is told.
        """
        if self.states and self.states[0].source == LEDGER:
            return self._state_around(time_us)
        state = None
        for fact in self.states:
            if fact.time_us > time_us:
                break
            state = fact.state
        return state

    def _state_around(self, time_us: int) -> str | None:
        states: list[str | None] = []
        for fact in self.states:
            if fact.time_us > time_us + LEDGER_SLACK_US:
                break
            if fact.time_us <= time_us - LEDGER_SLACK_US:
                states.clear()
            states.append(fact.state)
        if not states or len(set(states)) == 1:
            return states[-1] if states else None
        if all(state in REQUIRES_CUSTOMER for state in states) or all(state in PAYABLE for state in states):
            return states[-1]
        return UNCLEAR

    @property
    def end_state(self) -> str | None:
        """The last that is known of its status at Stripe."""
        if self.final is not None:
            return self.final.state
        return self.states[-1].state if self.states else None

    @property
    def ended_us(self) -> int | None:
        """When it stopped being payable; None if it never did."""
        times = [fact.time_us for fact in (self.success, self.canceled) if fact is not None]
        return min(times) if times else None

    @property
    def received_minor(self) -> int:
        """What it collected, before refunds."""
        for fact in (self.final, self.success):
            if fact is not None and fact.detail is not None and fact.detail.get("amount_received") is not None:
                return int(fact.detail["amount_received"])
        return (self.amount_minor or 0) if self.succeeded else 0

    @property
    def kept_minor(self) -> int:
        """What it collected and nobody gave back."""
        return self.received_minor - self.refunded_minor

    @property
    def declines(self) -> list[Fact]:
        """Every time it went back to needing a payment method: by Stripe's word, else as the customer's side met it."""
        exact = [fact for fact in self.states if fact.state == "requires_payment_method" and _failed(fact)]
        if not exact and self.states and self.states[0].source == LEDGER:
            exact = [fact for fact in self.charges if fact.state == "failed"]
        return exact or [fact for fact in self.confirms if fact.state == "requires_payment_method" and _failed(fact)]

    @property
    def paid_with(self) -> str | None:
        """The payment method that succeeded, where Stripe says."""
        return paid_with(self.success)


def paid_with(success: Fact | None) -> str | None:
    """The payment method of an intent's success, where Stripe says."""
    if success is None or success.detail is None:
        return None
    method = success.detail.get("payment_method")
    return method if isinstance(method, str) else None


def _failed(fact: Fact) -> bool:
    detail = fact.detail
    return fact.status == 402 or (detail is not None and bool(detail.get("decline_code") or detail.get("code")))
