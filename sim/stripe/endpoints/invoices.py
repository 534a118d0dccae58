"""Requests about invoices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.billing import billing_of
from sim.stripe.context import Context
from sim.stripe.currency import currency
from sim.stripe.customer import Customer, living
from sim.stripe.endpoints.subscription_parameters import PAYMENT_SETTINGS
from sim.stripe.errors import StripeError, failure, invalid_request, missing_parameter
from sim.stripe.invoice import SETTABLE, Invoice, Status
from sim.stripe.invoice_item import InvoiceItem
from sim.stripe.listing import CREATED, PAGING, lies_within, page
from sim.stripe.payment_method import attached, chosen
from sim.stripe.subscription import Subscription
from sim.stripe.test_cards import Decline

_EXPAND: Final[parameters.Specification] = {"expand": parameters.listed(parameters.text)}
UPDATE: Final[parameters.Specification] = {
    "account_tax_ids": parameters.unmodelled,
    "application_fee_amount": parameters.unmodelled,
    "auto_advance": parameters.boolean,
    "automatic_tax": parameters.nested({"enabled": parameters.off, "liability": parameters.unmodelled}),
    "automatically_finalizes_at": parameters.integer,
    "collection_method": parameters.choice("charge_automatically", "send_invoice"),
    "custom_fields": parameters.clearable(
        parameters.listed(parameters.nested({"name": parameters.text, "value": parameters.text}))
    ),
    "days_until_due": parameters.integer,
    "default_payment_method": parameters.clearable(parameters.text),
    "default_source": parameters.unmodelled,
    "default_tax_rates": parameters.unmodelled,
    "description": parameters.clearable(parameters.text),
    "discounts": parameters.unmodelled,
    "due_date": parameters.integer,
    "effective_at": parameters.clearable(parameters.integer),
    "footer": parameters.clearable(parameters.text),
    "issuer": parameters.unmodelled,
    "metadata": parameters.metadata,
    "number": parameters.clearable(parameters.text),
    "on_behalf_of": parameters.unmodelled,
    "payment_settings": parameters.nested({**PAYMENT_SETTINGS, "default_mandate": parameters.unmodelled}),
    "rendering": parameters.unmodelled,
    "shipping_cost": parameters.unmodelled,
    "shipping_details": parameters.unmodelled,
    "statement_descriptor": parameters.text,
    "transfer_data": parameters.unmodelled,
    **_EXPAND,
}
CREATE: Final[parameters.Specification] = {
    **UPDATE,
    "currency": currency,
    "customer": parameters.text,
    "customer_account": parameters.unmodelled,
    "from_invoice": parameters.unmodelled,
    "pending_invoice_items_behavior": parameters.choice("exclude", "include"),
    "subscription": parameters.text,
}
FINALIZE: Final[parameters.Specification] = {"auto_advance": parameters.boolean, **_EXPAND}
PAY: Final[parameters.Specification] = {
    "forgive": parameters.boolean,
    "mandate": parameters.unmodelled,
    "off_session": parameters.boolean,
    "paid_out_of_band": parameters.boolean,
    "payment_method": parameters.text,
    "source": parameters.unmodelled,
    **_EXPAND,
}
LIST: Final[parameters.Specification] = {
    **PAGING,
    "collection_method": UPDATE["collection_method"],
    **CREATED,
    "customer": parameters.text,
    "customer_account": parameters.unmodelled,
    "due_date": parameters.moments,
    "status": parameters.choice("draft", "open", "paid", "uncollectible", "void"),
    "subscription": parameters.text,
}
LIST_LINES: Final = PAGING
_ALWAYS_CHANGEABLE: Final = frozenset(
    ("auto_advance", "default_payment_method", "description", "expand", "metadata", "payment_settings")
)
"""What can be changed once an invoice is final. Source: the description of the update in the official SDK rules out
amounts and `collection_method`. Assumption: what is not here is refused, too."""
_REQUIRES_ACTION: Final = Decline(
    "invoice_payment_intent_requires_action",
    None,
    "This payment requires additional user action before it can be completed successfully. Payment can be completed "
    "using the PaymentIntent associated with the invoice.",
    None,
    None,
)


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    subscription = None
    if "subscription" in values:
        subscription = context.ledger.given(Subscription, values["subscription"], "subscription")
    elif "customer" not in values:
        raise missing_parameter("customer")
    customer = living(context, values["customer"] if subscription is None else subscription.customer.id)
    if values.get("customer", customer.id) != customer.id:
        raise invalid_request("The subscription belongs to another customer.", param="subscription")
    items = _items(context, customer, subscription, values)
    if subscription is not None and not items:
        raise invalid_request(
            "Nothing to invoice for subscription", param="subscription", code="invoice_no_subscription_line_items"
        )
    code = values.get("currency") or (items[0].sale.currency if items else customer.currency or "usd")
    invoice = Invoice(context, customer, code, "manual", subscription)
    invoice.auto_advance = values.get("auto_advance", False)
    _apply(context, invoice, values)
    if invoice.collection_method == "send_invoice" and invoice.days_until_due is None and invoice.due_date is None:
        raise missing_parameter("days_until_due")
    billing_of(context, customer.account)
    invoice.gather(items)
    invoice.open(context)
    return invoice.render()


def retrieve(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    return context.ledger.get(Invoice, invoice_id).render()


def update(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = _found(context, invoice_id)
    if invoice.status != "draft" and not values.keys() <= _ALWAYS_CHANGEABLE:
        refused = sorted(values.keys() - _ALWAYS_CHANGEABLE)[0]
        raise invalid_request(
            f"Finalized invoices can't be updated in this way: `{refused}` can be changed while it is a draft.",
            param=refused,
            code="invoice_not_editable",
            kept=True,
        )
    before = invoice.render()
    _apply(context, invoice, values)
    if "auto_advance" in values:
        invoice.set_auto_advance(context, values["auto_advance"])
    body = invoice.render()
    changed = {name: value for name, value in before.items() if body[name] != value}
    if changed:
        invoice.emit(context, "updated", changed)
    return body


def delete(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    """One-off drafts only. Source: the description of the operation in the official SDK."""
    invoice = _found(context, invoice_id)
    if invoice.status != "draft" or invoice.subscription is not None:
        raise invalid_request(
            "You can only delete draft invoices that are not of a subscription. Void this invoice instead.",
            code="invoice_not_editable",
            kept=True,
        )
    invoice.emit(context, "deleted")
    invoice.forget()
    return invoice.render()


def finalize(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = _found(context, invoice_id)
    _check_status(invoice, ("draft",), "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    if "auto_advance" in values:
        invoice.auto_advance = values["auto_advance"]
    invoice.finalize(context)
    if invoice.auto_advance:
        invoice.begin_collecting(context)
    return invoice.render()


def pay(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = _found(context, invoice_id)
    if invoice.status == "paid":
        raise _refused(invoice, "Invoice is already paid")
    _check_status(invoice, ("draft", "open", "uncollectible"), "You can only pay an open invoice.")
    method = None
    if "payment_method" in values:
        method = chosen(context, invoice.account, values["payment_method"])
    if invoice.status == "draft":
        invoice.finalize(context)
    if values.get("paid_out_of_band"):
        invoice.settle_elsewhere(context)
    refusal = invoice.charge(context, off_session=values.get("off_session", True), method=method)
    if refusal is not None:
        raise refusal
    intent = invoice.intent
    if intent is not None and intent.status == "requires_action":
        payer = intent.payment_method
        raise StripeError(402, failure(_REQUIRES_ACTION, payer.render() if payer else None), kept=True)
    return invoice.render()


def send(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = _found(context, invoice_id)
    _check_status(invoice, ("draft", "open"), "You can only manually send an open invoice.")
    if invoice.collection_method != "send_invoice":
        raise _refused(invoice, "You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice.status == "draft":
        invoice.finalize(context)
    invoice.emit(context, "sent")
    return invoice.render()


def void(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = _found(context, invoice_id)
    _check_status(invoice, ("open", "uncollectible"), "You can only pass in open invoices. This invoice isn't open.")
    invoice.void(context)
    return invoice.render()


def mark_uncollectible(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = _found(context, invoice_id)
    _check_status(invoice, ("open",), "You can only mark an open invoice as uncollectible.")
    invoice.mark_uncollectible(context, "user_forgiven")
    return invoice.render()


def list_lines(context: Context, values: Mapping[str, Any], invoice_id: str) -> dict[str, Any]:
    invoice = context.ledger.get(Invoice, invoice_id)
    return page(invoice.lines[::-1], values, f"/v1/invoices/{invoice_id}/lines")


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    invoices = context.ledger.of(Invoice, values.get("customer") or values.get("subscription"))
    for name, kind in (("customer", Customer), ("subscription", Subscription)):
        if name in values:
            context.ledger.given(kind, values[name], name)
    return page(invoices, values, "/v1/invoices", where=partial(_is_listed, values))


def _is_listed(values: Mapping[str, Any], invoice: Invoice) -> bool:
    subscription = invoice.subscription
    return (
        values.get("customer") in (None, invoice.customer.id)
        and values.get("subscription") in (None, subscription.id if subscription else "")
        and values.get("status") in (None, invoice.status)
        and values.get("collection_method") in (None, invoice.collection_method)
        and lies_within(invoice.due_date, values.get("due_date"))
    )


def editable(context: Context, invoice_id: str) -> Invoice:
    """The draft that a parameter names. Raises StripeError for any other invoice."""
    invoice = context.ledger.given(Invoice, invoice_id, "invoice")
    _check_status(invoice, ("draft",), "This invoice is no longer editable")
    return invoice


def _items(
    context: Context, customer: Customer, subscription: Subscription | None, values: Mapping[str, Any]
) -> list[InvoiceItem]:
    """What waited for this invoice. Source: the description of `pending_invoice_items_behavior` in the official SDK."""
    billing = customer.account.billing
    waiting = [item for item in billing.waiting_items if item.customer is customer] if billing else []
    if subscription is not None:
        return [item for item in waiting if item.sale.subscription is subscription]
    if values.get("pending_invoice_items_behavior", "exclude") == "exclude":
        return []
    code = values.get("currency") or (waiting[0].sale.currency if waiting else None)
    return [item for item in waiting if item.sale.subscription is None and item.sale.currency == code]


def _apply(context: Context, invoice: Invoice, values: Mapping[str, Any]) -> None:
    given = {name: values[name] or None for name in SETTABLE if name in values}
    invoice.fields = {**invoice.fields, **given}
    invoice.collection_method = values.get("collection_method", invoice.collection_method)
    invoice.days_until_due = values.get("days_until_due", invoice.days_until_due)
    invoice.due_date = values.get("due_date", invoice.due_date)
    if "number" in values:
        invoice.number = values["number"] or None
    if "default_payment_method" in values:
        method_id = values["default_payment_method"]
        invoice.default_payment_method = (
            attached(context, invoice.customer, method_id, "default_payment_method") if method_id else None
        )
    if "payment_settings" in values:
        invoice.payment_settings = {**invoice.payment_settings, **values["payment_settings"]}
    if "metadata" in values:
        invoice.metadata = parameters.merged(invoice.metadata, values["metadata"])
    if "automatically_finalizes_at" in values:
        invoice.finalizes_at = values["automatically_finalizes_at"]


def _found(context: Context, invoice_id: str) -> Invoice:
    invoice = context.ledger.get(Invoice, invoice_id)
    context.account = invoice.account
    return invoice


def _check_status(invoice: Invoice, allowed: tuple[Status, ...], message: str) -> None:
    if invoice.status not in allowed:
        raise _refused(invoice, f"{message} (Its status is {invoice.status}.)")


def _refused(invoice: Invoice, message: str) -> StripeError:
    return invalid_request(message, param="invoice", kept=True)
