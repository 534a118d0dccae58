"""amounts-agree: what Stripe collects is what the answer said, and money is conserved."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import IntentTimeline
from conformance.on_its_way import any_on_its_way
from conformance.properties.no_entitlement_without_payment import needs_stripe
from conformance.property import NOT_SETTLED, Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.subscription_timeline import CHANGES, SHOWS_PURCHASE, SubscriptionTimeline, member
from sim.facts import Fact

Lines = list[tuple[SubscriptionTimeline, int | None]]
"""What an intent pays for, each with its price: what the answer said, else what the service says was due."""


def judge(history: History) -> Judgement:
    """Prices shown against prices kept, intents against their lines, and where the money went in the end."""
    checks = 0
    findings: list[Finding] = []
    settled = history.settled
    undecided: str | None = None
    prices: dict[str, int | None] = {}
    for subscription in history.subscriptions.values():
        due = subscription.due_minor
        shown = subscription.shown_price
        prices[subscription.id] = shown if shown is not None else due
        if shown is not None and subscription.exact and not subscription.given:
            checks += 1
            if shown != due or len(subscription.shown) > 1:
                findings.extend(_judge_line(history, subscription, due))
    for intent in history.intents.values():
        lines = [(subscription, prices[subscription.id]) for subscription in history.covered_by(intent)]
        change = _waiting_change(intent, lines)
        if change is not None:
            checks += 1
            findings.extend(_judge_change(history, intent, change))
        if history.outside:
            findings.extend(_difference_shown(history, intent))
        if not lines or any(subscription.given or subscription.change_ids for subscription, _ in lines):
            continue
        checks += 1
        if None in [price for _, price in lines] or len(lines) < len(intent.subscription_ids):
            continue
        total = sum([price or 0 for _, price in lines])
        if total != intent.amount_minor:
            findings.extend(_judge_total(history, intent, lines, total))
        if settled and intent.succeeded and not intent.is_set_up:
            waits = any_on_its_way(history, [intent])
            if waits is None and history.read("list_subscriptions"):
                findings.extend(_judge_conservation(history, intent, lines))
            undecided = undecided or waits
    return conclude(checks, findings, undecided if settled else NOT_SETTLED)


def _judge_line(history: History, subscription: SubscriptionTimeline, due: int | None) -> Iterable[Finding]:
    """The price that a purchase shows is the price that is due, per line and at every showing."""
    for fact in subscription.shown:
        if fact.operation in SHOWS_PURCHASE and fact.amount_minor is not None and fact.amount_minor != due:
            difference = abs(fact.amount_minor - (due or 0))
            proof = (
                f"At {clock(fact.time_us)} the answer to {fact.operation} showed subscription {subscription.id} at "
                f"{money(fact.amount_minor)}, but {money(due)} was due for it: they differ by {money(difference)}."
            )
            yield PROPERTY.finding(history, "inline", fact.time_us, proof, [subscription.exact[0], fact], difference)
            return


def _judge_total(history: History, intent: IntentTimeline, lines: Lines, total: int) -> Iterable[Finding]:
    """An intent asks for the sum of its lines' prices."""
    asked = intent.amount_minor
    if asked is None or (intent.is_set_up and asked == 0):
        return
    created = intent.created or intent.final
    time_us = created.time_us if created is not None else history.ended_us
    parts = listed(f"{subscription.id} {money(price)}" for subscription, price in lines)
    proof = (
        f"At {clock(time_us)} intent {intent.id} asked for {money(asked)}, but its lines cost {parts}, "
        f"{money(total)} in all: {money(abs(asked - total))} too {'much' if asked > total else 'little'}."
    )
    facts = [created, *(subscription.shown[0] for subscription, _ in lines if subscription.shown)]
    yield PROPERTY.finding(history, "inline", time_us, proof, facts, abs(asked - total))


def _waiting_change(intent: IntentTimeline, lines: Lines) -> Fact | None:
    """The change of plan that an intent pays, with what is due for it."""
    for subscription, _ in lines:
        for fact in subscription.plans:
            if fact.state == "change_waiting" and fact.related == intent.id and member(fact, "due") is not None:
                return fact
    return None


def _difference_shown(history: History, intent: IntentTimeline) -> Iterable[Finding]:
    """From outside: the answer that gave the secret of an intent for a change showed what is due, or the plan in force.

    The intent asks for the price shown as awaiting payment. An answer may show the plan in force instead, which says
    nothing of what is due.
    """
    asked = intent.amount_minor
    for secret in intent.secrets:
        exchange = history.exchanges.get(secret.related or "")
        if exchange is None or exchange.operation not in CHANGES or asked is None:
            continue
        for fact in exchange.subscriptions:
            due = fact.amount_minor
            if fact.state == "AwaitingPayment" and due is not None and due != asked:
                proof = (
                    f"At {clock(fact.time_us)} the answer to {exchange.operation} showed {money(due)} as due for the "
                    f"change of subscription {fact.subject}, but intent {intent.id} asked for {money(asked)}: "
                    f"they differ by {money(abs(asked - due))}."
                )
                facts = [fact, intent.created or intent.final]
                yield PROPERTY.finding(history, "inline", fact.time_us, proof, facts, abs(asked - due))
                return


def _judge_change(history: History, intent: IntentTimeline, change: Fact) -> Iterable[Finding]:
    """An intent for a change asks for the difference that is due."""
    asked, due = intent.amount_minor, int(member(change, "due"))
    if asked is None or asked == due:
        return
    created = intent.created or intent.final
    time_us = created.time_us if created is not None else change.time_us
    proof = (
        f"At {clock(time_us)} intent {intent.id} asked for {money(asked)} for the change of subscription "
        f"{change.subject}, but its difference is {money(due)}: {money(abs(asked - due))} too "
        f"{'much' if asked > due else 'little'}."
    )
    yield PROPERTY.finding(history, "inline", time_us, proof, [created, change], abs(asked - due))


def _when(intent: IntentTimeline) -> str:
    return f" at {clock(intent.success_us)}" if intent.success_us is not None else ""


def _judge_conservation(history: History, intent: IntentTimeline, lines: Lines) -> Iterable[Finding]:
    """Captured = applied + refunded: what was kept is what the lines in force cost."""
    asked = intent.amount_minor
    received, refunded = intent.received_minor, intent.refunded_minor
    applied = sum([price or 0 for subscription, price in lines if _takes_money(subscription, intent, refunded)])
    if asked is None or (received == applied + refunded and received == asked):
        return ()
    states = listed(f"{subscription.id} is {subscription.state or 'unknown'}" for subscription, _ in lines)
    proof = (
        f"Intent {intent.id} asked for {money(asked)} and collected {money(received)}{_when(intent)}, of which "
        f"{money(refunded)} went back; {money(applied)} of it paid for something in force ({states}). "
        f"Captured {money(received)} is not applied {money(applied)} plus refunded {money(refunded)}."
    )
    time_us = intent.success_us if intent.success_us is not None else history.ended_us
    facts = [intent.success, intent.final, *intent.refunds, *(subscription.final for subscription, _ in lines)]
    gap = max(abs(received - applied - refunded), abs(received - asked))
    return (PROPERTY.finding(history, "batch", time_us, proof, facts, gap),)


def _takes_money(subscription: SubscriptionTimeline, intent: IntentTimeline, refunded_minor: int) -> bool:
    """Whether what this intent collected pays for the line: it is or was in force, and the money was kept."""
    if not subscription.ever_in_force:
        return False
    if refunded_minor == 0:
        return True
    if subscription.state in ("Cancelled", "Expired", "Failed"):
        return False
    return not any(other.kept_minor > 0 for other in subscription.base_intents if other is not intent)


PROPERTY = Property(
    id="amounts-agree",
    tiers=("inline", "batch"),
    severity="critical",
    title="Amounts agree",
    statement=(
        "What Stripe collects equals what the answer said, per line and in total; money is conserved: "
        "captured = applied + refunded."
    ),
    why=(
        "A customer confirms the price on the page; collecting another one, or keeping money for nothing, is a "
        "refund due."
    ),
    evidence=(
        "`subscription` as shown in the answers to purchases and as the service has it, against amounts of `intent`, "
        "`final_intent` and `refund`; for changes of plan, `due` of `plan`. The rest of changes is left to "
        "update-keeps-old-plan."
    ),
    example=(
        "bulk_create showed sub_1 at 5.00 USD; pi_1 collected 25.00 USD. Or: pi_1 collected 5.00 USD for a line that "
        "expired."
    ),
    magnitude="minor units of the disagreement",
    needs=("intent|final_intent", "subscription|final_subscription"),
    function=judge,
    applies=needs_stripe,
    orderly=lambda shape: 2 if shape.price_shown else 1,
)
