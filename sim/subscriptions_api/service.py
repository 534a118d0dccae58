"""The service itself: which operation runs, under which lock, with which answer kept for repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.backend import BackendConfig
from sim.effects import Acquire, Program, Release
from sim.facts import Journal
from sim.messages import Answer, Request
from sim.store import Account, KeptAnswer, Store
from sim.subscriptions_api import views
from sim.subscriptions_api.administration import Administration
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.bad_debt import BadDebt
from sim.subscriptions_api.cancellations import Cancellations
from sim.subscriptions_api.collection import Collection
from sim.subscriptions_api.envelope import KEY_REUSED, NOT_FOUND, UNAUTHENTICATED, Refusal, refusal, success
from sim.subscriptions_api.expiry import Expiry
from sim.subscriptions_api.final_rows import Row, final_rows
from sim.subscriptions_api.gate import Gate
from sim.subscriptions_api.invoices import Invoices
from sim.subscriptions_api.ledger import Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods
from sim.subscriptions_api.profiles import Profiles
from sim.subscriptions_api.purchases import Purchases
from sim.subscriptions_api.rollback import RollBack, roll_back
from sim.subscriptions_api.routes import BUYS, READS
from sim.subscriptions_api.stripe_calls import StripeCalls
from sim.subscriptions_api.zones import Zones
from sim.time import Clock

Step = Callable[[Account, Asked], Answer]
Process = Callable[[Account, Asked], Program[Answer]]


class SubscriptionsApi:
    """Answers the operations of the contract for accounts that the gateway has authenticated."""

    __slots__ = ("_expiry", "_ledger", "_processes", "_reads", "_steps", "_store")

    def __init__(self, config: BackendConfig, store: Store, clock: Clock, journal: Journal) -> None:
        ledger = Ledger(clock, journal)
        calls = StripeCalls(config.stripe_secret_key)
        collection = Collection(calls)
        methods = PaymentMethods(ledger, calls)
        gate = Gate(config, ledger, methods)
        purchases = Purchases(config, ledger, methods, gate, collection)
        debt = BadDebt(ledger, methods, collection)
        administration = Administration(ledger, methods, collection)
        profiles = Profiles(gate)
        invoices = Invoices()
        zones = Zones(ledger)
        self._ledger = ledger
        self._store = store
        self._expiry = Expiry(config, ledger, collection)
        self._reads: Mapping[str, Step] = {
            "list_subscriptions": _list_subscriptions,
            "entitlements": _entitlements,
            "profile_get": profiles.get,
            "get_zone": zones.get,
            "billing_history": invoices.history,
            "invoice": invoices.get,
            "invoice_pdf": invoices.pdf,
            "admin_state": administration.state,
        }
        self._steps: Mapping[str, Step] = {
            "profile_create": profiles.create,
            "create_zone": zones.create,
            "patch_zone": zones.patch,
            "admin_lock": administration.lock,
            "admin_unlock": administration.unlock,
            "admin_unban": administration.unban,
        }
        self._processes: Mapping[str, Process] = {
            "bulk_create": purchases.bulk_create,
            "create": purchases.create,
            "registrar_checkout": purchases.registrar_checkout,
            "update": purchases.update,
            "append": purchases.append,
            "pre_auth": purchases.pre_auth,
            "cancel": Cancellations(ledger, collection).cancel,
            "profile_update": profiles.update,
            "payment_methods": lambda account, _: methods.listing(account),
            "add_payment_method": methods.add,
            "remove_payment_method": methods.remove,
            "setup_payment_method": methods.set_up,
            "pay_bad_debt": debt.pay,
            "admin_sync_entitlements": administration.sync_entitlements,
            "admin_recompute": administration.recompute,
        }

    def handle(self, request: Request) -> Program[Answer]:
        """Run one request that the gateway let pass, or a rollback that a service of this deployment asks for."""
        if not isinstance(request, Asked):
            return self._answer_unasked(request)
        if request.operation in READS:
            return self._read(request)
        return self._change(request)

    def on_alarm(self, account_id: str) -> Program[None]:
        """Expire what has waited for 23 hours."""
        account = self._store.account(account_id)
        if account is None or not self._expiry.is_due(account):
            return
        yield Acquire(account_id)
        try:
            account = self._store.account(account_id)
            if account is not None:
                yield from self._expiry.end_due(account)
                self._store.save(account)
        except Exception:
            yield Release(account_id)
            raise
        yield Release(account_id)

    def awaits_alarm(self, account_id: str) -> bool:
        """Whether anything unpaid may still expire."""
        account = self._store.account(account_id)
        return account is not None and bool(account.open_purchases)

    def snapshot(self, account_id: str) -> list[Row]:
        """The account's books at the end; empty for an account that does not exist."""
        account = self._store.account(account_id)
        return [] if account is None else final_rows(account)

    def forget(self, account_id: str) -> None:
        """Free everything that is kept of an account."""
        self._store.forget(account_id)

    def _answer_unasked(self, request: Request) -> Program[Answer]:
        if request.body.__class__ is RollBack:
            return roll_back(self._ledger, request.body)
        return refusal(401, UNAUTHENTICATED, "this service answers the gateway alone")
        yield

    def _read(self, asked: Asked) -> Program[Answer]:
        account = self._store.account(asked.account_id)
        if account is None:
            return _no_account(asked.account_id)
        try:
            read = self._reads.get(asked.operation)
            if read is not None:
                return read(account, asked)
            return (yield from self._processes[asked.operation](account, asked))
        except Refusal as refused:
            return refused.answer()

    def _change(self, asked: Asked) -> Program[Answer]:
        """Run an operation that changes the account, under its lock; keep the answer under the caller's key."""
        account_id = asked.account_id
        yield Acquire(account_id)
        try:
            account = self._store.account(account_id)
            if account is None:
                answer = _no_account(account_id)
            elif asked.key is not None and asked.key in account.kept_answers and asked.operation in BUYS:
                answer = _kept_answer(account.kept_answers[asked.key], asked)
            else:
                try:
                    process = self._processes.get(asked.operation)
                    if process is not None:
                        answer = yield from process(account, asked)
                    else:
                        answer = self._steps[asked.operation](account, asked)
                except Refusal as refused:
                    answer = refused.answer()
                if asked.key is not None and answer.status < 500 and asked.operation in BUYS:
                    kept = KeptAnswer(asked.operation, asked.identifier, asked.body, answer)
                    account.kept_answers[asked.key] = kept
                self._store.save(account)
        except Exception:
            yield Release(account_id)
            raise
        yield Release(account_id)
        return answer


def _kept_answer(kept: KeptAnswer, asked: Asked) -> Answer:
    """The first answer once more. Another body, or another operation, is refused: 409, code 1230."""
    if (kept.operation, kept.identifier) == (asked.operation, asked.identifier) and kept.body == asked.body:
        return kept.answer
    return refusal(409, KEY_REUSED, "this Idempotency-Key was used for another request: take a new one")


def _no_account(account_id: str) -> Answer:
    return refusal(404, NOT_FOUND, f"account {account_id[:60]!r} does not exist")


def _list_subscriptions(account: Account, asked: Asked) -> Answer:
    return success(views.subscriptions(account))


def _entitlements(account: Account, asked: Asked) -> Answer:
    return success(views.entitlements(account))
