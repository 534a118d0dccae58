"""The history of one customer: the facts by kind, and the views of them that properties share.

The views are made when first asked for and kept: most properties look at the same subscriptions and intents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from conformance.circumstances import Circumstances
from conformance.exchange import Exchange
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.orderly import OrderlyPurchase, orderly_purchase
from conformance.subscription_timeline import CHANGE_STATES, SubscriptionTimeline
from scenarios.phase import GATED_OPERATIONS
from sim.facts import EXACT, LEDGER, Fact
from sim.time import HOUR_US

NOTHING: Final[tuple[Fact, ...]] = ()
NOT_ENDED: Final = "the customer's end was never reached"
_SHOW_LINES: Final = (*GATED_OPERATIONS, "pre_auth")
_FOLLOWED: Final = frozenset((*GATED_OPERATIONS, "pre_auth", "cancel", "pay_bad_debt"))


class History:
    """The facts of one customer, in the order in which they happened, and what they say together."""

    __slots__ = (
        "customer",
        "account",
        "facts",
        "circumstances",
        "by_kind",
        "_subscriptions",
        "_intents",
        "_exchanges",
        "_orderly",
        "_outside",
    )

    def __init__(self, customer: int, account: str, facts: Sequence[Fact], circumstances: Circumstances) -> None:
        self.customer = customer
        self.account = account
        self.facts = facts
        self.circumstances = circumstances
        self._subscriptions: dict[str, SubscriptionTimeline] | None = None
        self._intents: dict[str, IntentTimeline] | None = None
        self._exchanges: dict[str, Exchange] | None = None
        self._orderly: OrderlyPurchase | Literal[False] | None = None
        self._outside: bool | None = None
        by_kind: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            by_kind[fact[3]].append(fact)
        by_kind.default_factory = None
        self.by_kind: dict[str, list[Fact]] = by_kind

    def of(self, kind: str) -> Sequence[Fact]:
        """The facts of one kind, in order."""
        return self.by_kind.get(kind, NOTHING)

    @property
    def settled(self) -> bool:
        """Whether nothing was left to happen when the stores were read. False too for a run that was interrupted."""
        facts = self.by_kind.get("settled")
        return facts is not None and facts[-1].state == "drained"

    @property
    def outside(self) -> bool:
        """Whether it is the history of a deployment seen from outside: whoever says that it is over does not know."""
        if self._outside is None:
            settled = self.by_kind.get("settled")
            self._outside = settled[-1].source != EXACT if settled is not None else "reading" in self.by_kind
        return self._outside

    @property
    def sees_stripe(self) -> bool:
        """Whether Stripe's side is in the facts, so that the absence of a payment means something."""
        return self.circumstances.sees_stripe and self.read(LEDGER)

    def read(self, name: str) -> bool:
        """Whether `name` was read completely at the end. The world reads everything."""
        return not self.outside or self._reading_state(name) == "complete"

    def why_unread(self, name: str) -> str:
        """Why it was not, in words."""
        reading = self._reading(name)
        if reading is None:
            return "nobody tried" if self.settled else NOT_ENDED
        reason = reading.detail.get("reason") if reading.detail is not None else None
        return str(reason or reading.state)

    def _reading(self, name: str) -> Fact | None:
        return next((fact for fact in self.of("reading") if fact.operation == name), None)

    def _reading_state(self, name: str) -> str | None:
        reading = self._reading(name)
        return reading.state if reading is not None else None

    @property
    def first_asked_us(self) -> int:
        """When the first request was sent: nothing of the customer's purchases is older."""
        return min((fact.time_us for fact in self.of("request")), default=0)

    @property
    def ended_us(self) -> int:
        """When the history ends."""
        settled = self.by_kind.get("settled")
        if settled is not None:
            return settled[-1].time_us
        return self.facts[-1].time_us if self.facts else 0

    @property
    def orderly(self) -> OrderlyPurchase | None:
        """The purchase that it is all about, if that was paid and granted as it should be; None for any other."""
        found = self._orderly
        if found is None:
            try:
                found = orderly_purchase(self.by_kind, self.account, self.circumstances) or False
            except Exception:  # Malformed facts are no orderly purchase; the properties say what is wrong with them.
                found = False
            self._orderly = found
        return found or None

    @property
    def intents(self) -> dict[str, IntentTimeline]:
        """The intents by id, in the order in which they appear."""
        if self._intents is None:
            self._tie()
            assert self._intents is not None
        return self._intents

    @property
    def subscriptions(self) -> dict[str, SubscriptionTimeline]:
        """The subscriptions by id, in the order in which they appear."""
        if self._subscriptions is None:
            self._tie()
            assert self._subscriptions is not None
        return self._subscriptions

    @property
    def exchanges(self) -> dict[str, Exchange]:
        """Requests that buy, change or carry a key, with their answers. Polls and other reads are left out."""
        if self._exchanges is None:
            self._exchanges = self._pair()
        return self._exchanges

    def subscription(self, subscription_id: str) -> SubscriptionTimeline | None:
        """One subscription, or None if nothing is known of it."""
        return self.subscriptions.get(subscription_id)

    def covered_by(self, intent: IntentTimeline) -> list[SubscriptionTimeline]:
        """The subscriptions that an intent pays."""
        subscriptions = self.subscriptions
        return [subscriptions[name] for name in intent.subscription_ids if name in subscriptions]

    def shown_in(self, attempt: str) -> list[str]:
        """The subscriptions that an attempt was answered with, as such or by a secret that pays them, each once."""
        seen: dict[str, None] = {}
        for exchange in self.exchanges.values():
            if exchange.attempt == attempt and exchange.operation in _SHOW_LINES:
                for fact in exchange.subscriptions:
                    seen[fact.subject] = None
                for fact in exchange.secrets:
                    for name in self._paid_by(fact.subject):
                        seen[name] = None
        return list(seen)

    def _paid_by(self, intent_id: str) -> Sequence[str]:
        """The ids of the subscriptions that an intent pays."""
        orderly = self.orderly
        if orderly is not None:
            return (orderly.subscription_id,)
        intent = self.intents.get(intent_id)
        return intent.subscription_ids if intent is not None else ()

    def expired_with(self, intent: IntentTimeline) -> bool:
        """Whether an intent was cancelled because the purchase or the change that it pays for had reached its age."""
        canceled = intent.canceled
        if canceled is None:
            return False
        born = [intent.created_us if intent.created_us is not None else canceled.time_us]
        for subscription in self.covered_by(intent):
            ended = subscription.ended
            if ended is not None and ended.state == "Expired" and abs(ended.time_us - canceled.time_us) <= HOUR_US:
                return True
            waiting_us: int | None = None
            for fact in subscription.plans:
                if fact.state == "change_waiting":
                    waiting_us = fact.time_us
                elif fact.state == "change_ended" and fact.related == intent.id and waiting_us is not None:
                    born.append(waiting_us)
            if subscription.created_us is not None and not subscription.given:
                born.append(subscription.created_us)
        if self.outside:  # what was made by a request that got no answer is seen only later
            born.append(self.first_asked_us)
        return canceled.time_us - min(born) >= self.circumstances.expiry_us

    def _tie(self) -> None:
        """Make the timelines of intents and subscriptions, and tie each subscription to the intents that pay it."""
        intents = self._gather_intents()
        subscriptions = self._gather_subscriptions()
        for intent in intents.values():
            if intent.account_id not in (None, self.account):
                continue  # another account's, of which this one was given a secret
            for name in intent.subscription_ids:
                timeline = subscriptions.get(name)
                if timeline is None:
                    timeline = subscriptions[name] = SubscriptionTimeline(name)
                timeline.intents.append(intent)
        for timeline in subscriptions.values():
            for fact in timeline.exact:
                related = fact.related
                if related is not None and related in intents and intents[related] not in timeline.intents:
                    timeline.intents.append(intents[related])
            if timeline.plans and not timeline.given and len(timeline.intents) > 1:
                _tell_changes_apart(timeline)
            if self.outside and not timeline.given and len(timeline.intents) > 1:
                _tell_asked_changes_apart(timeline, self.exchanges.values())
            timeline.seal()
        self._intents = intents
        self._subscriptions = subscriptions

    def _gather_intents(self) -> dict[str, IntentTimeline]:
        by_kind = self.by_kind
        intents: dict[str, IntentTimeline] = {}
        for fact in by_kind.get("intent", NOTHING):
            timeline = intents.get(fact.subject)
            if timeline is None:
                timeline = intents[fact.subject] = IntentTimeline(fact.subject)
            timeline.note_state(fact)
        for fact in by_kind.get("final_intent", NOTHING):
            _intent(intents, fact.subject).note_final(fact)
        for fact in by_kind.get("secret", NOTHING):
            _intent(intents, fact.subject).secrets.append(fact)
        for fact in by_kind.get("confirm", NOTHING):
            _intent(intents, fact.subject).note_confirm(fact)
        for fact in by_kind.get("challenge", NOTHING):
            _intent(intents, fact.subject).challenges.append(fact)
        for fact in by_kind.get("redirect", NOTHING):
            _intent(intents, fact.subject).redirects.append(fact)
        for fact in by_kind.get("charge", NOTHING):
            if fact.related is not None:
                _intent(intents, fact.related).charges.append(fact)
        for fact in by_kind.get("refund", NOTHING):
            if fact.related is not None:
                _intent(intents, fact.related).note_refund(fact)
        return intents

    def _gather_subscriptions(self) -> dict[str, SubscriptionTimeline]:
        by_kind = self.by_kind
        subscriptions: dict[str, SubscriptionTimeline] = {}
        for fact in by_kind.get("subscription", NOTHING):
            timeline = subscriptions.get(fact.subject)
            if timeline is None:
                timeline = subscriptions[fact.subject] = SubscriptionTimeline(fact.subject)
            (timeline.exact if fact.source == EXACT else timeline.shown).append(fact)
            if fact.detail is not None and fact.detail.get("at_start"):
                timeline.given = True
        for fact in by_kind.get("entitlement", NOTHING):
            timeline = _subscription(subscriptions, fact.subject)
            (timeline.entitlements_exact if fact.source == EXACT else timeline.entitlements_shown).append(fact)
            detail = fact.detail
            if detail is not None and (detail.get("at_start") or detail.get("because") == "provisioned_at_start"):
                timeline.given = True
        for fact in by_kind.get("plan", NOTHING):
            timeline = _subscription(subscriptions, fact.subject)
            timeline.plans.append(fact)
            if fact.related is not None and fact.state in CHANGE_STATES and fact.related not in timeline.change_ids:
                timeline.change_ids.append(fact.related)
        for fact in by_kind.get("final_subscription", NOTHING):
            _subscription(subscriptions, fact.subject).final = fact
        for fact in by_kind.get("final_entitlement", NOTHING):
            _subscription(subscriptions, fact.subject).final_entitlements.append(fact)
        return subscriptions

    def _pair(self) -> dict[str, Exchange]:
        """Put requests and answers together, and what the answers showed."""
        by_kind = self.by_kind
        exchanges: dict[str, Exchange] = {}
        for fact in by_kind.get("request", NOTHING):
            if fact.operation in _FOLLOWED or (fact.detail is not None and fact.detail.get("idempotency_key")):
                exchange = exchanges[fact.subject] = Exchange(fact)
                exchange.request = fact
        for fact in by_kind.get("answer", NOTHING):
            found = exchanges.get(fact.subject)
            if found is None and fact.operation in _FOLLOWED:
                found = exchanges[fact.subject] = Exchange(fact)
            if found is not None:
                found.answer = fact
        for fact in by_kind.get("subscription", NOTHING):
            if fact.source != EXACT and fact.related in exchanges:
                exchanges[fact.related].subscriptions.append(fact)
        for fact in by_kind.get("secret", NOTHING):
            if fact.related in exchanges:
                exchanges[fact.related].secrets.append(fact)
        return exchanges


def _tell_changes_apart(timeline: SubscriptionTimeline) -> None:
    """An intent that is made once the subscription is in force, while its plan changes, pays for the change."""
    in_force = timeline.first("Provisioned")
    if in_force is None or not any(fact.state in CHANGE_STATES for fact in timeline.plans):
        return
    for intent in timeline.intents[1:]:
        created_us = intent.created_us
        if created_us is not None and created_us > in_force.time_us and intent.id not in timeline.change_ids:
            timeline.change_ids.append(intent.id)


def _tell_asked_changes_apart(timeline: SubscriptionTimeline, exchanges: Iterable[Exchange]) -> None:
    """From outside, an intent that was made after a change was asked for pays for the change."""
    asked = [one.asked_us for one in exchanges if one.changes(timeline.id) and one.asked_us is not None]
    for intent in timeline.intents[1:] if asked else ():
        if intent.created_us is not None and intent.created_us + LEDGER_SLACK_US >= min(asked):
            timeline.change_ids.append(intent.id)


def _intent(intents: dict[str, IntentTimeline], intent_id: str) -> IntentTimeline:
    timeline = intents.get(intent_id)
    if timeline is None:
        timeline = intents[intent_id] = IntentTimeline(intent_id)
    return timeline


def _subscription(subscriptions: dict[str, SubscriptionTimeline], subscription_id: str) -> SubscriptionTimeline:
    timeline = subscriptions.get(subscription_id)
    if timeline is None:
        timeline = subscriptions[subscription_id] = SubscriptionTimeline(subscription_id)
    return timeline
