"""update-keeps-old-plan: until the difference is paid, the plan in force is the old one, and only it."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.payment import Unpaid
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, money, span
from conformance.subscription_timeline import CHANGES, SubscriptionTimeline, member
from sim.facts import Fact


def judge(history: History) -> Judgement:
    """Every change of plan that had to be paid for."""
    checks = 0
    findings: list[Finding] = []
    for subscription in history.subscriptions.values():
        if not subscription.plans and not subscription.given and not (history.outside and subscription.change_ids):
            continue
        changes = subscription.change_intents
        applied = [fact for fact in subscription.plans if fact.state == "change_applied"]
        if not changes and not applied:
            continue
        checks += 1
        findings.extend(_applied_unpaid(history, subscription, changes, applied))
        for intent in changes:
            findings.extend(_changed_meanwhile(history, subscription, intent))
        if changes and not any(intent.succeeded for intent in changes):
            findings.extend(_changed_at_the_end(history, subscription, changes))
    return conclude(checks, findings)


def _applied_unpaid(
    history: History, subscription: SubscriptionTimeline, changes: list[IntentTimeline], applied: list[Fact]
) -> Iterable[Finding]:
    """A change is applied when its own intent has succeeded, unless nothing was due."""
    for fact in applied:
        due = _due_at(subscription, fact)
        if due is not None and due <= 0:
            continue
        own = [intent for intent in changes if intent.id == fact.related] if fact.related is not None else changes
        if any(intent.succeeded_by(fact.time_us) for intent in own) or (due is None and not own):
            continue
        late = min((intent.success_us for intent in own if intent.success_us is not None), default=None)
        paid = (
            f"was paid only at {clock(late)}, {span(late - fact.time_us)} later"
            if late is not None
            else "was never paid"
        )
        if not history.circumstances.sees_stripe:
            continue
        proof = (
            f"The change of subscription {subscription.id} to {member(fact, 'rate_plan') or 'another plan'} was in "
            "force at "
            f"{clock(fact.time_us)}, but its difference of {money(due)} {paid}: "
            "the old plan should have stayed until then."
        )
        facts = [fact, *(intent.success or intent.final or intent.created for intent in own)]
        magnitude = Unpaid(tuple(own), late, due).magnitude(fact.time_us)
        yield PROPERTY.finding(history, "batch", fact.time_us, proof, facts, magnitude)


def _due_at(subscription: SubscriptionTimeline, applied: Fact) -> int | None:
    """What the change costs more, from the prices in force before and after; None where they are not known."""
    before: Fact | None = None
    for fact in subscription.plans:
        if fact is applied:
            break
        before = fact
    if before is None or before.amount_minor is None or applied.amount_minor is None:
        return None
    return applied.amount_minor - before.amount_minor


def _changed_meanwhile(
    history: History, subscription: SubscriptionTimeline, intent: IntentTimeline
) -> Iterable[Finding]:
    """While the intent waits, GET shows the old plan and the entitlement stays what it was."""
    start_us = intent.created_us
    if start_us is None:
        return
    end_us = intent.success_us if intent.success_us is not None else history.ended_us
    if history.outside:
        if (intent.succeeded and intent.success is None) or _may_have_changed(history, subscription):
            return
        start_us = _asked_us(history, subscription, start_us)
        end_us = _waits_until_us(history, subscription, intent) - LEDGER_SLACK_US
    old_plan = _plan_before(subscription, start_us)
    if history.outside:
        yield from _activated_meanwhile(history, subscription, intent, end_us, old_plan)
    for fact in subscription.entitlements:
        if (
            start_us < fact.time_us < end_us
            and _departs(fact, "feature", old_plan)
            and not _applied_by(subscription, fact)
        ):
            proof = (
                f"While the change of subscription {subscription.id} waited for {intent.id} "
                f"({money(intent.amount_minor)}), from {clock(start_us)}, its entitlement {member(fact, 'feature')} "
                "was "
                f"{fact.state} at {clock(fact.time_us)}; the plan in force was {old_plan}, and should have stayed."
            )
            yield PROPERTY.finding(
                history, "batch", fact.time_us, proof, [intent.created, fact], max(intent.amount_minor or 0, 1)
            )
            return
    old_price = _price_before(subscription, start_us)
    for fact in subscription.shown:
        if fact.operation != "list_subscriptions" or not start_us < fact.time_us < end_us:
            continue
        wrong = _listed_wrongly(fact, old_plan, old_price)
        if wrong is not None and not _applied_by(subscription, fact):
            proof = (
                f"While the change of subscription {subscription.id} waited for {intent.id} "
                f"({money(intent.amount_minor)}), its list at {clock(fact.time_us)} showed {wrong}."
            )
            yield PROPERTY.finding(
                history, "batch", fact.time_us, proof, [intent.created, fact], max(intent.amount_minor or 0, 1)
            )
            return


def _asked_us(history: History, subscription: SubscriptionTimeline, created_us: int) -> int:
    """From outside: when the change was asked for whose intent was made about then. Nothing had changed before.

    Where no request is known, the intent's own time, by a clock that may be two seconds off.
    """
    asked = [
        one.asked_us
        for one in history.exchanges.values()
        if one.changes(subscription.id) and one.asked_us is not None and one.asked_us <= created_us + LEDGER_SLACK_US
    ]
    return max(asked, default=created_us + LEDGER_SLACK_US)


def _listed_wrongly(fact: Fact, old_plan: str | None, old_price: int | None) -> str | None:
    """What a list shows instead of the plan in force (CONTRACT: until the difference is paid, GET shows that one)."""
    plan, price = member(fact, "rate_plan"), fact.amount_minor
    if old_plan is not None and plan not in (old_plan, None):
        return f"the plan {plan} instead of {old_plan}"
    if None not in (old_price, price) and price != old_price:
        return f"the price {money(price)} instead of {money(old_price)}"
    return None


def _price_before(subscription: SubscriptionTimeline, time_us: int) -> int | None:
    """The price in force at a moment, by the service's own facts; from outside, the first that was listed."""
    price = _first_price(subscription)
    for fact in subscription.plans:
        if fact.time_us > time_us:
            break
        if fact.state in ("in_force", "change_applied") and fact.amount_minor is not None:
            price = fact.amount_minor
    return price


def _waits_until_us(history: History, subscription: SubscriptionTimeline, intent: IntentTimeline) -> int:
    """From outside: until when nothing can have changed the plan, this intent or any other for a change."""
    ends = [other.success_us for other in subscription.change_intents if other.success_us is not None]
    ends += [other.time_us for other in (intent.canceled,) if other is not None]
    return min([*ends, history.ended_us])


def _activated_meanwhile(
    history: History,
    subscription: SubscriptionTimeline,
    intent: IntentTimeline,
    until_us: int,
    old_plan: str | None,
) -> Iterable[Finding]:
    """From outside: `activated_on` of another plan than the old one lies in the time in which the change waited."""
    since_us = intent.created_us or 0
    for fact in subscription.final_entitlements:
        activated_us, feature = member(fact, "activated_us"), member(fact, "feature")
        if activated_us is None or feature in (None, old_plan) or not since_us <= activated_us < until_us:
            continue
        proof = (
            f"While the change of subscription {subscription.id} waited for {intent.id} "
            f"({money(intent.amount_minor)}), from {clock(since_us)} on, its entitlement {feature} was activated, at "
            f"{clock(activated_us)}; the plan in force was {old_plan}, and should have stayed."
        )
        facts = [intent.created, intent.success, fact]
        yield PROPERTY.finding(history, "batch", activated_us, proof, facts, max(intent.amount_minor or 0, 1))


def _departs(fact: Fact, name: str, old_plan: str | None) -> bool:
    """Whether an entitlement fact differs from the old plan being active."""
    feature = member(fact, name)
    if old_plan is None or feature is None:
        return fact.state != "active"
    return (fact.state == "active") != bool(feature == old_plan)


def _applied_by(subscription: SubscriptionTimeline, fact: Fact) -> bool:
    """Whether another change was applied by then, or the whole subscription had ended."""
    ended = subscription.ended
    if ended is not None and ended.time_us <= fact.time_us:
        return True
    return any(plan.state == "change_applied" and plan.time_us <= fact.time_us for plan in subscription.plans)


def _plan_before(subscription: SubscriptionTimeline, time_us: int) -> str | None:
    plan = subscription.rate_plan
    for fact in subscription.plans:
        if fact.time_us > time_us:
            break
        if fact.state in ("in_force", "change_applied"):
            plan = member(fact, "rate_plan") or plan
    return plan


def _changed_at_the_end(
    history: History, subscription: SubscriptionTimeline, changes: list[IntentTimeline]
) -> Iterable[Finding]:
    """No change was paid: plan, price and entitlement at the end are those of the start."""
    if history.outside and _may_have_changed(history, subscription):
        return
    final = subscription.final
    ended = final is not None and final.state in ("Cancelled", "Expired", "Failed")
    if final is None or (ended and not _ended_unasked(history, subscription, changes)):
        return
    if any(fact.state == "change_applied" and (_due_at(subscription, fact) or 0) <= 0 for fact in subscription.plans):
        return
    clauses: list[str] = [f"it was {final.state}, which nobody had asked for"] if ended else []
    old_plan, new_plan = subscription.rate_plan, member(final, "rate_plan")
    if None not in (old_plan, new_plan) and new_plan != old_plan:
        clauses.append(f"its plan was {new_plan}, not {old_plan}")
    old_price = _first_price(subscription)
    if None not in (old_price, final.amount_minor) and final.amount_minor != old_price:
        clauses.append(f"its price was {money(final.amount_minor)}, not {money(old_price)}")
    if subscription.final_entitlements and not subscription.active_at_end:
        clauses.append("its entitlement was not active")
    if clauses:
        proof = (
            f"No change of subscription {subscription.id} was ever paid ({changes[-1].id} ended as "
            f"{changes[-1].end_state or 'unknown'}), but when everything had settled, at {clock(final.time_us)}, "
            f"{' and '.join(clauses)}."
        )
        facts = [*(intent.final for intent in changes), final, *subscription.final_entitlements]
        yield PROPERTY.finding(history, "batch", final.time_us, proof, facts, max(changes[-1].amount_minor or 0, 1))


def _ended_unasked(history: History, subscription: SubscriptionTimeline, changes: list[IntentTimeline]) -> bool:
    """Whether the subscription ended after the change was asked for, without anybody asking for its end."""
    ended, asked_us = subscription.ended, changes[0].created_us
    if history.outside:
        ended = subscription.final
    if ended is None or asked_us is None or ended.time_us < asked_us:
        return False
    requests = history.of("request")
    return bool(requests) and not any(fact.operation == "cancel" for fact in requests)


def _may_have_changed(history: History, subscription: SubscriptionTimeline) -> bool:
    """From outside: whether something was asked for that may have changed the plan or the price without a payment."""
    asked = [one for one in history.exchanges.values() if one.changes(subscription.id) and not one.refused]
    return any(not one.secrets and not any((fact.amount_minor or 0) > 0 for fact in one.subscriptions) for one in asked)


def _first_price(subscription: SubscriptionTimeline) -> int | None:
    for fact in (*subscription.plans, *subscription.exact, *subscription.shown):
        if fact.amount_minor is not None and fact.operation not in CHANGES:
            return fact.amount_minor
    return None


PROPERTY = Property(
    id="update-keeps-old-plan",
    tiers=("batch",),
    severity="critical",
    title="An update keeps the old plan until it is paid",
    statement=(
        "While an upgrade is unpaid, failed or expired, the old plan, its price and its entitlements stay exactly as "
        "they "
        "were."
    ),
    why="An upgrade that is granted early is free; one that takes the old plan away punishes a customer for trying.",
    evidence="`plan` facts and the intents of changes; `entitlement`, lists of subscriptions, and the final rows.",
    example=(
        "sub_1 went from Pro to Business at 12:03:07; pi_2 for the difference of 2,375.00 USD was declined at 12:03:09."
    ),
    magnitude="minor units of the unpaid difference (paid late: a share of them)",
    needs=("plan|subscription", "intent|final_intent|plan"),
    function=judge,
    orderly=lambda _: 0,
)
