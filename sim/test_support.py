"""Test support of the mock deployment: accounts in any state, the deployment's clock and its settings.

Answers are bare objects, not envelopes; refusals come in the envelope. A real deployment has nothing of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from sim.backend import BackendConfig
from sim.effects import Acquire, Call, Program, Release
from sim.facts import EXACT, Journal
from sim.messages import Answer, Request
from sim.store import Account, Store, Subscription
from sim.subscriptions_api import views
from sim.subscriptions_api.body import CHARGEABLE, is_chargeable, line_of, mapping_of, not_fitting, shown
from sim.subscriptions_api.envelope import NOT_FOUND, Refusal, StripeUnreachable, WrongMethod, refusal
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.payment_methods import describe
from sim.subscriptions_api.profiles import is_country
from sim.subscriptions_api.stripe_calls import StripeCalls, error_message
from sim.subscriptions_api.zones import Zones
from sim.time import Clock

ACCOUNTS: Final = "/__test__/accounts"
CLOCK: Final = "/__test__/clock"
CONFIG: Final = "/__test__/config"

_CARD_TOKENS: Final[Mapping[str, str]] = {
    "valid": "pm_card_visa",
    "expired": "pm_card_visa",
    "requires_authentication": "pm_card_authenticationRequired",
    "declining": "pm_card_chargeCustomerFail",
}
"""Stripe's test cards for each state of a payment method on file."""
_STATES: Final = ("none", *_CARD_TOKENS, "paypal")
_EXPIRED: Final[Mapping[str, Any]] = {"card": {"exp_month": 1, "exp_year": 2020}}
_LONGEST_ADVANCE_S: Final = 400 * 86_400


class TestSupport:
    """`advance` moves the deployment's clock by so many seconds; None where the deployment has no clock of its own."""

    __slots__ = ("_advance", "_calls", "_config", "_credentials", "_ledger", "_store", "_zones")
    __test__ = False  # no test class, whatever pytest thinks of the name

    def __init__(
        self,
        config: BackendConfig,
        store: Store,
        clock: Clock,
        journal: Journal,
        advance: Callable[[int], None] | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._ledger = Ledger(clock, journal)
        self._zones = Zones(self._ledger)
        self._calls = StripeCalls(config.stripe_secret_key)
        self._advance = advance
        key = hashlib.sha256(config.admin_jwt_secret.encode()).digest()
        self._credentials = hashlib.blake2b(key=key, digest_size=20)

    def handle(self, request: Request) -> Program[Answer]:
        """Answer one request."""
        try:
            if request.path == ACCOUNTS:
                _expect(request.method, "POST")
                return (yield from self._create(mapping_of(request.body)))
            return (yield from self._answer(request))
        except Refusal as refused:
            return refused.answer()

    def _answer(self, request: Request) -> Program[Answer]:
        path, method = request.path, request.method
        if path.startswith(ACCOUNTS + "/"):
            _expect(method, "DELETE")
            return (yield from self._delete(path[len(ACCOUNTS) + 1 :]))
        if path == CLOCK:
            _expect(method, "POST")
            return self._move_clock(mapping_of(request.body))
        if path == CONFIG:
            _expect(method, "GET", "PUT")
            if method == "PUT":
                self._configure(mapping_of(request.body))
            return Answer(200, self._settings())
        return refusal(404, NOT_FOUND, f"there is nothing at {path[:100]!r}")

    # --- accounts ------------------------------------------------------------------------------------------------

    def _create(self, body: Mapping[str, Any]) -> Program[Answer]:
        """POST /__test__/accounts. Reads the whole body before anything is made."""
        state = body.get("payment_method", "none")
        if state not in _STATES:
            raise not_fitting("payment_method", f"{shown(state)} is none of {', '.join(_STATES)}")
        number, account_id = self._identity_of(body)
        yield Acquire(account_id)
        try:
            answer = yield from self._create_alone(number, account_id, state, body)
        except Exception:
            yield Release(account_id)
            raise
        yield Release(account_id)
        return answer

    def _create_alone(self, number: int, account_id: str, state: str, body: Mapping[str, Any]) -> Program[Answer]:
        """Make the account; needs its lock, so that of two who want the same one the second is refused."""
        account = self._account_of(number, account_id, body)
        debt_minor = body.get("bad_debt")
        if debt_minor is not None and (debt_minor.__class__ is not int or not is_chargeable(debt_minor)):
            raise not_fitting("bad_debt", f"{shown(debt_minor)} is no amount that can be charged: {CHARGEABLE}")
        subscriptions: list[Subscription] = []
        if "zones" in body or "subscriptions" in body:
            subscriptions = self._draft(account, body)

        customer: Answer = yield self._calls.create_customer(account.id, account.profile)
        if customer.status != 200:
            raise StripeUnreachable(f"creating a customer, {error_message(customer)}")
        account.customer = customer.body["id"]
        if state != "none":
            yield from self._put_on_file(account, state)
        if subscriptions:
            self._provision(account, subscriptions)
        if debt_minor is not None:
            self._ledger.add_invoice(account, debt_minor, "bad_debt", [], None, API, at_start=True)
        self._store.add(account)
        self._note_standing(account, debt_minor)
        return Answer(
            201,
            {
                "account_id": account.id,
                "token": account.token,
                "stripe_customer": account.customer,
                "subscriptions": [views.subscription(item) for item in subscriptions] if subscriptions else [],
                "zones": [views.zone(zone) for zone in account.zones.values()] if account.zones else [],
            },
        )

    def _note_standing(self, account: Account, debt_minor: int | None) -> None:
        """Whoever may not buy from the start is known to be so: what refuses them must outlive the gate."""
        standing = "banned" if account.banned else "locked" if account.locked else "debtor" if debt_minor else None
        if standing is not None:
            self._ledger.note(account.id, EXACT, "test-support", "standing", account.id, None, None, standing)

    def _draft(self, account: Account, body: Mapping[str, Any]) -> list[Subscription]:
        """Make the account's zones, and draw its subscriptions up."""
        zones = _names_of(body, "zones")
        lines = _list_of(body, "subscriptions")
        for zone_id in _zone_ids_of(lines):
            self._zones.add(account, zone_id, f"{zone_id}.example.com", at_start=True)
        for name in zones:
            self._zones.add(account, account.zone_id(), name, at_start=True)
        return self._subscriptions_of(account, lines)

    def _account_of(self, number: int, account_id: str, body: Mapping[str, Any]) -> Account:
        if self._store.account(account_id) is not None:
            raise not_fitting("account_id", f"{account_id} exists already")
        credential = self._credentials.copy()
        credential.update(account_id.encode())
        account = Account(account_id, number, "", f"tok_{credential.hexdigest()}", self._ledger.clock.now_us)
        if "locked" in body:
            account.locked = _flag_of(body, "locked")
        if "banned" in body:
            account.banned = _flag_of(body, "banned")
        account.profile["name"] = f"Customer {number}"
        account.profile["email"] = f"customer-{number}@example.com"
        country = body.get("country")
        if country is not None:
            if not isinstance(country, str) or not is_country(country):
                raise not_fitting("country", f"{shown(country)} is no country code of two letters")
            account.profile["country"] = country
        return account

    def _identity_of(self, body: Mapping[str, Any]) -> tuple[int, str]:
        """The account's number and id: those that the caller wants, or the next ones."""
        wanted = body.get("account_id")
        if wanted is None:
            number = self._store.next_number()
            return number, f"acct{number:08d}"
        digits = wanted[4:] if isinstance(wanted, str) and wanted.startswith("acct") else ""
        if digits.isascii() and digits.isdigit():
            number = int(digits)
            if wanted == f"acct{number:08d}":
                return number, wanted
        raise not_fitting("account_id", f"{shown(wanted)} is not of the form acct00000001")

    def _put_on_file(self, account: Account, state: str) -> Program[None]:
        """Give the customer at Stripe a payment method in that state, and know it."""
        if state == "paypal":
            intent = yield from self._asked(self._calls.import_paypal(account.customer, account.profile["email"]))
            found: Mapping[str, Any] = {"id": intent["payment_method"], "type": "paypal"}
        else:
            found = yield from self._asked(self._calls.attach_payment_method(_CARD_TOKENS[state], account.customer))
            if state == "expired":
                found = yield from self._asked(self._calls.update_payment_method(found["id"], _EXPIRED))
        method = self._ledger.put_on_file(account, found["id"], found["type"], API, at_start=True)
        assert method is not None
        describe(method, found)

    def _asked(self, call: Call) -> Program[Mapping[str, Any]]:
        answer: Answer = yield call
        if answer.status != 200:
            raise StripeUnreachable(f"{call.request.operation}, {error_message(answer)}")
        return answer.body  # type: ignore[no-any-return]

    def _subscriptions_of(self, account: Account, lines: list[Any]) -> list[Subscription]:
        subscriptions = []
        for index, entry in enumerate(lines):
            line = line_of(account, entry, f"subscriptions[{index}].")
            subscriptions.append(
                Subscription(
                    account.subscription_id(index),
                    line.rate_plan,
                    line.frequency,
                    line.zone_id,
                    line.quantity,
                    line.price_minor,
                    account.created_us,
                    "",
                )
            )
        return subscriptions

    def _provision(self, account: Account, subscriptions: list[Subscription]) -> None:
        """In force from the start, with one paid invoice; there may be no payment at Stripe behind it."""
        for subscription in subscriptions:
            account.subscriptions[subscription.id] = subscription
            self._ledger.provision_at_start(account, subscription)
        total_minor = sum([subscription.price_minor for subscription in subscriptions])
        identifiers = [subscription.id for subscription in subscriptions]
        self._ledger.add_invoice(account, total_minor, "paid", identifiers, None, API, at_start=True)

    def _delete(self, account_id: str) -> Program[Answer]:
        if self._store.account(account_id) is None:
            raise _no_account(account_id)
        yield Acquire(account_id)
        try:
            answer = yield from self._delete_alone(account_id)
        except Exception:
            yield Release(account_id)
            raise
        yield Release(account_id)
        return answer

    def _delete_alone(self, account_id: str) -> Program[Answer]:
        """Delete the account; needs its lock, so that nothing that is under way brings it back."""
        account = self._store.account(account_id)
        if account is None:
            raise _no_account(account_id)
        # Whether Stripe answers does not matter: its customer is of no use without the account.
        yield self._calls.delete_customer(account.customer)
        self._store.forget(account_id)
        return Answer(200, {"account_id": account_id, "deleted": True})

    # --- clock and settings --------------------------------------------------------------------------------------

    def _move_clock(self, body: Mapping[str, Any]) -> Answer:
        seconds = body.get("advance_seconds")
        if seconds.__class__ is not int or not 0 <= seconds <= _LONGEST_ADVANCE_S:
            raise not_fitting(
                "advance_seconds", f"{shown(seconds)} is not a whole number of seconds from 0 to {_LONGEST_ADVANCE_S}"
            )
        if self._advance is None:
            raise Refusal(404, NOT_FOUND, "this deployment has no clock that can be moved")
        self._advance(seconds)
        return Answer(200, {"advanced_seconds": seconds})

    def _configure(self, body: Mapping[str, Any]) -> None:
        phase, rate_limit = _number(body, "phase"), _number(body, "rate_limit")
        regime, gates = body.get("regime"), body.get("gates")
        if regime is not None and not isinstance(regime, str):
            raise not_fitting("regime", f"{shown(regime)} is not a text")
        if gates is not None and not (
            isinstance(gates, Mapping) and all(isinstance(value, bool) for value in gates.values())
        ):
            raise not_fitting("gates", f"{shown(gates)} is not an object of names and booleans")
        try:
            self._config.change(phase=phase, regime=regime, gates=gates, rate_limit=rate_limit)
        except ValueError as error:
            raise not_fitting("config", str(error)) from None

    def _settings(self) -> dict[str, Any]:
        config = self._config
        return {
            "phase": config.phase,
            "regime": config.regime,
            "gates": dict(config.gates),
            "rate_limit": config.rate_limit,
        }


def _expect(method: str, *methods: str) -> None:
    if method not in methods:
        raise WrongMethod(method, methods)


def _no_account(account_id: str) -> Refusal:
    return Refusal(404, NOT_FOUND, f"account {account_id[:60]!r} does not exist")


def _flag_of(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field, False)
    if value is True or value is False:
        return value
    raise not_fitting(field, f"{shown(value)} is not a boolean")


def _number(body: Mapping[str, Any], field: str) -> int | None:
    value = body.get(field)
    if value is None or value.__class__ is int:
        return value
    raise not_fitting(field, f"{shown(value)} is not a whole number")


def _list_of(body: Mapping[str, Any], field: str) -> list[Any]:
    value = body.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise not_fitting(field, f"{shown(value)} is not a list")
    return value


def _names_of(body: Mapping[str, Any], field: str) -> list[str]:
    names = _list_of(body, field)
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise not_fitting(f"{field}[{index}]", f"{shown(name)} is not a name")
    return names


def _zone_ids_of(lines: list[Any]) -> list[str]:
    """The zones that the lines are on, each once: an account made with lines has their zones too."""
    zone_ids = [line.get("zone_id") for line in lines if isinstance(line, Mapping)]
    return list(dict.fromkeys(zone_id for zone_id in zone_ids if isinstance(zone_id, str) and zone_id))
