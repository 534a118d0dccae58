"""Orderly purchases: the history of nearly every customer who buys one thing, recognised at a glance.

One line was bought, one intent paid it, everything was granted after that, and all stores agree at the end. What a
property says of such a line it says next to its judge function (`Property.orderly`); everything else that happened to
the customer (refusals, secrets, redirects, events) is judged as in any other history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

from conformance.circumstances import Circumstances
from conformance.subscription_timeline import SHOWS_PURCHASE
from sim.facts import EXACT, Fact

Facts = Mapping[str, Sequence[Fact]]

_NOTHING: Final[tuple[Fact, ...]] = ()
_COMMITTED: Final = ("Paid", "Provisioned")
_ORDERS: Final = frozenset(
    (("AwaitingPayment", "Paid", "Provisioned"), ("AwaitingPayment", "Provisioned"), ("Paid", "Provisioned"))
)
_OF_INTENT: Final = ("secret", "confirm", "challenge", "redirect")


class Shape(NamedTuple):
    """In what orderly purchases differ as far as the judgement of their line goes."""

    price_shown: bool
    """An answer to the purchase showed the price."""
    committed_in_answer: bool
    """An answer showed it as paid."""
    success_sent: bool
    """Stripe sent the event of the success."""
    declined: bool
    """A payment may have been declined before."""


_SHAPES: Final = {answers: Shape(*answers) for answers in product((False, True), repeat=4)}


class OrderlyPurchase(NamedTuple):
    """One line, bought, paid for and granted in this order: what it was and when."""

    shape: Shape
    subscription_id: str
    intent_id: str
    success: Fact
    activation: Fact


def orderly_purchase(by_kind: Facts, account: str, circumstances: Circumstances) -> OrderlyPurchase | None:
    """The orderly purchase that a history is about; None if there is any doubt that it is one."""
    finals = by_kind.get("final_subscription", _NOTHING)
    if len(finals) != 1 or not circumstances.sees_stripe or "refund" in by_kind or "rollback" in by_kind:
        return None
    final = finals[0]
    due, detail = final.amount_minor, final.detail
    if final.state != "Provisioned" or not due or due < 0 or detail is None:
        return None
    plan = detail.get("rate_plan")
    line = final.subject
    intents = by_kind.get("intent", _NOTHING)
    success = _success(intents, by_kind.get("final_intent", _NOTHING), account, line, due)
    if success is None or plan is None or not _drained_after(by_kind.get("settled", _NOTHING), success):
        return None
    intent_id, paid_us = success.subject, success.time_us
    if paid_us - intents[0].time_us > circumstances.expiry_us:
        return None
    if final.time_us < paid_us or not _concerns_only(intent_id, by_kind):
        return None
    activation = _activation(by_kind, line, plan, paid_us, circumstances.entitlement_bound_us)
    if activation is None or not _plan_unchanged(by_kind.get("plan", _NOTHING), line):
        return None
    shown = _shown(by_kind.get("subscription", _NOTHING), line, plan, due, paid_us)
    if shown is None:
        return None
    price_shown, committed_in_answer = shown
    shape = _SHAPES[
        price_shown,
        committed_in_answer,
        _was_sent(by_kind.get("webhook", _NOTHING), intent_id),
        _declined(intents, by_kind),
    ]
    return OrderlyPurchase(shape, line, intent_id, success, activation)


def _success(intents: Sequence[Fact], finals: Sequence[Fact], account: str, line: str, due: int) -> Fact | None:
    """The success of the account's only intent, which paid what was due for the line and gave nothing back."""
    if not intents or len(finals) != 1:
        return None
    success, final = intents[-1], finals[0]
    if success.state != "succeeded" or success.source != EXACT or final.state != "succeeded":
        return None
    intent_id = success.subject
    if not intent_id.startswith("pi_") or final.subject != intent_id or final.detail is None:
        return None
    if (
        final.detail.get("amount_received") != due
        or final.detail.get("amount_refunded") not in (0, None)
        or final.amount_minor != due
    ):
        return None
    tied = False
    for fact in intents:
        if fact.subject != intent_id or fact.amount_minor != due or fact.state == "canceled":
            return None
        if fact.state == "succeeded" and fact is not success:
            return None
        detail = fact.detail
        if detail is None:
            continue
        ids = detail.get("subscription_ids")
        if ids:
            if len(ids) != 1 or ids[0] != line:
                return None
            tied = True
        if detail.get("account_id", account) != account:
            return None
    return success if tied else None


def _drained_after(settled: Sequence[Fact], success: Fact) -> bool:
    if not settled or settled[-1].source != EXACT:
        return False
    return settled[-1].state == "drained" and success.time_us <= settled[-1].time_us


def _concerns_only(intent_id: str, by_kind: Facts) -> bool:
    """Whether no fact speaks of another intent."""
    for kind in _OF_INTENT:
        for fact in by_kind.get(kind, _NOTHING):
            if fact.subject != intent_id:
                return False
    for fact in by_kind.get("charge", _NOTHING):  # noqa: SIM110 (a generator costs more than all the rest)
        if fact.related != intent_id:
            return False
    return True


def _activation(by_kind: Facts, line: str, plan: object, paid_us: int, bound_us: int) -> Fact | None:
    """The only activation of the line, which came in time after its payment and still holds."""
    finals = by_kind.get("final_entitlement", _NOTHING)
    if len(finals) != 1 or not _grants(finals[0], line, plan, paid_us):
        return None
    activation: Fact | None = None
    for fact in by_kind.get("entitlement", _NOTHING):
        if not _grants(fact, line, plan, paid_us):
            return None
        if fact.source == EXACT:
            if activation is not None:
                return None
            activation = fact
    if activation is None or activation.time_us - paid_us > bound_us:
        return None
    return activation


def _grants(fact: Fact, line: str, plan: object, paid_us: int) -> bool:
    """Whether it says that what was bought was active, once it had been paid for."""
    if fact.subject != line or fact.state != "active" or fact.time_us < paid_us:
        return False
    detail = fact.detail
    return detail is not None and detail.get("feature") == plan and not _given(detail)


def _given(detail: Mapping[str, object]) -> bool:
    return bool(detail.get("at_start")) or detail.get("because") == "provisioned_at_start"


def _plan_unchanged(plans: Sequence[Fact], line: str) -> bool:
    return not plans or (len(plans) == 1 and plans[0].subject == line and plans[0].state == "in_force")


def _shown(facts: Iterable[Fact], line: str, plan: object, due: int, paid_us: int) -> tuple[bool, bool] | None:
    """Whether an answer showed the price, and showed it as paid; None if its states or prices are out of order."""
    states: list[str | None] = []
    price_shown = committed_in_answer = False
    for fact in facts:
        detail, state = fact.detail, fact.state
        if fact.subject != line or detail is None or detail.get("rate_plan") != plan or detail.get("at_start"):
            return None
        committed = state in _COMMITTED
        if committed and fact.time_us < paid_us:
            return None
        if fact.source == EXACT:
            if fact.amount_minor != due:
                return None
            states.append(state)
        else:
            if fact.amount_minor is not None and fact.operation in SHOWS_PURCHASE:
                if fact.amount_minor != due:
                    return None
                price_shown = True
            committed_in_answer = committed_in_answer or committed
    return (price_shown, committed_in_answer) if tuple(states) in _ORDERS else None


def _was_sent(webhooks: Iterable[Fact], intent_id: str) -> bool:
    for fact in webhooks:
        if fact.detail is not None and fact.detail.get("authentic") is False:
            continue  # forged: Stripe sent nothing
        if fact.related == intent_id and fact.operation is not None and fact.operation.endswith("intent.succeeded"):
            return True
    return False


def _declined(intents: Iterable[Fact], by_kind: Facts) -> bool:
    """Whether anything looks like a decline."""
    for fact in intents:
        detail = fact.detail
        if fact.status == 402 or (detail is not None and (detail.get("decline_code") or detail.get("code"))):
            return True
    return "requires_payment_method" in [fact.state for fact in by_kind.get("confirm", _NOTHING)]
