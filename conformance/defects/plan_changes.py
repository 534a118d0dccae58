"""Defects of changes of plan."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.billing_webhooks.continuation import Continuation
from sim.store import Account, Purchase
from sim.subscriptions_api.ledger import API, WEBHOOKS, Ledger


def change_applied_at_once(operation: str) -> Plant:
    """A change of plan by one of the operations is in force before its difference is paid."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def waits(self: Ledger, account: Account, purchase: Purchase) -> None:
                original(self, account, purchase)
                if purchase.amount_minor and purchase.operation == operation:
                    self._put_in_force(account, purchase, "request", API)

            return waits

        patch.wrap(Ledger, "change_waits", make)

    return plant


def change_takes_old_plan(patch: Patches) -> None:
    """While a change of plan waits, the old plan is switched off."""

    def make(original: Any) -> Any:
        def waits(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            self.deactivate(account, account.subscriptions[purchase.subscription_ids[0]], "request", API)

        return waits

    patch.wrap(Ledger, "change_waits", make)


def price_changed_at_once(patch: Patches) -> None:
    """The new price counts from the request on, the new plan from the payment on."""

    def make(original: Any) -> Any:
        def waits(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            assert purchase.change is not None
            account.subscriptions[purchase.subscription_ids[0]].price_minor = purchase.change.price_minor

        return waits

    patch.wrap(Ledger, "change_waits", make)


def failed_change_drops_plan(patch: Patches) -> None:
    """A change of plan that expires unpaid takes the old plan with it."""

    def make(original: Any) -> Any:
        def end(self: Ledger, account: Account, purchase: Purchase, state: Any, actor: str) -> None:
            original(self, account, purchase, state, actor)
            if purchase.change is not None:
                self.cancel(account, account.subscriptions[purchase.subscription_ids[0]], actor)

        return end

    patch.wrap(Ledger, "end", make)


def declined_change_rolled_back(patch: Patches) -> None:
    """The old engine's rollback runs when the payment of a change fails: it takes away what it believes was granted."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = account.intents.get(event.object_id)
            if purchase is not None and purchase.state == "open" and purchase.change is not None:
                subscription = account.subscriptions[purchase.subscription_ids[0]]
                self._ledger.deactivate(account, subscription, "rollback", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    def make_applied(original: Any) -> Any:
        def apply(self: Ledger, account: Account, purchase: Purchase, because: str, actor: str) -> None:
            original(self, account, purchase, because, actor)
            self.activate(account, account.subscriptions[purchase.subscription_ids[0]], because, actor)

        return apply

    patch.wrap(Continuation, "_failed", make)
    patch.wrap(Ledger, "_apply_change", make_applied)


def paid_change_forgotten(patch: Patches) -> None:
    """A change of plan that is paid for never comes into force."""
    patch.replace(Ledger, "_apply_change", lambda self, account, purchase, because, actor: None)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="upgrade-in-force-before-it-is-paid",
        title="An upgrade is in force before its difference is paid.",
        plant=change_applied_at_once("update"),
        shown_by=("upgrade-only",),
        finds=("update-keeps-old-plan", "no-entitlement-without-payment"),
        also=("confirm-before-commit", "old-frontend-survives", "paypal-right-path"),
    ),
    Defect(
        name="addition-in-force-before-it-is-paid",
        title="An addition to a plan is in force before it is paid.",
        plant=change_applied_at_once("append"),
        shown_by=("watchful-upgrades", "change-watched"),
        finds=("update-keeps-old-plan",),
    ),
    Defect(
        name="old-plan-off-while-the-upgrade-waits",
        title="While a change of plan waits, the old plan is switched off.",
        plant=change_takes_old_plan,
        shown_by=("watchful-upgrades", "change-watched"),
        finds=("update-keeps-old-plan",),
        also=("stores-agree", "payment-leads-to-entitlement", "paypal-right-path"),
    ),
    Defect(
        name="new-price-in-force-before-the-upgrade",
        title="The new price counts from the request on, the new plan from the payment on.",
        plant=price_changed_at_once,
        shown_by=("upgrade-only",),
        phase=2,
        finds=("update-keeps-old-plan",),
    ),
    Defect(
        name="failed-upgrade-drops-the-old-plan",
        title="A change of plan that expires unpaid takes the old plan with it.",
        plant=failed_change_drops_plan,
        shown_by=("upgrade-only",),
        phase=2,
        finds=("update-keeps-old-plan",),
        also=("no-rollback",),
    ),
    Defect(
        name="declined-change-takes-the-old-plan-off",
        title="A declined payment for a change of plan takes the old plan off until the change is paid.",
        plant=declined_change_rolled_back,
        shown_by=("change-watched",),
        finds=("no-rollback", "update-keeps-old-plan"),
    ),
    Defect(
        name="paid-upgrade-never-in-force",
        title="A change of plan that is paid for never comes into force.",
        plant=paid_change_forgotten,
        shown_by=("upgrade-only",),
        finds=("payment-leads-to-entitlement",),
        also=("webhook-eventually-applied",),
    ),
)
