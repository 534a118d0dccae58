"""redirect-never-returns: a customer who leaves for PayPal or a bank and is never seen again loses nothing."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, PAYABLE, IntentTimeline
from conformance.on_its_way import any_on_its_way
from conformance.properties.payment_leads_to_entitlement import ended_rightly, given_back
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, money, span
from sim.facts import Fact

_BACK = ("finished", "returned")


def judge(history: History) -> Judgement:
    """Every intent whose customer was sent away, by how the journey ended."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    for intent in history.intents.values():
        for fact in intent.redirects:
            if fact.state == "never_back":
                checks += 1
                waits = any_on_its_way(history, [intent])
                undecided = undecided or waits
                if waits is not None:
                    continue
                findings.extend(_judge_never_back(history, intent, fact))
            elif fact.state == "cancelled":
                checks += 1
                findings.extend(_judge_cancelled(history, intent, fact))
            elif fact.state in _BACK:
                checks += 1
                findings.extend(_judge_back(history, intent, fact))
    return conclude(checks, findings, undecided)


def _judge_never_back(history: History, intent: IntentTimeline, fact: Fact) -> Iterable[Finding]:
    """Approved but never back: the event alone completes it."""
    if not intent.succeeded:
        return
    for subscription in history.covered_by(intent):
        if subscription.active_at_end or given_back(history, intent, subscription):
            continue
        if ended_rightly(history, intent, subscription):
            continue
        proof = (
            f"The customer left for {intent.id} ({money(intent.amount_minor)}), approved it and never came back "
            f"({clock(fact.time_us)}). It succeeded, but subscription {subscription.id} was {subscription.state} "
            "without an "
            "active entitlement when everything had settled: the event alone did not complete the purchase."
        )
        facts = [fact, intent.success, subscription.final]
        yield PROPERTY.finding(history, "batch", fact.time_us, proof, facts, max(intent.amount_minor or 0, 1))


def _judge_cancelled(history: History, intent: IntentTimeline, fact: Fact) -> Iterable[Finding]:
    """Cancelled on the way: the cart is intact, that is, the purchase still waits and can be paid."""
    canceled = intent.canceled
    slack_us = LEDGER_SLACK_US if history.outside else 0
    if canceled is None or intent.created_us is None or canceled.time_us <= fact.time_us + slack_us:
        return
    if history.expired_with(intent) or _ended_on_purpose(history, intent, fact):
        return
    proof = (
        f"The customer came back from {intent.id} at {clock(fact.time_us)} without having paid; "
        f"{span(canceled.time_us - fact.time_us)} later, at {clock(canceled.time_us)}, the intent was cancelled and "
        "nothing "
        "took its place: the cart was lost."
    )
    yield PROPERTY.finding(
        history, "batch", canceled.time_us, proof, [fact, canceled], max(intent.amount_minor or 0, 1)
    )


def _ended_on_purpose(history: History, intent: IntentTimeline, fact: Fact) -> bool:
    """Whether the customer cancelled the purchase, or another one took its place."""
    if any(request.operation == "cancel" for request in history.of("request")):
        return True
    slack_us = LEDGER_SLACK_US if history.outside else 0
    return any(
        other is not intent and other.created_us is not None and other.created_us + slack_us >= fact.time_us
        for other in history.intents.values()
    )


def _judge_back(history: History, intent: IntentTimeline, fact: Fact) -> Iterable[Finding]:
    """Back before the payment is known to be good: told that it is processing, not that it failed."""
    if not intent.succeeded or any(
        confirm.time_us > fact.time_us and _tried_anew(confirm) for confirm in intent.confirms
    ):
        return
    for shown in history.of("shown"):
        if shown.time_us < fact.time_us or shown.state != "failure" or shown.subject != fact.related:
            continue
        state = intent.state_at(shown.time_us)
        if (
            state is None
            or (state != "succeeded" and state not in PAYABLE)
            or _other_failure(history, intent, fact, shown)
        ):
            continue
        proof = (
            f"The customer came back from {intent.id} at {clock(fact.time_us)}, having approved it, and was shown a "
            "failure "
            f"at {clock(shown.time_us)}; the payment succeeded"
            f"{f' at {clock(intent.success_us)}' if intent.success_us is not None else ''}, so 'processing' was the "
            "truth."
        )
        yield PROPERTY.finding(
            history, "batch", shown.time_us, proof, [fact, shown, intent.success], max(intent.amount_minor or 0, 1)
        )
        return


def _tried_anew(confirm: Fact) -> bool:
    """Whether a confirmation is a new try, and not the outcome of the redirect itself."""
    return confirm.detail is None or "after" not in confirm.detail


def _other_failure(history: History, intent: IntentTimeline, fact: Fact, shown: Fact) -> bool:
    """Whether something else of the attempt had not gone well by then: the failure shown may be that one."""
    if any(
        other is not intent and (other.secrets or other.confirms) and not other.succeeded_by(shown.time_us)
        for other in history.intents.values()
    ):
        return True
    return any(
        answer.related == fact.related and answer.state != "ok" and answer.time_us <= shown.time_us
        for answer in history.of("answer")
    )


PROPERTY = Property(
    id="redirect-never-returns",
    tiers=("batch",),
    severity="major",
    title="A redirect that never returns",
    statement=(
        "A PayPal or 3DS redirect whose customer never comes back completes by event alone; one who returns early sees "
        "'processing', not failure; one who cancels has an intact cart."
    ),
    why="One to three customers in a hundred approve with PayPal and close the window. They have paid.",
    evidence="`redirect` facts, `intent` and `confirm`, `shown`, and the final rows.",
    example="The customer approved pi_1 at PayPal and closed the tab; sub_1 is AwaitingPayment a day later.",
    magnitude="minor units of the intent",
    needs=("redirect",),
    function=judge,
)
