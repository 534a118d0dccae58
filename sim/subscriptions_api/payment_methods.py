"""Payment methods on file, and which of them a purchase is charged to.

Stripe's customer object is the canonical reference. The account's own list follows it by events, and is compared with
it where a wrong answer would hurt: before the gate refuses, when a charge finds a method gone, and when it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.effects import Program
from sim.messages import Answer
from sim.store import IN_FORCE, Account, AccountPaymentMethod
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import mapping_of, not_fitting, optional_text, required_text, shown
from sim.subscriptions_api.envelope import (
    NOT_FOUND,
    WRONG_STATE,
    CardRefused,
    Refusal,
    StripeUnreachable,
    success,
)
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.stripe_calls import StripeCalls, is_uncertain


class PaymentMethods:
    """Operations on payment methods."""

    __slots__ = ("_calls", "_ledger")

    def __init__(self, ledger: Ledger, calls: StripeCalls) -> None:
        self._ledger = ledger
        self._calls = calls

    def on_file(self, account: Account) -> str | None:
        """The payment method that the account is charged by: the default if it is valid, else any valid one."""
        now_us = self._ledger.clock.now_us
        first: str | None = None
        for method in account.payment_methods.values():
            if views.is_valid(method, now_us):
                if method.is_default:
                    return method.id
                first = first or method.id
        return first

    def in_body(self, account: Account, body: Mapping[str, Any]) -> Program[str | None]:
        """The usable payment method that the body names; None if it names none, or an expired one.

        Raises Refusal (400) for one that is unknown or another customer's, and StripeUnreachable.
        """
        given = optional_text(body, "payment_method_id")
        if given is None:
            return None
        method = account.payment_methods.get(given)
        if method is not None and not method.detached:
            return given if views.is_valid(method, self._ledger.clock.now_us) else None
        found = yield from self._retrieve(account, given)
        card = found.get("card") or {}
        if views.is_expired(card.get("exp_month"), card.get("exp_year"), self._ledger.clock.now_us):
            return None
        return str(found["id"])

    def refresh(self, account: Account) -> Program[bool]:
        """Make the list on file what Stripe's customer object says; False if Stripe did not answer."""
        answer: Answer = yield self._calls.list_payment_methods(account.customer)
        if answer.status != 200:
            return False
        listed: Mapping[str, Mapping[str, Any]] = {found["id"]: found for found in answer.body["data"]}
        for method in account.payment_methods.values():
            if method.id not in listed and not method.detached:
                self.detached(account, method.id, API)
        for found in listed.values():
            self.attached(account, found, API)
        return True

    def attached(self, account: Account, found: Mapping[str, Any], actor: str) -> AccountPaymentMethod | None:
        """Stripe says that a payment method belongs to the customer, and how it looks."""
        method = self._ledger.put_on_file(account, found["id"], found.get("type"), actor)
        if method is not None:
            describe(method, found)
        return method

    def detached(self, account: Account, payment_method_id: str, actor: str) -> None:
        """Stripe says that a payment method is the customer's no longer: it stays listed, as not valid."""
        account.gone_payment_methods.add(payment_method_id)
        method = account.payment_methods.get(payment_method_id)
        if method is not None and not method.detached:
            method.detached = True
            self._ledger.payment_method_fact(account, method, "removed", actor)
            self._pass_default_on(account, method, actor)

    def listing(self, account: Account) -> Program[Answer]:
        """GET /payment-methods, in the light of what Stripe has attached now. Changes nothing.

        Raises StripeUnreachable where Stripe does not answer and only Stripe knows what a method looks like: an event
        that says what paid names the method, and no more.
        """
        now_us = self._ledger.clock.now_us
        answer: Answer = yield self._calls.list_payment_methods(account.customer)
        if answer.status != 200 and any(method.type is None for method in account.payment_methods.values()):
            raise StripeUnreachable("listing payment methods")
        rows = [views.payment_method(method, now_us) for method in account.payment_methods.values()]
        if answer.status == 200:
            listed = {found["id"]: found for found in answer.body["data"]}
            for row in rows:
                found = listed.pop(row["id"], None)
                if found is None:
                    row["valid"] = False
                else:
                    row.update(_shown_as_stripe_has_it(found, row["is_default"], now_us))
            rows.extend(
                _shown_as_stripe_has_it(found, False, now_us)
                for found in listed.values()
                if found["id"] not in account.gone_payment_methods
            )
        return success(rows)

    def add(self, account: Account, asked: Asked) -> Program[Answer]:
        """POST /payment-methods: put a payment method on file."""
        given = required_text(mapping_of(asked.body), "payment_method_id")
        method = account.payment_methods.get(given)
        if method is None or method.detached or method.type is None:
            found = yield from self._retrieve(account, given)
            if found.get("customer") != account.customer:
                found = yield from self._attach(account, str(found["id"]))
            method = self.attached(account, found, API)
            if method is None:
                raise not_fitting("payment_method_id", f"{shown(given)} was detached and cannot be used again")
        return success(views.payment_method(method, self._ledger.clock.now_us))

    def remove(self, account: Account, asked: Asked) -> Program[Answer]:
        """DELETE /payment-methods/{id}: not the last usable one that a subscription in force is charged by."""
        method = account.payment_methods.get(asked.identifier)
        if method is None:
            raise Refusal(404, NOT_FOUND, f"payment method {shown(asked.identifier)} is not on file")
        now_us = self._ledger.clock.now_us
        if views.is_valid(method, now_us) and self._is_needed(account, method):
            raise Refusal(
                409,
                WRONG_STATE,
                "subscriptions in force are charged by this payment method: add another one first, or cancel them",
            )
        if not method.detached:
            answer: Answer = yield self._calls.detach_payment_method(method.id)
            if is_uncertain(answer):
                raise StripeUnreachable("detaching a payment method")
            if answer.status == 200:
                describe(method, answer.body)
        view = views.payment_method(method, now_us)
        del account.payment_methods[method.id]
        account.gone_payment_methods.add(method.id)
        if not method.detached:
            self._ledger.payment_method_fact(account, method, "removed", API)
        self._pass_default_on(account, method, API)
        return success(view)

    def set_up(self, account: Account, asked: Asked) -> Program[Answer]:
        """POST /billing/profile/payment-method: a secret with which the customer puts a payment method on file."""
        if asked.body is not None:
            optional_text(mapping_of(asked.body), "turnstile_token")
        answer: Answer = yield self._calls.create_setup(account)
        if answer.status != 200:
            raise StripeUnreachable("creating a set-up")
        account.setups += 1
        return success({"client_secret": answer.body["client_secret"]})

    def _is_needed(self, account: Account, method: AccountPaymentMethod) -> bool:
        now_us = self._ledger.clock.now_us
        if any(other is not method and views.is_valid(other, now_us) for other in account.payment_methods.values()):
            return False
        return any(subscription.state in IN_FORCE for subscription in account.subscriptions.values())

    def _pass_default_on(self, account: Account, gone: AccountPaymentMethod, actor: str) -> None:
        if not gone.is_default:
            return
        gone.is_default = False
        heir = account.payment_methods.get(self.on_file(account) or "")
        if heir is not None:
            heir.is_default = True
            self._ledger.payment_method_fact(account, heir, "default", actor)

    def _retrieve(self, account: Account, given: str) -> Program[Mapping[str, Any]]:
        if "/" in given or "?" in given:
            raise not_fitting("payment_method_id", f"{shown(given)} is no payment method")
        answer: Answer = yield self._calls.retrieve_payment_method(given)
        if is_uncertain(answer):
            raise StripeUnreachable("reading a payment method")
        if answer.status != 200 or answer.body.get("customer") not in (None, account.customer):
            raise not_fitting("payment_method_id", f"{shown(given)} is not known to belong to this account")
        if answer.body["id"] in account.gone_payment_methods:
            raise not_fitting("payment_method_id", f"{shown(given)} was detached and cannot be used again")
        return answer.body  # type: ignore[no-any-return]

    def _attach(self, account: Account, payment_method_id: str) -> Program[Mapping[str, Any]]:
        answer: Answer = yield self._calls.attach_payment_method(payment_method_id, account.customer)
        if is_uncertain(answer):
            raise StripeUnreachable("attaching a payment method")
        if answer.status == 402:
            error = answer.body["error"]
            raise CardRefused(error.get("decline_code") or error.get("code") or "card_declined")
        if answer.status != 200:
            raise not_fitting("payment_method_id", f"{shown(payment_method_id)} cannot be put on file")
        return answer.body  # type: ignore[no-any-return]


def describe(method: AccountPaymentMethod, found: Mapping[str, Any]) -> None:
    """Take type, brand, digits and expiry over from Stripe's object."""
    method.type = found.get("type") or method.type
    card = found.get("card")
    if card:
        method.brand = card.get("brand")
        method.last4 = card.get("last4")
        method.exp_month = card.get("exp_month")
        method.exp_year = card.get("exp_year")


def _shown_as_stripe_has_it(found: Mapping[str, Any], is_default: bool, now_us: int) -> dict[str, Any]:
    method = AccountPaymentMethod(found["id"])
    method.is_default = is_default
    describe(method, found)
    return views.payment_method(method, now_us)
