"""Defects to plant in the simulated deployment: what real teams ship when they remove a payment-method gate.

Each function takes pytest's monkeypatch and changes as little as it can. The docstring says the bug in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.phase import GateMode
from sim.backend import BackendConfig
from sim.billing_webhooks import continuation, service
from sim.billing_webhooks.continuation import APPLIED, Continuation, Verdict
from sim.effects import Call, Spawn
from sim.gateway import Gateway
from sim.messages import Answer
from sim.store import Account, Purchase, Zone
from sim.stripe.signature import SignatureError, verify
from sim.subscriptions_api import collection, expiry, purchases
from sim.subscriptions_api.collection import NEEDS_CUSTOMER, PROCESSING, Collection, lose_intent
from sim.subscriptions_api.envelope import BANNED, DEBTOR, GATE, LOCKED, CardRefused, Refusal, refusal, success
from sim.subscriptions_api.expiry import Expiry
from sim.subscriptions_api.gate import WARNING, Gate
from sim.subscriptions_api.ledger import API, WEBHOOKS, Ledger
from sim.subscriptions_api.purchases import Purchases
from sim.subscriptions_api.rollback import ask_for_rollback
from sim.subscriptions_api.stripe_calls import StripeCalls
from sim.subscriptions_api.zones import Zones
from sim.time import HOUR_US, MINUTE_US

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def wrapped(patch: Patch, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a method or a module's function by what `make` makes of it."""
    patch.setattr(owner, name, make(getattr(owner, name)))


# --- the gate --------------------------------------------------------------------------------------------------------


def gate_is(mode: GateMode, *operations: str) -> Plant:
    """The gate of these operations is in another mode than the phase says: left on, forgotten, or not softened."""

    def plant(patch: Patch) -> None:
        def change(original: Any) -> Any:
            def changed(self: BackendConfig, *args: Any, **settings: Any) -> None:
                original(self, *args, **settings)
                self.gate_modes = {**self.gate_modes, **dict.fromkeys(operations, mode)}

            return changed

        wrapped(patch, BackendConfig, "change", change)

    return plant


def gate_flag_ignored(patch: Patch) -> None:
    """The gate's server-side flag is not read any more, so nobody can switch the gate off."""
    wrapped(
        patch,
        BackendConfig,
        "change",
        lambda original: lambda self, *args, **settings: original(self, *args, **{**settings, "gates": {}}),
    )


def expired_method_refused(patch: Patch) -> None:
    """The gate went for accounts without a payment method, and stayed for those whose card has expired."""

    def passes(self: Gate, account: Account, asked: Any) -> bool:
        if account.payment_methods and self._methods.on_file(account) is None:
            raise Refusal(402, GATE, "the payment method on file has expired")
        return not account.payment_methods

    patch.setattr(Gate, "lets_pass_without", passes)


def decline_with(code: int, status: int = 402) -> Plant:
    """A card that Stripe declines is refused with another code, as where Stripe's own 402 is passed through."""

    def plant(patch: Patch) -> None:
        def refused(self: CardRefused, decline_code: str) -> None:
            Refusal.__init__(self, status, code, f"the payment method was refused: {decline_code}")

        patch.setattr(CardRefused, "__init__", refused)

    return plant


def softened_without_warning(patch: Patch) -> None:
    """The softened gate lets pass without a word."""

    def make(original: Any) -> Any:
        def silent(self: Gate, account: Account, asked: Any, in_body: Any, charges: bool, messages: list[Any]) -> Any:
            chosen = yield from original(self, account, asked, in_body, charges, messages)
            messages[:] = [message for message in messages if message is not WARNING]
            return chosen

        return silent

    wrapped(patch, Gate, "method_or_refusal", make)


def refused_after_creation(patch: Patch) -> None:
    """The gate is asked only after the purchase has been made."""

    def make(original: Any) -> Any:
        def late(self: Purchases, account: Account, asked: Any, body: Any, lines: Any) -> Any:
            try:
                return (yield from original(self, account, asked, body, lines))
            except Refusal as refused:
                if refused.code == GATE:
                    new = self._new_lines(account, asked.operation, lines, purchases._signature_of(lines))
                    yield from self._collect_and_keep(account, new, None, True)
                raise

        return late

    wrapped(patch, Purchases, "_buy_lines", make)


def crash_without_method(patch: Patch) -> None:
    """The code behind the gate relied on it: without a payment method it fails with 500."""

    def make(original: Any) -> Any:
        def crashing(self: Gate, *args: Any) -> Any:
            chosen = yield from original(self, *args)
            if chosen is None:
                raise Refusal(500, 1000, "internal error")
            return chosen

        return crashing

    wrapped(patch, Gate, "method_or_refusal", make)
    patch.setattr(Gate, "lets_pass_without", lambda self, account, asked: False)


def standing_forgotten(*kept: str) -> Plant:
    """Checks of the account's standing went with the gate; what is `kept` (banned, locked, debt) is refused."""

    def plant(patch: Patch) -> None:
        def refuse(account: Account) -> None:
            if account.banned and "banned" in kept:
                raise Refusal(403, BANNED, "the account is banned")
            if account.locked and "locked" in kept:
                raise Refusal(403, LOCKED, "the account is locked")
            if account.owes_minor() and "debt" in kept:
                raise Refusal(403, DEBTOR, "the account has an outstanding balance")

        patch.setattr(purchases, "refuse_if_blocked", refuse)

    return plant


def lock_looks_like_gate(patch: Patch) -> None:
    """A locked account is told to add a payment method."""

    def refuse(account: Account) -> None:
        if account.locked or account.banned or account.owes_minor():
            raise Refusal(402, GATE, "add a payment method")

    patch.setattr(purchases, "refuse_if_blocked", refuse)


# --- what is granted, and when ----------------------------------------------------------------------------------------


def regime_is(regime: str) -> Plant:
    """Another engine than the one that was announced is at work."""

    def plant(patch: Patch) -> None:
        def change(original: Any) -> Any:
            def changed(self: BackendConfig, *args: Any, **settings: Any) -> None:
                original(self, *args, **settings)
                self.regime = regime  # type: ignore[assignment]

            return changed

        wrapped(patch, BackendConfig, "change", change)

    return plant


def granted_while_challenged(patch: Patch) -> None:
    """`requires_action` is taken for success."""

    def make(original: Any) -> Any:
        def collect(self: Purchases, account: Account, purchase: Purchase, chosen: Any, on_session: bool) -> Any:
            outcome = yield from original(self, account, purchase, chosen, on_session)
            if outcome == NEEDS_CUSTOMER and chosen is not None:
                secret = purchase.client_secret
                self._ledger.settle(account, purchase, "payment", API)
                purchase.client_secret = secret
            return outcome

        return collect

    wrapped(patch, Purchases, "_collect_and_keep", make)


def granted_at_creation(patch: Patch) -> None:
    """The entitlement is made together with the subscription."""

    def make(original: Any) -> Any:
        def await_payment(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            for identifier in purchase.subscription_ids:
                self.activate(account, account.subscriptions[identifier], "request", API)

        return await_payment

    wrapped(patch, Ledger, "await_payment", make)


def shown_as(state: str) -> Plant:
    """The answer to a purchase shows its subscriptions in that state, whatever they are in."""

    def plant(patch: Patch) -> None:
        wrapped(
            patch,
            purchases,
            "_shown",
            lambda original: lambda account, purchase: [{**one, "state": state} for one in original(account, purchase)],
        )

    return plant


def activation_forgotten(patch: Patch) -> None:
    """A subscription becomes Provisioned without its entitlement."""

    def make(original: Any) -> Any:
        def activate(self: Ledger, account: Account, subscription: Any, because: str, actor: str) -> None:
            if because == "provisioned_at_start":
                original(self, account, subscription, because, actor)

        return activate

    wrapped(patch, Ledger, "activate", make)


def wrong_feature(patch: Patch) -> None:
    """What is granted is not what was bought."""

    def make(original: Any) -> Any:
        def activate(self: Ledger, account: Account, subscription: Any, because: str, actor: str) -> None:
            plan = subscription.rate_plan
            if because != "provisioned_at_start":
                subscription.rate_plan = "pages"
            original(self, account, subscription, because, actor)
            subscription.rate_plan = plan

        return activate

    wrapped(patch, Ledger, "activate", make)


def first_line_alone_granted(patch: Patch) -> None:
    """Of a cart that was paid only the first line is provisioned."""

    def make(original: Any) -> Any:
        def settle(self: Ledger, account: Account, purchase: Purchase, because: str, actor: str) -> None:
            identifiers = purchase.subscription_ids
            purchase.subscription_ids = identifiers[:1]
            original(self, account, purchase, because, actor)
            purchase.subscription_ids = identifiers

        return settle

    wrapped(patch, Ledger, "settle", make)


def provisioned_late(patch: Patch) -> None:
    """An event is acknowledged at once and applied ten minutes later."""

    def make(original: Any) -> Any:
        def handle(self: Any, request: Any) -> Any:
            yield Spawn(original(self, request), 10 * MINUTE_US)
            return Answer(200, {"received": True})

        return handle

    def never_stale(payload: bytes, header: str | None, secret: str, now_s: int) -> int:
        return verify(payload, header, secret, now_s, 3600)

    wrapped(patch, service.BillingWebhooks, "handle", make)
    patch.setattr(service, "verify", never_stale)


def nothing_due_left_waiting(patch: Patch) -> None:
    """A purchase of nothing with a payment method on file waits for a payment that nobody will make."""

    def waits(self: Purchases, account: Account, purchase: Purchase, new: bool) -> Any:
        if new:
            yield self._keep(account, purchase)

    patch.setattr(Purchases, "_nothing_to_collect", waits)


# --- events ----------------------------------------------------------------------------------------------------------


def events_not_remembered(patch: Patch) -> None:
    """Events are not remembered, and a success is applied as often as it comes: each time with an invoice."""

    def make(original: Any) -> Any:
        def apply(self: Continuation, account: Account, event: Any) -> Any:
            account.seen_events.discard(event.id)
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "settled" and event.type == "payment_intent.succeeded":
                self._ledger.add_invoice(
                    account, purchase.amount_minor, "paid", purchase.subscription_ids, purchase.intent_id, WEBHOOKS
                )
                return APPLIED
            return original(self, account, event)

        return apply

    wrapped(patch, Continuation, "apply", make)


def granted_again(patch: Patch) -> None:
    """A second success activates the entitlements once more."""

    def make(original: Any) -> Any:
        def apply(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "settled" and event.id in account.seen_events:
                for identifier in purchase.subscription_ids:
                    account.entitlements.pop(identifier, None)
                    self._ledger.activate(account, account.subscriptions[identifier], "payment", WEBHOOKS)
            return original(self, account, event)

        return apply

    wrapped(patch, Continuation, "apply", make)


def state_reverted(patch: Patch) -> None:
    """A second delivery of the success sets the state to Paid, whatever it has become."""

    def make(original: Any) -> Any:
        def apply(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "settled" and event.id in account.seen_events:
                for identifier in purchase.subscription_ids:
                    subscription = account.subscriptions[identifier]
                    subscription.state = "Paid"
                    self._ledger._state(account, subscription, purchase.intent_id, WEBHOOKS)
            return original(self, account, event)

        return apply

    wrapped(patch, Continuation, "apply", make)


def failure_after_success_undoes(patch: Patch) -> None:
    """A failure is applied without looking whether a later try has succeeded: what was granted is taken away."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.kind == "lines" and purchase.state == "settled":
                for identifier in purchase.subscription_ids:
                    subscription = account.subscriptions[identifier]
                    subscription.state = "AwaitingPayment"
                    self._ledger._state(account, subscription, purchase.intent_id, WEBHOOKS)
                    self._ledger.deactivate(account, subscription, "payment", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    wrapped(patch, Continuation, "_failed", make)


def failure_cancels_intent(patch: Patch) -> None:
    """After a failed payment the intent is cancelled, so that its secret is of no use any more."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                yield from self._collection.end(account, purchase, "abandoned")
            return (yield from original(self, account, event))

        return failed

    wrapped(patch, Continuation, "_failed", make)


def failure_ends_purchase(patch: Patch) -> None:
    """After a failed payment the subscription is cancelled."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                self._ledger.end(account, purchase, "Cancelled", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    wrapped(patch, Continuation, "_failed", make)


def failure_ends_everything(patch: Patch) -> None:
    """A failed payment cancels the intents of everything else that waits for payment."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            mine = continuation._purchase_of(account, event)
            for purchase in list(account.open_purchases.values()):
                if purchase is not mine and (yield from self._collection.end(account, purchase, "abandoned")) == "gone":
                    self._ledger.end(account, purchase, "Cancelled", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    wrapped(patch, Continuation, "_failed", make)


def failure_rolls_back(patch: Patch) -> None:
    """The old engine's rollback still runs when a payment fails."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                yield from ask_for_rollback(self._ledger, account, purchase, event.type, WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    wrapped(patch, Continuation, "_failed", make)


def old_events_dropped(patch: Patch) -> None:
    """The success of an intent that was made more than an hour ago is acknowledged and not applied."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and self._ledger.clock.now_us - purchase.created_us > HOUR_US:
                return Verdict("ignored", "too old")
            return original(self, account, event)

        return succeeded

    wrapped(patch, Continuation, "_succeeded", make)


def early_events_dropped(patch: Patch) -> None:
    """An event that cannot be applied yet, its intent not being known, is answered with 200 and dropped."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            if event.purchase_id and event.object_id not in account.intents:
                return Verdict("deferred", "its intent is not known yet")
            return original(self, account, event)

        return succeeded

    def handle(original: Any) -> Any:
        def handled(self: Any, request: Any) -> Any:
            answer = yield from original(self, request)
            return Answer(200, {"received": True}) if answer.status == 503 else answer

        return handled

    wrapped(patch, Continuation, "_succeeded", make)
    wrapped(patch, service.BillingWebhooks, "handle", handle)


def set_ups_ignored(patch: Patch) -> None:
    """Only successes of payments are handled, none of set-ups."""
    wrapped(
        patch,
        Continuation,
        "concerns",
        lambda original: lambda self, event: original(self, event) and event.type != "setup_intent.succeeded",
    )


def paypal_needs_return(patch: Patch) -> None:
    """A redirect is completed where the customer comes back, and not by the event."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            if event.body.get("latest_charge") and (event.body.get("payment_method") or "").startswith("pm_"):
                return Verdict("ignored", "the customer completes it")
            return original(self, account, event)

        return succeeded

    wrapped(patch, Continuation, "_succeeded", make)


def late_success_revives(patch: Patch) -> None:
    """A success that comes after its purchase has ended is granted."""

    def make(original: Any) -> Any:
        def succeeded(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "ended" and purchase.kind == "lines":
                for identifier in purchase.subscription_ids:
                    subscription = account.subscriptions[identifier]
                    subscription.state = "Provisioned"
                    self._ledger._state(account, subscription, purchase.intent_id, WEBHOOKS)
                    self._ledger.activate(account, subscription, "payment", WEBHOOKS)
                return APPLIED
            return original(self, account, event)

        return succeeded

    wrapped(patch, Continuation, "_succeeded", make)


def signature_unchecked(patch: Patch) -> None:
    """Whoever sends an event is believed."""
    patch.setattr(service, "verify", lambda payload, header, secret, now_s: now_s)


def signature_present_is_enough(patch: Patch) -> None:
    """A signature must be there and recent; whether it fits is not computed."""

    def lenient(payload: bytes, header: str | None, secret: str, now_s: int) -> int:
        if not header:
            raise SignatureError("the header Stripe-Signature is missing")
        signed_s = int(header.partition(",")[0].removeprefix("t="))
        if signed_s < now_s - 300:
            raise SignatureError("too old")
        return signed_s

    patch.setattr(service, "verify", lenient)


def signature_age_unchecked(patch: Patch) -> None:
    """A signature is good for ever, so that an old delivery can be replayed."""
    patch.setattr(
        service, "verify", lambda payload, header, secret, now_s: verify(payload, header, secret, now_s, 10**9)
    )


# --- the end of what is not paid -------------------------------------------------------------------------------------


def never_expires(patch: Patch) -> None:
    """Nothing ever expires."""
    patch.setattr(Expiry, "is_due", lambda self, account: False)


def expires_after_an_hour(patch: Patch) -> None:
    """What is unpaid expires after an hour."""
    patch.setattr(purchases, "EXPIRES_AFTER_US", HOUR_US)
    patch.setattr(expiry, "EXPIRES_AFTER_US", HOUR_US)


def expiry_leaves_intent(patch: Patch) -> None:
    """What expires here can still be paid at Stripe."""

    def expire(self: Expiry, account: Account, purchase: Purchase) -> Any:
        self._ledger.end(account, purchase, "Expired", API)
        return True
        yield

    patch.setattr(Expiry, "_expire", expire)


def expired_cannot_be_bought_again(patch: Patch) -> None:
    """An expired subscription stands in the way of the next purchase of the same plan."""

    def make(original: Any) -> Any:
        def buy(self: Purchases, account: Account, asked: Any, body: Any, lines: Any) -> Any:
            wanted = {line.rate_plan for line in lines}
            if any(one.state == "Expired" and one.rate_plan in wanted for one in account.subscriptions.values()):
                raise Refusal(409, 1231, "this subscription exists already")
            return (yield from original(self, account, asked, body, lines))

        return buy

    wrapped(patch, Purchases, "_buy_lines", make)


def late_success_kept(patch: Patch) -> None:
    """A payment for what has ended is kept."""

    def keep(*_: Any) -> Any:
        return
        yield

    patch.setattr(expiry, "refund_rest", keep)
    patch.setattr(continuation, "refund_rest", keep)


# --- charging --------------------------------------------------------------------------------------------------------


def repeat_is_new_purchase(patch: Patch) -> None:
    """A repeat of an unpaid purchase makes another one, and leaves the first one's intent payable."""
    patch.setattr(Purchases, "_same_lines", lambda self, account, signature: None)

    def leave(self: Purchases, account: Account, lines: Any) -> Any:
        return
        yield

    patch.setattr(Purchases, "_replace_overlapping", leave)


def keys_ignored(patch: Patch) -> None:
    """Idempotency keys are not looked at."""

    def make(original: Any) -> Any:
        def asked(self: Gateway, request: Any) -> Any:
            found = original(self, request)
            found.key = None
            return found

        return asked

    wrapped(patch, Gateway, "_asked", make)


def repeated_keys_refused(patch: Patch) -> None:
    """A key that was used before is always refused as used for another request."""
    patch.setattr(
        "sim.subscriptions_api.service._kept_answer",
        lambda kept, asked: refusal(409, 1230, "this Idempotency-Key was used before"),
    )


def gateway_repeats(patch: Patch) -> None:
    """The gateway sends each purchase a second time, without its key, as after a time-out of its own."""

    def handle(self: Gateway, request: Any) -> Any:
        try:
            asked = self._asked(request)
        except Refusal as refused:
            return refused.answer()
        answer = yield Call("subscriptions-api", asked)
        if asked.operation in ("bulk_create", "create", "registrar_checkout"):
            asked.key = None
            answer = yield Call("subscriptions-api", asked)
        return answer

    patch.setattr(Gateway, "handle", handle)


def stripe_keys_are_new(patch: Patch) -> None:
    """Each try at Stripe has an idempotency key of its own, so that a time-out leaves an intent behind."""

    def create(self: StripeCalls, account: Account, purchase: Purchase, body: Any) -> Any:
        purchase.generation += 1
        kind = purchase.intent_kind
        key = f"{account.customer}-{purchase.id}-{purchase.generation}"
        return self._post(
            "/v1/payment_intents" if kind == "payment" else "/v1/setup_intents", body, key, f"create_{kind}_intent"
        )

    def again(self: Collection, account: Account, purchase: Purchase) -> Any:
        purchase.pending_body = None
        return
        yield

    patch.setattr(StripeCalls, "create_intent", create)
    patch.setattr(Collection, "_create_again", again)


def stripe_asks(amount: Callable[[Account, Purchase], int]) -> Plant:
    """The intent asks for another amount than what was shown."""

    def plant(patch: Patch) -> None:
        def make(original: Any) -> Any:
            def body(account: Account, purchase: Purchase) -> dict[str, Any]:
                made: dict[str, Any] = original(account, purchase)
                if "amount" in made:
                    made["amount"] = amount(account, purchase)
                return made

            return body

        wrapped(patch, collection, "intent_body", make)

    return plant


def too_much(account: Account, purchase: Purchase) -> int:
    """A tax that nobody was told of."""
    return purchase.amount_minor * 119 // 100


def full_price_of_change(account: Account, purchase: Purchase) -> int:
    """A change of plan is charged in full instead of its difference."""
    return purchase.change.price_minor if purchase.change is not None else purchase.amount_minor


def first_line_alone_charged(patch: Patch) -> None:
    """A cart costs what its first line costs."""

    def make(original: Any) -> Any:
        def new(self: Purchases, account: Account, operation: str, lines: Any, signature: Any) -> Purchase:
            purchase: Purchase = original(self, account, operation, lines, signature)
            purchase.amount_minor = lines[0].price_minor
            return purchase

        return new

    wrapped(patch, Purchases, "_new_lines", make)


def price_shown_in_dollars(patch: Patch) -> None:
    """The answer shows dollars where cents are agreed."""
    wrapped(
        patch,
        purchases,
        "_shown",
        lambda original: (
            lambda account, purchase: [{**one, "price": one["price"] // 100} for one in original(account, purchase)]
        ),
    )


def payment_of_nothing(amount_minor: int) -> Plant:
    """Where nothing is due a payment is made, of 0 or of the least that Stripe takes."""

    def plant(patch: Patch) -> None:
        def make(original: Any) -> Any:
            def new(self: Purchases, *args: Any) -> Purchase:
                purchase: Purchase = original(self, *args)
                purchase.intent_kind = "payment"
                return purchase

            return new

        def body(original: Any) -> Any:
            def made(account: Account, purchase: Purchase) -> dict[str, Any]:
                found: dict[str, Any] = original(account, purchase)
                found["amount"] = found.get("amount") or amount_minor
                return found

            return made

        wrapped(patch, Purchases, "_new_lines", make)
        wrapped(patch, collection, "intent_body", body)
        patch.setattr("sim.stripe.endpoints.payment_intents.check_amount", lambda amount, currency: None)

    return plant


def set_up_for_everything(patch: Patch) -> None:
    """A set-up is made where a payment is due, and its success is taken for payment."""

    def make(original: Any) -> Any:
        def new(self: Purchases, *args: Any) -> Purchase:
            purchase: Purchase = original(self, *args)
            purchase.intent_kind = "setup"
            return purchase

        return new

    wrapped(patch, Purchases, "_new_lines", make)


# --- changes of plan -------------------------------------------------------------------------------------------------


def change_applied_at_once(patch: Patch) -> None:
    """A change of plan is in force before its difference is paid."""

    def make(original: Any) -> Any:
        def waits(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            if purchase.amount_minor:
                self._put_in_force(account, purchase, "request", API)

        return waits

    wrapped(patch, Ledger, "change_waits", make)


def change_takes_old_plan(patch: Patch) -> None:
    """While a change of plan waits, the old plan is switched off."""

    def make(original: Any) -> Any:
        def waits(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            self.deactivate(account, account.subscriptions[purchase.subscription_ids[0]], "request", API)

        return waits

    wrapped(patch, Ledger, "change_waits", make)


def price_changed_at_once(patch: Patch) -> None:
    """The new price counts from the request on, the new plan from the payment on."""

    def make(original: Any) -> Any:
        def waits(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            assert purchase.change is not None
            account.subscriptions[purchase.subscription_ids[0]].price_minor = purchase.change.price_minor

        return waits

    wrapped(patch, Ledger, "change_waits", make)


def failed_change_drops_plan(patch: Patch) -> None:
    """A change of plan that expires unpaid takes the old plan with it."""

    def make(original: Any) -> Any:
        def end(self: Ledger, account: Account, purchase: Purchase, state: Any, actor: str) -> None:
            original(self, account, purchase, state, actor)
            if purchase.change is not None:
                self.cancel(account, account.subscriptions[purchase.subscription_ids[0]], actor)

        return end

    wrapped(patch, Ledger, "end", make)


def paid_change_forgotten(patch: Patch) -> None:
    """A change of plan that is paid for never comes into force."""
    patch.setattr(Ledger, "_apply_change", lambda self, account, purchase, because, actor: None)


# --- carts -----------------------------------------------------------------------------------------------------------


def last_line_not_made(patch: Patch) -> None:
    """The last line of a cart is dropped without a word."""
    wrapped(patch, purchases, "lines_of", lambda original: lambda account, body: original(account, body)[:1])


def last_line_not_shown(patch: Patch) -> None:
    """The last line of a cart is bought and paid, and missing in the answer."""
    wrapped(patch, purchases, "_shown", lambda original: lambda account, purchase: original(account, purchase)[:1])


def cart_made_twice(patch: Patch) -> None:
    """Each line of a cart is made twice, and paid once."""
    wrapped(
        patch,
        purchases,
        "lines_of",
        lambda original: lambda account, body: [line for line in original(account, body) for _ in range(2)],
    )


def equal_amounts_are_duplicates(patch: Patch) -> None:
    """An open purchase of the same amount is taken for a duplicate, and cancelled."""

    def make(original: Any) -> Any:
        def pay(self: Purchases, account: Account, asked: Any, purchase: Purchase, *rest: Any) -> Any:
            for other in list(account.open_purchases.values()):
                if other is not purchase and other.amount_minor == purchase.amount_minor:
                    yield from self._collection.end(account, other, "duplicate")
                    self._ledger.end(account, other, "Cancelled", API)
            return (yield from original(self, account, asked, purchase, *rest))

        return pay

    wrapped(patch, Purchases, "_pay", make)


# --- zones and payment methods ---------------------------------------------------------------------------------------


def zone_made_pending(patch: Patch) -> None:
    """A new zone is past `initializing` from the start."""

    def make(original: Any) -> Any:
        def add(self: Zones, account: Account, zone_id: str, name: str, at_start: bool = False) -> Any:
            zone = original(self, account, zone_id, name, at_start)
            if not at_start:
                zone.status = "pending"
                self._ledger.note(account.id, "exact", API, "zone", zone_id, state="pending")
            return zone

        return add

    wrapped(patch, Zones, "add", make)


def zone_born_pending(patch: Patch) -> None:
    """A new zone never was `initializing`."""

    def make(original: Any) -> Any:
        def add(self: Zones, account: Account, zone_id: str, name: str, at_start: bool = False) -> Any:
            if at_start:
                return original(self, account, zone_id, name, at_start)
            zone = account.zones[zone_id] = Zone(zone_id, name, "pending")
            self._ledger.note(account.id, "exact", API, "zone", zone_id, state="pending")
            return zone

        return add

    wrapped(patch, Zones, "add", make)


def zone_moved_by_purchase(patch: Patch) -> None:
    """The purchase of its plan moves a zone on, paid or not."""

    def make(original: Any) -> Any:
        def await_payment(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            for identifier in purchase.subscription_ids:
                zone = account.zones.get(account.subscriptions[identifier].zone_id or "")
                if zone is not None and zone.status == "initializing":
                    zone.status = "pending"
                    self.note(account.id, "exact", API, "zone", zone.id, identifier, state="pending")

        return await_payment

    wrapped(patch, Ledger, "await_payment", make)


def zone_never_moved(patch: Patch) -> None:
    """Moving a zone on is refused for ever."""

    def stay(self: Zones, account: Account, asked: Any) -> Answer:
        raise Refusal(409, 1231, "the zone's plan is not paid")

    patch.setattr(Zones, "patch", stay)


def method_not_saved(patch: Patch) -> None:
    """The payment method that paid is not put on file."""

    def make(original: Any) -> Any:
        def put(self: Ledger, account: Account, method: str, kind: Any, actor: str, at_start: bool = False) -> Any:
            return original(self, account, method, kind, actor, at_start) if at_start else None

        return put

    wrapped(patch, Ledger, "put_on_file", make)


def method_takes_default(patch: Patch) -> None:
    """Whatever pays becomes the default."""

    def make(original: Any) -> Any:
        def put(self: Ledger, account: Account, method: str, kind: Any, actor: str, at_start: bool = False) -> Any:
            found = original(self, account, method, kind, actor, at_start)
            if found is not None and not at_start:
                for other in account.payment_methods.values():
                    other.is_default = other is found
            return found

        return put

    wrapped(patch, Ledger, "put_on_file", make)


def no_default(patch: Patch) -> None:
    """A payment method is put on file and never made the default."""

    def make(original: Any) -> Any:
        def put(self: Ledger, account: Account, method: str, kind: Any, actor: str, at_start: bool = False) -> Any:
            found = original(self, account, method, kind, actor, at_start)
            if found is not None and not at_start:
                found.is_default = False
            return found

        return put

    wrapped(patch, Ledger, "put_on_file", make)


# --- answers ---------------------------------------------------------------------------------------------------------


def answer_as_if(on_session: bool) -> Plant:
    """Callers are answered as if a customer were always there, or never."""

    def plant(patch: Patch) -> None:
        wrapped(
            patch,
            purchases,
            "_answer",
            lambda original: (
                lambda account, purchase, outcome, _, messages: original(
                    account, purchase, outcome, on_session, messages
                )
            ),
        )

    return plant


def waiting_is_not_told(patch: Patch) -> None:
    """Nobody is told that a purchase waits: no secret and no message."""
    wrapped(
        patch,
        purchases,
        "_answer",
        lambda original: (
            lambda account, purchase, outcome, on_session, messages: original(
                account, purchase, PROCESSING, on_session, messages
            )
        ),
    )


def empty_answer(patch: Patch) -> None:
    """A purchase without a payment method is answered with nothing, where the old answer was 402."""

    def make(original: Any) -> Any:
        def answer(account: Account, purchase: Purchase, outcome: Any, on_session: bool, messages: list[Any]) -> Answer:
            if outcome == NEEDS_CUSTOMER:
                return success(None, messages)
            found: Answer = original(account, purchase, outcome, on_session, messages)
            return found

        return answer

    wrapped(patch, purchases, "_answer", make)


def secret_is(change: Callable[[Account, str], str]) -> Plant:
    """The client secret in the answer is not the one of the intent."""

    def plant(patch: Patch) -> None:
        def make(original: Any) -> Any:
            def answer(account: Account, *args: Any) -> Answer:
                found: Answer = original(account, *args)
                result = found.body["result"]
                result["client_secrets"] = [change(account, secret) for secret in result["client_secrets"]]
                return found

            return answer

        wrapped(patch, purchases, "_answer", make)

    return plant


def id_alone(account: Account, secret: str) -> str:
    """The intent's id instead of its secret."""
    return secret.partition("_secret_")[0]


def cut_off(account: Account, secret: str) -> str:
    """A secret that did not fit its column."""
    return secret[: secret.index("_secret_") + len("_secret_")]


def first_of_account() -> Callable[[Account, str], str]:
    """A cache of secrets that nobody invalidates, by account."""
    known: dict[str, str] = {}
    return lambda account, secret: known.setdefault(account.id, secret)


def of_other_account() -> Callable[[Account, str], str]:
    """A cache of secrets whose key lacks the account."""
    known: list[str] = []

    def other(account: Account, secret: str) -> str:
        known.append(secret)
        return known[0]

    return other


def pending_intent_forgotten(patch: Patch) -> None:
    """After a time-out of Stripe's nobody asks what became of the intent: the purchase gets another one."""

    def again(self: Collection, account: Account, purchase: Purchase) -> Any:
        purchase.pending_body = None
        lose_intent(purchase)
        return
        yield

    patch.setattr(Collection, "_create_again", again)


def failure_taken_for_success(patch: Patch) -> None:
    """Any event about a payment is taken for its success."""

    def make(original: Any) -> Any:
        def failed(self: Continuation, account: Account, event: Any) -> Any:
            purchase = continuation._purchase_of(account, event)
            if purchase is not None and purchase.state == "open":
                self._ledger.settle(account, purchase, "payment", WEBHOOKS)
            return (yield from original(self, account, event))

        return failed

    wrapped(patch, Continuation, "_failed", make)


def secrets_cached_by_account(patch: Patch) -> None:
    """Secrets are cached by account, and the cache is never cleared."""
    secret_is(first_of_account())(patch)


def secrets_cached_for_all(patch: Patch) -> None:
    """Secrets are cached, and the cache's key lacks the account."""
    secret_is(of_other_account())(patch)
