"""pm-in-use-protected: what a subscription is paid with is not taken away without a word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conformance.finding import Finding
from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US, IntentTimeline
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed, money
from conformance.snapshot import Object, by_id, first_after, last_before, objects, written_between
from conformance.subscription_timeline import member
from sim.facts import Fact

REMOVE: Final = "remove_payment_method"
_IN_FORCE: Final = ("Paid", "Provisioned")
_UNREAD: Final = "what was on file and in force before {} was removed was not read"


def judge(history: History) -> Judgement:
    """Every removal of a payment method that was answered."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    answers = {fact.subject: fact for fact in history.of("answer") if fact.operation == REMOVE}
    for request in history.of("request"):
        answer = answers.get(request.subject)
        method = removed_id(request)
        if request.operation != REMOVE or answer is None or answer.status is None or method is None:
            continue
        on_file = _as_it_was(history, "payment_methods", request)
        held = _as_it_was(history, "list_subscriptions", request)
        if on_file is not None and method not in by_id(on_file):
            continue  # not the account's own: whether that is refused is another property's question
        checks += 1
        findings.extend(_purchases_lost(history, request, answer, method))
        if answer.state != "ok":
            continue
        if on_file is None or held is None:
            undecided = undecided or _UNREAD.format(method)
        else:
            findings.extend(_taken_silently(history, request, answer, method, on_file, held))
        findings.extend(_still_there(history, answer, method))
        findings.extend(_charged_afterwards(history, answer, method))
    return conclude(checks, findings, undecided)


def _as_it_was(history: History, operation: str, request: Fact) -> Fact | None:
    """What a list held when a request was sent; None where the last reading is older than another change."""
    reading = last_before(history, operation, request.time_us)
    if reading is None or written_between(history, reading.time_us, request.time_us, request.subject):
        return None
    return reading


def removed_id(request: Fact) -> str | None:
    """The payment method that a removal names: the last part of its path."""
    path = member(request, "path")
    return path.rpartition("/")[2] if isinstance(path, str) else None


def _taken_silently(
    history: History, request: Fact, answer: Fact, method: str, on_file: Fact, held: Fact
) -> Iterable[Finding]:
    """The only usable one, while something is in force: refused, or taken with a word (CONTRACT leaves open which)."""
    usable = [name for name, one in by_id(on_file).items() if one.get("valid") is True]
    in_force = [one for one in objects(held) if one.get("state") in _IN_FORCE]
    if usable != [method] or not in_force or member(answer, "messages"):
        return
    after = first_after(history, "payment_methods", answer.time_us)
    if by_id(after).get(method, {}).get("valid") is True:
        return  # it is still there, which `_still_there` has a word about
    proof = (
        f"At {clock(request.time_us)} {method} was the only usable payment method on file, and "
        f"{listed(one.get('id') for one in in_force)} {'were' if len(in_force) > 1 else 'was'} in force "
        f"({money(_prices(in_force))} a period). Its removal was answered at {clock(answer.time_us)} with "
        f"{answer.status} and not a word: the next renewal has nothing to be charged to, and nobody was told."
    )
    yield PROPERTY.finding(
        history, "inline", answer.time_us, proof, [on_file, held, request, answer, after], max(_prices(in_force), 1)
    )


def _prices(subscriptions: Iterable[Object]) -> int:
    prices = [one.get("price") for one in subscriptions]
    return sum(price for price in prices if type(price) is int)


def _still_there(history: History, answer: Fact, method: str) -> Iterable[Finding]:
    """Deleted payment methods are not listed (CONTRACT, "Fixed here"), whatever event comes late."""
    for listing in (first_after(history, "payment_methods", answer.time_us), _last_listing(history)):
        if listing is None or listing.time_us < answer.time_us or method not in by_id(listing):
            continue
        if _added_again(history, method, answer.time_us):
            continue
        proof = (
            f"The removal of {method} was answered with {answer.status} at {clock(answer.time_us)}, but at "
            f"{clock(listing.time_us)} it was still listed, or again: what a customer takes off file is off file."
        )
        yield PROPERTY.finding(history, "inline", listing.time_us, proof, [answer, listing])
        return


def _last_listing(history: History) -> Fact | None:
    return last_before(history, "payment_methods", history.ended_us)


def _added_again(history: History, method: str, since_us: int) -> bool:
    for fact in history.of("request"):
        body = member(fact, "body")
        if fact.time_us >= since_us and hasattr(body, "get") and body.get("payment_method_id") == method:
            return True
    return False


def _charged_afterwards(history: History, answer: Fact, method: str) -> Iterable[Finding]:
    for intent in history.intents.values():
        success = intent.success
        slack_us = LEDGER_SLACK_US if history.outside else 0
        if success is None or intent.is_set_up or intent.paid_with != method:
            continue
        if success.time_us <= answer.time_us + slack_us:
            continue
        proof = (
            f"{method} was removed at {clock(answer.time_us)}, and {intent.id} ({money(intent.amount_minor)}) was "
            f"charged to it at {clock(success.time_us)}."
        )
        yield PROPERTY.finding(
            history, "inline", success.time_us, proof, [answer, success], max(intent.amount_minor or 0, 1)
        )


def _purchases_lost(history: History, request: Fact, answer: Fact, method: str) -> Iterable[Finding]:
    """A purchase that waits for its customer can still be paid: neither its intent nor its lines end by a removal."""
    for intent in history.intents.values():
        if _waited(intent, request.time_us) and _cancelled_by(history, intent, request, answer):
            proof = (
                f"{intent.id} ({money(intent.amount_minor)}) waited for the customer, who had its secret, when "
                f"{method} was removed at {clock(request.time_us)}; it was cancelled then, and cannot be paid any more."
            )
            facts = [request, answer, intent.canceled]
            yield PROPERTY.finding(history, "inline", request.time_us, proof, facts, max(intent.amount_minor or 0, 1))
    yield from _lines_ended(history, request, answer, method)


def _waited(intent: IntentTimeline, time_us: int) -> bool:
    known = [fact.time_us for fact in intent.secrets]
    return bool(known) and min(known) <= time_us and not intent.succeeded_by(time_us)


def _cancelled_by(history: History, intent: IntentTimeline, request: Fact, answer: Fact) -> bool:
    """Whether it was cancelled while the removal ran, and nothing else was asked for about then."""
    canceled = intent.canceled
    if canceled is None:
        return False
    slack_us = LEDGER_SLACK_US if history.outside else 0
    first_us, last_us = request.time_us - slack_us, answer.time_us + slack_us
    if not first_us <= canceled.time_us <= last_us or history.expired_with(intent):
        return False
    return not written_between(history, first_us, last_us, request.subject)


def _lines_ended(history: History, request: Fact, answer: Fact, method: str) -> Iterable[Finding]:
    """What was in force or waited before is so afterwards."""
    before = last_before(history, "list_subscriptions", request.time_us)
    after = first_after(history, "list_subscriptions", answer.time_us)
    if before is None or after is None or member(answer, "messages"):
        return
    if written_between(history, before.time_us, after.time_us, request.subject):
        return
    later = by_id(after)
    for name, one in by_id(before).items():
        state, now = one.get("state"), later.get(name, {}).get("state", "no longer listed")
        if state not in (*_IN_FORCE, "AwaitingPayment") or now in (*_IN_FORCE, "AwaitingPayment"):
            continue
        timeline = history.subscription(name)
        if timeline is not None and any(history.expired_with(intent) for intent in timeline.intents):
            continue
        proof = (
            f"Subscription {name} was {state} at {clock(before.time_us)}; {method} was removed at "
            f"{clock(request.time_us)} (answered with {answer.status}), and at {clock(after.time_us)} it was {now}: "
            "nobody had asked for that."
        )
        yield PROPERTY.finding(history, "inline", after.time_us, proof, [before, request, answer, after])


PROPERTY = Property(
    id="pm-in-use-protected",
    tiers=("inline",),
    severity="major",
    title="A payment method in use is protected",
    statement=(
        "A payment method that a subscription depends on is not removed silently; removing one between a secret and "
        "its confirmation is safe."
    ),
    why=(
        "Without the gate nothing else notices that a paying account has nothing left to be charged to. It shows at "
        "the next renewal, as a debt or as a product that stops."
    ),
    evidence=(
        "`request` and `answer` of remove_payment_method; `snapshot` of payment methods and subscriptions before and "
        "after; `intent` for purchases that waited meanwhile. Customers of the library remove nothing: probes do."
    ),
    example="pm_1 was the only one on file and sub_1 was in force; its removal was answered 200, without a message.",
    magnitude="minor units a period of what depended on it",
    needs=("snapshot", "request"),
    function=judge,
)
