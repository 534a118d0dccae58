"""Every operation as every client asks for it, on session and off, monthly and yearly, whatever is on file.

Scenarios vary what is on file; which client asks, how often it is billed and whether somebody is there goes by the
customer's number, so that as many customers as there are combinations see them all.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from sim.effects import Program, Wait
from sim.probes.patience import held
from sim.probes.probe import Probe
from sim.probes.probe_client import ProbeClient
from sim.probes.prober import Prober
from sim.time import SECOND_US

TRIES: Final = "operation"
_CLIENTS: Final = ("unified-checkout", "multisku", "billing-profile", "iapi/provisioner")
_COMBINATIONS: Final = tuple(product(_CLIENTS, ("monthly", "yearly"), (True, False)))
"""Who asks, how often it is billed, and whether a customer is there."""
_SETTLES_US: Final = 20 * SECOND_US
"""Longer than an event takes."""


def _program(prober: Prober) -> Program[None]:
    name, frequency, on_session = _COMBINATIONS[prober.shopper.index % len(_COMBINATIONS)]
    visit = _Visit(prober, ProbeClient(prober.session, name), frequency, on_session and not name.startswith("iapi/"))
    yield from visit.account()
    yield from visit.purchases()
    yield Wait(_SETTLES_US)
    yield from visit.changes()
    yield from visit.billing()
    yield Wait(_SETTLES_US)
    yield from prober.look("end")


class _Visit:
    """One client's round through all operations."""

    def __init__(self, prober: Prober, client: ProbeClient, frequency: str, on_session: bool) -> None:
        self._prober = prober
        self._client = client
        self._frequency = frequency
        self._on_session = on_session

    def _ask(self, operation: str, method: str, below: str, body: Any = None, key: bool = False) -> Program[Any]:
        told = self._prober.session.next_key() if key else None
        path = self._prober.path(below)
        return (yield from self._client.ask(operation, method, path, body, tries=TRIES, key=told))

    def _buying(self, **members: Any) -> dict[str, Any]:
        return {**members, "user_is_on_session": self._on_session}

    def account(self) -> Program[None]:
        """Profile, payment methods, zones."""
        yield from self._ask("profile_get", "GET", "/billing/profile")
        yield from self._ask("profile_create", "POST", "/billing/profile", {"name": "Somebody", "country": "DE"})
        yield from self._ask("profile_update", "PUT", "/billing/profile", {"email": "somebody@example.com"})
        yield from self._ask("payment_methods", "GET", "/payment-methods")
        yield from self._ask("setup_payment_method", "POST", "/billing/profile/payment-method", {})
        reply = yield from self._ask("create_zone", "POST", "/zones", {"name": "every.example"})
        self._zone = reply.member("id")
        if type(self._zone) is str:
            yield from self._ask("get_zone", "GET", f"/zones/{self._zone}")

    def purchases(self) -> Program[None]:
        """Everything that is bought, each time something else, and with something and nothing due."""
        plan = {"rate_plan": {"id": "zone_pro"}, "frequency": self._frequency}
        if type(self._zone) is str:
            plan["zone_id"] = self._zone
        paid = {"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}
        free = {"rate_plan": {"id": "r2"}, "frequency": "monthly"}
        yield from self._ask("create", "POST", "/subscriptions", self._buying(**plan), key=True)
        yield from self._ask("bulk_create", "POST", "/bulk/subscriptions", self._buying(subscriptions=[paid]), key=True)
        yield from self._ask("bulk_create", "POST", "/bulk/subscriptions", self._buying(subscriptions=[free]), key=True)
        domains = [{"name": "every.com", "years": 1 if self._frequency == "monthly" else 2}]
        yield from self._ask("registrar_checkout", "POST", "/billing/checkout", self._buying(domains=domains), key=True)
        body = {"subscriptions": [{"rate_plan": {"id": "images"}, "frequency": "monthly"}]}
        yield from self._ask("pre_auth", "POST", "/billing/pre_auth/stripe_payment_intent", body, key=True)
        yield from self._ask("entitlements", "GET", "/entitlements")

    def changes(self) -> Program[None]:
        """Changes of what the account has: units, then another plan, then the end of one."""
        subscriptions = yield from held(self._prober)
        units = [{"name": "origins", "value": 1}]
        for one in subscriptions[:1]:
            below = f"/subscriptions/{one['id']}"
            body = self._buying(component_values=units)
            yield from self._ask("append", "POST", below + "/action/append", body, key=True)
        for one in subscriptions[1:2]:
            body = self._buying(rate_plan={"id": "zone_business"})
            yield from self._ask("update", "PUT", f"/subscriptions/{one['id']}", body, key=True)
        reply = yield from self._ask("list_subscriptions", "GET", "/subscriptions")
        waiting = [one["id"] for one in reply.objects() if one.get("state") == "AwaitingPayment" and one.get("id")]
        for name in waiting[:1]:
            yield from self._ask("cancel", "DELETE", f"/subscriptions/{name}")
        if type(self._zone) is str:
            yield from self._ask("patch_zone", "PATCH", f"/zones/{self._zone}", {"status": "pending"})

    def billing(self) -> Program[None]:
        """Invoices, a debt that is none, and a payment method more and less."""
        reply = yield from self._ask("billing_history", "GET", "/billing/history")
        for one in reply.objects()[:1]:
            yield from self._ask("invoice", "GET", f"/billing/invoices/{one.get('id')}")
            yield from self._ask("invoice_pdf", "GET", f"/billing/invoices/{one.get('id')}/pdf")
            body = {"invoice_id": one.get("id")}
            yield from self._ask("pay_bad_debt", "POST", "/billing/pay-bad-debt", body, key=True)
        method = {"payment_method_id": "pm_card_visa"}
        reply = yield from self._ask("add_payment_method", "POST", "/payment-methods", method)
        name = reply.member("id")
        if type(name) is str:
            yield from self._ask("remove_payment_method", "DELETE", f"/payment-methods/{name}")


EVERY_OPERATION: Final = Probe("every-operation", _program)
