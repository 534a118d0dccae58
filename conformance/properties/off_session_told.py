"""off-session-told: a service without a customer is told so, in a way that it can read."""

from __future__ import annotations

from conformance.exchange import Exchange
from conformance.finding import Finding
from conformance.history import History
from conformance.payment import unpaid
from conformance.properties.no_pm_gate_rejections import NEEDS_CUSTOMER_CODE, awaits_customer
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import member
from scenarios.phase import PAYMENT_OPERATIONS
from sim.facts import Fact


def judge(history: History) -> Judgement:
    """Every payment path that was called off session and answered."""
    checks = 0
    findings: list[Finding] = []
    for exchange in history.exchanges.values():
        answer = exchange.answer
        if answer is None or exchange.operation not in PAYMENT_OPERATIONS or not exchange.off_session:
            continue
        if answer.status is None or answer.status >= 500:
            continue
        checks += 1
        if exchange.accepted:
            findings.extend(_judge_accepted(history, exchange, answer))
        elif answer.code is None and answer.status >= 400:
            findings.append(_finding(history, exchange, answer, f"was refused with {answer.status} and no error code"))
    return conclude(checks, findings)


def _judge_accepted(history: History, exchange: Exchange, answer: Fact) -> list[Finding]:
    found: list[Finding] = []
    if awaits_customer(history, exchange) and NEEDS_CUSTOMER_CODE not in exchange.messages:
        clause = (
            f"was answered with an unpaid subscription that only the customer can pay, without the message "
            f"{NEEDS_CUSTOMER_CODE}: it cannot know that nothing will happen by itself"
        )
        found.append(_finding(history, exchange, answer, clause))
    if not history.sees_stripe:
        return found
    for shown in exchange.subscriptions:
        subscription = history.subscription(shown.subject)
        if subscription is None or shown.state not in ("Paid", "Provisioned"):
            continue
        missing = unpaid(history, subscription, answer.time_us, member(shown, "rate_plan"))
        if missing is not None:
            clause = f"was shown {subscription.id} as {shown.state}, but {missing.because(answer.time_us)}"
            found.append(_finding(history, exchange, answer, clause, missing.magnitude(answer.time_us)))
    return found


def _finding(history: History, exchange: Exchange, answer: Fact, clause: str, magnitude: float = 1.0) -> Finding:
    caller = f"{exchange.caller}, calling {exchange.operation} with no customer present,"
    proof = f"At {clock(answer.time_us)} {caller} {clause}."
    return PROPERTY.finding(
        history, "inline", answer.time_us, proof, [*exchange.facts, *exchange.subscriptions], magnitude
    )


PROPERTY = Property(
    id="off-session-told",
    tiers=("inline",),
    severity="major",
    title="Callers off session are told",
    statement=(
        "A caller without a customer gets a stable machine-readable answer (message 1211 where the customer is "
        "needed), and "
        "never an active unpaid subscription."
    ),
    why=(
        "A service cannot open a challenge. It used to read 1210; without something in its place it takes unpaid for "
        "done."
    ),
    evidence=(
        "`request` with `user_is_on_session: false` (or a client `iapi/…`), its `answer`, and what the answer showed."
    ),
    example="iapi/provisioner called create off session and got 200, AwaitingPayment, and no message 1211.",
    magnitude="minor units shown as paid, at least one for each answer",
    needs=("answer", "request"),
    function=judge,
)
