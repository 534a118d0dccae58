"""Paying one outstanding debt, apart from everything that is collected the regular way."""

from __future__ import annotations

from sim.effects import Program
from sim.messages import Answer
from sim.store import Account, Invoice, Purchase
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import mapping_of, not_fitting, required_text, shown
from sim.subscriptions_api.collection import NEEDS_CUSTOMER, SUCCEEDED, Collection, PaymentMethodUnusable
from sim.subscriptions_api.envelope import NOT_PAYABLE, WRONG_STATE, CardRefused, Refusal, success
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods


class BadDebt:
    """POST /billing/pay-bad-debt."""

    __slots__ = ("_collection", "_ledger", "_methods")

    def __init__(self, ledger: Ledger, methods: PaymentMethods, collection: Collection) -> None:
        self._ledger = ledger
        self._methods = methods
        self._collection = collection

    def pay(self, account: Account, asked: Asked) -> Program[Answer]:
        """Charge one debt once. Locked and banned accounts may pay too."""
        body = mapping_of(asked.body)
        invoice_id = required_text(body, "invoice_id")
        in_body = yield from self._methods.in_body(account, body)
        invoice = _debt_of(account, invoice_id)
        chosen = in_body or self._methods.on_file(account)
        if chosen is None:
            raise not_fitting("payment_method_id", "is required: no valid payment method is on file")
        purchase = self._purchase_of(account, invoice)
        try:
            outcome = yield from self._collection.collect(account, purchase, chosen, True)
        except PaymentMethodUnusable as unusable:
            raise not_fitting("payment_method_id", f"Stripe will not charge it: {unusable.message}") from None
        except CardRefused:
            yield from self._give_up(account, purchase)
            raise
        if outcome == NEEDS_CUSTOMER:
            yield from self._give_up(account, purchase)
            raise CardRefused("authentication_required")
        if outcome != SUCCEEDED:
            raise Refusal(409, WRONG_STATE, "the payment of this debt is being processed")
        self._ledger.settle(account, purchase, "payment", API)
        return success(views.invoice(invoice))

    def _purchase_of(self, account: Account, invoice: Invoice) -> Purchase:
        """The purchase that collects the debt; kept before Stripe is asked, so that a repeat charges nothing twice."""
        purchase = account.open_purchases.get(invoice.purchase_id or "")
        if purchase is None:
            now_us = self._ledger.clock.now_us
            identifier = account.purchase_id()
            purchase = Purchase(identifier, "bad_debt", "pay_bad_debt", [], invoice.amount_minor, (invoice.id,), now_us)
            purchase.invoice_id = invoice.id
            invoice.purchase_id = identifier
            account.purchases[identifier] = account.open_purchases[identifier] = purchase
        return purchase

    def _give_up(self, account: Account, purchase: Purchase) -> Program[None]:
        """A debt has no unpaid intent lying about: the next try makes a new one."""
        ending = yield from self._collection.end(account, purchase, "abandoned")
        if ending == "gone":
            self._ledger.end(account, purchase, "Cancelled", API)


def _debt_of(account: Account, invoice_id: str) -> Invoice:
    for invoice in account.invoices:
        if invoice.id == invoice_id and invoice.status == "bad_debt":
            return invoice
    raise Refusal(409, NOT_PAYABLE, f"invoice {shown(invoice_id)} is no outstanding debt of this account")
