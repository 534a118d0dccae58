"""Buying: carts of lines, domains, and changes of plan, each paid by one intent.

`bulk_create`, `create`, `registrar_checkout` and `pre_auth` make (or find) a purchase of lines; `update` and `append`
make (or find) a purchase of a change. From there on both go the same way: collect, then grant as the regime says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenarios.catalogue import NotOffered, component_price_minor, price_minor
from sim.backend import BackendConfig
from sim.effects import Alarm, Program
from sim.messages import Answer
from sim.store import IN_FORCE, Account, Change, Purchase, Subscription
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import (
    Line,
    check_total,
    components_of,
    domains_of,
    line_of,
    lines_of,
    mapping_of,
    not_fitting,
    on_session_of,
    rate_plan_of,
)
from sim.subscriptions_api.collection import (
    NEEDS_CUSTOMER,
    PROCESSING,
    SUCCEEDED,
    Collection,
    Outcome,
    PaymentMethodUnusable,
)
from sim.subscriptions_api.envelope import NOT_FOUND, WRONG_STATE, Refusal, StripeUnreachable, success
from sim.subscriptions_api.gate import NEEDS_CUSTOMER_MESSAGE, Gate, refuse_if_blocked
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods
from sim.subscriptions_api.rollback import ask_for_rollback
from sim.time import HOUR_US

EXPIRES_AFTER_US: Final = 23 * HOUR_US
"""How long an unpaid purchase lives. Source: the 23 hours after which Stripe gives up an incomplete subscription."""


class Purchases:
    """The five payment paths, and `pre_auth`."""

    __slots__ = ("_collection", "_config", "_gate", "_ledger", "_methods")

    def __init__(
        self, config: BackendConfig, ledger: Ledger, methods: PaymentMethods, gate: Gate, collection: Collection
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._methods = methods
        self._gate = gate
        self._collection = collection

    # --- operations ----------------------------------------------------------------------------------------------

    def bulk_create(self, account: Account, asked: Asked) -> Program[Answer]:
        body = mapping_of(asked.body)
        return self._buy_lines(account, asked, body, lines_of(account, body))

    def create(self, account: Account, asked: Asked) -> Program[Answer]:
        body = mapping_of(asked.body)
        line = line_of(account, body)
        check_total("quantity", line.price_minor)
        return self._buy_lines(account, asked, body, [line])

    def registrar_checkout(self, account: Account, asked: Asked) -> Program[Answer]:
        body = mapping_of(asked.body)
        return self._buy_lines(account, asked, body, domains_of(body))

    def update(self, account: Account, asked: Asked) -> Program[Answer]:
        subscription = _subscription_of(account, asked.identifier)
        body = mapping_of(asked.body)
        rate_plan = rate_plan_of(body, "")
        if subscription.domain is not None:
            raise not_fitting("rate_plan.id", "a domain has no other plan")
        try:
            change = _change_to(subscription, rate_plan, subscription.components)
        except NotOffered as error:
            raise not_fitting("rate_plan.id", str(error)) from None
        signature = ("update", subscription.id, rate_plan)
        return self._buy_change(account, asked, body, subscription, change, signature)

    def append(self, account: Account, asked: Asked) -> Program[Answer]:
        subscription = _subscription_of(account, asked.identifier)
        body = mapping_of(asked.body)
        values = components_of(body)
        if subscription.domain is not None:
            raise not_fitting("component_values", "a domain has no components")
        components = dict(subscription.components or {})
        for name, value in values.items():
            components[name] = components.get(name, 0) + value
        change = _change_to(subscription, subscription.rate_plan, components)
        signature = ("append", subscription.id, tuple(sorted(values.items())))
        return self._buy_change(account, asked, body, subscription, change, signature)

    def pre_auth(self, account: Account, asked: Asked) -> Program[Answer]:
        """A secret for the customer to confirm: of the live intent of these lines, or of a new one."""
        lines = lines_of(account, mapping_of(asked.body))
        refuse_if_blocked(account)
        signature = _signature_of(lines)
        purchase = _waiting_change(account, lines) or self._same_lines(account, signature)
        if purchase is None:
            yield from self._replace_overlapping(account, lines)
            purchase = self._new_lines(account, asked.operation, lines, signature)
            outcome = yield from self._collect_and_keep(account, purchase, None, True)
        else:
            outcome = yield from self._collection.collect(account, purchase, None, True)
        if outcome != NEEDS_CUSTOMER:
            raise Refusal(409, WRONG_STATE, "this purchase is paid already; nothing is left to confirm")
        return success({"client_secret": purchase.client_secret, "intent_type": purchase.intent_kind})

    # --- the way of every purchase -------------------------------------------------------------------------------

    def _buy_lines(self, account: Account, asked: Asked, body: Mapping[str, Any], lines: list[Line]) -> Program[Answer]:
        on_session = on_session_of(body)
        messages: list[dict[str, Any]] = []
        in_body = None
        if body.get("payment_method_id") is not None:
            in_body = yield from self._methods.in_body(account, body)
        refuse_if_blocked(account)
        chosen = None
        if in_body is not None or not self._gate.lets_pass_without(account, asked):
            charges = any(line.price_minor for line in lines)
            chosen = yield from self._gate.method_or_refusal(account, asked, in_body, charges, messages)
        signature = _signature_of(lines)
        purchase: Purchase | None = None
        if account.purchases:
            purchase = self._same_lines(account, signature)
        new = purchase is None
        if purchase is None:
            if account.open_purchases:
                yield from self._replace_overlapping(account, lines)
            purchase = self._new_lines(account, asked.operation, lines, signature)
        return (yield from self._pay(account, asked, purchase, new, chosen, in_body, on_session, messages))

    def _buy_change(
        self,
        account: Account,
        asked: Asked,
        body: Mapping[str, Any],
        subscription: Subscription,
        change: Change,
        signature: tuple[Any, ...],
    ) -> Program[Answer]:
        on_session = on_session_of(body)
        difference_minor = max(0, change.price_minor - subscription.price_minor)
        check_total("rate_plan" if asked.operation == "update" else "component_values", difference_minor)
        messages: list[dict[str, Any]] = []
        in_body = yield from self._methods.in_body(account, body)
        refuse_if_blocked(account)
        purchase = _change_in_progress(account, subscription, signature)
        if purchase is None and account.unanswered_purchases:
            purchase = self._unanswered(account, signature)
        due_minor = difference_minor if purchase is None else purchase.amount_minor
        chosen = yield from self._gate.method_or_refusal(account, asked, in_body, due_minor > 0, messages)
        new = purchase is None
        if purchase is None:
            now_us = self._ledger.clock.now_us
            identifiers = [subscription.id]
            purchase = Purchase(
                account.purchase_id(), "change", asked.operation, identifiers, due_minor, signature, now_us
            )
            purchase.change = change
        return (yield from self._pay(account, asked, purchase, new, chosen, in_body, on_session, messages))

    def _pay(
        self,
        account: Account,
        asked: Asked,
        purchase: Purchase,
        new: bool,
        chosen: str | None,
        in_body: str | None,
        on_session: bool,
        messages: list[dict[str, Any]],
    ) -> Program[Answer]:
        """Collect what is due and answer; remember a purchase whose customer is told to try again.

        A payment method that Stripe will not have counts as none.
        """
        if purchase.state == "settled":
            account.unanswered_purchases.pop(purchase.id, None)
            return _answer(account, purchase, None, on_session, messages)
        outcome: Outcome | None = None
        try:
            if purchase.amount_minor == 0 and chosen is not None and _is_on_file(account, chosen):
                yield from self._nothing_to_collect(account, purchase, new)
            else:
                collect = self._collect_new if new else self._collect_again
                try:
                    outcome = yield from collect(account, purchase, chosen, on_session)
                except PaymentMethodUnusable as unusable:
                    chosen = yield from self._another_method(account, asked, unusable, in_body, messages)
                    # The list has one method less, so this ends; a further unusable one is met on the next try.
                    outcome = yield from collect(account, purchase, chosen, on_session)
        except PaymentMethodUnusable:
            self._remember_unanswered(account, purchase)
            raise StripeUnreachable("Stripe refuses the payment methods it lists") from None
        except StripeUnreachable:
            self._remember_unanswered(account, purchase)
            raise
        if account.unanswered_purchases:
            account.unanswered_purchases.pop(purchase.id, None)
        return _answer(account, purchase, outcome, on_session, messages)

    def _another_method(
        self,
        account: Account,
        asked: Asked,
        unusable: PaymentMethodUnusable,
        in_body: str | None,
        messages: list[dict[str, Any]],
    ) -> Program[str | None]:
        """What is charged in place of a method that Stripe will not charge. Raises Refusal."""
        if unusable.payment_method_id == in_body and not _is_on_file(account, in_body):
            raise not_fitting("payment_method_id", f"Stripe will not charge it: {unusable.message}") from None
        self._methods.detached(account, unusable.payment_method_id, API)
        return (yield from self._gate.method_or_refusal(account, asked, None, True, messages))

    def _remember_unanswered(self, account: Account, purchase: Purchase) -> None:
        if purchase.id in account.purchases:
            account.unanswered_purchases[purchase.id] = purchase

    def _collect_new(
        self, account: Account, purchase: Purchase, chosen: str | None, on_session: bool
    ) -> Program[Outcome]:
        """Collect a purchase that nobody knows yet; `legacy` keeps it before it charges."""
        if self._config.regime != "legacy":
            return self._collect_and_keep(account, purchase, chosen, on_session)
        return self._keep_and_collect(account, purchase, chosen, on_session)

    def _keep_and_collect(
        self, account: Account, purchase: Purchase, chosen: str | None, on_session: bool
    ) -> Program[Outcome]:
        if purchase.id not in account.purchases:
            yield self._keep(account, purchase)
        return (yield from self._collect_again(account, purchase, chosen, on_session))

    def _collect_and_keep(
        self, account: Account, purchase: Purchase, chosen: str | None, on_session: bool
    ) -> Program[Outcome]:
        """Keep the purchase once Stripe has answered, or may have: what it will not charge at all leaves nothing."""
        try:
            outcome = yield from self._collection.collect(account, purchase, chosen, on_session)
        except Refusal:
            if purchase.intent_id is not None or purchase.pending_body is not None:
                yield self._keep(account, purchase)
            raise
        yield self._keep(account, purchase)
        if outcome == SUCCEEDED:
            self._grant_paid(account, purchase)
        return outcome

    def _collect_again(
        self, account: Account, purchase: Purchase, chosen: str | None, on_session: bool
    ) -> Program[Outcome]:
        """Collect a purchase that is kept; `legacy` grants it before, and takes it back if that fails."""
        if self._config.regime == "legacy" and not purchase.granted:
            self._ledger.grant_unpaid(account, purchase)
        try:
            outcome = yield from self._collection.collect(account, purchase, chosen, on_session)
        except (Refusal, PaymentMethodUnusable):
            if purchase.granted:
                yield from ask_for_rollback(self._ledger, account, purchase, "the charge failed in the request", API)
            raise
        if outcome == SUCCEEDED:
            self._grant_paid(account, purchase)
        return outcome

    def _grant_paid(self, account: Account, purchase: Purchase) -> None:
        """What Stripe confirmed at once: a set-up is granted, a payment too except where only the event may grant."""
        if purchase.intent_kind == "setup":
            self._ledger.settle(account, purchase, "set_up", API)
        elif self._config.regime != "continuation":
            self._ledger.settle(account, purchase, "payment", API)

    def _nothing_to_collect(self, account: Account, purchase: Purchase, new: bool) -> Program[None]:
        """Nothing is due and a valid payment method is on file: in force at once."""
        if new:
            self._keep(account, purchase)  # and no alarm: it is settled now
        else:
            yield from self._collection.end(account, purchase, "duplicate")
        self._ledger.settle(account, purchase, "nothing_due", API)

    # --- making, finding and replacing ---------------------------------------------------------------------------

    def _new_lines(self, account: Account, operation: str, lines: list[Line], signature: tuple[Any, ...]) -> Purchase:
        """A purchase of lines with its subscriptions. Nothing is kept yet, so a refusal leaves no trace."""
        now_us = self._ledger.clock.now_us
        purchase_id = account.purchase_id()
        identifiers: list[str] = []
        draft: list[Subscription] = []
        due_minor = 0
        for line in lines:
            identifier = account.subscription_id(len(draft))
            due_minor += line.price_minor
            identifiers.append(identifier)
            draft.append(
                Subscription(
                    identifier,
                    line.rate_plan,
                    line.frequency,
                    line.zone_id,
                    line.quantity,
                    line.price_minor,
                    now_us,
                    purchase_id,
                    line.domain,
                )
            )
        purchase = Purchase(purchase_id, "lines", operation, identifiers, due_minor, signature, now_us)
        purchase.draft = draft
        return purchase

    def _keep(self, account: Account, purchase: Purchase) -> Alarm:
        """From now on the purchase exists and its 23 hours run; the alarm is to remind of their end."""
        purchase.created_us = self._ledger.clock.now_us
        account.purchases[purchase.id] = purchase
        account.open_purchases[purchase.id] = purchase
        if purchase.draft is not None:
            for subscription in purchase.draft:
                subscription.created_us = purchase.created_us
                account.subscriptions[subscription.id] = subscription
            purchase.draft = None
            self._ledger.await_payment(account, purchase)
        elif purchase.change is not None:
            self._ledger.change_waits(account, purchase)
        return Alarm("subscriptions-api", account.id, purchase.created_us + EXPIRES_AFTER_US)

    def _same_lines(self, account: Account, signature: tuple[Any, ...]) -> Purchase | None:
        """The purchase that a repeat of these lines is."""
        for purchase in account.open_purchases.values():
            if purchase.kind == "lines" and purchase.signature == signature:
                return purchase
        return self._unanswered(account, signature) if account.unanswered_purchases else None

    def _unanswered(self, account: Account, signature: tuple[Any, ...]) -> Purchase | None:
        """A purchase that was paid while its customer was told to try again; the repeat must not buy it twice."""
        earliest_us = self._ledger.clock.now_us - EXPIRES_AFTER_US
        for purchase in account.unanswered_purchases.values():
            if purchase.state == "settled" and purchase.signature == signature and purchase.created_us > earliest_us:
                return purchase
        return None

    def _replace_overlapping(self, account: Account, lines: list[Line]) -> Program[None]:
        """An unpaid cart with the same plan on the same zone gives way: its intent is cancelled first."""
        wanted = {line.signature[:2] for line in lines}
        for purchase in list(account.open_purchases.values()):
            if purchase.kind != "lines" or wanted.isdisjoint(entry[:2] for entry in purchase.signature):
                continue
            ending = yield from self._collection.end(account, purchase, "duplicate")
            if ending == "gone":
                self._ledger.end(account, purchase, "Cancelled", API)
            elif ending == PROCESSING:
                raise Refusal(409, WRONG_STATE, "an earlier payment for the same product is still being processed")
            # "succeeded": it is paid and its event is on its way; what is paid can be bought again


def _subscription_of(account: Account, identifier: str) -> Subscription:
    subscription = account.subscriptions.get(identifier)
    if subscription is None:
        raise Refusal(404, NOT_FOUND, f"subscription {identifier[:60]!r} does not exist in this account")
    return subscription


def _change_to(subscription: Subscription, rate_plan: str, components: dict[str, int] | None) -> Change:
    """The change to a plan and its components. Raises NotOffered."""
    amount_minor = price_minor(rate_plan, subscription.frequency, subscription.quantity)
    quantity = subscription.quantity
    for name, value in (components or {}).items():
        amount_minor += component_price_minor(rate_plan, name) * value
        quantity += value
    return Change(rate_plan, components, amount_minor, quantity)


def _change_in_progress(account: Account, subscription: Subscription, signature: tuple[Any, ...]) -> Purchase | None:
    """The same change waiting already. Raises Refusal (409) where another waits, or nothing is in force."""
    for purchase in account.open_purchases.values():
        if purchase.kind == "change" and purchase.subscription_ids[0] == subscription.id:
            if purchase.signature == signature:
                return purchase
            raise Refusal(409, WRONG_STATE, "another change of this subscription waits for its payment")
    if subscription.state not in IN_FORCE:
        raise Refusal(409, WRONG_STATE, f"the subscription is {subscription.state}: only one in force can be changed")
    return None


def _waiting_change(account: Account, lines: list[Line]) -> Purchase | None:
    """The waiting change that one line names by its coming plan and its zone."""
    if len(lines) != 1:
        return None
    line = lines[0]
    for purchase in account.open_purchases.values():
        if purchase.change is not None and purchase.change.rate_plan == line.rate_plan:
            subscription = account.subscriptions[purchase.subscription_ids[0]]
            if (subscription.zone_id, subscription.frequency) == (line.zone_id, line.frequency):
                return purchase
    return None


def _signature_of(lines: list[Line]) -> tuple[Any, ...]:
    if len(lines) == 1:
        return (lines[0].signature,)
    return tuple(sorted([line.signature for line in lines]))


def _is_on_file(account: Account, payment_method_id: str) -> bool:
    return payment_method_id in account.payment_methods


def _answer(
    account: Account,
    purchase: Purchase,
    outcome: Outcome | None,
    on_session: bool,
    messages: list[dict[str, Any]],
) -> Answer:
    secrets: list[str] = []
    if outcome == NEEDS_CUSTOMER and on_session and purchase.client_secret is not None:
        secrets.append(purchase.client_secret)
    elif outcome == NEEDS_CUSTOMER:
        messages.append(NEEDS_CUSTOMER_MESSAGE)
    return success({"subscriptions": _shown(account, purchase), "client_secrets": secrets}, messages)


def _shown(account: Account, purchase: Purchase) -> list[dict[str, Any]]:
    """The purchase's subscriptions; for a change that waits, the coming plan."""
    shown = [views.subscription(account.subscriptions[identifier]) for identifier in purchase.subscription_ids]
    if purchase.change is not None and purchase.state == "open" and not purchase.granted:
        return [_coming(shown[0], purchase)]
    return shown


def _coming(view: dict[str, Any], purchase: Purchase) -> dict[str, Any]:
    """The coming plan, and what is due for it now."""
    change = purchase.change
    assert change is not None
    view["rate_plan"] = {"id": change.rate_plan}
    view["state"] = "AwaitingPayment"
    view["price"] = purchase.amount_minor
    if change.components:
        view["component_values"] = [{"name": name, "value": value} for name, value in change.components.items()]
    return view
