"""The last reading at a real deployment: GET operations with the account's own credential, then Stripe's ledger.

Rows are of the same kinds as those of the model's last reading; their sources are `observed` and `ledger`. How each
reading went is a fact of its own, kind `reading`: what could not be read leaves properties inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import orjson

from conformance.evidence import (
    BILLING_HISTORY,
    ENTITLEMENTS,
    FINAL_READINGS,
    LEDGER_EVENTS,
    LEDGER_OBJECTS,
    LIST,
    PAYMENT_METHODS,
    ZONES,
)
from conformance.over_http.client import HttpAnswer
from conformance.real.deployment import Deployment, SetUpFailed, shown
from conformance.real.gateway_paths import GatewayPaths
from conformance.real.patience import with_patience
from conformance.real.stripe_api import NotPermitted, StripeApi
from conformance.real.stripe_events import StripeEvents
from conformance.real.stripe_ledger import READER, Ledger, read_ledger
from sim.facts import LEDGER, OBSERVED, Fact
from sim.time import EPOCH, MINUTE_US, SECOND_US

Object = Mapping[str, Any]

_NO_KEY: Final = "the profile names no restricted key (stripe.restricted_key_env)"
_PER_PAGE: Final = 50
"""Invoices on a page: the most that the contract allows."""
_PAGES_MAX: Final = 100
"""Five thousand invoices of one account are more than any run makes. Assumption."""
_CLOCKS_APART_US: Final = 10 * MINUTE_US
"""A time that lies so far from when it can have happened was told by another clock, and says nothing. Assumption."""


class _Page(NamedTuple):
    """What one answer lists, and how many there are on all pages, if it says so."""

    listed: list[Object]
    total: int | None


@dataclass(slots=True)
class Reading:
    """What the deployment and Stripe show of one account. `failed`: why something was not read, by its name."""

    at_us: int
    subscriptions: list[Object] = field(default_factory=list)
    entitlements: list[Object] = field(default_factory=list)
    payment_methods: list[Object] = field(default_factory=list)
    invoices: list[Object] = field(default_factory=list)
    zones: list[Object] = field(default_factory=list)
    ledger: Ledger | None = None
    failed: dict[str, str] = field(default_factory=dict)

    def in_motion(self, confirmed: bool) -> bool:
        """Whether something should still happen by itself: a payment whose grant is on its way.

        `confirmed`: whether the customer's side saw a payment succeed, which is asked where there is no ledger.
        """
        active = {one.get("subscription_id") for one in self.entitlements if one.get("status") == "active"}
        for one in self.subscriptions:
            state = one.get("state")
            if state == "Paid" or (state == "Provisioned" and one.get("id") not in active):
                return True
            if state == "AwaitingPayment" and (confirmed if self.ledger is None else self._paid(one)):
                return True
        return False

    @property
    def waits_for_payment(self) -> bool:
        """Whether something was left that has to expire."""
        return any(one.get("state") == "AwaitingPayment" for one in self.subscriptions)

    def _paid(self, subscription: Object) -> bool:
        assert self.ledger is not None
        intents = self.ledger.pays(str(subscription.get("id", "")))
        return any(one.get("status") in ("succeeded", "processing") for one in intents)


class AccountReader:
    """Reads one account of a deployment. `customer`: the account's at Stripe, where that is known."""

    __slots__ = ("_deployment", "_events", "_paths", "_stripe", "_token", "account_id", "customer")

    def __init__(
        self,
        deployment: Deployment,
        paths: GatewayPaths,
        account_id: str,
        token: str,
        stripe: StripeApi | None,
        customer: str | None,
        events: StripeEvents | None,
    ) -> None:
        self._deployment = deployment
        self._paths = paths
        self._token = token
        self._stripe = stripe
        self._events = events
        self.account_id = account_id
        self.customer = customer

    async def read(self, at_us: int, zones: tuple[str, ...] = (), intents: Iterable[str] = ()) -> Reading:
        """Everything that stands now; `zones` and `intents` are those that the customer has heard of."""
        reading = Reading(at_us)
        reading.subscriptions = await self._listed(reading, LIST, "/subscriptions")
        reading.entitlements = await self._listed(reading, ENTITLEMENTS, "/entitlements")
        reading.payment_methods = await self._listed(reading, PAYMENT_METHODS, "/payment-methods")
        reading.invoices = await self._invoices(reading)
        named = [*zones, *(str(one["zone_id"]) for one in reading.subscriptions if one.get("zone_id"))]
        for name in dict.fromkeys(named):
            await self._read_zone(reading, name)
        await self._read_ledger(reading, intents)
        return reading

    async def read_start(self, at_us: int) -> Reading:
        """What the account has before the customer comes."""
        reading = Reading(at_us)
        reading.subscriptions = await self._listed(reading, LIST, "/subscriptions")
        reading.entitlements = await self._listed(reading, ENTITLEMENTS, "/entitlements")
        reading.payment_methods = await self._listed(reading, PAYMENT_METHODS, "/payment-methods")
        return reading

    async def _listed(self, reading: Reading, operation: str, path: str) -> list[Object]:
        page = await self._page(reading, operation, path)
        return [] if page is None else page.listed

    async def _invoices(self, reading: Reading) -> list[Object]:
        """All pages; an invoice that moves on to the next page meanwhile counts once."""
        found: dict[str, Object] = {}
        for number in range(1, _PAGES_MAX + 1):
            page = await self._page(
                reading, BILLING_HISTORY, "/billing/history", f"?page={number}&per_page={_PER_PAGE}"
            )
            if page is None:
                return list(found.values())
            known = len(found)
            for one in page.listed:
                found.setdefault(str(one.get("id")), one)
            if len(found) >= page.total if page.total is not None else len(page.listed) < _PER_PAGE:
                return list(found.values())
            if len(found) == known:
                break
        reading.failed[BILLING_HISTORY] = f"{BILLING_HISTORY} shows {len(found):,} invoices and has no end"
        return list(found.values())

    async def _page(self, reading: Reading, operation: str, path: str, query: str = "") -> _Page | None:
        """One answer that lists something; None where there is none, which is noted."""
        try:
            answer = await self._get(operation, path, query)
        except SetUpFailed as error:
            reading.failed[operation] = str(error)
            return None
        listed = _result(answer)
        if answer.status != 200 or not isinstance(listed, list):
            reading.failed[operation] = f"{operation} answered {answer.status} {shown(answer)}"
            return None
        return _Page([one for one in listed if isinstance(one, dict)], _total_count(answer))

    async def _read_zone(self, reading: Reading, name: str) -> None:
        if not self._deployment.profile.supports.zones:
            reading.failed[ZONES] = "the profile says that zones cannot be read (supports.zones)"
            return
        try:
            answer = await self._get("get_zone", f"/zones/{quote(name, safe='')}")
        except SetUpFailed as error:
            reading.failed[ZONES] = str(error)
            return
        found = _result(answer)
        if isinstance(found, dict):
            reading.zones.append(found)
        elif answer.status != 404:
            reading.failed[ZONES] = f"get_zone answered {answer.status} {shown(answer)}"

    async def _read_ledger(self, reading: Reading, intents: Iterable[str]) -> None:
        if self._stripe is None:
            reading.failed[LEDGER_OBJECTS] = reading.failed[LEDGER_EVENTS] = _NO_KEY
            return
        events = self._events
        named = list(intents)
        if events is not None and events.failed is None:
            await events.look()
            named += events.intents_of(self.account_id)
        if events is None or events.failed is not None:
            reading.failed[LEDGER_EVENTS] = "events were not read" if events is None else str(events.failed)
        if self.customer is None and LEDGER_EVENTS in reading.failed:
            reading.failed[LEDGER_OBJECTS] = "provisioning names no customer at Stripe, and no events can be read"
            return
        try:
            reading.ledger = await read_ledger(self._stripe, self.customer, named)
        except (NotPermitted, SetUpFailed) as error:
            reading.failed[LEDGER_OBJECTS] = str(error)

    async def _get(self, operation: str, path: str, query: str = "") -> HttpAnswer:
        url = self._deployment.profile.gateway.url + self._paths.actual(operation, path) + query
        headers = {**self._paths.headers, "authorization": f"Bearer {self._token}"}
        timeout_s = self._deployment.profile.limits.timeout_s
        return await with_patience(lambda: self._deployment.client.send("GET", url, headers, None, timeout_s))


def reading_facts(reading: Reading, account_id: str) -> Iterator[Fact]:
    """How each reading went."""
    for name in FINAL_READINGS:
        source = LEDGER if name in (LEDGER_OBJECTS, LEDGER_EVENTS) else OBSERVED
        why = reading.failed.get(name)
        state, detail = ("complete", None) if why is None else ("failed", {"reason": why})
        yield Fact(reading.at_us, source, READER, "reading", account_id, None, name, state, detail=detail)


def final_facts(reading: Reading, since_us: int, ended_us: int) -> Iterator[Fact]:
    """The rows `final_…` that the deployment itself shows; nothing of the account is older than `since_us`.

    `ended_us`: when the customer had done everything.
    """
    at_us = reading.at_us
    ahead = _tells_of_the_future(reading, ended_us)
    for one in reading.subscriptions:
        detail = {**_line(one), "quantity": one.get("quantity")}
        yield _row(at_us, "final_subscription", one.get("id"), one.get("state"), _price(one), detail)
    for one in reading.entitlements:
        detail = {**_feature(one), **_activated(one, since_us, at_us, ahead)}
        yield _row(at_us, "final_entitlement", one.get("subscription_id"), one.get("status"), None, detail)
    for one in reading.payment_methods:
        detail = {"type": one.get("type"), "valid": bool(one.get("valid"))}
        state = "default" if one.get("is_default") else "on_file"
        yield _row(at_us, "final_payment_method", one.get("id"), state, None, detail)
    for one in reading.zones:
        yield _row(at_us, "final_zone", one.get("id"), one.get("status"), None, {})
    for one in reading.invoices:
        detail = {"subscription_ids": one.get("subscription_ids")}
        amount = one.get("amount")
        amount = amount if type(amount) is int else None
        yield _row(at_us, "final_invoice", one.get("id"), one.get("status"), amount, detail)


def start_facts(reading: Reading) -> Iterator[Fact]:
    """What stood before the customer came, which is taken as given."""
    at_us = reading.at_us
    for one in reading.subscriptions:
        detail = {**_line(one), "at_start": True}
        yield _row(at_us, "subscription", one.get("id"), one.get("state"), _price(one), detail, LIST)
    for one in reading.entitlements:
        detail = {**_feature(one), "at_start": True}
        yield _row(at_us, "entitlement", one.get("subscription_id"), one.get("status"), None, detail)
    for one in reading.payment_methods:
        state = "default" if one.get("is_default") else "on_file"
        detail = {"type": one.get("type"), "at_start": True}
        yield _row(at_us, "account_payment_method", one.get("id"), state, None, detail)


def _row(
    at_us: int,
    kind: str,
    subject: Any,
    state: Any,
    amount: int | None,
    detail: Mapping[str, Any],
    operation: str | None = None,
) -> Fact:
    state = None if state is None else str(state)
    return Fact(at_us, OBSERVED, READER, kind, str(subject or ""), None, operation, state, None, None, amount, detail)


def _line(subscription: Object) -> dict[str, Any]:
    plan = subscription.get("rate_plan")
    line = {"rate_plan": plan.get("id") if isinstance(plan, dict) else None, "frequency": subscription.get("frequency")}
    if subscription.get("zone_id") is not None:
        line["zone_id"] = subscription["zone_id"]
    return line


def _price(subscription: Object) -> int | None:
    price = subscription.get("price")
    return price if type(price) is int else None


def _feature(entitlement: Object) -> dict[str, Any]:
    feature = {"feature": entitlement.get("feature")}
    if entitlement.get("zone_id") is not None:
        feature["zone_id"] = entitlement["zone_id"]
    return feature


def _tells_of_the_future(reading: Reading, ended_us: int) -> bool:
    """Whether the deployment's clock is ahead: customers bought nothing after `ended_us`, and it says that they did.

    Without that look a clock that an earlier run moved on as far as this one would agree with this one's afterwards.
    """
    created = (_moment_us(one.get("created_on")) for one in reading.subscriptions)
    return any(one is not None and one > ended_us + _CLOCKS_APART_US for one in created)


def _activated(entitlement: Object, since_us: int, until_us: int, ahead: bool) -> dict[str, Any]:
    """When it says that it was activated, where that can be compared with the run's clock."""
    told = entitlement.get("activated_on")
    if not isinstance(told, str):
        return {}
    activated_us = _moment_us(told)
    if ahead or activated_us is None:
        return {"activated_on": told}
    if not since_us - _CLOCKS_APART_US <= activated_us <= until_us + _CLOCKS_APART_US:
        return {"activated_on": told}
    return {"activated_on": told, "activated_us": activated_us}


def _moment_us(told: Any) -> int | None:
    """A moment by the contract's spelling, in microseconds of the run's time; None for what is none."""
    if not isinstance(told, str):
        return None
    try:
        return round((datetime.fromisoformat(told) - EPOCH).total_seconds() * SECOND_US)
    except (ValueError, TypeError, OverflowError):
        return None


def _total_count(answer: HttpAnswer) -> int | None:
    info = _member(answer, "result_info")
    total = info.get("total_count") if isinstance(info, dict) else None
    return total if type(total) is int else None


def _result(answer: HttpAnswer) -> Any:
    return _member(answer, "result")


def _member(answer: HttpAnswer, name: str) -> Any:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
    return body.get(name) if isinstance(body, dict) else None
