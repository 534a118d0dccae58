"""cart-conserved: no line of a cart gets lost, and none comes out twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.finding import Finding
from conformance.history import History
from conformance.new_purchase import bought_anew
from conformance.on_its_way import still_moving
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.subscription_timeline import SubscriptionTimeline, member
from scenarios.phase import PAYMENT_OPERATIONS
from sim.facts import Fact

_LIVE = ("AwaitingPayment", "Paid", "Provisioned")
_TOLD = ("failure", "refused", "waiting_for_customer", "processing", "confirmation")


def judge(history: History) -> Judgement:
    """Every attempt that came to an end: its lines against the subscriptions that came of them."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    ends = {fact.subject: fact for fact in history.of("outcome")}
    for attempt in history.of("attempt"):
        end = ends.get(attempt.subject)
        lines = member(attempt, "lines")
        if end is None or lines is None:
            continue
        checks += 1
        if end.state == "converted":
            shown = history.shown_in(attempt.subject)
            if len(shown) < lines:
                shown = [*shown, *_listed(history, attempt, shown)]
                shown = [*shown, *_changed_before(history, attempt, shown)]
            if len(shown) < lines and history.outside and _behind_secrets(history, attempt):
                undecided = "lines were bought behind a client secret, and nobody tells which those are"
            elif len(shown) < lines:
                findings.append(_line_lost(history, attempt, end, int(lines), shown))
        if end.state != "probed":  # a probe is nobody, and is shown nothing
            findings.extend(_refused_unseen(history, attempt, end))
    if checks and history.orderly is None:
        for subscription in history.subscriptions.values():
            final = subscription.final
            waits = still_moving(history, subscription)
            undecided = undecided or waits
            if waits is not None or not history.read("entitlements"):
                continue
            if final is not None and not subscription.given and _nowhere(subscription):
                findings.append(_in_between(history, subscription, final))
        if len(history.subscriptions) > 1:
            findings.extend(_too_many(history))
    return conclude(checks, findings, undecided)


def _changed_before(history: History, attempt: Fact, shown: list[str]) -> list[str]:
    """What was held from the start and changed in an earlier attempt: who comes back need not change it again."""
    earlier = [one.subject for one in history.of("attempt") if one.time_us < attempt.time_us]
    before = dict.fromkeys(name for subject in earlier for name in history.shown_in(subject))
    given = (history.subscription(name) for name in before if name not in shown)
    return [one.id for one in given if one is not None and one.given]


def _behind_secrets(history: History, attempt: Fact) -> bool:
    """Whether an intent whose secret the attempt was given is not known to pay for anything."""
    return any(
        not (history.intents[fact.subject].subscription_ids if fact.subject in history.intents else ())
        for exchange in history.exchanges.values()
        if exchange.attempt == attempt.subject
        for fact in exchange.secrets
    )


def _listed(history: History, attempt: Fact, shown: Sequence[str]) -> list[str]:
    """What the attempt saw only when it read what there was, because no answer to the purchase itself had come."""
    asked = {fact.subject for fact in history.of("request") if fact.related == attempt.subject}
    others = {name for one in history.of("attempt") if one is not attempt for name in history.shown_in(one.subject)}
    read = dict.fromkeys(fact.subject for fact in history.of("subscription") if fact.related in asked)
    known = {name for name, subscription in history.subscriptions.items() if not subscription.given}
    return [name for name in read if name in known and name not in shown and name not in others]


def _line_lost(history: History, attempt: Fact, end: Fact, lines: int, shown: list[str]) -> Finding:
    proof = (
        f"Attempt {attempt.subject} had {lines} lines ({listed(member(attempt, 'products') or ())}) and ended as "
        "converted at "
        f"{clock(end.time_us)}, but no answer ever showed more than {len(shown)} of them ({listed(shown)}): "
        f"{lines - len(shown)} got lost without a word."
    )
    return PROPERTY.finding(history, "batch", end.time_us, proof, [attempt, end], lines - len(shown))


def _nowhere(subscription: SubscriptionTimeline) -> bool:
    """Whether it ends neither entitled, nor awaiting payment, nor ended."""
    state = subscription.state
    if state == "AwaitingPayment" and subscription.paid_for:
        return True
    return state == "Paid" or (state == "Provisioned") != subscription.active_at_end


def _in_between(history: History, subscription: SubscriptionTimeline, final: Fact) -> Finding:
    had = "had an" if subscription.active_at_end else "had no"
    proof = (
        f"When everything had settled, at {clock(final.time_us)}, the line {subscription.id} "
        f"({subscription.rate_plan}, {money(subscription.due_minor)}){_paid(subscription)} was {final.state} and {had} "
        "active entitlement: it is neither entitled, nor awaiting payment, nor ended."
    )
    success = next((intent.success for intent in subscription.base_intents if intent.succeeded), None)
    facts = [success, final, *subscription.final_entitlements]
    return PROPERTY.finding(history, "batch", final.time_us, proof, facts)


def _paid(subscription: SubscriptionTimeline) -> str:
    """Which intent paid for it, and when, as a part of a sentence."""
    if not subscription.paid_for:
        return ""
    for intent in subscription.base_intents:
        if intent.succeeded:
            when = f" at {clock(intent.success_us)}" if intent.success_us is not None else ""
            return f", paid for by {intent.id}{when},"
    return ", paid for,"


def _too_many(history: History) -> Iterable[Finding]:
    """No more live subscriptions than lines were ever put into carts."""
    live = [
        subscription
        for subscription in history.subscriptions.values()
        if subscription.final is not None and not subscription.given and subscription.state in _LIVE
    ]
    lines = sum(int(member(attempt, "lines") or 0) for attempt in history.of("attempt"))
    if lines == 0 or len(live) <= lines + bought_anew(history, live):
        return
    proof = (
        f"The customer put {lines} line{'s' if lines > 1 else ''} into carts, and {len(live)} subscriptions were "
        "live when "
        f"everything had settled, at {clock(history.ended_us)}: "
        f"{listed(f'{s.id} ({s.rate_plan}, {s.state})' for s in live)}. "
        "A line came out more than once."
    )
    yield PROPERTY.finding(
        history, "batch", history.ended_us, proof, [*history.of("attempt"), *_finals(live)], len(live) - lines
    )


def _finals(subscriptions: list[SubscriptionTimeline]) -> list[Fact | None]:
    return [subscription.final for subscription in subscriptions]


def _refused_unseen(history: History, attempt: Fact, end: Fact) -> Iterable[Finding]:
    """A refusal is shown, unless the purchase was tried again and taken, or nobody is there to see it."""
    refused: dict[str, Fact] = {}
    for fact in history.of("answer"):
        if fact.state == "refused":
            if fact.related == attempt.subject and fact.operation in PAYMENT_OPERATIONS:
                refused[fact.operation] = fact
        elif refused and fact.state == "ok" and fact.operation is not None:
            refused.pop(fact.operation, None)
    if not refused or end.state in ("abandoned", "probed") or str(attempt.actor).startswith("iapi/"):
        return ()
    return _unseen(history, attempt, end, refused)


def _unseen(history: History, attempt: Fact, end: Fact, refused: dict[str, Fact]) -> Iterable[Finding]:
    for fact in refused.values():
        exchange = history.exchanges.get(fact.subject)
        asked_us = exchange.asked_us if exchange is not None else None
        since_us = fact.time_us if asked_us is None else asked_us  # a double click is told once
        told = any(
            shown.subject == attempt.subject and shown.state in _TOLD and shown.time_us >= since_us
            for shown in history.of("shown")
        )
        if not told:
            proof = (
                f"At {clock(fact.time_us)} {fact.operation} refused lines of attempt {attempt.subject} with "
                f"{fact.status}"
                f"{f', code {fact.code}' if fact.code is not None else ''}, and the customer was shown nothing about "
                "it "
                f"(the attempt ended as {end.state} at {clock(end.time_us)})."
            )
            yield PROPERTY.finding(history, "batch", fact.time_us, proof, [attempt, fact, end])


PROPERTY = Property(
    id="cart-conserved",
    tiers=("batch",),
    severity="major",
    title="The cart is conserved",
    statement=(
        "Every line of a cart ends in exactly one of: entitled, awaiting payment (or expired after that), refused "
        "with a "
        "reason that the customer sees."
    ),
    why="Mixed carts go three ways. A line that falls between them was wanted, perhaps paid, and nobody knows.",
    evidence="`attempt` (lines), `outcome`, what answers showed, `shown`, and the final rows.",
    example="A cart of three lines ended as converted, and only two of them were ever created.",
    magnitude="lines lost or doubled",
    needs=("attempt", "outcome"),
    function=judge,
)
