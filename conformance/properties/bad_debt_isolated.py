"""bad-debt-isolated: paying a debt charges that debt, once, and nothing else moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from conformance.exchange import Exchange
from conformance.finding import Finding, Tier
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, PAYABLE, IntentTimeline
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.snapshot import NEIGHBOUR, OWN, Object, by_id, first_after, last_before, objects, written_between
from conformance.subscription_timeline import member
from sim.facts import Fact

PAY: Final = "pay_bad_debt"
DEBT: Final = "bad_debt"
_COMMITTED: Final = ("Paid", "Provisioned")

Whose = Literal["debt", "other invoice", "neighbour's", "unknown"]

_NOT_PAYABLE: Final = (409, 1220)
_BAD_BODY: Final = (400, 1001)
_BEFORE: Final = frozenset(((401, 10000), (403, 10000), (429, 971), (409, 1230), (409, 1231), (503, 1232)))
"""Refusals that come before the debt is looked at, or instead of it: credential, limit, key, a payment under way,
Stripe out of reach (CONTRACT, "Order of refusals")."""


class Asked(NamedTuple):
    """One request to pay a debt that was answered. `invoice`: what was listed of it before; None: nobody's."""

    exchange: Exchange
    request: Fact
    answer: Fact
    whose: Whose
    invoice: Object | None
    can_charge: bool | None
    """Whether a usable payment method was on file or sent; None where nobody knows."""


def judge(history: History) -> Judgement:
    """Every request to pay a debt, what was charged meanwhile, and what else had moved afterwards."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    keys: set[str] = set()
    for exchange in history.exchanges.values():
        if not _names_an_invoice(exchange) or exchange.answer is None or exchange.answer.status is None:
            continue
        key = exchange.idempotency_key
        if key in keys:
            continue  # the first answer, told again
        keys.update([key] if key is not None else [])
        asked = _asked(history, exchange)
        if asked is None:
            if exchange.accepted:
                undecided = undecided or "the billing history was not read before a debt was paid"
            continue
        checks += 1
        findings.extend(_answered_wrongly(history, asked))
        findings.extend(_charged_wrongly(history, asked))
        findings.extend(_debt_stands_wrongly(history, asked))
        for owner in (OWN, NEIGHBOUR):
            findings.extend(_touched(history, asked, owner))
    if checks:
        findings.extend(_left_payable(history))
    return conclude(checks, findings, undecided)


def _names_an_invoice(exchange: Exchange) -> bool:
    """Whether it asks for the payment of an invoice, and is no malformed request on its way to a 4xx."""
    body = exchange.body
    return (
        exchange.operation == PAY
        and exchange.request is not None
        and member(exchange.request, "method") == "POST"
        and hasattr(body, "get")
        and isinstance(body.get("invoice_id"), str)
    )


def _asked(history: History, exchange: Exchange) -> Asked | None:
    assert exchange.request is not None
    assert exchange.answer is not None
    time_us = exchange.request.time_us
    own = last_before(history, "billing_history", time_us)
    if own is None:
        return None
    name: str = exchange.body["invoice_id"]
    neighbours = by_id(last_before(history, "billing_history", time_us, NEIGHBOUR))
    invoice = by_id(own).get(name)
    whose: Whose = "unknown"
    if invoice is not None:
        whose = "debt" if invoice.get("status") == DEBT else "other invoice"
    elif name in neighbours:
        invoice, whose = neighbours[name], "neighbour's"
    on_file = last_before(history, "payment_methods", time_us)
    can_charge: bool | None = None
    if on_file is not None:
        can_charge = any(one.get("valid") is True for one in objects(on_file))
    if exchange.brings_payment_method:
        can_charge = None if not can_charge else True
    return Asked(exchange, exchange.request, exchange.answer, whose, invoice, can_charge)


def _name(asked: Asked) -> str:
    return str(asked.exchange.body["invoice_id"])


_WHAT: Final[Mapping[Whose, str]] = {
    "debt": "an outstanding debt of the account",
    "other invoice": "an invoice of the account that is no outstanding debt",
    "neighbour's": "another account's invoice",
    "unknown": "nobody's invoice",
}


def _allowed(asked: Asked) -> tuple[bool, str]:
    """Whether the answer is one that the contract knows here, and what it expects, in words."""
    status, code = asked.answer.status or 0, asked.answer.code or 0
    if (status, code) in _BEFORE:
        return True, ""
    if asked.whose != "debt":
        allowed = {_NOT_PAYABLE}
        if asked.can_charge is not True:
            allowed.add(_BAD_BODY)
        if asked.whose == "unknown":
            allowed.add((404, 7003))
        return (status, code) in allowed, "409, code 1220"
    if asked.can_charge is False:
        return (status, code) == _BAD_BODY, "400, code 1001, for want of a payment method"
    if status == 400:
        return asked.can_charge is None and code == 1001, "200, or 402, code 1214"
    return 200 <= status < 300 or (status, code) == (402, 1214), "200, or 402, code 1214"


def _answered_wrongly(history: History, asked: Asked) -> Iterable[Finding]:
    allowed, expected = _allowed(asked)
    if allowed or ((asked.answer.status or 0) >= 500 and "fault" in history.by_kind):
        return
    code = f", code {asked.answer.code}" if asked.answer.code is not None else ""
    standing = next((fact.state for fact in history.of("standing")), None)
    also = ""
    if standing is not None and asked.whose == "debt":
        also = f" The account was {standing}, which keeps nobody from paying a debt."
    proof = (
        f"At {clock(asked.request.time_us)} {_name(asked)}, {_WHAT[asked.whose]}, was to be paid; the answer was "
        f"{asked.answer.status}{code}, where {expected}, was expected.{also}"
    )
    yield _finding(history, asked, proof)


def _charged_wrongly(history: History, asked: Asked) -> Iterable[Finding]:
    """Paid: charged that amount, once. Refused: charged nothing."""
    if not history.sees_stripe or (history.outside and _others_near(history, asked)):
        return
    charged = _charged_between(history, asked)
    total = sum(intent.received_minor for intent in charged)
    due = asked.invoice.get("amount") if asked.invoice is not None and asked.whose == "debt" else None
    paid = asked.answer.state == "ok"
    names = listed(f"{intent.id} ({money(intent.received_minor)})" for intent in charged)
    if paid and due is not None and (total != due or len(charged) != 1):
        proof = (
            f"{_name(asked)}, a debt of {money(due)}, was answered as paid at {clock(asked.answer.time_us)}; Stripe "
            f"collected {money(total)} in that time, with {names}, where {money(due)} with one payment was expected."
        )
    elif not paid and charged:
        proof = (
            f"The payment of {_name(asked)} was refused at {clock(asked.answer.time_us)} with {asked.answer.status}, "
            f"code {asked.answer.code}, but Stripe collected {money(total)} in that time, with {names}."
        )
    else:
        return
    facts = [asked.request, asked.answer, *(intent.success for intent in charged)]
    yield PROPERTY.finding(
        history, "inline", asked.answer.time_us, proof, facts, max(abs(total - (due or 0)) if paid else total, 1)
    )


def _charged_between(history: History, asked: Asked) -> list[IntentTimeline]:
    slack_us = LEDGER_SLACK_US if history.outside else 0
    first_us, last_us = asked.request.time_us - slack_us, asked.answer.time_us + slack_us
    return [
        intent
        for intent in history.intents.values()
        if not intent.is_set_up and intent.success_us is not None and first_us <= intent.success_us <= last_us
    ]


def _others_near(history: History, asked: Asked) -> bool:
    """Whether something else that may charge was under way about then, so that nobody can tell what charged what."""
    first_us, last_us = asked.request.time_us - 2 * LEDGER_SLACK_US, asked.answer.time_us + 2 * LEDGER_SLACK_US
    for other in history.exchanges.values():
        if other is asked.exchange or other.asked_us is None or other.asked_us > last_us:
            continue
        if other.answer is None or other.answer.state == "unknown" or other.answer.time_us >= first_us:
            return True
    return any(first_us <= fact.time_us <= last_us for fact in history.of("confirm"))


def _debt_stands_wrongly(history: History, asked: Asked) -> Iterable[Finding]:
    """Paid: no debt any more. Refused: as it was."""
    after = first_after(history, "billing_history", asked.answer.time_us)
    if after is None or asked.whose != "debt":
        return
    before = last_before(history, "billing_history", asked.request.time_us)
    if before is None or written_between(history, before.time_us, after.time_us, asked.request.subject):
        return
    status = by_id(after).get(_name(asked), {}).get("status", "no longer listed")
    paid = asked.answer.state == "ok"
    if paid == (status != DEBT) and (not paid or status in ("bad_debt_resolved", "paid")):
        return
    proof = (
        f"{_name(asked)} was to be paid at {clock(asked.request.time_us)} and the answer was {asked.answer.status}; at "
        f"{clock(after.time_us)} the billing history had it as {status}, where "
        f"{'bad_debt_resolved' if paid else DEBT} was expected."
    )
    yield _finding(history, asked, proof, "inline", [before, after])


def _touched(history: History, asked: Asked, owner: str) -> Iterable[Finding]:
    """Nothing but that invoice is another one afterwards: no other, no subscription, no entitlement."""
    for operation, describe in (
        ("billing_history", _invoice_state),
        ("list_subscriptions", _subscription_state),
        ("entitlements", _entitlement_state),
    ):
        before = last_before(history, operation, asked.request.time_us, owner)
        after = first_after(history, operation, asked.answer.time_us, owner)
        if before is None or after is None:
            continue
        if written_between(history, before.time_us, after.time_us, asked.request.subject):
            continue
        if owner == OWN and _moved_by_itself(history, before.time_us, after.time_us):
            continue
        later = {_key(operation, one): describe(one) for one in objects(after)}
        for one in objects(before):
            key, state = _key(operation, one), describe(one)
            now = later.get(key, "no longer listed")
            if now == state or (owner == OWN and asked.whose == "debt" and key == _name(asked)):
                continue
            whose = "another account's " if owner == NEIGHBOUR else ""
            proof = (
                f"Between {clock(before.time_us)} and {clock(after.time_us)} nothing was asked for but the payment of "
                f"{_name(asked)}, and {whose}{operation} changed: {key} was {state}, and is {now}."
            )
            yield _finding(history, asked, proof, "inline", [before, after])
            break


def _moved_by_itself(history: History, since_us: int, until_us: int) -> bool:
    """Whether a purchase of the account was paid, cancelled or due to expire about then: what moved may be that."""
    for intent in history.intents.values():
        if not intent.subscription_ids:
            continue
        if intent.confirms and any(since_us - 60_000_000 <= fact.time_us <= until_us for fact in intent.confirms):
            return True
        if history.expired_with(intent):
            return True
    return False


def _key(operation: str, one: Object) -> str:
    if operation == "entitlements":
        return f"{one.get('subscription_id')} ({one.get('feature')})"
    return str(one.get("id"))


def _invoice_state(one: Object) -> str:
    amount = one.get("amount")
    return f"{one.get('status')} over {money(amount if type(amount) is int else None)}"


def _subscription_state(one: Object) -> str:
    state = "in force" if one.get("state") in _COMMITTED else str(one.get("state"))
    price, plan = one.get("price"), one.get("rate_plan")
    name = plan.get("id") if isinstance(plan, Mapping) else plan
    return f"{state} as {name} at {money(price if type(price) is int else None)}"


def _entitlement_state(one: Object) -> str:
    return str(one.get("status"))


def _left_payable(history: History) -> Iterable[Finding]:
    """A debt that is refused because of a challenge leaves no intent that can still be paid (CONTRACT)."""
    if not history.settled or not history.sees_stripe:
        return
    asked = [one for one in history.exchanges.values() if one.operation == PAY and one.refused]
    slack_us = LEDGER_SLACK_US if history.outside else 0
    for intent in history.intents.values():
        made_us = intent.created_us
        if intent.subscription_ids or intent.is_set_up or made_us is None or not _challenged(intent):
            continue
        for one in asked:
            answer = one.answer
            if one.asked_us is None or answer is None or (answer.status or 0) >= 500:
                continue
            if one.asked_us - slack_us <= made_us <= answer.time_us + slack_us and not _cancelled(intent):
                proof = (
                    f"{PAY} was refused at {clock(answer.time_us)} with {answer.status}, code {answer.code}, because "
                    f"its payment needed a challenge; the intent that it had made, {intent.id} "
                    f"({money(intent.amount_minor)}), was {intent.end_state} when everything had settled: it should "
                    "have been cancelled, and could still be paid."
                )
                facts = [*one.facts, intent.created, intent.success, intent.final]
                yield PROPERTY.finding(history, "batch", answer.time_us, proof, facts, max(intent.amount_minor or 0, 1))
                break


def _challenged(intent: IntentTimeline) -> bool:
    return intent.end_state == "requires_action" or any(fact.state == "requires_action" for fact in intent.states)


def _cancelled(intent: IntentTimeline) -> bool:
    return intent.canceled is not None or intent.end_state not in (*PAYABLE, "succeeded")


def _finding(
    history: History, asked: Asked, proof: str, tier: Tier = "inline", more: Iterable[Fact | None] = ()
) -> Finding:
    amount = asked.invoice.get("amount") if asked.invoice is not None else None
    magnitude = max(amount if type(amount) is int else 1, 1)
    return PROPERTY.finding(history, tier, asked.answer.time_us, proof, [asked.request, asked.answer, *more], magnitude)


PROPERTY = Property(
    id="bad-debt-isolated",
    tiers=("inline", "batch"),
    severity="critical",
    title="Paying a debt is isolated",
    statement="Paying a debt charges that debt once and touches nothing else.",
    why=(
        "Debts are collected apart from everything regular. An operation that charges an invoice by its id charges "
        "the wrong one, or twice, or another account's, as soon as one guard is missing."
    ),
    evidence=(
        "`request` and `answer` of pay_bad_debt; `snapshot` of invoices, subscriptions and entitlements of the account "
        "and of the one beside it, before and after; `intent` for what was charged meanwhile."
    ),
    example="The debt i7-1 of 25.00 USD was answered as paid twice, and Stripe collected 50.00 USD.",
    magnitude="minor units of the invoice, or charged too much",
    needs=("snapshot", "request", "answer"),
    function=judge,
)
