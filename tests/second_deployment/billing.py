"""Buying, paying, granting, ending: what this deployment makes of the contract.

Where the contract leaves it open, it does otherwise than the model: every priced line has an intent of its own when the
customer must confirm, one is made for all when a payment method is charged; events are queued and handled in batches,
the last first; some plans show `Paid`, others skip it; entitlements come seconds after the payment; answers of a change
show the plan in force. `slips` are defects that tests switch on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any
from uuid import uuid4

from scenarios.catalogue import is_offered, price_minor
from scenarios.phase import gate_mode
from tests.second_deployment.bodies import chargeable
from tests.second_deployment.records import Account, Line, Part, Purchase, Subscription
from tests.second_deployment.refusals import Refusal, card_refused, not_fitting, nothing_there, wrong_state
from tests.second_deployment.stripe_client import Object, StripeAway, StripeClient, StripeRefused
from tests.second_deployment.time_of_day import Clock

UNPAID_FOR_S = 23 * 3_600
SHOWS_PAID = ("pages", "images", "zone_pro", "registrar")
"""Plans whose subscriptions are seen in `Paid`; the others go from `AwaitingPayment` to `Provisioned`."""
_PATHS = {"payment": "/v1/payment_intents", "setup": "/v1/setup_intents"}
_RETURN_URL = "https://console.second.example/back"
_EVENT_TRIES = 8
"""An event may be here before the answer that names its intent; after so many batches nobody knows it."""


class Bought:
    """What comes of a request to buy."""

    def __init__(self, subscriptions: list[Subscription], secrets: list[str], messages: list[tuple[int, str]]) -> None:
        self.subscriptions = subscriptions
        self.secrets = secrets
        self.messages = messages


class Billing:
    def __init__(
        self, stripe: StripeClient, clock: Clock, provisioning_s: float = 3.0, slips: Iterable[str] = ()
    ) -> None:
        self.stripe = stripe
        self.clock = clock
        self.provisioning_s = provisioning_s
        self.slips = frozenset(slips)
        self.batch_s = 1.0
        self.phase = 2
        self.regime = "continuation"
        self.gates: dict[str, bool] = {}
        self.accounts: dict[str, Account] = {}
        self._owners: dict[str, str] = {}
        self._events: list[tuple[str, int]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # --- events, and what happens by itself --------------------------------------------------------------------------

    def start(self) -> None:
        self.later(self._handle_batches())
        self.later(self._sweep_now_and_then())

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def heard(self, intent_id: str) -> None:
        """Stripe says that an intent succeeded."""
        self._events.append((intent_id, 1))

    async def _handle_batches(self) -> None:
        while True:
            await asyncio.sleep(self.batch_s)
            batch, self._events = self._events[::-1], []
            for intent_id, tries in batch:
                try:
                    known = await self._settle(intent_id)
                except StripeAway:
                    self._events.append((intent_id, tries))
                    continue
                if not known and tries < _EVENT_TRIES:
                    self._events.append((intent_id, tries + 1))

    async def _settle(self, intent_id: str) -> bool:
        account = self.accounts.get(self._owners.get(intent_id, ""))
        if account is None:
            return False
        async with account.lock:
            found = account.part_of(intent_id)
            if found is None:
                return True
            purchase, part = found
            again = part.settled and "every event counts" in self.slips
            if again:
                await self._charge_again(account, part)
            if not part.settled:
                intent = await self.stripe.get(f"{_PATHS[part.kind]}/{intent_id}")
                if intent["status"] == "succeeded":
                    await self.apply(account, purchase, part, intent)
        return True

    async def sweep(self) -> None:
        """End what was left unpaid for 23 hours."""
        for account in list(self.accounts.values()):
            due_s = self.clock.now_s - UNPAID_FOR_S
            if any(purchase.created_s <= due_s for purchase in account.open_purchases()):
                async with account.lock:
                    for purchase in list(account.open_purchases()):
                        if purchase.created_s <= due_s:
                            with contextlib.suppress(StripeAway):
                                await self.end(account, purchase, "Expired")

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(5.0)
            await self.sweep()

    async def apply(
        self, account: Account, purchase: Purchase, part: Part, intent: Object, at_once: bool = False
    ) -> None:
        """A payment succeeded: once, however often that is said."""
        if part.settled:
            return
        if part.ended:
            await self._give_back(part, part.amount, part.id)
            part.refunded = True
            return
        await self.put_on_file(account, intent["payment_method"])
        part.settled = True
        if purchase.invoice_id is not None:
            for invoice in account.invoices:
                if invoice["id"] == purchase.invoice_id:
                    invoice["status"], invoice["label"] = "bad_debt_resolved", "Debt settled"
            return
        if part.amount:
            self.add_invoice(account, part.amount, "paid", part.subscription_ids)
        if purchase.change is not None:
            if at_once:
                self._take_over(account, purchase)
            else:
                self.later(self._take_over_later(account, purchase))
            return
        for name in part.subscription_ids:
            subscription = account.subscriptions[name]
            if at_once:
                self.grant(subscription)
                continue
            if subscription.line.plan in SHOWS_PAID and subscription.state == "AwaitingPayment":
                subscription.state = "Paid"
            self.later(self._grant_later(account, subscription))

    async def _grant_later(self, account: Account, subscription: Subscription) -> None:
        await asyncio.sleep(self.provisioning_s)
        async with account.lock:
            self.grant(subscription)

    def grant(self, subscription: Subscription) -> None:
        if subscription.state in ("AwaitingPayment", "Paid"):
            subscription.state = "Provisioned"
            subscription.status = "active"
            subscription.activated_s = self.clock.now_s

    async def _take_over_later(self, account: Account, purchase: Purchase) -> None:
        await asyncio.sleep(self.provisioning_s)
        async with account.lock:
            self._take_over(account, purchase)

    def _take_over(self, account: Account, purchase: Purchase) -> None:
        """The coming plan is in force from now on."""
        change = purchase.change
        assert change is not None
        subscription = account.subscriptions[change["subscription_id"]]
        change["waits"] = False
        if subscription.state != "Provisioned":
            return
        line = subscription.line
        if line.plan != change["plan"]:
            subscription.activated_s = self.clock.now_s
        subscription.line = Line(
            change["plan"], line.frequency, change["price"], line.zone_id, line.quantity, line.domain
        )
        for name, units in change["units"].items():
            subscription.components[name] = subscription.components.get(name, 0) + units

    # --- payment methods ---------------------------------------------------------------------------------------------

    async def refresh(self, account: Account) -> None:
        """Stripe's customer is the truth about what is on file."""
        listed = await self.stripe.get(f"/v1/customers/{account.customer}/payment_methods", limit=100)
        attached = {one["id"]: one for one in listed["data"]}
        for name, method in account.methods.items():
            method["detached"] = name not in attached
        for name, method in reversed(attached.items()):
            if name not in account.removed:
                account.methods[name] = {**method, "detached": False}
        self._choose_default(account)

    async def put_on_file(self, account: Account, name: str | None) -> None:
        if name and name not in account.methods and name not in account.removed:
            account.methods[name] = {**await self.stripe.get(f"/v1/payment_methods/{name}"), "detached": False}
        self._choose_default(account)

    def _choose_default(self, account: Account) -> None:
        if account.default is None or account.default in account.removed:
            account.default = next(iter(account.methods), None)

    def valid(self, method: Object) -> bool:
        return not method.get("detached") and not self._too_old(method)

    def _too_old(self, method: Object) -> bool:
        card = method.get("card")
        if not isinstance(card, dict):
            return False
        month = self.clock.now_s / 86_400 / 365.2425 * 12 + 1970 * 12
        return int(card["exp_year"]) * 12 + int(card["exp_month"]) <= month

    async def usable(self, account: Account) -> str | None:
        """The payment method on file that is charged: the default before the others."""
        await self.refresh(account)
        names = [name for name, method in account.methods.items() if self.valid(method)]
        return account.default if account.default in names else next(iter(names), None)

    async def named(self, account: Account, name: str | None) -> str | None:
        """The payment method that a body names; None for none, or for one that is too old."""
        if name is None:
            return None
        method = await self.lookup(account, name)
        return None if self._too_old(method) else str(method["id"])

    async def lookup(self, account: Account, name: str) -> Object:
        try:
            if not name.startswith("pm_") or not all(letter.isalnum() or letter == "_" for letter in name):
                raise StripeRefused(404, {})
            method = await self.stripe.get(f"/v1/payment_methods/{name}")
        except StripeRefused:
            raise not_fitting("payment_method_id", "nobody knows it") from None
        if method.get("customer") not in (None, account.customer) or name in account.removed:
            raise not_fitting("payment_method_id", "it is not yours")
        return method

    # --- buying ------------------------------------------------------------------------------------------------------

    def gate(self, operation: str, method: str | None) -> list[tuple[int, str]]:
        """The gate's warnings. Raises Refusal where it refuses."""
        mode = gate_mode(self.phase, operation, self.gates.get("pm-gate", True))
        if "append is still gated" in self.slips and operation == "append":
            mode = "enforced"
        if method is not None or mode == "off":
            return []
        if mode == "softened":
            return [(1210, "There is nothing on file that we could charge; go on all the same.")]
        raise Refusal(402, 1210, "There is nothing on file that we could charge. Add something first.")

    async def buy(
        self, account: Account, lines: list[Line], body_method: str | None, on_session: bool, operation: str
    ) -> Bought:
        usable = body_method or await self.usable(account)
        messages = self.gate(operation, usable)
        purchase = await self._purchase(account, lines, usable, body_method, whole=False)
        return await self._collect(account, purchase, usable, body_method, on_session, messages)

    async def pre_authorize(self, account: Account, lines: list[Line]) -> tuple[str, str]:
        """One secret for the whole cart, and what it is for."""
        purchase = await self._purchase(account, lines, None, None, whole=True)
        waiting = [part for part in purchase.parts if part.open]
        if len(waiting) > 1:
            waiting = [await self._join(account, purchase, waiting)]
        for part in waiting:
            intent = await self._intent(account, part)
            if intent["status"] not in ("succeeded", "processing"):
                return str(part.secret), part.kind
        raise wrong_state("that is paid, and on its way")

    async def change(
        self,
        account: Account,
        subscription: Subscription,
        plan: str,
        units: dict[str, int],
        price: int,
        body_method: str | None,
        on_session: bool,
        operation: str,
    ) -> Bought:
        """Another plan, or more units, once the difference is paid."""
        if subscription.state != "Provisioned":
            raise wrong_state("that subscription is not in force")
        wanted = {"subscription_id": subscription.id, "plan": plan, "units": units, "price": price, "waits": True}
        waiting = [
            purchase
            for purchase in account.purchases
            if purchase.change is not None
            and purchase.change["subscription_id"] == subscription.id
            and purchase.change["waits"]
        ]
        if waiting and waiting[0].change != wanted:
            raise wrong_state("another change is waiting")
        usable = body_method or await self.usable(account)
        messages = self.gate(operation, usable)
        if not waiting:
            due = max(0, price - subscription.line.price)
            parts = [Part("payment" if due else "setup", due, [subscription.id])]
            waiting = [Purchase(self.clock.now_s, parts, change=wanted)]
            account.purchases.append(waiting[0])
        bought = await self._collect(account, waiting[0], usable, body_method, on_session, messages)
        bought.subscriptions = [subscription]
        return bought

    async def _purchase(
        self, account: Account, lines: list[Line], usable: str | None, body_method: str | None, whole: bool
    ) -> Purchase:
        """The unpaid purchase of these very lines, or a new one in the place of those that it overlaps."""
        drawn = Purchase(self.clock.now_s, [], lines)
        things = {line.thing for line in lines}
        for purchase in list(account.open_purchases()):
            if purchase.change is not None or purchase.invoice_id is not None:
                continue
            if purchase.wholes == drawn.wholes:
                return purchase
            unpaid = {
                account.subscriptions[name].line.thing
                for part in purchase.parts
                if part.open
                for name in part.subscription_ids
            }
            if unpaid & things:
                await self.end(account, purchase, "Cancelled")
        subscriptions = [Subscription(line, self.clock.now_s) for line in lines]
        for subscription in subscriptions:
            account.subscriptions[subscription.id] = subscription
            if "granted before it is paid" in self.slips:
                self.grant(subscription)
                subscription.state = "AwaitingPayment"
        drawn.subscription_ids = [subscription.id for subscription in subscriptions]
        drawn.parts = self._parts(subscriptions, whole or usable is not None)
        account.purchases.append(drawn)
        return drawn

    def _parts(self, subscriptions: list[Subscription], whole: bool) -> list[Part]:
        priced = [one for one in subscriptions if one.line.price]
        names = [one.id for one in subscriptions]
        if not priced:
            return [Part("setup", 0, names)]
        if whole:
            return [Part("payment", sum(one.line.price for one in priced), names)]
        free = [one.id for one in subscriptions if not one.line.price]
        return [
            Part("payment", one.line.price, [one.id, *(free if number == 0 else ())])
            for number, one in enumerate(priced)
        ]

    async def _collect(
        self,
        account: Account,
        purchase: Purchase,
        usable: str | None,
        body_method: str | None,
        on_session: bool,
        messages: list[tuple[int, str]],
    ) -> Bought:
        """Charge what can be charged; hand out the secrets of what the customer must confirm."""
        secrets: list[str] = []
        refused: StripeRefused | None = None
        needed = False
        for part in [part for part in purchase.parts if part.open]:
            if part.kind == "setup" and usable is not None and body_method is None:
                await self._forget_set_up(account, purchase, part)
                continue
            intent = await self._intent(account, part)
            if usable is not None and intent["status"] in ("requires_payment_method", "requires_confirmation"):
                try:
                    intent = await self._confirm(part, usable)
                except StripeRefused as error:
                    refused = refused or error
                    continue
            if intent["status"] == "succeeded":
                if part.kind == "setup" or self.regime == "act-1":
                    await self.apply(account, purchase, part, intent, at_once=True)
            elif intent["status"] != "processing" and on_session:
                secrets.append(str(part.secret))
            elif intent["status"] != "processing":
                needed = True
        if refused is not None:
            raise card_refused(refused.decline_code)
        if needed:
            messages = [*messages, (1211, "Somebody has to confirm this payment in person.")]
        bought = [account.subscriptions[name] for name in reversed(purchase.subscription_ids)]
        return Bought(bought, secrets[::-1], messages)

    async def _forget_set_up(self, account: Account, purchase: Purchase, part: Part) -> None:
        """Nothing is due and there is something on file: nothing has to be set up."""
        if part.intent_id is not None and not await self._cancel(part):
            intent = await self._intent(account, part)
            await self.apply(account, purchase, part, intent, at_once=True)
            return
        part.settled = True
        if purchase.change is not None:
            self._take_over(account, purchase)
            return
        for name in part.subscription_ids:
            self.grant(account.subscriptions[name])

    async def _join(self, account: Account, purchase: Purchase, waiting: list[Part]) -> Part:
        """One intent in the place of several."""
        left = [part for part in waiting if await self._cancel_made(account, part)]
        if not left:
            raise wrong_state("that is paid, and on its way")
        names = [name for part in left for name in part.subscription_ids]
        for part in left:
            part.ended = True
        joined = Part("payment", sum(part.amount for part in left), names)
        purchase.parts.append(joined)
        return joined

    # --- intents -----------------------------------------------------------------------------------------------------

    async def _intent(self, account: Account, part: Part) -> Object:
        """The part's intent as it is now; a new one where there is none that can be paid."""
        if part.intent_id is not None:
            intent = await self.stripe.get(f"{_PATHS[part.kind]}/{part.intent_id}")
            if intent["status"] != "canceled":
                return intent
            part.id = uuid4().hex
        form: Object = {"customer": account.customer, "metadata": {"account_id": account.id, "shop": "second"}}
        if part.subscription_ids:
            form["metadata"]["subscription_ids"] = ",".join(part.subscription_ids)
        if part.kind == "payment":
            form.update(amount=part.amount, currency="usd", setup_future_usage="off_session")
        else:
            form["usage"] = "off_session"
        intent = await self.stripe.post(_PATHS[part.kind], form, key=f"make-{part.id}")
        part.intent_id, part.secret = intent["id"], intent["client_secret"]
        self._owners[intent["id"]] = account.id
        return intent

    async def _confirm(self, part: Part, method: str) -> Object:
        part.tries += 1
        form = {"payment_method": method, "return_url": _RETURN_URL}
        return await self.stripe.post(
            f"{_PATHS[part.kind]}/{part.intent_id}/confirm", form, key=f"pay-{part.id}-{part.tries}"
        )

    async def _cancel(self, part: Part) -> bool:
        """Whether the intent can be paid no more; not where it is paid already."""
        path = f"{_PATHS[part.kind]}/{part.intent_id}"
        try:
            await self.stripe.post(f"{path}/cancel")
        except StripeRefused:
            return bool((await self.stripe.get(path))["status"] == "canceled")
        return True

    async def _cancel_made(self, account: Account, part: Part) -> bool:
        """As `_cancel`; an intent of which nobody knows whether Stripe made it is made first."""
        if part.intent_id is None:
            await self._intent(account, part)
        return await self._cancel(part)

    async def end(self, account: Account, purchase: Purchase, state: str) -> None:
        """Nothing of the purchase that is unpaid can be paid any more. What turns out to be paid stays."""
        for part in [part for part in purchase.parts if part.open]:
            if not await self._cancel_made(account, part):
                continue
            part.ended = True
            if purchase.change is not None:
                purchase.change["waits"] = False
                continue
            for name in part.subscription_ids if purchase.invoice_id is None else ():
                account.subscriptions[name].state = state

    async def _give_back(self, part: Part, amount: int, what: str) -> None:
        if part.kind == "payment" and amount:
            form = {"payment_intent": part.intent_id, "amount": amount}
            await self.stripe.post("/v1/refunds", form, key=f"back-{what}")

    async def _charge_again(self, account: Account, part: Part) -> None:
        """A defect: an event that is delivered twice takes the money twice."""
        usable = await self.usable(account)
        form = {
            "amount": part.amount,
            "currency": "usd",
            "customer": account.customer,
            "payment_method": usable,
            "confirm": True,
            "return_url": _RETURN_URL,
            "metadata": {"account_id": account.id, "subscription_ids": ",".join(part.subscription_ids)},
        }
        if part.amount and usable is not None:
            await self.stripe.post("/v1/payment_intents", form)

    # --- ending, and debts -------------------------------------------------------------------------------------------

    async def cancel(self, account: Account, subscription: Subscription) -> None:
        if subscription.state not in ("AwaitingPayment", "Paid", "Provisioned"):
            raise wrong_state("that subscription has ended")
        for purchase in account.purchases:
            for part in list(purchase.parts):
                if subscription.id in part.subscription_ids and not part.ended:
                    await self._take_out(account, purchase, part, subscription)
        subscription.state = "Cancelled"
        if subscription.status is not None:
            subscription.status = "inactive"

    async def _take_out(self, account: Account, purchase: Purchase, part: Part, subscription: Subscription) -> None:
        """Of what is unpaid the intent ends, and the rest of the cart gets another; what was paid is given back."""
        if part.open and await self._cancel_made(account, part):
            part.ended = True
            if purchase.change is not None:
                purchase.change["waits"] = False
                return
            rest = [account.subscriptions[name] for name in part.subscription_ids if name != subscription.id]
            purchase.parts += self._parts(rest, whole=True) if rest else []
            purchase.lines = [account.subscriptions[n].line for n in purchase.subscription_ids if n != subscription.id]
            purchase.subscription_ids = [name for name in purchase.subscription_ids if name != subscription.id]
            return
        if part.open:
            await self.apply(account, purchase, part, await self._intent(account, part))
        if purchase.change is None and subscription.state != "Provisioned":
            await self._give_back(part, subscription.line.price, f"{part.id}-{subscription.id}")

    async def pay_debt(self, account: Account, invoice_id: str, body_method: str | None) -> Object:
        invoice = next((one for one in account.invoices if one["id"] == invoice_id), None)
        if invoice is None or invoice["status"] != "bad_debt":
            raise Refusal(409, 1220, "That is no debt of yours.")
        usable = body_method or await self.usable(account)
        if usable is None:
            raise not_fitting("payment_method_id", "there is nothing to charge")
        purchase = next((one for one in account.open_purchases() if one.invoice_id == invoice_id), None)
        if purchase is None:
            purchase = Purchase(self.clock.now_s, [Part("payment", invoice["amount"], [])], invoice_id=invoice_id)
            account.purchases.append(purchase)
        [part] = [part for part in purchase.parts if part.open]
        intent = await self._intent(account, part)
        declined = "authentication_required"
        if intent["status"] not in ("succeeded", "processing"):
            try:
                intent = await self._confirm(part, usable)
            except StripeRefused as error:
                declined = error.decline_code
        if intent["status"] == "succeeded":
            await self.apply(account, purchase, part, intent)
            return invoice
        await self.end(account, purchase, "Cancelled")
        raise card_refused(declined)

    async def look_at_stripe(self, account: Account) -> None:
        """Whatever was paid and not heard of is granted now: for administrators."""
        for purchase in account.purchases:
            for part in purchase.parts:
                if part.open and part.intent_id is not None:
                    intent = await self._intent(account, part)
                    if intent["status"] == "succeeded":
                        await self.apply(account, purchase, part, intent, at_once=True)

    # --- accounts ----------------------------------------------------------------------------------------------------

    async def open_account(self, payment_method: str, country: str) -> Account:
        customer = await self.stripe.post("/v1/customers", {"description": "opened by the test support"})
        account = Account(customer["id"], country)
        account.profile = {"name": "", "email": f"{account.id[:8]}@second.example", "country": country, "address": ""}
        tokens = {
            "valid": "pm_card_visa",
            "expired": "pm_card_visa",
            "requires_authentication": "pm_card_authenticationRequired",
            "declining": "pm_card_chargeCustomerFail",
        }
        if payment_method == "paypal":
            form = {
                "customer": account.customer,
                "confirm": True,
                "payment_method_data": {"type": "paypal", "billing_details": {"email": account.profile["email"]}},
                "payment_method_options": {"paypal": {"billing_agreement_id": f"B-{uuid4().hex[:12]}"}},
                "return_url": _RETURN_URL,
            }
            await self.stripe.post("/v1/setup_intents", form)
        elif payment_method in tokens:
            path = f"/v1/payment_methods/{tokens[payment_method]}/attach"
            made = await self.stripe.post(path, {"customer": account.customer})
            if payment_method == "expired":
                await self.stripe.post(
                    f"/v1/payment_methods/{made['id']}", {"card": {"exp_month": 2, "exp_year": 2021}}
                )
        elif payment_method != "none":
            raise not_fitting("payment_method", "we do not know that kind")
        await self.refresh(account)
        self.accounts[account.id] = account
        return account

    async def close_account(self, name: str) -> None:
        account = self.accounts.pop(name, None)
        if account is None:
            raise nothing_there("that account")
        with contextlib.suppress(StripeAway, StripeRefused):
            await self.stripe.delete(f"/v1/customers/{account.customer}")

    def add_zone(self, account: Account, name: str, status: str, zone_id: str | None = None) -> dict[str, str]:
        zone = {"id": zone_id or uuid4().hex, "name": name, "status": status}
        account.zones[zone["id"]] = zone
        return zone

    def add_invoice(self, account: Account, amount: int, status: str, subscription_ids: list[str]) -> None:
        account.invoices.append(
            {
                "id": f"inv-{uuid4()}",
                "number": f"{len(account.invoices) + 1}/{account.id[:4]}",
                "amount": amount,
                "created_s": self.clock.now_s,
                "status": status,
                "label": "Overdue" if status == "bad_debt" else "Thank you",
                "subscription_ids": list(subscription_ids),
            }
        )


def price_of(subscription: Subscription, plan: str) -> int:
    """What the subscription costs under another plan; raises Refusal where that is not sold."""
    if not is_offered(plan, subscription.line.frequency):
        raise not_fitting("rate_plan.id", f"it is not sold {subscription.line.frequency}")
    price = price_minor(plan, subscription.line.frequency, subscription.line.quantity)
    chargeable(max(0, price - subscription.line.price), "rate_plan.id")
    return price
