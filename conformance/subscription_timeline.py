"""The timeline of one product line: its states, plans and entitlements, and the intents that pay it."""

from __future__ import annotations

from typing import Any

from conformance.intent_timeline import IntentTimeline
from sim.facts import EXACT, Fact

CHANGE_STATES = ("change_waiting", "change_applied", "change_ended")
SHOWS_PURCHASE = ("bulk_create", "create", "registrar_checkout", "pre_auth")
CHANGES = ("update", "append")


class SubscriptionTimeline:
    """One subscription. `exact` are the service's own facts, `shown` what clients saw; both in their order."""

    __slots__ = (
        "id",
        "exact",
        "shown",
        "plans",
        "entitlements_exact",
        "entitlements_shown",
        "final",
        "final_entitlements",
        "intents",
        "change_ids",
        "given",
        "base_intents",
        "change_intents",
        "rate_plan",
        "state",
        "active_at_end",
    )

    def __init__(self, subscription_id: str) -> None:
        self.id = subscription_id
        self.exact: list[Fact] = []
        self.shown: list[Fact] = []
        self.plans: list[Fact] = []
        self.entitlements_exact: list[Fact] = []
        self.entitlements_shown: list[Fact] = []
        self.final: Fact | None = None
        self.final_entitlements: list[Fact] = []
        self.intents: list[IntentTimeline] = []
        self.change_ids: list[str] = []
        self.given = False
        self.base_intents: list[IntentTimeline] = []
        """The intents of its purchase, as against those of later changes. None for one that stood at the start."""
        self.change_intents: list[IntentTimeline] = []
        """The intents of changes to a subscription in force."""
        self.rate_plan: str | None = None
        """The plan it was bought as, or had at the start."""
        self.state: str | None = None
        """Its last known state."""
        self.active_at_end = False
        """Whether it has an active entitlement at the end."""

    def seal(self) -> None:
        """Work out, once all facts and intents are known, what nearly every property asks for."""
        if self.given:
            self.change_intents = self.intents
        elif not self.change_ids:
            self.base_intents = self.intents
        else:
            self.base_intents = [intent for intent in self.intents if intent.id not in self.change_ids]
            self.change_intents = [intent for intent in self.intents if intent.id in self.change_ids]
        self.rate_plan = self._first_plan()
        final = self.final
        facts = self.exact or self.shown
        self.state = final.state if final is not None else facts[-1].state if facts else None
        if final is not None or self.final_entitlements:
            self.active_at_end = "active" in [fact.state for fact in self.final_entitlements]
        else:
            self.active_at_end = "active" in self.features.values()

    def _first_plan(self) -> str | None:
        for facts in (self.exact, self.plans, self.shown):
            for fact in facts:
                plan = member(fact, "rate_plan")
                if plan is not None:
                    return str(plan)
        plan = member(self.final, "rate_plan")
        return None if plan is None else str(plan)

    @property
    def entitlements(self) -> list[Fact]:
        """What is known of its entitlement: the service's own facts, else what clients saw."""
        return self.entitlements_exact or self.entitlements_shown

    @property
    def created_us(self) -> int | None:
        """When it was made, or first seen."""
        facts = self.exact or self.shown
        return facts[0].time_us if facts else None

    @property
    def zone_id(self) -> str | None:
        """Its zone, if it has one."""
        for fact in (*self.exact[:1], *self.shown[:1], self.final):
            zone = member(fact, "zone_id")
            if zone is not None:
                return str(zone)
        return None

    @property
    def due_minor(self) -> int | None:
        """What was due when it was bought; None where nobody says."""
        for fact in self.exact:
            if fact.amount_minor is not None:
                return fact.amount_minor
        shown = self.shown_price
        if shown is None and self.final is not None and self.final.source != EXACT and not self.given:
            return self._final_price
        return shown

    @property
    def _final_price(self) -> int | None:
        """The price at the end, where that is all that answers ever showed and no change can have made it another."""
        final = self.final
        return None if final is None or any(fact.operation in CHANGES for fact in self.shown) else final.amount_minor

    @property
    def shown_price(self) -> int | None:
        """The price with which a purchase first showed it."""
        for fact in self.shown:
            if fact.operation in SHOWS_PURCHASE and fact.amount_minor is not None:
                return fact.amount_minor
        return None

    @property
    def features(self) -> dict[Any, str | None]:
        """The last known state of each feature."""
        return {member(fact, "feature"): fact.state for fact in self.entitlements}

    @property
    def paid_for(self) -> bool:
        """Whether an intent of its purchase succeeded, and nothing went back."""
        return any(intent.succeeded and intent.refunded_minor == 0 for intent in self.base_intents)

    def first(self, *states: str) -> Fact | None:
        """The service's first fact that puts it in one of the states."""
        for fact in self.exact:
            if fact.state in states:
                return fact
        return None

    @property
    def ended(self) -> Fact | None:
        """The fact that ended it, if it has ended."""
        return self.first("Expired", "Cancelled", "Failed")

    @property
    def ever_in_force(self) -> bool:
        """Whether it was provisioned at any time, or stood at the start."""
        if self.given or self.state == "Provisioned" or self.first("Provisioned") is not None:
            return True
        return "active" in [fact.state for fact in self.entitlements]


def member(fact: Fact | None, name: str) -> Any:
    """A member of a fact's detail, or None."""
    if fact is None or fact.detail is None:
        return None
    return fact.detail.get(name)
