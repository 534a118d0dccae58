"""The billing history: pages of invoices, one invoice, and its PDF."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sim.messages import Answer
from sim.store import Account, Invoice
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import not_fitting, shown
from sim.subscriptions_api.envelope import NOT_FOUND, Refusal, page_of, success
from sim.subscriptions_api.invoice_pdf import invoice_pdf
from sim.time import EPOCH

_PER_PAGE: Final = 20
_SMALLEST_PAGE: Final = 5
_LARGEST_PAGE: Final = 50
_MICROSECOND: Final = timedelta(microseconds=1)


class Invoices:
    """Operations on invoices."""

    __slots__ = ()

    def history(self, account: Account, asked: Asked) -> Answer:
        """GET /billing/history: newest first; `from` and `to` are days (both whole) or moments (both included)."""
        query = asked.query
        page = _whole_number(query, "page", 1, 1, 1_000_000)
        per_page = _whole_number(query, "per_page", _PER_PAGE, _SMALLEST_PAGE, _LARGEST_PAGE)
        first_us = _bound_us(query, "from", upper=False)
        last_us = _bound_us(query, "to", upper=True)
        # Shown times are whole seconds, so bounds are compared with the second an invoice shows.
        found = [
            invoice
            for invoice in reversed(account.invoices)
            if (first_us is None or _shown_us(invoice) >= first_us)
            and (last_us is None or _shown_us(invoice) <= last_us)
        ]
        start = _start_of(page, per_page)
        shown_page = [views.invoice(invoice) for invoice in found[start : start + per_page]]
        return page_of(shown_page, page, per_page, len(found))

    def get(self, account: Account, asked: Asked) -> Answer:
        """GET /billing/invoices/{id}."""
        return success(views.invoice(_invoice_of(account, asked.identifier)))

    def pdf(self, account: Account, asked: Asked) -> Answer:
        """GET /billing/invoices/{id}/pdf."""
        invoice = _invoice_of(account, asked.identifier)
        headers = {
            "content-type": "application/pdf",
            "content-disposition": f'attachment; filename="{invoice.number}.pdf"',
        }
        return Answer(200, invoice_pdf(account, views.invoice(invoice)), headers)


def _start_of(page: int, per_page: int) -> int:
    """How many invoices, counted from the newest, are on earlier pages."""
    return (page - 1) * per_page


def _invoice_of(account: Account, identifier: str) -> Invoice:
    for invoice in account.invoices:
        if invoice.id == identifier:
            return invoice
    raise Refusal(404, NOT_FOUND, f"invoice {identifier[:60]!r} does not exist in this account")


def _shown_us(invoice: Invoice) -> int:
    return invoice.created_us - invoice.created_us % 1_000_000


def _whole_number(query: Mapping[str, str], field: str, default: int, least: int, most: int) -> int:
    text = query.get(field)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise not_fitting(field, f"{shown(text)} is not a whole number from {least} to {most}")
    return int(text)


def _bound_us(query: Mapping[str, str], field: str, upper: bool) -> int | None:
    """A day or a moment as microseconds since the epoch; a day as an upper bound ends with its last microsecond."""
    text = query.get(field)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        bound_us = (when - EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise not_fitting(field, f"{shown(text)} is neither a day (2026-01-31) nor a moment (RFC 3339)") from None
    if upper and len(text) <= len("2026-01-31"):
        bound_us += timedelta(days=1) // _MICROSECOND - 1
    return bound_us
