"""charged-once: one decision to buy is charged once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import PAYABLE, IntentTimeline
from conformance.new_purchase import bought_anew
from conformance.properties.no_entitlement_without_payment import needs_stripe
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money, span
from conformance.subscription_timeline import SubscriptionTimeline, member
from scenarios.catalogue import REGISTRAR


def judge(history: History) -> Judgement:
    """Payments of one subscription; payable intents at one time; subscriptions bought against decisions to buy."""
    checks = 0
    findings: list[Finding] = []
    bought: list[SubscriptionTimeline] = []
    for subscription in history.subscriptions.values():
        intents = subscription.intents
        if not intents:
            continue
        checks += 1
        if not subscription.given:
            bought.append(subscription)
        if len(intents) > 1:
            findings.extend(_judge_subscription(history, subscription))
    if len(bought) > 1:
        findings.extend(_judge_decisions(history, bought))
    return conclude(checks, findings)


def _judge_subscription(history: History, subscription: SubscriptionTimeline) -> Iterable[Finding]:
    """No two kept payments for its purchase, and no two intents payable at once for it."""
    paid = [intent for intent in subscription.base_intents if intent.succeeded and intent.kept_minor > 0]
    if len(paid) > 1:
        yield _charged_again(history, subscription.id, paid)
    for group in (subscription.base_intents, subscription.change_intents):
        pair = _both_payable(group)
        if pair is not None:
            yield _payable_twice(history, f"subscription {subscription.id}", *pair)


def _judge_decisions(history: History, bought: list[SubscriptionTimeline]) -> Iterable[Finding]:
    """Purchases of the same plan for the same zone, against how often the customer decided to buy it."""
    groups: dict[tuple[str | None, str | None], list[SubscriptionTimeline]] = {}
    for subscription in bought:
        groups.setdefault((subscription.rate_plan, subscription.zone_id), []).append(subscription)
    for (plan, _), alike in groups.items():
        if plan is None or len(alike) < 2:
            continue
        at_once, in_all = _decisions(history, plan)
        if in_all == 0:
            continue
        paid = _distinct_paying(alike)
        kept = [subscription for subscription in alike if _kept(subscription)]
        if len(paid) > 1 and len(kept) > in_all and len(kept) > in_all + bought_anew(history, kept):
            yield _bought_again(history, plan, in_all, paid)
        live = _distinct_live(alike)
        # Who comes back may want another domain, which is a purchase of its own; nothing tells which domain one is for.
        if len(live) > (in_all if plan == REGISTRAR else at_once):
            pair = _both_payable(live)
            if pair is not None:
                yield _payable_twice(history, f"the purchase of {plan}", *pair)


def _decisions(history: History, plan: str) -> tuple[int, int]:
    """How many lines of `plan` the largest cart has, and all carts together."""
    counts = [list(member(fact, "products") or ()).count(plan) for fact in history.of("attempt")]
    return max(counts, default=0), sum(counts)


def _kept(subscription: SubscriptionTimeline) -> bool:
    return any(intent.succeeded and intent.kept_minor > 0 for intent in subscription.base_intents)


def _distinct_paying(subscriptions: list[SubscriptionTimeline]) -> list[IntentTimeline]:
    paying: dict[str, IntentTimeline] = {}
    for subscription in subscriptions:
        for intent in subscription.base_intents:
            if intent.succeeded and intent.kept_minor > 0:
                paying[intent.id] = intent
    return list(paying.values())


def _distinct_live(subscriptions: list[SubscriptionTimeline]) -> list[IntentTimeline]:
    return list({intent.id: intent for subscription in subscriptions for intent in subscription.base_intents}.values())


def _both_payable(intents: list[IntentTimeline]) -> tuple[IntentTimeline, IntentTimeline, int, int] | None:
    """The first two PaymentIntents that were payable at the same time, with the moments between which they were.

    Where Stripe gives no times, two that are payable at the end are.
    """
    lives = sorted(
        (intent.created_us, position, intent)
        for position, intent in enumerate(intents)
        if not intent.is_set_up and intent.created_us is not None
    )
    for (_, _, earlier), (start_us, _, later) in pairwise(lives):
        end_us = earlier.ended_us
        if end_us is None:
            if earlier.end_state not in PAYABLE:
                continue
            end_us = later.ended_us
        elif later.ended_us is not None:
            end_us = min(end_us, later.ended_us)
        if end_us is None or end_us > start_us:
            return earlier, later, start_us, end_us if end_us is not None else start_us
    open_at_end = [i for i in intents if not i.is_set_up and i.final is not None and i.final.state in PAYABLE]
    if len(open_at_end) > 1 and not lives:
        final = open_at_end[0].final
        time_us = final.time_us if final is not None else 0
        return open_at_end[0], open_at_end[1], time_us, time_us
    return None


def _charged_again(history: History, what: str, paid: list[IntentTimeline]) -> Finding:
    excess = sum(intent.kept_minor for intent in paid) - max(intent.kept_minor for intent in paid)
    times = [intent.success_us for intent in paid if intent.success_us is not None]
    parts = listed(
        f"{intent.id} for {money(intent.kept_minor)}"
        + (f" at {clock(intent.success_us)}" if intent.success_us is not None else "")
        for intent in paid
    )
    proof = (
        f"Subscription {what} was paid {len(paid)} times: {parts}, and nothing went back; "
        f"therefore the customer was charged {money(excess)} too much."
    )
    facts = [intent.success or intent.final for intent in paid]
    return PROPERTY.finding(history, "batch", max(times, default=history.ended_us), proof, facts, excess)


def _bought_again(history: History, plan: str, decisions: int, paid: list[IntentTimeline]) -> Finding:
    excess = sum(intent.kept_minor for intent in paid) - max(intent.kept_minor for intent in paid)
    times = [intent.success_us for intent in paid if intent.success_us is not None]
    proof = (
        f"The customer decided {decisions} time{'s' if decisions > 1 else ''} to buy {plan}, but "
        f"{listed(f'{intent.id} ({money(intent.kept_minor)}{_when(intent)})' for intent in paid)} all succeeded and "
        "nothing went back; therefore one decision was charged more than once."
    )
    facts = [*history.of("attempt"), *(intent.success or intent.final for intent in paid)]
    return PROPERTY.finding(history, "batch", max(times, default=history.ended_us), proof, facts, excess)


def _when(intent: IntentTimeline) -> str:
    return f" at {clock(intent.success_us)}" if intent.success_us is not None else ""


def _payable_twice(
    history: History, what: str, earlier: IntentTimeline, later: IntentTimeline, start_us: int, end_us: int
) -> Finding:
    length = f", for {span(end_us - start_us)}" if end_us > start_us else ""
    proof = (
        f"From {clock(start_us)}{length} both {earlier.id} and {later.id} ({money(later.amount_minor)}) could be "
        "paid for "
        f"{what}: the earlier one was not ended before the later one was made, so one decision could be charged twice."
    )
    facts = [earlier.created or earlier.final, later.created or later.final, earlier.canceled or earlier.success]
    return PROPERTY.finding(history, "batch", start_us, proof, facts, min((end_us - start_us) / 1e15, 0.5))


PROPERTY = Property(
    id="charged-once",
    tiers=("batch",),
    severity="critical",
    title="Charged once",
    statement=(
        "One decision to buy one cart makes at most one succeeded payment and at most one payable intent at a time, "
        "under "
        "double clicks, reloads, retries after a time-out, two tabs, and any delivery of events."
    ),
    why="Charging twice for one purchase loses the customer's trust and the fee of the refund.",
    evidence=(
        "`intent`, `final_intent` and `refund` of Stripe, tied to subscriptions by `subscription_ids`; `attempt` for "
        "the "
        "number of decisions."
    ),
    example="Two tabs each made an intent for the same cart, and both were paid: pi_1 at 12:03:09, pi_2 at 12:03:30.",
    magnitude="minor units charged too much; below 1: only payable twice",
    needs=("intent|final_intent",),
    function=judge,
    applies=needs_stripe,
    orderly=lambda _: 1,
)
