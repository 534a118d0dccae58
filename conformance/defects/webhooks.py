"""Defects of events: applied twice, out of order, not at all, or whoever sent them."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches
from sim.billing_webhooks import continuation, service
from sim.billing_webhooks.continuation import APPLIED, Continuation, Verdict
from sim.billing_webhooks.service import BillingWebhooks
from sim.messages import Answer, Request
from sim.store import Account
from sim.stripe.signature import SignatureError, sign, verify
from sim.subscriptions_api.envelope import NOT_FITTING, refusal
from sim.subscriptions_api.ledger import WEBHOOKS
from sim.subscriptions_api.rollback import ask_for_rollback
from sim.time import HOUR_US


def events_not_remembered(patch: Patches) -> None:
    """Events are not remembered, and a success is applied as often as it comes: each time with an invoice."""

    def make(original: Any) -> Any:
        def apply(self: Continuation, account: Account, event: Any) -> Any:
            account.seen_events.discard(event.id)
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "settled" and event.type == "payment_intent.succeeded":
                self._ledger.add_invoice(
                    account, purchase.amount_minor, "paid", purchase.subscription_ids, purchase.intent_id, WEBHOOKS
                )
                return APPLIED
            return original(self, account, event)

        return apply

    patch.wrap(Continuation, "apply", make)


def granted_again(patch: Patches) -> None:
    """A second success activates the entitlements once more."""

    def make(original: Any) -> Any:
        def apply(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "settled" and event.id in account.seen_events:
                for identifier in purchase.subscription_ids:
                    account.entitlements.pop(identifier, None)
                    self._ledger.activate(account, account.subscriptions[identifier], "payment", WEBHOOKS)
            return original(self, account, event)

        return apply

    patch.wrap(Continuation, "apply", make)


def state_reverted(patch: Patches) -> None:
    """A second delivery of the success sets the state to Paid, whatever it has become."""

    def make(original: Any) -> Any:
        def apply(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "settled" and event.id in account.seen_events:
                for identifier in purchase.subscription_ids:
                    subscription = account.subscriptions[identifier]
                    subscription.state = "Paid"
                    self._ledger._state(account, subscription, purchase.intent_id, WEBHOOKS)
            return original(self, account, event)

        return apply

    patch.wrap(Continuation, "apply", make)


def failure_after_success_undoes(patch: Patches) -> None:
    """A failure is applied without looking whether a later try has succeeded: what was granted is taken away."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.kind == "lines" and purchase.state == "settled":
                for identifier in purchase.subscription_ids:
                    subscription = account.subscriptions[identifier]
                    subscription.state = "AwaitingPayment"
                    self._ledger._state(account, subscription, purchase.intent_id, WEBHOOKS)
                    self._ledger.deactivate(account, subscription, "payment", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    patch.wrap(Continuation, "_failed", make)


def failure_cancels_intent(patch: Patches) -> None:
    """After a failed payment the intent is cancelled, so that its secret is of no use any more."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                yield from self._collection.end(account, purchase, "abandoned")
            return (yield from original(self, account, event))

        return failed

    patch.wrap(Continuation, "_failed", make)


def failure_ends_purchase(patch: Patches) -> None:
    """After a failed payment the subscription is cancelled."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                self._ledger.end(account, purchase, "Cancelled", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    patch.wrap(Continuation, "_failed", make)


def failure_ends_everything(patch: Patches) -> None:
    """A failed payment cancels the intents of everything else that waits for payment."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            mine = continuation._purchase_of(account, event)
            for purchase in list(account.open_purchases.values()):
                if purchase is not mine and (yield from self._collection.end(account, purchase, "abandoned")) == "gone":
                    self._ledger.end(account, purchase, "Cancelled", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    patch.wrap(Continuation, "_failed", make)


def failure_rolls_back(patch: Patches) -> None:
    """The old engine's rollback still runs when a payment fails."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                yield from ask_for_rollback(self._ledger, account, purchase, event.type, WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    patch.wrap(Continuation, "_failed", make)


def old_events_dropped(patch: Patches) -> None:
    """The success of an intent that was made more than an hour ago is acknowledged and not applied."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and self._ledger.clock.now_us - purchase.created_us > HOUR_US:
                return Verdict("ignored", "too old")
            return original(self, account, event)

        return succeeded

    patch.wrap(Continuation, "_succeeded", make)


def early_events_dropped(patch: Patches) -> None:
    """An event that cannot be applied yet, its intent not being known, is answered with 200 and dropped."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            if event.purchase_id and event.object_id not in account.intents:
                return Verdict("deferred", "its intent is not known yet")
            return original(self, account, event)

        return succeeded

    def handle(original: Any) -> Any:
        def handled(self: Any, request: Any) -> Any:
            answer = yield from original(self, request)
            return Answer(200, {"received": True}) if answer.status == 503 else answer

        return handled

    patch.wrap(Continuation, "_succeeded", make)
    patch.wrap(service.BillingWebhooks, "handle", handle)


def set_ups_ignored(patch: Patches) -> None:
    """Only successes of payments are handled, none of set-ups."""
    patch.wrap(
        Continuation,
        "concerns",
        lambda original: lambda self, event: original(self, event) and event.type != "setup_intent.succeeded",
    )


def paypal_needs_return(patch: Patches) -> None:
    """A redirect is completed where the customer comes back, and not by the event."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            if event.body.get("latest_charge") and (event.body.get("payment_method") or "").startswith("pm_"):
                return Verdict("ignored", "the customer completes it")
            return original(self, account, event)

        return succeeded

    patch.wrap(Continuation, "_succeeded", make)


def late_success_revives(patch: Patches) -> None:
    """A success that comes after its purchase has ended is granted."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "ended" and purchase.kind == "lines":
                for identifier in purchase.subscription_ids:
                    subscription = account.subscriptions[identifier]
                    subscription.state = "Provisioned"
                    self._ledger._state(account, subscription, purchase.intent_id, WEBHOOKS)
                    self._ledger.activate(account, subscription, "payment", WEBHOOKS)
                return APPLIED
            return original(self, account, event)

        return succeeded

    patch.wrap(Continuation, "_succeeded", make)


def signature_unchecked(patch: Patches) -> None:
    """Whoever sends an event is believed."""
    patch.replace(service, "verify", lambda payload, header, secret, now_s: now_s)


def signature_present_is_enough(patch: Patches) -> None:
    """A signature must be there and recent; whether it fits is not computed."""

    def lenient(payload: bytes, header: str | None, secret: str, now_s: int) -> int:
        if not header:
            raise SignatureError("the header Stripe-Signature is missing")
        signed_s = int(header.partition(",")[0].removeprefix("t="))
        if signed_s < now_s - 300:
            raise SignatureError("too old")
        return signed_s

    patch.replace(service, "verify", lenient)


def signature_age_unchecked(patch: Patches) -> None:
    """A signature is good for ever, so that an old delivery can be replayed."""
    patch.replace(
        service, "verify", lambda payload, header, secret, now_s: verify(payload, header, secret, now_s, 10**9)
    )


def tolerance_of_ten_minutes(patch: Patches) -> None:
    """Twice the tolerance: clocks were once found to be apart."""
    patch.replace(service, "verify", lambda payload, header, secret, now_s: verify(payload, header, secret, now_s, 600))


def old_scheme_accepted(patch: Patches) -> None:
    """A signature under any scheme will do, those that Stripe uses for tests alone included."""

    def lenient(payload: bytes, header: str | None, secret: str, now_s: int) -> int:
        return verify(payload, (header or "").replace("v0=", "v1="), secret, now_s)

    patch.replace(service, "verify", lenient)


def empty_key_accepted(patch: Patches) -> None:
    """A secret that is being rolled is empty for a while, and whoever signs with nothing is believed."""

    def lenient(payload: bytes, header: str | None, secret: str, now_s: int) -> int:
        try:
            return verify(payload, header, secret, now_s)
        except SignatureError:
            return verify(payload, header, "", now_s)

    patch.replace(service, "verify", lenient)


def applied_before_verified(patch: Patches) -> None:
    """The event is applied while its signature is being checked; the refusal comes too late."""

    def make(original: Any) -> Any:
        def handle(self: BillingWebhooks, request: Request) -> Any:
            payload = request.body
            if not isinstance(payload, bytes):
                return (yield from original(self, request))
            secret, now_s = self._config.webhook_secret, int(self._now_s())
            try:
                verify(payload, request.headers.get("stripe-signature"), secret, now_s)
            except SignatureError as error:
                believed = {"stripe-signature": sign(payload, secret, now_s)}
                yield from original(self, Request(request.method, request.path, payload, believed))
                return refusal(400, NOT_FITTING, f"body: {error}")
            return (yield from original(self, request))

        return handle

    patch.wrap(BillingWebhooks, "handle", make)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="event-applied-as-often-as-it-comes",
        title="Events are not remembered, and a success is applied as often as it comes: each time with an invoice.",
        plant=events_not_remembered,
        shown_by=("webhooks-duplicated",),
        finds=("provisioned-once",),
    ),
    Defect(
        name="granted-as-often-as-the-event-comes",
        title="A second success activates the entitlements once more.",
        plant=granted_again,
        shown_by=("webhooks-duplicated",),
        finds=("provisioned-once",),
    ),
    Defect(
        name="second-event-reverts-the-state",
        title="A second delivery of the success sets the state to Paid, whatever it has become.",
        plant=state_reverted,
        shown_by=("webhooks-duplicated",),
        finds=("provisioned-once", "stores-agree"),
        also=("webhook-eventually-applied", "cart-conserved", "amounts-agree"),
        unseen={"provisioned-once": "no list ever showed Provisioned"},
    ),
    Defect(
        name="late-failure-undoes-a-success",
        title="A failure is applied without looking whether a later try has succeeded: what was granted is taken away.",
        plant=failure_after_success_undoes,
        shown_by=("webhooks-reordered",),
        customers=60,
        finds=("no-rollback", "provisioned-once"),
        also=("payment-leads-to-entitlement", "stores-agree", "webhook-eventually-applied", "cart-conserved"),
        unseen={"provisioned-once": "a state that goes back to waiting may be a rollback"},
    ),
    Defect(
        name="failure-cancels-the-intent",
        title="After a failed payment the intent is cancelled, so that its secret is of no use any more.",
        plant=failure_cancels_intent,
        shown_by=("payment-failure-generic-decline",),
        finds=("failed-payment-can-be-retried",),
        also=("each-secret-settled", "redirect-never-returns"),
    ),
    Defect(
        name="failure-cancels-the-purchase",
        title="After a failed payment the subscription is cancelled.",
        plant=failure_ends_purchase,
        shown_by=("payment-failure-generic-decline",),
        finds=("failed-payment-can-be-retried",),
        also=("stores-agree", "charged-once", "webhook-eventually-applied"),
    ),
    Defect(
        name="failure-cancels-the-rest-of-the-cart",
        title="A failed payment cancels the intents of everything else that waits for payment.",
        plant=failure_ends_everything,
        shown_by=("several-secrets-one-refused",),
        finds=("each-secret-settled",),
        also=("failed-payment-can-be-retried",),
    ),
    Defect(
        name="failure-starts-a-rollback",
        title="The old engine's rollback still runs when a payment fails.",
        plant=failure_rolls_back,
        shown_by=("payment-failure-generic-decline",),
        finds=("no-rollback",),
        unseen={"no-rollback": "it undoes what was never granted, and leaves no trace in any answer"},
    ),
    Defect(
        name="events-an-hour-old-dropped",
        title="The success of an intent that was made more than an hour ago is acknowledged and not applied.",
        plant=old_events_dropped,
        shown_by=("webhooks-late",),
        finds=("webhook-eventually-applied", "payment-leads-to-entitlement"),
    ),
    Defect(
        name="deferral-answered-with-200-and-dropped",
        title="An event that cannot be applied yet, its intent not being known, is answered with 200 and dropped.",
        plant=early_events_dropped,
        shown_by=("stripe-slow",),
        customers=40,
        finds=("webhook-eventually-applied",),
        also=("payment-leads-to-entitlement",),
    ),
    Defect(
        name="set-ups-events-ignored",
        title="Only successes of payments are handled, none of set-ups.",
        plant=set_ups_ignored,
        shown_by=("nothing-due-now",),
        finds=("webhook-eventually-applied", "payment-leads-to-entitlement"),
        also=("paypal-right-path",),
    ),
    Defect(
        name="paypal-completed-only-by-coming-back",
        title="A redirect is completed where the customer comes back, and not by the event.",
        plant=paypal_needs_return,
        shown_by=("paypal-never-back",),
        finds=("redirect-never-returns", "paypal-right-path"),
        also=("payment-leads-to-entitlement", "webhook-eventually-applied"),
    ),
    Defect(
        name="late-success-revives-what-has-ended",
        title="A success that comes after its purchase has ended is granted.",
        plant=late_success_revives,
        shown_by=("webhooks-late",),
        customers=60,
        finds=("webhook-eventually-applied", "amounts-agree"),
        unseen={"webhook-eventually-applied": "no list ever showed Expired"},
    ),
    Defect(
        name="signature-not-checked",
        title="Whoever sends an event is believed.",
        plant=signature_unchecked,
        shown_by=("webhooks-forged",),
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        name="any-signature-accepted",
        title="A signature must be there and recent; whether it fits is not computed.",
        plant=signature_present_is_enough,
        shown_by=("webhooks-forged",),
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        name="age-of-signatures-not-checked",
        title="A signature is good for ever, so that an old delivery can be replayed.",
        plant=signature_age_unchecked,
        shown_by=("webhooks-forged",),
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        name="signatures-good-for-ten-minutes",
        title="A signature is good for ten minutes instead of five.",
        plant=tolerance_of_ten_minutes,
        shown_by=("events-that-stripe-never-sent",),
        customers=2,
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        name="signature-of-an-old-scheme-accepted",
        title="A signature under any scheme will do, those for tests alone included.",
        plant=old_scheme_accepted,
        shown_by=("events-that-stripe-never-sent",),
        customers=2,
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        name="signature-with-an-empty-secret-accepted",
        title="An event that was signed with an empty secret is believed.",
        plant=empty_key_accepted,
        shown_by=("events-that-stripe-never-sent",),
        customers=2,
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        name="event-applied-before-it-is-verified",
        title="An event is applied while its signature is checked; the 400 comes too late.",
        plant=applied_before_verified,
        shown_by=("events-that-stripe-never-sent",),
        customers=2,
        finds=("webhook-authentic",),
        also=("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
)
