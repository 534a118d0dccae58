"""How the state of an account changes, and the facts that say so.

Everything that grants, takes away or puts on file goes through here, whoever causes it: the API in a request, the
webhook when an event arrives, or an administrator. `actor` is that service's name.
"""

from __future__ import annotations

from typing import Any, Final

from sim.facts import EXACT, Journal
from sim.store import Account, AccountPaymentMethod, EntitlementRow, Invoice, Purchase, State, Subscription
from sim.time import Clock

API: Final = "subscriptions-api"
WEBHOOKS: Final = "billing-webhooks"


class Ledger:
    """The account's books; one for all services of a deployment."""

    __slots__ = ("clock", "note")

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock = clock
        self.note = journal.note

    # --- subscriptions -------------------------------------------------------------------------------------------

    def await_payment(self, account: Account, purchase: Purchase) -> None:
        """The purchase's lines exist and wait for money."""
        for subscription_id in purchase.subscription_ids:
            subscription = account.subscriptions[subscription_id]
            subscription.detail = _subscription_detail(subscription, purchase)
            self._state(account, subscription, purchase.intent_id, API)

    def settle(self, account: Account, purchase: Purchase, because: str, actor: str) -> None:
        """The purchase is paid (or set up, or nothing was due): grant what it is for, once."""
        purchase.state = "settled"
        purchase.client_secret = None
        purchase.pending_body = None
        if purchase.paid_with is not None:
            self.put_on_file(account, purchase.paid_with, None, actor)
        del account.open_purchases[purchase.id]
        if purchase.kind == "lines":
            for subscription_id in purchase.subscription_ids:
                self._provision(account, account.subscriptions[subscription_id], purchase, because, actor)
        elif purchase.kind == "change":
            self._apply_change(account, purchase, because, actor)
        else:
            self._resolve_debt(account, purchase, actor)
            return
        if purchase.intent_kind == "payment":
            intent_id = purchase.intent_id
            amount_minor = purchase.amount_minor
            if purchase.refunds:
                amount_minor -= purchase.refunds.get(intent_id or "", 0)
            self.add_invoice(account, amount_minor, "paid", purchase.subscription_ids, intent_id, actor)

    def grant_unpaid(self, account: Account, purchase: Purchase) -> None:
        """`legacy`: grant first, charge afterwards."""
        purchase.granted = True
        if purchase.change is not None:
            self._put_in_force(account, purchase, "request", API)
            return
        for subscription_id in purchase.subscription_ids:
            subscription = account.subscriptions[subscription_id]
            subscription.state = "Provisioned"
            self._state(account, subscription, purchase.intent_id, API)
            self.activate(account, subscription, "request", API)

    def take_back(self, account: Account, purchase: Purchase, actor: str, because: str = "rollback") -> None:
        """`legacy`: undo what was granted before it was paid."""
        purchase.granted = False
        if purchase.change is not None:
            self._restore(account, purchase, because, actor)
            return
        for subscription_id in purchase.subscription_ids:
            subscription = account.subscriptions[subscription_id]
            if subscription.state in ("Paid", "Provisioned"):
                subscription.state = "AwaitingPayment"
                self._state(account, subscription, purchase.intent_id, actor)
            self.deactivate(account, subscription, because, actor, keep_row=False)

    def end(self, account: Account, purchase: Purchase, state: State, actor: str) -> None:
        """The purchase comes to nothing: its lines are `Expired` or `Cancelled`, its change does not happen."""
        if purchase.granted:
            self.take_back(account, purchase, actor)
        purchase.state = "ended"
        purchase.client_secret = None
        del account.open_purchases[purchase.id]
        if purchase.kind == "lines":
            for subscription_id in purchase.subscription_ids:
                subscription = account.subscriptions[subscription_id]
                if subscription.state == "AwaitingPayment":
                    subscription.state = state
                    self._state(account, subscription, purchase.intent_id, actor)
        elif purchase.change is not None:
            subscription = account.subscriptions[purchase.subscription_ids[0]]
            self.plan(account, subscription, purchase.intent_id, "change_ended", actor)

    def rollback_fact(self, account: Account, purchase: Purchase, state: str, why: str, actor: str) -> None:
        """Note that what was granted before it was paid is undone, or could not be."""
        for subscription_id in purchase.subscription_ids:
            self.note(
                account.id,
                EXACT,
                actor,
                "rollback",
                subscription_id,
                purchase.intent_id,
                state=state,
                detail={"why": why},
            )

    def cancel(self, account: Account, subscription: Subscription, actor: str) -> None:
        """The customer gives a subscription up."""
        subscription.state = "Cancelled"
        self._state(account, subscription, None, actor)
        self.deactivate(account, subscription, "cancel", actor)

    def provision_at_start(self, account: Account, subscription: Subscription) -> None:
        """A subscription that the account is made with."""
        subscription.paid = True
        subscription.state = "Provisioned"
        subscription.detail = {**_subscription_detail(subscription, None), "at_start": True}
        self._state(account, subscription, None, API)
        self.plan(account, subscription, None, "in_force", API)
        self.activate(account, subscription, "provisioned_at_start", API)

    def plan(self, account: Account, subscription: Subscription, intent_id: str | None, state: str, actor: str) -> None:
        """Note the plan in force; `state`: `in_force`, or `change_applied` or `change_ended` for a change asked for."""
        detail: dict[str, Any] = {"rate_plan": subscription.rate_plan, "quantity": total_quantity(subscription)}
        if subscription.detail is not None and "at_start" in subscription.detail and state == "in_force":
            detail["at_start"] = True
        self.note(
            account.id,
            EXACT,
            actor,
            "plan",
            subscription.id,
            intent_id,
            None,
            state,
            None,
            None,
            subscription.price_minor,
            detail,
        )

    def _provision(
        self, account: Account, subscription: Subscription, purchase: Purchase, because: str, actor: str
    ) -> None:
        if subscription.state not in ("AwaitingPayment", "Provisioned"):
            return
        subscription.paid = True
        if subscription.state == "Provisioned":  # granted before it was paid
            return
        if because != "nothing_due":
            subscription.state = "Paid"
            self._state(account, subscription, purchase.intent_id, actor)
        subscription.state = "Provisioned"
        self._state(account, subscription, purchase.intent_id, actor)
        self.plan(account, subscription, purchase.intent_id, "in_force", actor)
        self.activate(account, subscription, because, actor)

    def _state(self, account: Account, subscription: Subscription, intent_id: str | None, actor: str) -> None:
        self.note(
            account.id,
            EXACT,
            actor,
            "subscription",
            subscription.id,
            intent_id,
            None,
            subscription.state,
            None,
            None,
            subscription.price_minor,
            subscription.detail,
        )

    # --- changes of plan -----------------------------------------------------------------------------------------

    def change_waits(self, account: Account, purchase: Purchase) -> None:
        """A change of plan waits for its difference; the plan in force stays as it is."""
        change = purchase.change
        assert change is not None
        subscription = account.subscriptions[purchase.subscription_ids[0]]
        self.note(
            account.id,
            EXACT,
            API,
            "plan",
            subscription.id,
            purchase.intent_id,
            purchase.operation,
            "change_waiting",
            amount_minor=subscription.price_minor,
            detail={
                "rate_plan": subscription.rate_plan,
                "coming_rate_plan": change.rate_plan,
                "coming_quantity": change.quantity,
                "coming_price": change.price_minor,
                "due": purchase.amount_minor,
                "purchase": purchase.id,
            },
        )

    def _apply_change(self, account: Account, purchase: Purchase, because: str, actor: str) -> None:
        change = purchase.change
        assert change is not None
        if change.before is None:
            self._put_in_force(account, purchase, because, actor)
        change.before = None

    def _put_in_force(self, account: Account, purchase: Purchase, because: str, actor: str) -> None:
        change = purchase.change
        assert change is not None
        subscription = account.subscriptions[purchase.subscription_ids[0]]
        change.before = (subscription.rate_plan, subscription.components, subscription.price_minor)
        self._set_plan(account, subscription, change.rate_plan, change.components, change.price_minor, because, actor)
        self.plan(account, subscription, purchase.intent_id, "change_applied", actor)

    def _restore(self, account: Account, purchase: Purchase, because: str, actor: str) -> None:
        change = purchase.change
        assert change is not None
        if change.before is not None:
            subscription = account.subscriptions[purchase.subscription_ids[0]]
            rate_plan, components, price_minor = change.before
            change.before = None
            self._set_plan(account, subscription, rate_plan, components, price_minor, because, actor)
            self.plan(account, subscription, purchase.intent_id, "in_force", actor)

    def _set_plan(
        self,
        account: Account,
        subscription: Subscription,
        rate_plan: str,
        components: dict[str, int] | None,
        price_minor: int,
        because: str,
        actor: str,
    ) -> None:
        moves = rate_plan != subscription.rate_plan
        if moves:
            self.deactivate(account, subscription, because, actor)
        subscription.rate_plan = rate_plan
        subscription.components = components
        subscription.price_minor = price_minor
        subscription.detail = {
            **(subscription.detail or {}),
            "rate_plan": rate_plan,
            "price": price_minor,
        }
        if moves:
            self.activate(account, subscription, because, actor)

    # --- entitlements --------------------------------------------------------------------------------------------

    def activate(self, account: Account, subscription: Subscription, because: str, actor: str) -> None:
        """Give what the subscription is for. Does nothing if it is given already."""
        row = account.entitlements.get(subscription.id)
        if row is not None and row.active and row.feature == subscription.rate_plan:
            return
        row = EntitlementRow(subscription.rate_plan, subscription.id, subscription.zone_id, self.clock.now_us)
        account.entitlements[subscription.id] = row
        self._entitlement(account, row, because, actor)

    def deactivate(
        self, account: Account, subscription: Subscription, because: str, actor: str, keep_row: bool = True
    ) -> None:
        """Take it away. Unpaid subscriptions have no row, so a rollback drops it."""
        row = account.entitlements.get(subscription.id)
        if row is None:
            return
        if row.active:
            row.active = False
            self._entitlement(account, row, because, actor)
        if not keep_row:
            del account.entitlements[subscription.id]

    def _entitlement(self, account: Account, row: EntitlementRow, because: str, actor: str) -> None:
        detail = {"feature": row.feature, "because": because}
        if row.zone_id is not None:
            detail["zone_id"] = row.zone_id
        self.note(
            account.id,
            EXACT,
            actor,
            "entitlement",
            row.subscription_id,
            None,
            None,
            "active" if row.active else "inactive",
            None,
            None,
            None,
            detail if because != "provisioned_at_start" else {**detail, "at_start": True},
        )

    # --- payment methods -----------------------------------------------------------------------------------------

    def put_on_file(
        self, account: Account, payment_method_id: str, kind: str | None, actor: str, at_start: bool = False
    ) -> AccountPaymentMethod | None:
        """A payment method of the customer at Stripe; the default only where there was none.

        None where it is gone for good: an event that comes late revives nothing.
        """
        if payment_method_id in account.gone_payment_methods:
            return None
        method = account.payment_methods.get(payment_method_id)
        if method is not None:
            method.type = method.type or kind
            return method
        method = AccountPaymentMethod(payment_method_id, kind)
        method.is_default = not any(other.is_default for other in account.payment_methods.values())
        account.payment_methods[payment_method_id] = method
        self.payment_method_fact(account, method, "on_file", actor, at_start)
        if method.is_default:
            self.payment_method_fact(account, method, "default", actor, at_start)
        return method

    def payment_method_fact(
        self, account: Account, method: AccountPaymentMethod, state: str, actor: str, at_start: bool = False
    ) -> None:
        """Note where a payment method stands."""
        detail: dict[str, Any] = {"type": method.type}
        if at_start:
            detail["at_start"] = True
        self.note(
            account.id,
            EXACT,
            actor,
            "account_payment_method",
            method.id,
            account.customer,
            None,
            state,
            None,
            None,
            None,
            detail,
        )

    # --- invoices ------------------------------------------------------------------------------------------------

    def _resolve_debt(self, account: Account, purchase: Purchase, actor: str) -> None:
        for invoice in account.invoices:
            if invoice.id == purchase.invoice_id:
                invoice.status = "bad_debt_resolved"
                invoice.intent_id = purchase.intent_id
                self.invoice_fact(account, invoice, actor)

    def add_invoice(
        self,
        account: Account,
        amount_minor: int,
        status: str,
        subscription_ids: list[str],
        intent_id: str | None,
        actor: str,
        at_start: bool = False,
    ) -> Invoice:
        """A new invoice: one for an intent, made when it is paid, or a debt that the account is made with."""
        number = len(account.invoices) + 1
        invoice = Invoice(
            f"i{account.prefix}-{number}",
            f"GF-{account.number:08d}-{number:04d}",
            amount_minor,
            self.clock.now_us,
            status,
            list(subscription_ids),
            intent_id,
        )
        account.invoices.append(invoice)
        self.invoice_fact(account, invoice, actor, at_start)
        return invoice

    def invoice_fact(self, account: Account, invoice: Invoice, actor: str, at_start: bool = False) -> None:
        """Note the state of an invoice."""
        detail: dict[str, Any] = {"subscription_ids": invoice.subscription_ids}
        if at_start:
            detail["at_start"] = True
        self.note(
            account.id,
            EXACT,
            actor,
            "invoice",
            invoice.id,
            invoice.intent_id,
            None,
            invoice.status,
            None,
            None,
            invoice.amount_minor,
            detail,
        )


def total_quantity(subscription: Subscription) -> int:
    """Units bought, appended ones included."""
    components = subscription.components
    return subscription.quantity + sum(components.values()) if components else subscription.quantity


def _subscription_detail(subscription: Subscription, purchase: Purchase | None) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "rate_plan": subscription.rate_plan,
        "frequency": subscription.frequency,
        "price": subscription.price_minor,
    }
    if subscription.zone_id is not None:
        detail["zone_id"] = subscription.zone_id
    if purchase is not None:
        detail["operation"] = purchase.operation
        detail["purchase"] = purchase.id
    return detail
