"""Defects of isolation: ids, paths, keys, credentials and answers of one account that serve another."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.gateway import CUSTOMER_PREFIX, Gateway, _read_path
from sim.store import Account, KeptAnswer, Store
from sim.subscriptions_api import body, purchases
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import Line
from sim.subscriptions_api.envelope import Refusal
from sim.subscriptions_api.service import SubscriptionsApi

_SHORTEST_TOKEN: Final = 8


def id_is_all_it_takes(*operations: str) -> Plant:
    """These operations look the id in the path up among the things of all accounts."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def asked(self: Gateway, request: Any) -> Asked:
                found: Asked = original(self, request)
                if found.operation in operations:
                    found.account_id = _owner_of(self._store, found.identifier) or found.account_id
                return found

            return asked

        patch.wrap(Gateway, "_asked", make)

    return plant


def _owner_of(store: Store, identifier: str) -> str | None:
    for account in _accounts(store):
        invoices = (invoice.id for invoice in account.invoices)
        if identifier in {*account.subscriptions, *account.zones, *account.payment_methods, *invoices}:
            return account.id
    return None


def _accounts(store: Any) -> list[Account]:
    return [store.account(account_id) for account_id in list(store.account_ids())]


def account_in_path_believed(status: int) -> Plant:
    """An account that the path names is acted for, although the credential has been refused with that status."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def asked(self: Gateway, request: Any) -> Asked:
                try:
                    return original(self, request)  # type: ignore[no-any-return]
                except Refusal as refused:
                    if refused.status != status or not request.path.startswith(f"{CUSTOMER_PREFIX}/accounts/"):
                        raise
                    methods, identifier, named = _read_path(request.path)
                    return Asked(request, methods[request.method], identifier, str(named), request.body)

            return asked

        patch.wrap(Gateway, "_asked", make)

    return plant


def keys_shared(patch: Patches) -> None:
    """Idempotency keys are kept in one place for all accounts."""
    kept: dict[str, KeptAnswer] = {}

    def make(original: Any) -> Any:
        def change(self: SubscriptionsApi, asked: Asked) -> Any:
            account = self._store.account(asked.account_id)
            if account is not None and asked.key is not None and asked.key in kept:
                account.kept_answers.setdefault(asked.key, kept[asked.key])
            answer = yield from original(self, asked)
            if account is not None and asked.key is not None and asked.key in account.kept_answers:
                kept[asked.key] = account.kept_answers[asked.key]
            return answer

        return change

    patch.wrap(SubscriptionsApi, "_change", make)


def zones_not_compared(patch: Patches) -> None:
    """A line may be on any zone: whose it is, nobody looks."""

    def make(original: Any) -> Any:
        def line_of(account: Account, told: Any, where: str = "") -> Line:
            try:
                return original(account, told, where)  # type: ignore[no-any-return]
            except Refusal as refused:
                if "is no zone of this account" not in refused.message:
                    raise
                line: Line = original(account, {name: told[name] for name in told if name != "zone_id"}, where)
                return Line(line.rate_plan, line.frequency, told["zone_id"], line.quantity, line.price_minor)

        return line_of

    patch.wrap(body, "line_of", make)
    patch.wrap(purchases, "line_of", make)


def beginning_of_token_compared(patch: Patches) -> None:
    """Tokens are compared as far as the shorter of the two goes."""

    def make(original: Any) -> Any:
        def account_of(self: Gateway, authorization: str | None) -> Account:
            try:
                return original(self, authorization)  # type: ignore[no-any-return]
            except Refusal:
                token = (authorization or "").removeprefix("Bearer ")
                for account in _accounts(self._store):
                    if len(token) >= _SHORTEST_TOKEN and account.token.startswith(token):
                        return account
                raise

        return account_of

    patch.wrap(Gateway, "_account_of", make)


def account_id_for_a_token(patch: Patches) -> None:
    """Services within the network used to say who they are by an account's id, and the gateway still takes it."""

    def make(original: Any) -> Any:
        def account_of(self: Gateway, authorization: str | None) -> Account:
            account = self._store.account((authorization or "").removeprefix("Bearer "))
            return account if account is not None else original(self, authorization)

        return account_of

    patch.wrap(Gateway, "_account_of", make)


def answers_cached_by_path(*operations: str) -> Plant:
    """A cache in front of these operations keeps answers by path, whoever asks."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            kept: dict[str, tuple[int, Any]] = {}

            def handle(self: Gateway, request: Any) -> Any:
                now_us = self._clock.now_us
                if request.method != "GET" or request.operation not in operations:
                    return (yield from original(self, request))
                asked_us, answer = kept.get(request.path, (0, None))
                if answer is None or not 0 <= now_us - asked_us < 1_000_000:
                    answer = yield from original(self, request)
                    if answer.status == 200:
                        kept[request.path] = (now_us, answer)
                return answer

            return handle

        patch.wrap(Gateway, "handle", make)

    return plant


_BESIDE: Final = ("another-accounts-things",)

DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="anybodys-subscription-cancelled",
        title="DELETE /subscriptions/{id} looks the id up among the subscriptions of all accounts.",
        plant=id_is_all_it_takes("cancel"),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="anybodys-subscription-changed",
        title="PUT and append look the subscription up among those of all accounts, and charge its owner.",
        plant=id_is_all_it_takes("update", "append"),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="anybodys-zone-read",
        title="GET /zones/{id} looks the id up among the zones of all accounts.",
        plant=id_is_all_it_takes("get_zone"),
        shown_by=_BESIDE,
        customers=2,
        phase=0,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="anybodys-invoice-read",
        title="An invoice, and its PDF, is shown to whoever knows its id.",
        plant=id_is_all_it_takes("invoice", "invoice_pdf"),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="anybodys-payment-method-removed",
        title="DELETE /payment-methods/{id} looks the id up among the payment methods of all accounts.",
        plant=id_is_all_it_takes("remove_payment_method"),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="account-in-the-path-not-compared",
        title="The account in the path is acted for, whoever's credential it is.",
        plant=account_in_path_believed(403),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
        also=(
            "abandoned-grants-nothing",
            "secret-usable",
        ),
    ),
    Defect(
        name="account-in-the-path-is-credential-enough",
        title="Where the path names an account, the credential is not looked at.",
        plant=account_in_path_believed(401),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="idempotency-keys-shared-between-accounts",
        title="Idempotency keys are kept in one place for all accounts.",
        plant=keys_shared,
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
        also=("idempotency-honoured",),
    ),
    Defect(
        name="plan-on-anybodys-zone",
        title="A plan can be bought on another account's zone.",
        plant=zones_not_compared,
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="token-compared-by-its-beginning",
        title="The beginning of a token is as good as all of it.",
        plant=beginning_of_token_compared,
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="account-id-taken-for-a-token",
        title="An account's id passes for its credential.",
        plant=account_id_for_a_token,
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
    Defect(
        name="answers-cached-for-whoever-asks",
        title="A cache keeps lists by path for a second, whoever asks.",
        plant=answers_cached_by_path("payment_methods", "billing_history"),
        shown_by=_BESIDE,
        customers=2,
        finds=("accounts-isolated",),
    ),
)
