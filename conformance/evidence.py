"""Evidence: what each property must be able to read, where a deployment is seen from outside.

The simulated world and the mock tell their own facts (`exact`), and every property is judged by those. A real
deployment shows its answers, what GET operations say at the start and the end (`observed`), and Stripe's record
(`ledger`). What was read is in the facts themselves, kind `reading`, so that a stored run can be judged again.

A property is *not judged* where something is missing without which it could accuse somebody wrongly (`to_accuse`), and
is *not said to hold* where something is missing that could have shown a breach (`to_hold`). Both are inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from conformance.history import History
from conformance.subscription_timeline import CHANGES, SHOWS_PURCHASE

LIST: Final = "list_subscriptions"
ENTITLEMENTS: Final = "entitlements"
PAYMENT_METHODS: Final = "payment_methods"
BILLING_HISTORY: Final = "billing_history"
ZONES: Final = "zones"
LEDGER_OBJECTS: Final = "ledger"
LEDGER_EVENTS: Final = "ledger_events"
CLOCK: Final = "clock"
WEBHOOKS: Final = "webhooks"
STANDING: Final = "standing"
CONSUMERS: Final = "consumers"
ADMIN: Final = "admin"
ADMIN_TOKENS: Final = "admin_tokens"

FINAL_READINGS: Final = (
    LIST,
    ENTITLEMENTS,
    PAYMENT_METHODS,
    BILLING_HISTORY,
    ZONES,
    LEDGER_OBJECTS,
    LEDGER_EVENTS,
)
"""What is read when a customer has ended; each leaves a fact `reading`."""

CAPABILITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        LIST: "GET list_subscriptions at the start and the end",
        ENTITLEMENTS: "GET entitlements at the start and the end",
        PAYMENT_METHODS: "GET payment_methods at the start and the end",
        BILLING_HISTORY: "GET billing_history at the end",
        ZONES: "GET zones/{id} at the end",
        LEDGER_OBJECTS: "Stripe's intents, charges and refunds, read with a test-mode key",
        LEDGER_EVENTS: "Stripe's events of the last 30 days, read with the same key",
        CLOCK: "test support that moves the deployment's clock",
        WEBHOOKS: "an address to which events that are not Stripe's may be posted",
        STANDING: "accounts that can be made locked, banned or in debt",
        CONSUMERS: "a list of the declared consumers of 1210",
        ADMIN: "the administrators' operations (v3)",
        ADMIN_TOKENS: "the secret that administrators' tokens are signed with",
    }
)
"""What a target may be capable of, in words."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one property needs where there are no exact facts.

    `to_accuse`, `to_hold`: readings (see the module). `besides`: capabilities without which a run gives it nothing to
    check. `narrower`: capabilities without which it is judged, but not all of it, and what is left out then.
    `outside`: how it is judged. `blind`: what nobody outside can see, so that held does not speak of it; None: nothing.
    `concerns`: whether a history in which nothing could be judged was about it.
    """

    outside: str
    to_accuse: tuple[str, ...] = ()
    to_hold: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    narrower: tuple[tuple[str, str], ...] = ()
    blind: str | None = None
    concerns: Callable[[History], bool] = lambda history: bought(history)

    @property
    def needs(self) -> tuple[str, ...]:
        """The readings without which it is never said to hold."""
        return (*self.to_accuse, *self.to_hold)


@dataclass(frozen=True, slots=True)
class Foretold:
    """What can come of a property on a target, before anything has run.

    `reason`: what is missing, in words, and what that means; None where nothing is.
    """

    property: str
    possible: Literal["any", "violated or inconclusive", "inconclusive"]
    reason: str | None
    blind: str | None


def foretell(capabilities: Collection[str]) -> tuple[Foretold, ...]:
    """What can come of each property on a target that is seen from outside with these capabilities.

    Raises ValueError for a capability that does not exist.
    """
    unknown = sorted(set(capabilities) - CAPABILITIES.keys())
    if unknown:
        raise ValueError(f"no capability {unknown[0]!r}: expected some of {', '.join(CAPABILITIES)}")
    return tuple(_foretold(name, evidence, capabilities) for name, evidence in EVIDENCE.items())


def _foretold(name: str, evidence: Evidence, capabilities: Collection[str]) -> Foretold:
    barred = [one for one in (*evidence.to_accuse, *evidence.besides) if one not in capabilities]
    if barred:
        return Foretold(name, "inconclusive", _without(barred), evidence.blind)
    unproven = [one for one in evidence.to_hold if one not in capabilities]
    if unproven:
        return Foretold(name, "violated or inconclusive", _without(unproven), evidence.blind)
    left_out = [f"without {CAPABILITIES[one]}: {what}" for one, what in evidence.narrower if one not in capabilities]
    return Foretold(name, "any", "; ".join(left_out) or None, evidence.blind)


def _without(missing: list[str]) -> str:
    return "without " + ", and without ".join(CAPABILITIES[one] for one in missing)


def lacking(history: History, readings: Collection[str]) -> str | None:
    """Why a history seen from outside does not have all of these readings; None if it has."""
    for name in readings:
        if not history.read(name):
            return f"{name} was not read: {history.why_unread(name)}"
    return None


def bought(history: History) -> bool:
    """Whether somebody tried to buy or to change something, and was not refused."""
    return any(
        exchange.operation in SHOWS_PURCHASE or exchange.operation in CHANGES
        for exchange in history.exchanges.values()
        if exchange.answer is None or exchange.answer.state != "refused"
    )


def _never(_: History) -> bool:
    return False


def _changed(history: History) -> bool:
    return any(exchange.operation in CHANGES for exchange in history.exchanges.values())


def _several_secrets(history: History) -> bool:
    return len({fact.subject for fact in history.of("secret")}) > 1


def _redirected(history: History) -> bool:
    return bool(history.of("redirect"))


def _by_paypal(history: History) -> bool:
    return _redirected(history) or any(
        fact.detail is not None and fact.detail.get("pm_on_file") == "paypal" for fact in history.of("attempt")
    )


def _moved_zones(history: History) -> bool:
    return any(fact.operation in ("create_zone", "patch_zone") for fact in history.of("request"))


EVIDENCE: Final[Mapping[str, Evidence]] = MappingProxyType(
    {
        "no-entitlement-without-payment": Evidence(
            outside=(
                "Entitlements as answers show them, and as read at the end with `activated_on`, against what Stripe "
                "says succeeded for the same subscription, two seconds allowed for clocks."
            ),
            to_accuse=(LEDGER_OBJECTS,),
            to_hold=(LIST, ENTITLEMENTS, LEDGER_EVENTS),
            blind=(
                "what was granted less than two seconds too early; what was granted and taken back before anybody "
                "looked; the order in time where a deployment tells no `activated_on`"
            ),
        ),
        "confirm-before-commit": Evidence(
            outside="Every Paid or Provisioned in answers and at the end, against what Stripe says succeeded by then.",
            to_accuse=(LEDGER_OBJECTS,),
            to_hold=(LIST, LEDGER_EVENTS),
            blind="states that no answer showed, and those shown less than two seconds too early",
        ),
        "no-rollback": Evidence(
            outside=(
                "A subscription that an answer showed in force, and that a later list or the end shows waiting or "
                "ended, although nobody cancelled it; an entitlement that a probe read as active before a decline, and "
                "as inactive after it."
            ),
            to_hold=(LIST, ENTITLEMENTS),
            blind="rollbacks of what no answer ever showed as in force",
        ),
        "payment-leads-to-entitlement": Evidence(
            outside=(
                "Successes at Stripe whose event was delivered a minute before the end, against the entitlements at "
                "the end; `activated_on` tells whether it was in time."
            ),
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
            blind="an entitlement that was lost and came back between two looks",
        ),
        "charged-once": Evidence(
            outside="Stripe's intents by `subscription_ids`, with the moments of its events; attempts for decisions.",
            to_accuse=(LEDGER_OBJECTS,),
            to_hold=(LIST, LEDGER_EVENTS),
            blind="two intents that could both be paid for less than a second",
        ),
        "provisioned-once": Evidence(
            outside=(
                "A state that goes back from one answer to a later list; an entitlement seen active and activated "
                "again since; more paid invoices than payments."
            ),
            to_hold=(LIST, ENTITLEMENTS, BILLING_HISTORY, LEDGER_EVENTS),
            blind="effects of an event that nothing in an answer shows",
        ),
        "amounts-agree": Evidence(
            outside="Prices in answers against what Stripe's intents ask for, collected and gave back.",
            to_accuse=(LEDGER_OBJECTS,),
            to_hold=(LIST, LEDGER_EVENTS),
        ),
        "stores-agree": Evidence(
            outside="Subscriptions, entitlements and Stripe's intents as read at the end.",
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
        ),
        "abandoned-grants-nothing": Evidence(
            outside=(
                "Unpaid purchases that are more than 23 hours old at the end: their states, entitlements, intents and "
                "refunds. Without a clock that can be moved the end must be read a day later."
            ),
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
            narrower=((CLOCK, "what is unpaid stays undecided, unless the run goes on for a day"),),
            blind="the moment of expiry: only that it was too early, or has not come",
        ),
        "failed-payment-can-be-retried": Evidence(
            outside="Declines as the customer met them and as Stripe has them, and what became of intent and purchase.",
            to_hold=(LEDGER_OBJECTS, LIST, ENTITLEMENTS, LEDGER_EVENTS),
            concerns=_never,
        ),
        "update-keeps-old-plan": Evidence(
            outside="Lists, entitlements and the end, while Stripe has the change's intent as unpaid.",
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
            blind="a plan that changed and changed back, or changed too early and was paid, between two looks",
            concerns=_changed,
        ),
        "zero-due-sets-up": Evidence(
            outside="Secrets in answers in which nothing was due, and the amounts of Stripe's intents.",
            to_hold=(LEDGER_OBJECTS, LIST),
            concerns=_never,
        ),
        "no-pm-gate-rejections": Evidence(
            outside=(
                "Answers of the six operations; Stripe's events tell whether an answer without a secret left the "
                "customer no way to pay. A 500 accuses only where the same request, with its key, answered so at least "
                "three times in a minute or more, reads worked in between, and it worked with a card in it."
            ),
            to_hold=(LEDGER_OBJECTS, LEDGER_EVENTS),
            concerns=_never,
        ),
        "gate-as-configured": Evidence(
            outside=(
                "Answers of the six operations against the phase and the payment method that the account was made "
                "with; the end tells what a refused purchase left behind."
            ),
            to_hold=(LIST, LEDGER_OBJECTS),
            blind="what a refused request made, where the customer then bought the same after all",
            concerns=_never,
        ),
        "gate-code-means-gate": Evidence(
            outside="Codes and statuses in answers; Stripe's charges tell of cards refused meanwhile.",
            to_hold=(LEDGER_OBJECTS,),
            concerns=_never,
        ),
        "other-refusals-survive": Evidence(
            outside="Codes and statuses in answers; the standing is the one that the account was made with.",
            narrower=((STANDING, "debts, locks and bans are not tried"),),
            concerns=_never,
        ),
        "secret-usable": Evidence(
            outside="The form of each secret, and its intent at Stripe: there, alive when asked for, of this account.",
            to_hold=(LEDGER_OBJECTS, LEDGER_EVENTS),
            blind="an intent that was cancelled less than two seconds before its secret was asked for",
            concerns=_never,
        ),
        "off-session-told": Evidence(
            outside="Answers to callers without a customer; Stripe's events tell which purchases needed one.",
            to_hold=(LEDGER_OBJECTS, LEDGER_EVENTS),
            concerns=_never,
        ),
        "consumers-known": Evidence(
            outside="Answers with a 1210, against the declared list.",
            narrower=((CONSUMERS, "whoever meets a 1210 leaves it undecided"),),
            concerns=_never,
        ),
        "old-frontend-survives": Evidence(
            outside="How attempts end, and what is granted at the end against what Stripe says is paid.",
            to_hold=(LIST, ENTITLEMENTS, LEDGER_OBJECTS),
            concerns=_never,
        ),
        "webhook-authentic": Evidence(
            outside=(
                "How deliveries that Stripe never sent are answered, and what the account's own readings show before "
                "and after a probe's. What others change shows in other properties."
            ),
            besides=(WEBHOOKS,),
            blind="what a refused event changes and no reading shows",
            concerns=_never,
        ),
        "webhook-eventually-applied": Evidence(
            outside="Successes whose event Stripe delivered a minute before the end or earlier, against that end.",
            to_accuse=(LEDGER_OBJECTS, LEDGER_EVENTS, LIST),
            to_hold=(ENTITLEMENTS,),
            blind="deliveries one by one: nobody is accused while Stripe still tries",
        ),
        "redirect-never-returns": Evidence(
            outside="How the customer's journey ended, Stripe's events of its intent, and the end.",
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
            concerns=_redirected,
        ),
        "accounts-isolated": Evidence(
            outside="Refusals of what is another account's, and both accounts by their own reading: as from inside.",
            blind="what was shown or changed and is in no answer and no reading",
            concerns=_never,
        ),
        "admin-authenticated": Evidence(
            outside="Refusals of tokens that are none, and the account by its own readings: as from inside.",
            besides=(ADMIN,),
            narrower=(
                (ADMIN_TOKENS, "only tokens of other makers are tried, and nothing shows that a valid one would do"),
            ),
            blind="what was changed and is in no answer and no reading",
            concerns=_never,
        ),
        "admin-grants-only-what-is-paid": Evidence(
            outside="What readings show as granted since an administrator's operation, against Stripe's intents.",
            to_accuse=(LEDGER_OBJECTS,),
            to_hold=(LIST, ENTITLEMENTS, LEDGER_EVENTS),
            besides=(ADMIN, ADMIN_TOKENS),
            blind="what was granted and taken back before anybody looked",
            concerns=_never,
        ),
        "secrets-stay-secret": Evidence(
            outside="Answers, as they are inspected: as from inside.",
            blind="secrets in a form that nobody knows, and those in logs and metrics of the deployment",
            concerns=_never,
        ),
        "card-data-stays-out": Evidence(
            outside="Requests, their answers and what is read afterwards: as from inside.",
            blind="numbers that were kept and are never shown",
            concerns=_never,
        ),
        "bad-input-refused": Evidence(
            outside=(
                "Answers to what does not fit; what the account's own readings before and after have between them, and "
                "Stripe's intents of that time."
            ),
            to_hold=(LEDGER_OBJECTS,),
            blind="what was made and undone again before anybody read it, and left no trace at Stripe",
            concerns=_never,
        ),
        "idempotency-honoured": Evidence(
            outside="Requests with the same key, and their answers: as from inside.", concerns=_never
        ),
        "envelope-conforms": Evidence(
            outside="The form of every answer that was inspected: as from inside.", concerns=_never
        ),
        "rate-limit-told": Evidence(
            outside="Answers with 429, and what becomes of a purchase that met one: as from inside.", concerns=_never
        ),
        "cart-conserved": Evidence(
            outside="Lines in carts, in answers and at the end; Stripe's `subscription_ids` for those behind a secret.",
            to_hold=(LEDGER_OBJECTS, LIST, ENTITLEMENTS, LEDGER_EVENTS),
            concerns=_never,
        ),
        "batch-is-atomic": Evidence(
            outside=(
                "Answers to batches, those with a bad line among them; the account's readings before and after, and "
                "Stripe's intents of that time."
            ),
            to_hold=(LEDGER_OBJECTS,),
            blind="a part of a refused batch that was made and undone again before anybody read it",
            concerns=_never,
        ),
        "each-secret-settled": Evidence(
            outside="Secrets by attempt, Stripe's intents and charges, and the end.",
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
            concerns=_several_secrets,
        ),
        "zone-activated": Evidence(
            outside="Accepted moves of a zone, and the zone at the end, against the payment of its plan.",
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS, ZONES),
            to_hold=(LEDGER_EVENTS,),
            blind="a zone that moved on by itself before its plan was paid, and was paid after all",
            concerns=_moved_zones,
        ),
        "pm-saved-as-side-effect": Evidence(
            outside="The payment method of each success, as Stripe's events name it, against the methods at the end.",
            to_accuse=(LEDGER_OBJECTS, LEDGER_EVENTS, LIST, PAYMENT_METHODS),
        ),
        "pm-in-use-protected": Evidence(
            outside="Removals and the lists that a probe reads before and after; Stripe's events of what waited.",
            to_hold=(LEDGER_OBJECTS, LEDGER_EVENTS),
            blind="a removal by another way than the operation: at Stripe, or by support",
            concerns=_never,
        ),
        "bad-debt-isolated": Evidence(
            outside=(
                "Payments of debts, the lists that a probe reads before and after, and what Stripe collected meanwhile."
            ),
            to_hold=(LEDGER_OBJECTS, LEDGER_EVENTS),
            besides=(STANDING,),
            blind="a charge that another operation makes at the same moment",
            concerns=_never,
        ),
        "history-truthful": Evidence(
            outside="Pages of the billing history as a probe reads them: as from inside.", concerns=_never
        ),
        "paypal-right-path": Evidence(
            outside="PayPal customers' answers, entitlements and the end, against what Stripe says was paid by when.",
            to_accuse=(LEDGER_OBJECTS, LIST, ENTITLEMENTS),
            to_hold=(LEDGER_EVENTS,),
            blind="what was granted less than two seconds before the money",
            concerns=_by_paypal,
        ),
        "conversion-counted-once": Evidence(outside="Attempts and outcomes: as from inside.", concerns=_never),
    }
)
"""Every property, in the order of the registry."""
