"""confirm-before-commit: nothing is called paid before it is."""

from __future__ import annotations

from conformance.finding import Finding
from conformance.history import History
from conformance.payment import unpaid
from conformance.properties.no_entitlement_without_payment import needs_stripe
from conformance.property import NOT_SETTLED, Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact

COMMITTED = ("Paid", "Provisioned")


def judge(history: History) -> Judgement:
    """The first Paid or Provisioned of each subscription and plan, in the store and in answers; then the end."""
    checks = 0
    findings: list[Finding] = []
    settled = history.settled
    for subscription in history.subscriptions.values():
        for facts, whose in ((subscription.exact, "the store had"), (subscription.shown, "an answer showed")):
            for fact in _first_commitments(facts):
                checks += 1
                finding = _premature(history, subscription, fact, whose)
                if finding is not None:
                    findings.append(finding)
        final = subscription.final
        if settled and final is not None and final.state in COMMITTED:
            checks += 1
            finding = _premature(history, subscription, final, "at the end the store has", batch=True)
            if finding is not None:
                findings.append(finding)
    return conclude(checks, findings, None if settled else NOT_SETTLED)


def _first_commitments(facts: list[Fact]) -> list[Fact]:
    """The first fact that calls the subscription paid, for each plan that it is called paid as."""
    committed = [fact for fact in facts if fact.state in COMMITTED]
    if len(committed) < 2:
        return committed
    return list({member(fact, "rate_plan"): fact for fact in reversed(committed)}.values())[::-1]


def _premature(
    history: History, subscription: SubscriptionTimeline, fact: Fact, whose: str, batch: bool = False
) -> Finding | None:
    missing = unpaid(history, subscription, fact.time_us, member(fact, "rate_plan"))
    if missing is None:
        return None
    shown_by = f" (request {fact.related})" if fact.source == "observed" and fact.related else ""
    proof = (
        f"At {clock(fact.time_us)} {whose} subscription {subscription.id} as {fact.state}{shown_by}, but "
        f"{missing.because(fact.time_us)}; therefore it was committed before its payment was confirmed."
    )
    return PROPERTY.finding(
        history,
        "batch" if batch else "inline",
        fact.time_us,
        proof,
        [fact, *missing.facts()],
        missing.magnitude(fact.time_us),
    )


PROPERTY = Property(
    id="confirm-before-commit",
    tiers=("inline", "batch"),
    severity="critical",
    title="Confirm before commit",
    statement="No subscription is reported Paid or Provisioned before its intent succeeded.",
    why=(
        "Everything that reads a subscription's state, from the front end's confirmation page to support's tools, "
        "takes "
        "Paid for paid. A state that runs ahead of the money must be rolled back when the money does not come."
    ),
    evidence=(
        "`subscription` (the service's own and as shown in answers) and `final_subscription`, against `intent` and "
        "`final_intent` of Stripe."
    ),
    example="The answer to bulk_create showed sub_1 as Provisioned at 12:03:07; pi_1 was declined at 12:03:09.",
    magnitude="minor units committed unpaid (paid late: a share of them)",
    needs=("subscription|final_subscription",),
    function=judge,
    applies=needs_stripe,
    orderly=lambda shape: 3 if shape.committed_in_answer else 2,
)
