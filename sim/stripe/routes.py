"""Which endpoint answers which request, the parameters that it reads, and who may call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.endpoints import (
    balance_transactions,
    charges,
    customers,
    events,
    invoice_items,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    search,
    setup_attempts,
    setup_intents,
    subscription_items,
    subscription_parameters,
    subscriptions,
    test_clocks,
    unmodelled_verbs,
    webhook_endpoints,
)
from sim.stripe.listing import PAGING
from sim.stripe.parameters import Form, Specification
from sim.stripe.unmodelled import refused_in

Endpoint = Callable[[Context, Mapping[str, Any], str], dict[str, Any]]
_ONLY_EXPAND: Final[Specification] = {"expand": parameters.listed(parameters.text)}


class Route:
    """One operation. `browser` is what a publishable key may pass; None where it may not call at all."""

    __slots__ = ("endpoint", "form", "browser")

    def __init__(self, endpoint: Endpoint, specification: Specification, browser: Specification | None = None) -> None:
        self.endpoint = endpoint
        self.form = Form(specification)
        self.browser = None if browser is None else Form(browser)


ROUTES: Final[Mapping[str, Route]] = {
    "POST customers": Route(customers.create, customers.CREATE),
    "GET customers": Route(customers.list_all, customers.LIST),
    "GET customers/*": Route(customers.retrieve, _ONLY_EXPAND),
    "POST customers/*": Route(customers.update, customers.UPDATE),
    "DELETE customers/*": Route(customers.delete, _ONLY_EXPAND),
    "GET customers/*/payment_methods": Route(payment_methods.list_of_customer, payment_methods.LIST_OF_CUSTOMER),
    "GET customers/*/payment_methods/*": Route(payment_methods.retrieve_of_customer, _ONLY_EXPAND),
    "POST payment_methods": Route(payment_methods.create, payment_methods.CREATE, payment_methods.CREATE),
    "GET payment_methods": Route(payment_methods.list_all, payment_methods.LIST),
    "GET payment_methods/*": Route(payment_methods.retrieve, _ONLY_EXPAND),
    "POST payment_methods/*": Route(payment_methods.update, payment_methods.UPDATE),
    "POST payment_methods/*/attach": Route(payment_methods.attach, payment_methods.ATTACH),
    "POST payment_methods/*/detach": Route(payment_methods.detach, _ONLY_EXPAND),
    "POST payment_intents": Route(payment_intents.create, payment_intents.CREATE),
    "GET payment_intents": Route(payment_intents.list_all, payment_intents.LIST),
    "GET payment_intents/*": Route(payment_intents.retrieve, payment_intents.RETRIEVE, payment_intents.RETRIEVE),
    "POST payment_intents/*": Route(payment_intents.update, payment_intents.UPDATE),
    "POST payment_intents/*/confirm": Route(
        payment_intents.confirm, payment_intents.CONFIRM_BY_BACKEND, payment_intents.CONFIRM_BY_BROWSER
    ),
    "POST payment_intents/*/cancel": Route(payment_intents.cancel, payment_intents.CANCEL),
    "POST payment_intents/*/capture": Route(payment_intents.capture, payment_intents.CAPTURE),
    "POST payment_intents/*/increment_authorization": Route(
        payment_intents.increment_authorization, payment_intents.INCREMENT
    ),
    "POST payment_intents/*/verify_microdeposits": Route(
        payment_intents.verify_microdeposits, payment_intents.MICRODEPOSITS, payment_intents.MICRODEPOSITS
    ),
    "POST payment_intents/*/apply_customer_balance": Route(
        payment_intents.apply_customer_balance, payment_intents.APPLY_BALANCE
    ),
    "GET payment_intents/*/amount_details_line_items": Route(payment_intents.list_line_items, PAGING),
    "POST setup_intents": Route(setup_intents.create, setup_intents.CREATE),
    "GET setup_intents": Route(setup_intents.list_all, setup_intents.LIST),
    "GET setup_intents/*": Route(setup_intents.retrieve, payment_intents.RETRIEVE, payment_intents.RETRIEVE),
    "POST setup_intents/*": Route(setup_intents.update, setup_intents.UPDATE),
    "POST setup_intents/*/confirm": Route(setup_intents.confirm, setup_intents.CONFIRM_ONE, setup_intents.CONFIRM_ONE),
    "POST setup_intents/*/cancel": Route(setup_intents.cancel, setup_intents.CANCEL),
    "POST setup_intents/*/verify_microdeposits": Route(
        setup_intents.verify_microdeposits, payment_intents.MICRODEPOSITS, payment_intents.MICRODEPOSITS
    ),
    "GET setup_attempts": Route(setup_attempts.list_all, setup_attempts.LIST),
    "POST charges": Route(charges.create, charges.CREATE),
    "GET charges": Route(charges.list_all, charges.LIST),
    "GET charges/*": Route(charges.retrieve, _ONLY_EXPAND),
    "POST charges/*": Route(charges.update, charges.UPDATE),
    "POST charges/*/capture": Route(charges.capture, charges.CAPTURE),
    "GET charges/*/refunds": Route(charges.list_refunds, PAGING),
    "GET charges/*/refunds/*": Route(charges.retrieve_refund, _ONLY_EXPAND),
    "GET balance_transactions/*": Route(balance_transactions.retrieve, _ONLY_EXPAND),
    "POST refunds": Route(refunds.create, refunds.CREATE),
    "GET refunds": Route(refunds.list_all, refunds.LIST),
    "GET refunds/*": Route(refunds.retrieve, _ONLY_EXPAND),
    "POST refunds/*": Route(refunds.update, refunds.UPDATE),
    "POST refunds/*/cancel": Route(refunds.cancel, _ONLY_EXPAND),
    "GET events": Route(events.list_all, events.LIST),
    "GET events/*": Route(events.retrieve, _ONLY_EXPAND),
    "POST webhook_endpoints": Route(webhook_endpoints.create, webhook_endpoints.CREATE),
    "GET webhook_endpoints": Route(webhook_endpoints.list_all, webhook_endpoints.LIST),
    "GET webhook_endpoints/*": Route(webhook_endpoints.retrieve, _ONLY_EXPAND),
    "POST webhook_endpoints/*": Route(webhook_endpoints.update, webhook_endpoints.UPDATE),
    "DELETE webhook_endpoints/*": Route(webhook_endpoints.delete, _ONLY_EXPAND),
    "POST products": Route(products.create, products.CREATE),
    "GET products": Route(products.list_all, products.LIST),
    "GET products/*": Route(products.retrieve, _ONLY_EXPAND),
    "POST products/*": Route(products.update, products.UPDATE),
    "DELETE products/*": Route(products.delete, _ONLY_EXPAND),
    "POST prices": Route(prices.create, prices.CREATE),
    "GET prices": Route(prices.list_all, prices.LIST),
    "GET prices/*": Route(prices.retrieve, _ONLY_EXPAND),
    "POST prices/*": Route(prices.update, prices.UPDATE),
    "POST subscriptions": Route(subscriptions.create, subscription_parameters.CREATE),
    "GET subscriptions": Route(subscriptions.list_all, subscription_parameters.LIST),
    "GET subscriptions/*": Route(subscriptions.retrieve, _ONLY_EXPAND),
    "POST subscriptions/*": Route(subscriptions.update, subscription_parameters.UPDATE),
    "DELETE subscriptions/*": Route(subscriptions.cancel, subscription_parameters.CANCEL),
    "POST subscriptions/*/pause": Route(subscriptions.pause, subscription_parameters.PAUSE),
    "POST subscriptions/*/resume": Route(subscriptions.resume, subscription_parameters.RESUME),
    "POST subscription_items": Route(subscription_items.create, subscription_items.CREATE),
    "GET subscription_items": Route(subscription_items.list_all, subscription_items.LIST),
    "GET subscription_items/*": Route(subscription_items.retrieve, _ONLY_EXPAND),
    "POST subscription_items/*": Route(subscription_items.update, subscription_items.UPDATE),
    "DELETE subscription_items/*": Route(subscription_items.delete, subscription_items.DELETE),
    "POST invoices": Route(invoices.create, invoices.CREATE),
    "GET invoices": Route(invoices.list_all, invoices.LIST),
    "GET invoices/*": Route(invoices.retrieve, _ONLY_EXPAND),
    "POST invoices/*": Route(invoices.update, invoices.UPDATE),
    "DELETE invoices/*": Route(invoices.delete, _ONLY_EXPAND),
    "GET invoices/*/lines": Route(invoices.list_lines, invoices.LIST_LINES),
    "POST invoices/*/finalize": Route(invoices.finalize, invoices.FINALIZE),
    "POST invoices/*/pay": Route(invoices.pay, invoices.PAY),
    "POST invoices/*/send": Route(invoices.send, _ONLY_EXPAND),
    "POST invoices/*/void": Route(invoices.void, _ONLY_EXPAND),
    "POST invoices/*/mark_uncollectible": Route(invoices.mark_uncollectible, _ONLY_EXPAND),
    "POST invoiceitems": Route(invoice_items.create, invoice_items.CREATE),
    "GET invoiceitems": Route(invoice_items.list_all, invoice_items.LIST),
    "GET invoiceitems/*": Route(invoice_items.retrieve, _ONLY_EXPAND),
    "POST invoiceitems/*": Route(invoice_items.update, invoice_items.UPDATE),
    "DELETE invoiceitems/*": Route(invoice_items.delete, _ONLY_EXPAND),
    "GET invoice_payments": Route(invoice_payments.list_all, invoice_payments.LIST),
    "GET invoice_payments/*": Route(invoice_payments.retrieve, _ONLY_EXPAND),
    "POST test_helpers/test_clocks": Route(test_clocks.create, test_clocks.CREATE),
    "GET test_helpers/test_clocks": Route(test_clocks.list_all, test_clocks.LIST),
    "GET test_helpers/test_clocks/*": Route(test_clocks.retrieve, _ONLY_EXPAND),
    "DELETE test_helpers/test_clocks/*": Route(test_clocks.delete, _ONLY_EXPAND),
    "POST test_helpers/test_clocks/*/advance": Route(test_clocks.advance, test_clocks.ADVANCE),
}
"""Every operation, by method and path; `*` stands for an id."""

for _operation, _route in ROUTES.items():
    _route.form.know(refused_in(_operation))
    if _route.browser is not None:
        _route.browser.know(refused_in(_operation))

PREFIX: Final = "/v1/"
_TEST_HELPERS: Final = "test_helpers/"
_SEARCH: Final = Route(search.refuse, search.SEARCH)
_OF_COLLECTIONS: Final[dict[tuple[str, str], Route]] = {
    (method, PREFIX + resource): found
    for (method, resource), found in [(key.split(" "), found) for key, found in ROUTES.items()]
    if "*" not in resource
} | {("GET", f"{PREFIX}{resource}/search"): _SEARCH for resource in search.SEARCHABLE}
"""The routes of paths without an id, by method and path."""
_OF_COLLECTIONS["POST", f"{PREFIX}invoices/create_preview"] = Route(unmodelled_verbs.refuse, unmodelled_verbs.PREVIEW)
_REFUSED: Final[Mapping[str, Route]] = {
    operation: Route(unmodelled_verbs.refuse, known) for operation, known in unmodelled_verbs.VERBS.items()
}


def route(method: str, path: str) -> tuple[Route, str] | None:
    """The route of a request and the id in its path; None for a path that Stripe does not have.

    The id is empty where the path has none, and "outer/inner" where it has two.
    """
    known = _OF_COLLECTIONS.get((method, path))
    if known is not None:
        return known, ""
    if not path.startswith(PREFIX):
        return None
    resource, _, rest = path[len(PREFIX) :].partition("/")
    if resource == "test_helpers":
        helper, _, rest = rest.partition("/")
        resource = _TEST_HELPERS + helper
    object_id, _, action = rest.partition("/")
    key = f"{method} {resource}"
    if object_id:
        key = f"{key}/*/{action}" if action else f"{key}/*"
    found = ROUTES.get(key) or _REFUSED.get(key)
    if found is None and "/" in action:
        inner, _, inner_id = action.partition("/")
        found, object_id = ROUTES.get(f"{method} {resource}/*/{inner}/*"), f"{object_id}/{inner_id}"
    return None if found is None else (found, object_id)
