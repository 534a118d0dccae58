"""Defects of the account area: payment methods, debts, the billing history, PayPal."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.billing_webhooks.continuation import Continuation, Verdict
from sim.effects import Program
from sim.messages import Answer
from sim.store import IN_FORCE, Account, Invoice, Purchase
from sim.subscriptions_api import bad_debt, invoices, views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.bad_debt import BadDebt
from sim.subscriptions_api.collection import Collection
from sim.subscriptions_api.envelope import GATE, NOT_PAYABLE, Refusal
from sim.subscriptions_api.gate import refuse_if_blocked
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods
from sim.subscriptions_api.purchases import Purchases
from sim.time import HOUR_US

# --- payment methods -------------------------------------------------------------------------------------------------


def removed_whatever_depends_on_it(patches: Patches) -> None:
    """The gate was the only one who asked whether a payment method is needed: any is removed now."""
    patches.replace(PaymentMethods, "_is_needed", lambda self, account, method: False)


def expired_method_taken_for_a_spare(patches: Patches) -> None:
    """Whether another method is on file is asked, and not whether it can be used."""

    def needed(self: PaymentMethods, account: Account, method: Any) -> bool:
        if len(account.payment_methods) > 1:
            return False
        return any(subscription.state in IN_FORCE for subscription in account.subscriptions.values())

    patches.replace(PaymentMethods, "_is_needed", needed)


def removal_cancels_what_waits(patches: Patches) -> None:
    """Removing a payment method cancels every purchase that waits, whoever is about to pay it."""

    def make(original: Any) -> Any:
        def remove(self: PaymentMethods, account: Account, asked: Asked) -> Program[Answer]:
            answer: Answer = yield from original(self, account, asked)
            collection = Collection(self._calls)
            for purchase in list(account.open_purchases.values()):
                if (yield from collection.end(account, purchase, "abandoned")) == "gone":
                    self._ledger.end(account, purchase, "Cancelled", API)
            return answer

        return remove

    patches.wrap(PaymentMethods, "remove", make)


def removed_method_stays_listed(patches: Patches) -> None:
    """A payment method is detached at Stripe, and the account's own list keeps it."""

    def make(original: Any) -> Any:
        def remove(self: PaymentMethods, account: Account, asked: Asked) -> Program[Answer]:
            method = account.payment_methods.get(asked.identifier)
            answer: Answer = yield from original(self, account, asked)
            if method is not None:
                account.payment_methods[method.id] = method
            return answer

        return remove

    patches.wrap(PaymentMethods, "remove", make)


# --- debts -----------------------------------------------------------------------------------------------------------


def any_invoice_is_a_debt(patches: Patches) -> None:
    """Whatever invoice is named is charged: paid ones and resolved debts, too."""

    def debt_of(account: Account, invoice_id: str) -> Invoice:
        for invoice in account.invoices:
            if invoice.id == invoice_id:
                return invoice
        raise Refusal(409, NOT_PAYABLE, "no such invoice")

    patches.replace(bad_debt, "_debt_of", debt_of)


def debts_found_by_id_alone(patches: Patches) -> None:
    """The query for the debt lacks the account: whoever knows the id pays another account's invoice."""
    known: dict[str, Invoice] = {}

    def make_add(original: Any) -> Any:
        def add(self: Ledger, *args: Any, **more: Any) -> Invoice:
            invoice: Invoice = original(self, *args, **more)
            known[invoice.id] = invoice
            return invoice

        return add

    def make_debt_of(original: Any) -> Any:
        def debt_of(account: Account, invoice_id: str) -> Invoice:
            try:
                found: Invoice = original(account, invoice_id)
            except Refusal:
                if invoice_id not in known or any(one.id == invoice_id for one in account.invoices):
                    raise
                return known[invoice_id]
            return found

        return debt_of

    patches.wrap(Ledger, "add_invoice", make_add)
    patches.wrap(bad_debt, "_debt_of", make_debt_of)


def locked_account_may_not_pay_its_debt(patches: Patches) -> None:
    """The check of purchases is asked for debts too: a debtor is refused for being one."""

    def make(original: Any) -> Any:
        def pay(self: BadDebt, account: Account, asked: Asked) -> Program[Answer]:
            refuse_if_blocked(account)
            answer: Answer = yield from original(self, account, asked)
            return answer

        return pay

    patches.wrap(BadDebt, "pay", make)


def challenged_debt_stays_payable(patches: Patches) -> None:
    """A debt whose payment needs a challenge is refused, and its intent is left as it is."""

    def leave(self: BadDebt, account: Account, purchase: Purchase) -> Program[None]:
        return
        yield

    patches.replace(BadDebt, "_give_up", leave)


def debt_without_method_looks_like_gate(patches: Patches) -> None:
    """Without a payment method a debtor is told what the gate used to tell."""

    def make(original: Any) -> Any:
        def pay(self: BadDebt, account: Account, asked: Asked) -> Program[Answer]:
            try:
                answer: Answer = yield from original(self, account, asked)
                return answer
            except Refusal as refused:
                if refused.status == 400 and "payment_method_id" in str(refused):
                    raise Refusal(402, GATE, "a payment method is required") from None
                raise

        return pay

    patches.wrap(BadDebt, "pay", make)


def every_invoice_resolved(patches: Patches) -> None:
    """Paying a debt marks every invoice of the account, by an update whose condition is the account alone."""

    def make(original: Any) -> Any:
        def resolve(self: Ledger, account: Account, purchase: Purchase, actor: str) -> None:
            original(self, account, purchase, actor)
            for invoice in account.invoices:
                invoice.status = "bad_debt_resolved"
                self.invoice_fact(account, invoice, actor)

        return resolve

    patches.wrap(Ledger, "_resolve_debt", make)


def debt_charged_without_being_resolved(patches: Patches) -> None:
    """A debt is charged and stays one, so that the next try charges it again."""

    def make(original: Any) -> Any:
        def resolve(self: Ledger, account: Account, purchase: Purchase, actor: str) -> None:
            for invoice in account.invoices:
                if invoice.id == purchase.invoice_id:
                    invoice.purchase_id = None

        return resolve

    patches.wrap(Ledger, "_resolve_debt", make)


# --- the billing history ---------------------------------------------------------------------------------------------


def page_starts(one_too: int) -> Plant:
    """Every page but the first begins one invoice too late, or too early."""

    def plant(patches: Patches) -> None:
        patches.wrap(
            invoices,
            "_start_of",
            lambda original: lambda page, per_page: original(page, per_page) + (one_too if page > 1 else 0),
        )

    return plant


def last_day_left_out(patches: Patches) -> None:
    """`to` is taken for the midnight with which its day begins."""
    patches.wrap(invoices, "_bound_us", lambda original: lambda query, field, upper: original(query, field, False))


def days_of_another_zone(patches: Patches) -> None:
    """Days are those of the head office, eight hours behind UTC."""

    def make(original: Any) -> Any:
        def bound_us(query: Any, field: str, upper: bool) -> int | None:
            found: int | None = original(query, field, upper)
            return found + 8 * HOUR_US if found is not None and len(query[field]) == len("2026-01-31") else found

        return bound_us

    patches.wrap(invoices, "_bound_us", make)


def filters_ignored(patches: Patches) -> None:
    """`from` and `to` are read, checked, and used for nothing."""

    def make(original: Any) -> Any:
        def bound_us(query: Any, field: str, upper: bool) -> None:
            original(query, field, upper)

        return bound_us

    patches.wrap(invoices, "_bound_us", make)


def resolved_debt_labelled_paid(patches: Patches) -> None:
    """The label of a resolved debt is put together of its two states: "Paid / Paid"."""
    patches.replace(views, "_LABELS", {**views._LABELS, "bad_debt_resolved": "Paid / Paid"})


def oldest_invoice_first(patches: Patches) -> None:
    """The order of the billing history is the store's."""

    def make(original: Any) -> Any:
        def history(self: Any, account: Account, asked: Asked) -> Answer:
            account.invoices.reverse()
            try:
                answer: Answer = original(self, account, asked)
            finally:
                account.invoices.reverse()
            return answer

        return history

    patches.wrap(invoices.Invoices, "history", make)


# --- PayPal ----------------------------------------------------------------------------------------------------------


def paypal_taken_for_no_method(patches: Patches) -> None:
    """Only cards count as payment methods on file."""

    def on_file(self: PaymentMethods, account: Account) -> str | None:
        now_us = self._ledger.clock.now_us
        cards = [one for one in account.payment_methods.values() if one.type != "paypal"]
        cards.sort(key=lambda one: not one.is_default)
        return next((one.id for one in cards if views.is_valid(one, now_us)), None)

    patches.replace(PaymentMethods, "on_file", on_file)


def paypal_success_needs_a_card(patches: Patches) -> None:
    """The handler of successes reads the card's brand; where there is no card it has nothing to do."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            method = account.payment_methods.get(event.body.get("payment_method"))
            if method is not None and method.type == "paypal":
                return Verdict("ignored", "no card")
            return original(self, account, event)

        return succeeded

    patches.wrap(Continuation, "_succeeded", make)


def migrated_paypal_granted_uncollected(patches: Patches) -> None:
    """Purchases of migrated PayPal customers are granted, and left to a collection that does not know them."""

    def make(original: Any) -> Any:
        def collect(
            self: Purchases, account: Account, purchase: Purchase, chosen: str | None, on_session: bool
        ) -> Program[Any]:
            method = account.payment_methods.get(chosen or "")
            if method is None or method.type != "paypal":
                return (yield from original(self, account, purchase, chosen, on_session))
            yield from original(self, account, purchase, None, on_session)
            self._ledger.settle(account, purchase, "payment", API)
            return None

        return collect

    patches.wrap(Purchases, "_collect_and_keep", make)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="last-method-removed-silently",
        title="Any payment method is removed, whatever depends on it.",
        plant=removed_whatever_depends_on_it,
        shown_by=("payment-method-in-use",),
        finds=("pm-in-use-protected",),
    ),
    Defect(
        name="expired-method-taken-for-a-spare",
        title="The last usable payment method is removed because an expired one is left.",
        plant=expired_method_taken_for_a_spare,
        shown_by=("payment-method-in-use",),
        finds=("pm-in-use-protected",),
    ),
    Defect(
        name="removal-cancels-what-waits",
        title="Removing a payment method cancels the purchases that wait for their customer.",
        plant=removal_cancels_what_waits,
        shown_by=("payment-method-before-confirmation",),
        finds=("pm-in-use-protected",),
    ),
    Defect(
        name="removed-method-stays-listed",
        title="A payment method that was removed is still on file.",
        plant=removed_method_stays_listed,
        shown_by=("payment-method-before-confirmation",),
        finds=("pm-in-use-protected",),
    ),
    Defect(
        name="any-invoice-is-a-debt",
        title="Whatever invoice is named as a debt is charged.",
        plant=any_invoice_is_a_debt,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
    ),
    Defect(
        name="debts-found-by-id-alone",
        title="Another account's invoice can be paid as a debt.",
        plant=debts_found_by_id_alone,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
    ),
    Defect(
        name="debtor-may-not-pay-the-debt",
        title="Who may not buy may not pay a debt either.",
        plant=locked_account_may_not_pay_its_debt,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
    ),
    Defect(
        name="challenged-debt-stays-payable",
        title="A debt that is refused for its challenge leaves an intent that can be paid.",
        plant=challenged_debt_stays_payable,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
    ),
    Defect(
        name="debt-without-method-looks-like-the-gate",
        title="A debtor without a payment method is refused with the gate's code.",
        plant=debt_without_method_looks_like_gate,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
        also=("gate-code-means-gate", "no-pm-gate-rejections"),
    ),
    Defect(
        name="paying-a-debt-resolves-every-invoice",
        title="Paying one debt marks all invoices of the account.",
        plant=every_invoice_resolved,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
    ),
    Defect(
        name="debt-charged-and-not-resolved",
        title="A debt that was charged stays one.",
        plant=debt_charged_without_being_resolved,
        shown_by=("debts",),
        finds=("bad-debt-isolated",),
    ),
    Defect(
        name="page-boundary-skips-an-invoice",
        title="Every page but the first begins one invoice too late.",
        plant=page_starts(1),
        shown_by=("billing-history",),
        finds=("history-truthful",),
    ),
    Defect(
        name="page-boundary-repeats-an-invoice",
        title="Every page but the first begins with the last invoice of the page before.",
        plant=page_starts(-1),
        shown_by=("billing-history",),
        finds=("history-truthful",),
    ),
    Defect(
        name="last-day-of-a-filter-left-out",
        title="A filter until a day leaves that day out.",
        plant=last_day_left_out,
        shown_by=("billing-history",),
        finds=("history-truthful",),
    ),
    Defect(
        name="days-of-another-time-zone",
        title="Days of filters are those of a time zone eight hours behind UTC.",
        plant=days_of_another_zone,
        shown_by=("billing-history",),
        finds=("history-truthful",),
    ),
    Defect(
        name="date-filters-ignored",
        title="The billing history takes date filters and ignores them.",
        plant=filters_ignored,
        shown_by=("billing-history",),
        finds=("history-truthful",),
    ),
    Defect(
        name="resolved-debt-labelled-paid-paid",
        title='The label of a resolved debt is "Paid / Paid".',
        plant=resolved_debt_labelled_paid,
        shown_by=("debts",),
        finds=("history-truthful",),
    ),
    Defect(
        name="billing-history-oldest-first",
        title="The billing history begins with the oldest invoice.",
        plant=oldest_invoice_first,
        shown_by=("billing-history",),
        finds=("history-truthful",),
    ),
    Defect(
        name="paypal-on-file-not-charged-for-services",
        title="PayPal on file is not charged where no customer is present.",
        plant=paypal_taken_for_no_method,
        shown_by=("services-with-paypal-on-file",),
        finds=("paypal-right-path",),
    ),
    Defect(
        name="paypal-on-file-refused-by-the-gate",
        title="PayPal on file does not count as a payment method, and the gate refuses.",
        plant=paypal_taken_for_no_method,
        shown_by=("paypal-on-file",),
        phase=0,
        finds=("paypal-right-path", "gate-as-configured"),
    ),
    Defect(
        name="paypal-success-needs-a-card",
        title="The success of a PayPal payment is ignored, because there is no card in it.",
        plant=paypal_success_needs_a_card,
        shown_by=("paypal-on-file",),
        finds=("paypal-right-path", "payment-leads-to-entitlement"),
        also=("webhook-eventually-applied",),
    ),
    Defect(
        name="migrated-paypal-granted-uncollected",
        title="Purchases of PayPal customers are granted and never collected.",
        plant=migrated_paypal_granted_uncollected,
        shown_by=("paypal-on-file",),
        finds=("paypal-right-path", "no-entitlement-without-payment"),
        also=("confirm-before-commit", "stores-agree"),
    ),
)
