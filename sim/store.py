"""What the deployment keeps about its accounts, and the port behind which it is kept.

An account is one aggregate: whoever holds the account's lock loads it, changes it in place and saves it before the lock
is given back. In memory saving does nothing; a database writes the row that it locked.

Ids come from the account's own number and its own counts, so that they are the same whatever other accounts do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Protocol

from sim.messages import Answer

State = Literal["AwaitingPayment", "Paid", "Provisioned", "Expired", "Cancelled"]
IntentKind = Literal["payment", "setup"]
PurchaseKind = Literal["lines", "change", "bad_debt"]
PurchaseState = Literal["open", "settled", "ended"]

IN_FORCE: Final = ("Paid", "Provisioned")
"""States of a subscription that has been granted."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """A natural number in base 36: short enough for fifty ids in one metadata value of Stripe (500 characters)."""
    text = _DIGITS[number % 36]
    while number > 35:
        number //= 36
        text = _DIGITS[number % 36] + text
    return text


class Subscription:
    """One product line. `price_minor`: the price in force, or what is due at first. `components`: units appended."""

    __slots__ = (
        "id",
        "rate_plan",
        "frequency",
        "zone_id",
        "quantity",
        "components",
        "domain",
        "price_minor",
        "state",
        "created_us",
        "purchase_id",
        "paid",
        "detail",
    )

    def __init__(
        self,
        subscription_id: str,
        rate_plan: str,
        frequency: str,
        zone_id: str | None,
        quantity: int,
        price_minor: int,
        created_us: int,
        purchase_id: str,
        domain: str | None = None,
    ) -> None:
        self.id = subscription_id
        self.rate_plan = rate_plan
        self.frequency = frequency
        self.zone_id = zone_id
        self.quantity = quantity
        self.components: dict[str, int] | None = None
        self.domain = domain
        self.price_minor = price_minor
        self.state: State = "AwaitingPayment"
        self.created_us = created_us
        self.purchase_id = purchase_id
        self.paid = False
        """Whether its payment succeeded (or a set-up, or nothing was due): what admin operations may grant by."""
        self.detail: Mapping[str, Any] | None = None
        """What its facts say about it; made once and never changed in place."""


class Change:
    """A change of plan that a purchase pays for: what comes, and what stays in force until then."""

    __slots__ = ("rate_plan", "components", "price_minor", "quantity", "before")

    def __init__(self, rate_plan: str, components: dict[str, int] | None, price_minor: int, quantity: int) -> None:
        self.rate_plan = rate_plan
        self.components = components
        self.price_minor = price_minor
        self.quantity = quantity
        self.before: tuple[str, dict[str, int] | None, int] | None = None
        """Plan, components and price that a rollback restores; set while applied but unpaid (`legacy`)."""


class Purchase:
    """One decision to buy: lines, a change of plan, or a debt; paid by one intent at a time."""

    __slots__ = (
        "id",
        "kind",
        "operation",
        "subscription_ids",
        "amount_minor",
        "signature",
        "state",
        "created_us",
        "intent_kind",
        "intent_id",
        "client_secret",
        "generation",
        "confirmations",
        "pending_body",
        "change",
        "invoice_id",
        "granted",
        "refunds",
        "draft",
        "paid_with",
    )

    def __init__(
        self,
        purchase_id: str,
        kind: PurchaseKind,
        operation: str,
        subscription_ids: list[str],
        amount_minor: int,
        signature: tuple[Any, ...],
        created_us: int,
    ) -> None:
        self.id = purchase_id
        self.kind: PurchaseKind = kind
        self.operation = operation
        self.subscription_ids = subscription_ids
        self.amount_minor = amount_minor
        self.signature = signature
        """What makes a repeat the same purchase: the lines without their order."""
        self.state: PurchaseState = "open"
        self.created_us = created_us
        self.intent_kind: IntentKind = "payment" if amount_minor else "setup"
        self.intent_id: str | None = None
        self.client_secret: str | None = None
        self.generation = 1
        """Number of the intent: Stripe's idempotency keys carry it, so that a repeat reaches the same intent."""
        self.confirmations = 0
        self.pending_body: Mapping[str, Any] | None = None
        """Body of a creation at Stripe whose outcome is unknown; repeated word for word under the same key."""
        self.change: Change | None = None
        self.invoice_id: str | None = None
        self.granted = False
        """Granted before it was paid (`legacy`)."""
        self.refunds: dict[str, int] = {}
        """What went back, by intent, in minor units."""
        self.draft: list[Subscription] | None = None
        """Its subscriptions until Stripe has answered, or may have: what it will not charge leaves nothing behind."""
        self.paid_with: str | None = None
        """The payment method with which Stripe says that its intent succeeded."""


class EntitlementRow:
    """What a subscription gives the account."""

    __slots__ = ("feature", "subscription_id", "zone_id", "active", "activated_us")

    def __init__(self, feature: str, subscription_id: str, zone_id: str | None, activated_us: int) -> None:
        self.feature = feature
        self.subscription_id = subscription_id
        self.zone_id = zone_id
        self.active = True
        self.activated_us = activated_us


class AccountPaymentMethod:
    """A payment method on file. Brand, digits and expiry are None until Stripe has told them."""

    __slots__ = ("id", "type", "brand", "last4", "exp_month", "exp_year", "is_default", "detached")

    def __init__(self, payment_method_id: str, kind: str | None = None) -> None:
        self.id = payment_method_id
        self.type = kind
        self.brand: str | None = None
        self.last4: str | None = None
        self.exp_month: int | None = None
        self.exp_year: int | None = None
        self.is_default = False
        self.detached = False


class Zone:
    """A site of the account; `initializing` until its plan is paid and a client moves it on."""

    __slots__ = ("id", "name", "status")

    def __init__(self, zone_id: str, name: str, status: str = "initializing") -> None:
        self.id = zone_id
        self.name = name
        self.status = status


class Invoice:
    """One payment, or one debt."""

    __slots__ = ("id", "number", "amount_minor", "created_us", "status", "subscription_ids", "intent_id", "purchase_id")

    def __init__(
        self,
        invoice_id: str,
        number: str,
        amount_minor: int,
        created_us: int,
        status: str,
        subscription_ids: list[str],
        intent_id: str | None = None,
    ) -> None:
        self.id = invoice_id
        self.number = number
        self.amount_minor = amount_minor
        self.created_us = created_us
        self.status = status
        self.subscription_ids = subscription_ids
        self.intent_id = intent_id
        self.purchase_id: str | None = None
        """The purchase that collects this debt."""


class KeptAnswer:
    """The first answer under an idempotency key, with what was asked."""

    __slots__ = ("operation", "identifier", "body", "answer")

    def __init__(self, operation: str, identifier: str, body: Any, answer: Answer) -> None:
        self.operation = operation
        self.identifier = identifier
        self.body = body
        self.answer = answer


class Account:
    """Everything the deployment keeps about one account."""

    __slots__ = (
        "id",
        "number",
        "prefix",
        "customer",
        "token",
        "created_us",
        "locked",
        "banned",
        "profile",
        "subscriptions",
        "purchases",
        "open_purchases",
        "unanswered_purchases",
        "intents",
        "entitlements",
        "payment_methods",
        "gone_payment_methods",
        "zones",
        "invoices",
        "kept_answers",
        "seen_events",
        "setups",
        "request_window",
    )

    def __init__(self, account_id: str, number: int, customer: str, token: str, created_us: int) -> None:
        self.id = account_id
        self.number = number
        self.prefix = base36(number)
        self.customer = customer
        self.token = token
        self.created_us = created_us
        self.locked = False
        self.banned = False
        self.profile: dict[str, Any] = {"name": "", "email": "", "country": "", "address": ""}
        self.subscriptions: dict[str, Subscription] = {}
        self.purchases: dict[str, Purchase] = {}
        self.open_purchases: dict[str, Purchase] = {}
        self.unanswered_purchases: dict[str, Purchase] = {}
        """Answered with "Stripe unreachable" last: a repeat is still the same purchase, paid meanwhile or not."""
        self.intents: dict[str, Purchase] = {}
        self.entitlements: dict[str, EntitlementRow] = {}
        self.payment_methods: dict[str, AccountPaymentMethod] = {}
        self.gone_payment_methods: set[str] = set()
        """Removed or detached for good: Stripe never attaches one again, so a late event must not revive it."""
        self.zones: dict[str, Zone] = {}
        self.invoices: list[Invoice] = []
        self.kept_answers: dict[str, KeptAnswer] = {}
        self.seen_events: set[str] = set()
        self.setups = 0
        """Set-ups outside a purchase that Stripe answered: the number in their idempotency keys."""
        self.request_window: list[int] | None = None
        """Start of the window, requests in it, and blocked until (microseconds): see rate_limit.py."""

    def subscription_id(self, offset: int = 0) -> str:
        """The id of the next subscription, or of the one `offset` after it."""
        return f"s{self.prefix}-{len(self.subscriptions) + 1 + offset}"

    def purchase_id(self) -> str:
        return f"p{self.prefix}-{len(self.purchases) + 1}"

    def zone_id(self) -> str:
        return f"z{self.prefix}-{len(self.zones) + 1}"

    def owes_minor(self) -> int:
        """What the account owes from bad debts."""
        return sum(invoice.amount_minor for invoice in self.invoices if invoice.status == "bad_debt")


class Store(Protocol):
    """Where accounts are kept."""

    def account(self, account_id: str) -> Account | None:
        """The account as last saved; to change it, hold its lock."""

    def account_id_of_token(self, token: str) -> str | None:
        """Whose credential that is."""

    def account_id_of_customer(self, customer: str) -> str | None:
        """Whose customer at Stripe that is."""

    def next_number(self) -> int:
        """A number that no account had before."""

    def add(self, account: Account) -> None:
        """Keep a new account."""

    def save(self, account: Account) -> None:
        """Keep what was changed; called before the account's lock is given back."""

    def forget(self, account_id: str) -> None:
        """Drop an account and all that belongs to it."""

    def account_ids(self) -> Iterator[str]:
        """Every account, in the order of creation: for sweeps."""


class MemoryStore:
    """Accounts in dictionaries."""

    __slots__ = ("_accounts", "_by_customer", "_by_token", "_number", "account", "account_id_of_token")

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._by_token: dict[str, str] = {}
        self._by_customer: dict[str, str] = {}
        self._number = 0
        self.account = self._accounts.get
        self.account_id_of_token = self._by_token.get

    def account_id_of_customer(self, customer: str) -> str | None:
        return self._by_customer.get(customer)

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def add(self, account: Account) -> None:
        self._accounts[account.id] = account
        self._by_token[account.token] = account.id
        self._by_customer[account.customer] = account.id
        self._number = max(self._number, account.number)

    def save(self, account: Account) -> None:
        """Nothing to do: accounts are changed in place."""

    def forget(self, account_id: str) -> None:
        account = self._accounts.pop(account_id, None)
        if account is not None:
            self._by_token.pop(account.token, None)
            self._by_customer.pop(account.customer, None)

    def account_ids(self) -> Iterator[str]:
        return iter(list(self._accounts))
