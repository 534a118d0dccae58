"""Defects of granting: too early, too late, something else, or not at all."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.backend import BackendConfig
from sim.billing_webhooks import continuation, service
from sim.billing_webhooks.continuation import Continuation
from sim.effects import Spawn
from sim.messages import Answer
from sim.store import Account, Purchase
from sim.stripe.signature import verify
from sim.subscriptions_api import purchases
from sim.subscriptions_api.collection import NEEDS_CUSTOMER
from sim.subscriptions_api.ledger import API, WEBHOOKS, Ledger
from sim.subscriptions_api.purchases import Purchases
from sim.time import MINUTE_US


def regime_is(regime: str) -> Plant:
    """Another engine than the one that was announced is at work."""

    def plant(patch: Patches) -> None:
        def change(original: Any) -> Any:
            def changed(self: BackendConfig, *args: Any, **settings: Any) -> None:
                original(self, *args, **settings)
                self.regime = regime  # type: ignore[assignment]

            return changed

        patch.wrap(BackendConfig, "change", change)

    return plant


def granted_while_challenged(patch: Patches) -> None:
    """`requires_action` is taken for success."""

    def make(original: Any) -> Any:
        def collect(self: Purchases, account: Account, purchase: Purchase, chosen: Any, on_session: bool) -> Any:
            outcome = yield from original(self, account, purchase, chosen, on_session)
            if outcome == NEEDS_CUSTOMER and chosen is not None:
                secret = purchase.client_secret
                self._ledger.settle(account, purchase, "payment", API)
                purchase.client_secret = secret
            return outcome

        return collect

    patch.wrap(Purchases, "_collect_and_keep", make)


def failure_taken_for_success(patch: Patches) -> None:
    """Any event about a payment is taken for its success."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                self._ledger.settle(account, purchase, "payment", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    patch.wrap(Continuation, "_failed", make)


def granted_at_creation(patch: Patches) -> None:
    """The entitlement is made together with the subscription."""

    def make(original: Any) -> Any:
        def await_payment(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            for identifier in purchase.subscription_ids:
                self.activate(account, account.subscriptions[identifier], "request", API)

        return await_payment

    patch.wrap(Ledger, "await_payment", make)


def shown_as(state: str) -> Plant:
    """The answer to a purchase shows its subscriptions in that state, whatever they are in."""

    def plant(patch: Patches) -> None:
        patch.wrap(
            purchases,
            "_shown",
            lambda original: lambda account, purchase: [{**one, "state": state} for one in original(account, purchase)],
        )

    return plant


def activation_forgotten(patch: Patches) -> None:
    """A subscription becomes Provisioned without its entitlement."""

    def make(original: Any) -> Any:
        def activate(self: Ledger, account: Account, subscription: Any, because: str, actor: str) -> None:
            if because == "provisioned_at_start":
                original(self, account, subscription, because, actor)

        return activate

    patch.wrap(Ledger, "activate", make)


def wrong_feature(patch: Patches) -> None:
    """What is granted is not what was bought."""

    def make(original: Any) -> Any:
        def activate(self: Ledger, account: Account, subscription: Any, because: str, actor: str) -> None:
            plan = subscription.rate_plan
            if because != "provisioned_at_start":
                subscription.rate_plan = "pages"
            original(self, account, subscription, because, actor)
            subscription.rate_plan = plan

        return activate

    patch.wrap(Ledger, "activate", make)


def first_line_alone_granted(patch: Patches) -> None:
    """Of a cart that was paid only the first line is provisioned."""

    def make(original: Any) -> Any:
        def settle(self: Ledger, account: Account, purchase: Purchase, because: str, actor: str) -> None:
            identifiers = purchase.subscription_ids
            purchase.subscription_ids = identifiers[:1]
            original(self, account, purchase, because, actor)
            purchase.subscription_ids = identifiers

        return settle

    patch.wrap(Ledger, "settle", make)


def provisioned_late(patch: Patches) -> None:
    """An event is acknowledged at once and applied ten minutes later."""

    def make(original: Any) -> Any:
        def handle(self: Any, request: Any) -> Any:
            yield Spawn(original(self, request), 10 * MINUTE_US)
            return Answer(200, {"received": True})

        return handle

    def never_stale(payload: bytes, header: str | None, secret: str, now_s: int) -> int:
        return verify(payload, header, secret, now_s, 3600)

    patch.wrap(service.BillingWebhooks, "handle", make)
    patch.replace(service, "verify", never_stale)


def nothing_due_left_waiting(patch: Patches) -> None:
    """A purchase of nothing with a payment method on file waits for a payment that nobody will make."""

    def waits(self: Purchases, account: Account, purchase: Purchase, new: bool) -> Any:
        if new:
            yield self._keep(account, purchase)

    patch.replace(Purchases, "_nothing_to_collect", waits)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="old-engine-at-work",
        title="The old engine is at work although the new one was announced: granted first, undone if not paid.",
        plant=regime_is("legacy"),
        shown_by=("missing-payment-method",),
        finds=("no-entitlement-without-payment", "confirm-before-commit", "no-rollback"),
        also=(
            "cart-conserved",
            "failed-payment-can-be-retried",
            "off-session-told",
            "old-frontend-survives",
            "stores-agree",
            "update-keeps-old-plan",
            "zone-activated",
            "paypal-right-path",
        ),
    ),
    Defect(
        name="act-1-at-work-under-failing-handlers",
        title="The engine of Act 1 is at work although the new one was announced: an event that fails is lost.",
        plant=regime_is("act-1"),
        shown_by=("continuation-under-the-same-faults",),
        phase=2,
        customers=40,
        finds=("webhook-eventually-applied", "payment-leads-to-entitlement"),
        also=("amounts-agree", "stores-agree", "cart-conserved", "zone-activated"),
    ),
    Defect(
        name="requires-action-taken-for-success",
        title="`requires_action` is taken for success.",
        plant=granted_while_challenged,
        shown_by=("three-d-secure-abandoned",),
        phase=2,
        finds=("no-entitlement-without-payment",),
        also=(
            "confirm-before-commit",
            "stores-agree",
            "old-frontend-survives",
            "cart-conserved",
            "charged-once",
            "failed-payment-can-be-retried",
            "off-session-told",
            "update-keeps-old-plan",
            "zone-activated",
        ),
    ),
    Defect(
        name="failure-taken-for-success",
        title="Any event about a payment is taken for its success.",
        plant=failure_taken_for_success,
        shown_by=("payment-failure-generic-decline",),
        finds=("no-entitlement-without-payment", "failed-payment-can-be-retried"),
        also=(
            "confirm-before-commit",
            "stores-agree",
            "charged-once",
            "old-frontend-survives",
            "update-keeps-old-plan",
            "zone-activated",
        ),
    ),
    Defect(
        name="granted-at-creation",
        title="The entitlement is made together with the subscription.",
        plant=granted_at_creation,
        shown_by=("missing-payment-method",),
        finds=("no-entitlement-without-payment",),
        also=(
            "stores-agree",
            "abandoned-grants-nothing",
            "cart-conserved",
            "failed-payment-can-be-retried",
            "old-frontend-survives",
            "zone-activated",
            "paypal-right-path",
        ),
    ),
    Defect(
        name="provisioned-shown-before-success",
        title="The answer to a purchase shows Provisioned before anything is paid.",
        plant=shown_as("Provisioned"),
        shown_by=("missing-payment-method",),
        finds=("confirm-before-commit",),
        also=("no-rollback", "off-session-told"),
    ),
    Defect(
        name="paid-shown-before-success",
        title="The answer to a purchase shows Paid before anything is paid.",
        plant=shown_as("Paid"),
        shown_by=("iapi-without-customer",),
        finds=("off-session-told", "confirm-before-commit"),
        also=("no-rollback",),
    ),
    Defect(
        name="provisioned-without-an-entitlement",
        title="A subscription becomes Provisioned without its entitlement.",
        plant=activation_forgotten,
        shown_by=("missing-payment-method",),
        finds=("payment-leads-to-entitlement", "stores-agree"),
        also=("cart-conserved", "each-secret-settled", "redirect-never-returns", "zone-activated", "paypal-right-path"),
    ),
    Defect(
        name="another-product-granted",
        title="What is granted is not what was bought.",
        plant=wrong_feature,
        shown_by=("missing-payment-method",),
        finds=("stores-agree",),
    ),
    Defect(
        name="only-the-first-line-granted",
        title="Of a cart that was paid only the first line is provisioned.",
        plant=first_line_alone_granted,
        shown_by=("double-submit",),
        finds=("payment-leads-to-entitlement", "cart-conserved"),
        also=(
            "amounts-agree",
            "stores-agree",
            "webhook-eventually-applied",
            "each-secret-settled",
            "zero-due-sets-up",
            "paypal-right-path",
        ),
    ),
    Defect(
        name="granted-ten-minutes-late",
        title="An event is acknowledged at once and applied ten minutes later.",
        plant=provisioned_late,
        shown_by=("missing-payment-method",),
        finds=("payment-leads-to-entitlement",),
        also=("webhook-authentic",),
    ),
    Defect(
        name="nothing-due-left-waiting",
        title="A purchase of nothing with a payment method on file waits for a payment that nobody will make.",
        plant=nothing_due_left_waiting,
        shown_by=("nothing-due-now",),
        finds=("zero-due-sets-up",),
    ),
)
