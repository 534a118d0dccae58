"""The last reading at a real deployment: GET operations with the account's own credential, then Stripe's ledger.

Facts are of the same kinds as those of the model's last reading; their sources are `observed` and `ledger`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from conformance.over_http.client import HttpAnswer
from conformance.real.deployment import Deployment, SetUpFailed, shown
from conformance.real.gateway_paths import GatewayPaths
from conformance.real.patience import with_patience
from conformance.real.stripe_api import StripeApi
from conformance.real.stripe_ledger import Ledger, read_ledger
from sim.facts import OBSERVED, Fact

Object = Mapping[str, Any]


class Reading(NamedTuple):
    """What the deployment shows of one account, and what Stripe has of it (None: nobody may look)."""

    subscriptions: list[Object]
    entitlements: list[Object]
    payment_methods: list[Object]
    zones: list[Object]
    ledger: Ledger | None

    def in_motion(self, confirmed: bool) -> bool:
        """Whether something should still happen by itself: a payment whose grant is on its way.

        `confirmed`: whether the customer's side saw a payment succeed, which is asked where there is no ledger.
        """
        active = {one.get("subscription_id") for one in self.entitlements if one.get("status") == "active"}
        for one in self.subscriptions:
            state = one.get("state")
            if state == "Paid" or (state == "Provisioned" and one.get("id") not in active):
                return True
            if state == "AwaitingPayment" and (confirmed if self.ledger is None else _paid(self.ledger, one)):
                return True
        return False


class AccountReader:
    """Reads one account of a deployment. `customer`: the account's at Stripe, where that is known."""

    __slots__ = ("_customer", "_deployment", "_paths", "_stripe", "_token")

    def __init__(
        self,
        deployment: Deployment,
        paths: GatewayPaths,
        token: str,
        stripe: StripeApi | None,
        customer: str | None,
    ) -> None:
        self._deployment = deployment
        self._paths = paths
        self._token = token
        self._stripe = stripe
        self._customer = customer

    async def read(self, zones: tuple[str, ...] = ()) -> Reading:
        """Everything that stands now; of zones those that the lines are on, and `zones`. Raises SetUpFailed."""
        subscriptions = await self._listed("list_subscriptions", "/subscriptions")
        entitlements = await self._listed("entitlements", "/entitlements")
        methods = await self._listed("payment_methods", "/payment-methods")
        named = [*zones, *(str(one["zone_id"]) for one in subscriptions if one.get("zone_id"))]
        found = [zone for name in dict.fromkeys(named) if (zone := await self._zone(name)) is not None]
        ledger = None
        if self._stripe is not None and self._customer is not None:
            ledger = await read_ledger(self._stripe, self._customer)
        return Reading(subscriptions, entitlements, methods, found, ledger)

    async def _listed(self, operation: str, path: str) -> list[Object]:
        answer = await self._get(operation, path)
        listed = _result(answer)
        if answer.status != 200 or not isinstance(listed, list):
            raise SetUpFailed(f"{operation}: the last reading was answered {answer.status} {shown(answer)}")
        return [one for one in listed if isinstance(one, dict)]

    async def _zone(self, name: str) -> Object | None:
        if not self._deployment.profile.supports.zones:
            return None
        found = _result(await self._get("get_zone", f"/zones/{quote(name, safe='')}"))
        return found if isinstance(found, dict) else None

    async def _get(self, operation: str, path: str) -> HttpAnswer:
        url = self._deployment.profile.gateway.url + self._paths.actual(operation, path)
        headers = {**self._paths.headers, "authorization": f"Bearer {self._token}"}
        timeout_s = self._deployment.profile.limits.timeout_s
        return await with_patience(lambda: self._deployment.client.send("GET", url, headers, None, timeout_s))


def final_facts(reading: Reading, now_us: int) -> Iterator[Fact]:
    """The rows `final_…` that the deployment itself shows."""
    ledger = reading.ledger
    for one in reading.subscriptions:
        plan = one.get("rate_plan")
        detail = {
            "rate_plan": plan.get("id") if isinstance(plan, dict) else None,
            "frequency": one.get("frequency"),
            "quantity": one.get("quantity"),
        }
        if one.get("zone_id") is not None:
            detail["zone_id"] = one["zone_id"]
        name, price = str(one.get("id", "")), one.get("price")
        intent = None if ledger is None else ledger.pays(name)
        amount = price if type(price) is int else None
        yield _final(now_us, "final_subscription", name, intent, one.get("state"), amount, detail)
    for one in reading.entitlements:
        detail = {"feature": one.get("feature")}
        if one.get("zone_id") is not None:
            detail["zone_id"] = one["zone_id"]
        name = str(one.get("subscription_id", ""))
        yield _final(now_us, "final_entitlement", name, None, one.get("status"), None, detail)
    for one in reading.payment_methods:
        name = str(one.get("id", ""))
        detail = {"type": one.get("type"), "attached": _attached(ledger, name, one)}
        state = "default" if one.get("is_default") else "on_file"
        yield _final(now_us, "final_payment_method", name, None, state, None, detail)
    for one in reading.zones:
        name = str(one.get("id", ""))
        plan_of = next((str(sub.get("id")) for sub in reading.subscriptions if sub.get("zone_id") == name), None)
        yield _final(now_us, "final_zone", name, plan_of, one.get("status"), None, {})


def _final(
    now_us: int, kind: str, subject: str, related: str | None, state: Any, amount: int | None, detail: Object
) -> Fact:
    state = None if state is None else str(state)
    return Fact(now_us, OBSERVED, "world", kind, subject, related, None, state, None, None, amount, detail)


def _attached(ledger: Ledger | None, name: str, method: Object) -> bool:
    """By Stripe's word; else what is usable is attached, and so is what is merely expired for all anybody can see."""
    if ledger is not None and ledger.attached is not None:
        return name in ledger.attached
    return bool(method.get("valid")) or isinstance(method.get("card"), dict)


def _paid(ledger: Ledger, subscription: Object) -> bool:
    intent = ledger.pays(str(subscription.get("id", "")))
    return any(one["id"] == intent and one.get("status") in ("succeeded", "processing") for one in ledger.intents)


def _result(answer: HttpAnswer) -> Any:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
    return body.get("result") if isinstance(body, dict) else None
