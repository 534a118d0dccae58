"""zone-activated: a zone leaves `initializing` when it is paid for, not before and not never."""

from __future__ import annotations

from conformance.circumstances import ENTITLEMENT_BOUND_US
from conformance.finding import Finding
from conformance.history import History
from conformance.on_its_way import still_moving
from conformance.payment import unpaid
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, money
from conformance.subscription_timeline import SubscriptionTimeline, member
from sim.facts import Fact

_ENDED = ("Cancelled", "Expired", "Failed")


def judge(history: History) -> Judgement:
    """Every zone that belongs to a purchase."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    for zone_id, facts in _by_zone(history).items():
        subscription = _subscription_of(history, zone_id, facts)
        if subscription is None:
            continue
        checks += 1
        waits = still_moving(history, subscription)
        undecided = undecided or waits
        finding = _too_early(history, subscription, facts) or _moved_unpaid(history, subscription, zone_id)
        if finding is None and waits is None:
            finding = _stuck(history, subscription, facts)
        if finding is not None:
            findings.append(finding)
    return conclude(checks, findings, undecided)


def _by_zone(history: History) -> dict[str, list[Fact]]:
    zones: dict[str, list[Fact]] = {}
    for kind in ("zone", "final_zone"):
        for fact in history.of(kind):
            zones.setdefault(fact.subject, []).append(fact)
    return zones


def _subscription_of(history: History, zone_id: str, facts: list[Fact]) -> SubscriptionTimeline | None:
    """The subscription that the zone was bought with, one in force before any other.

    None for a zone without one, and for a zone that stood at the start.
    """
    if facts[0].kind == "zone" and member(facts[0], "at_start"):
        return None
    candidates = [s for s in history.subscriptions.values() if s.zone_id == zone_id and not s.given]
    for fact in reversed(facts):
        related = history.subscription(fact.related) if fact.related is not None else None
        if related is not None and not related.given and related not in candidates:
            candidates.append(related)
    in_force = [s for s in candidates if s.active_at_end]
    chosen = in_force or candidates
    return chosen[0] if chosen else None


def _too_early(history: History, subscription: SubscriptionTimeline, facts: list[Fact]) -> Finding | None:
    circumstances = history.circumstances
    if circumstances.zones_apart_from_plans or not history.sees_stripe:
        return None
    for fact in facts:
        if fact.state != "pending":
            continue
        missing = unpaid(history, subscription, fact.time_us)
        if missing is None:
            return None
        proof = (
            f"Zone {fact.subject} left 'initializing' at {clock(fact.time_us)}, but for its plan, subscription "
            f"{subscription.id}, {missing.because(fact.time_us)}: the zone was activated unpaid."
        )
        return PROPERTY.finding(
            history, "batch", fact.time_us, proof, [fact, *missing.facts()], missing.magnitude(fact.time_us)
        )
    return None


def _moved_unpaid(history: History, subscription: SubscriptionTimeline, zone_id: str) -> Finding | None:
    """From outside: a request to move the zone on was accepted while its plan was unpaid."""
    if not history.outside or history.circumstances.zones_apart_from_plans:
        return None
    accepted = {fact.subject: fact for fact in history.of("answer") if fact.state == "ok"}
    for request in history.of("request"):
        if request.operation != "patch_zone" or zone_id not in str(member(request, "path")).split("/"):
            continue
        answer = accepted.get(request.subject)
        missing = unpaid(history, subscription, answer.time_us) if answer is not None else None
        if answer is not None and missing is not None:
            proof = (
                f"At {clock(answer.time_us)} zone {zone_id} was moved on from 'initializing', but for its plan, "
                f"subscription {subscription.id}, {missing.because(answer.time_us)}: the zone was activated unpaid."
            )
            facts = [request, answer, *missing.facts()]
            return PROPERTY.finding(history, "batch", answer.time_us, proof, facts, missing.magnitude(answer.time_us))
    return None


def _stuck(history: History, subscription: SubscriptionTimeline, facts: list[Fact]) -> Finding | None:
    last = facts[-1]
    if last.kind != "final_zone" or last.state != "initializing":
        return None
    if not subscription.active_at_end and not (subscription.paid_for and subscription.state not in _ENDED):
        return None
    success = next((intent.success for intent in subscription.intents if intent.success is not None), None)
    if _nobody_came_back(history, success):
        return None
    active = next((fact for fact in subscription.entitlements if fact.state == "active"), None)
    since = f" and active since {clock(active.time_us)}" if active is not None else ""
    paid = "" if success is None else f" by {success.subject} at {clock(success.time_us)}"
    proof = (
        f"The plan of zone {last.subject}, subscription {subscription.id} ({money(subscription.due_minor)}), was "
        f"paid{paid}{since}, but when everything had settled, at {clock(last.time_us)}, the zone was still "
        "'initializing': it is stuck, and the customer has a plan for a zone that serves nothing."
    )
    rows = [success, active, last]
    return PROPERTY.finding(history, "batch", last.time_us, proof, rows, max(subscription.due_minor or 0, 1))


def _nobody_came_back(history: History, success: Fact | None) -> bool:
    """Whether only a probe was there, and asked for the zone no more once its plan had to be in force.

    Customers come back for a new zone; a probe does not, and a deployment may take a minute to grant.
    """
    if all(member(attempt, "probe") is None for attempt in history.of("attempt")):
        return False
    due_us = success.time_us + ENTITLEMENT_BOUND_US if success is not None else 0
    return not any(fact.operation == "patch_zone" and fact.time_us >= due_us for fact in history.of("request"))


PROPERTY = Property(
    id="zone-activated",
    tiers=("batch",),
    severity="major",
    title="Zones are activated",
    statement="A zone leaves `initializing` only after payment, and is not stuck there after it.",
    why=(
        "A zone that is activated early is a free plan; one that is stuck serves no traffic for a customer who has "
        "paid."
    ),
    evidence=(
        "`zone` and `final_zone`, the subscription of the zone and its payment. Some deployments activate zones "
        "apart from plans."
    ),
    example="sub_1 was paid at 12:03:09 and is active; its zone is still initializing when everything has settled.",
    magnitude="minor units of the plan",
    needs=("zone|final_zone",),
    function=judge,
)
