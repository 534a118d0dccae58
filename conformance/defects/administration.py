"""Defects of administrators' operations: whose token is believed, and what is given away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.gateway import ADMIN_API_PREFIX, ADMIN_SCOPE, Gateway
from sim.store import IN_FORCE, Account
from sim.subscriptions_api.administration import Administration
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.envelope import Refusal
from sim.subscriptions_api.ledger import API
from sim.subscriptions_api.routes import admin_methods_of

_SCHEME: Final = "ADMIN-JWT "


def believed_if(believes: Callable[[Gateway, str], bool]) -> Plant:
    """A token that should be refused is believed all the same where `believes` says so of it."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def check(self: Gateway, authorization: str | None) -> None:
                try:
                    original(self, authorization)
                except Refusal:
                    if authorization is None or not believes(self, authorization):
                        raise

            return check

        patch.wrap(Gateway, "_check_administrator", make)

    return plant


def _header(authorization: str) -> dict[str, Any]:
    import jwt

    try:
        return jwt.get_unverified_header(authorization.removeprefix(_SCHEME))
    except jwt.PyJWTError:
        return {}


def _claims(authorization: str, key: str | None = None) -> dict[str, Any]:
    """What a token claims; nothing if it was signed with another key. Its age is not looked at."""
    import jwt

    options: Any = {"verify_signature": key is not None, "verify_exp": False}
    try:
        found: dict[str, Any] = jwt.decode(
            authorization.removeprefix(_SCHEME), key or "", algorithms=["HS256"], options=options
        )
    except (jwt.PyJWTError, ValueError):
        return {}
    return found


def _unsigned(self: Gateway, authorization: str) -> bool:
    return authorization.startswith(_SCHEME) and str(_header(authorization).get("alg")).lower() == "none"


def _decoded(self: Gateway, authorization: str) -> bool:
    return authorization.startswith(_SCHEME) and _claims(authorization).get("scope") == ADMIN_SCOPE


def _expired(self: Gateway, authorization: str) -> bool:
    claims = _claims(authorization, self._config.admin_jwt_secret)
    return authorization.startswith(_SCHEME) and claims.get("scope") == ADMIN_SCOPE


def _without_scope(self: Gateway, authorization: str) -> bool:
    claims = _claims(authorization, self._config.admin_jwt_secret)
    return authorization.startswith(_SCHEME) and bool(claims) and claims["exp"] > self._now_s()


def _scope_within(self: Gateway, authorization: str) -> bool:
    scope = _claims(authorization, self._config.admin_jwt_secret).get("scope")
    return _without_scope(self, authorization) and isinstance(scope, str) and ADMIN_SCOPE in scope


def _customers(self: Gateway, authorization: str) -> bool:
    return self._store.account_id_of_token(authorization.removeprefix("Bearer ")) is not None


def one_operation_unguarded(below: str) -> Plant:
    """Nobody asks for a token where the path ends so: the route was added later."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def asked(self: Gateway, request: Any) -> Asked:
                account_id, _, rest = request.path.removeprefix(ADMIN_API_PREFIX).partition("/")
                methods = admin_methods_of(f"/{rest}")
                if f"/{rest}" != below or methods is None or request.method not in methods:
                    return original(self, request)  # type: ignore[no-any-return]
                return Asked(request, methods[request.method], "", account_id)

            return asked

        patch.wrap(Gateway, "_asked_by_administrator", make)

    return plant


def locked_before_checked(patch: Patches) -> None:
    """The lock is set before the token is checked; whoever has none is told so, afterwards."""

    def make(original: Any) -> Any:
        def asked(self: Gateway, request: Any) -> Asked:
            account_id, _, rest = request.path.removeprefix(ADMIN_API_PREFIX).partition("/")
            account = self._store.account(account_id)
            if account is not None and rest == "lock":
                account.locked = True
                self._store.save(account)
            return original(self, request)  # type: ignore[no-any-return]

        return asked

    patch.wrap(Gateway, "_asked_by_administrator", make)


def _granting(administration: Administration, account: Account, states: tuple[str, ...]) -> None:
    for subscription in account.subscriptions.values():
        if subscription.state in states:
            administration._ledger.activate(account, subscription, "sync", API)


def reconciled_by_state(*states: str) -> Plant:
    """Bringing the books in line grants whatever is in these states, paid or not."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def reconcile(self: Administration, account: Account, because: str) -> Any:
                yield from original(self, account, because)
                _granting(self, account, states)

            return reconcile

        patch.wrap(Administration, "_reconcile", make)

    return plant


def granted_by(operation: str, *states: str) -> Plant:
    """An operation that only opens an account again also gives it whatever is in these states."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def opened(self: Administration, account: Account, asked: Asked) -> Any:
                _granting(self, account, states)
                return original(self, account, asked)

            return opened

        patch.wrap(Administration, operation, make)

    return plant


def recomputed_from_scratch(patch: Patches) -> None:
    """Recomputation drops all entitlements and makes them anew, each with a new date."""

    def make(original: Any) -> Any:
        def recompute(self: Administration, account: Account, asked: Asked) -> Any:
            account.entitlements.clear()
            return (yield from original(self, account, asked))

        return recompute

    patch.wrap(Administration, "recompute", make)


def invoiced_by_recomputation(patch: Patches) -> None:
    """Recomputation makes an invoice for everything in force, each time."""

    def make(original: Any) -> Any:
        def recompute(self: Administration, account: Account, asked: Asked) -> Any:
            answer = yield from original(self, account, asked)
            for subscription in account.subscriptions.values():
                if subscription.state in IN_FORCE:
                    self._ledger.add_invoice(account, subscription.price_minor, "paid", [subscription.id], None, API)
            return answer

        return recompute

    patch.wrap(Administration, "recompute", make)


_TOKENS: Final = ("tokens-of-no-administrator",)
_GRANTS: Final = ("grants-by-administrators",)

DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="unsigned-administrators-token-accepted",
        title="A token whose header says alg: none is believed.",
        plant=believed_if(_unsigned),
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="administrators-token-decoded-and-not-verified",
        title="What a token claims is believed, whoever signed it.",
        plant=believed_if(_decoded),
        shown_by=_TOKENS,
        customers=6,
        phase=0,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="administrators-token-never-expires",
        title="How old an administrator's token is nobody looks.",
        plant=believed_if(_expired),
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="administrators-scope-not-checked",
        title="Any token that is signed rightly will do, whatever it was made for.",
        plant=believed_if(_without_scope),
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="administrators-scope-looked-for-within",
        title="A scope that begins like the administrators' is taken for it.",
        plant=believed_if(_scope_within),
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="customers-token-accepted-from-administrators",
        title="A customer's own credential opens the administrators' operations.",
        plant=believed_if(_customers),
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="unlock-without-a-token",
        title="POST unlock was added later, and nobody asks for a token there.",
        plant=one_operation_unguarded("/unlock"),
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
        also=("other-refusals-survive",),
    ),
    Defect(
        name="locked-before-the-token-is-checked",
        title="The lock is set before the token is checked; the 401 comes afterwards.",
        plant=locked_before_checked,
        shown_by=_TOKENS,
        customers=6,
        finds=("admin-authenticated",),
    ),
    Defect(
        name="sync-grants-what-awaits-payment",
        title="sync-entitlements and recompute grant whatever has not ended.",
        plant=reconciled_by_state("AwaitingPayment"),
        shown_by=_GRANTS,
        customers=9,
        finds=("admin-grants-only-what-is-paid", "no-entitlement-without-payment"),
        also=("failed-payment-can-be-retried",),
    ),
    Defect(
        name="sync-grants-what-has-expired",
        title="sync-entitlements and recompute give back what has expired unpaid.",
        plant=reconciled_by_state("Expired"),
        shown_by=_GRANTS,
        customers=9,
        finds=("admin-grants-only-what-is-paid", "no-entitlement-without-payment"),
        also=(
            "abandoned-grants-nothing",
            "cart-conserved",
            "failed-payment-can-be-retried",
            "stores-agree",
            "webhook-eventually-applied",
        ),
        unseen={"webhook-eventually-applied": "no list ever showed Expired"},
    ),
    Defect(
        name="unlock-grants-what-awaits-payment",
        title="Unlocking an account grants all that waits for payment.",
        plant=granted_by("unlock", "AwaitingPayment"),
        shown_by=_GRANTS,
        customers=9,
        finds=("admin-grants-only-what-is-paid", "no-entitlement-without-payment"),
        also=("failed-payment-can-be-retried",),
    ),
    Defect(
        name="unban-grants-what-has-expired",
        title="Lifting a ban gives back everything that the account ever had, expired purchases included.",
        plant=granted_by("unban", "Expired"),
        shown_by=_GRANTS,
        customers=9,
        finds=("admin-grants-only-what-is-paid", "no-entitlement-without-payment"),
        also=(
            "failed-payment-can-be-retried",
            "webhook-eventually-applied",
        ),
        unseen={"webhook-eventually-applied": "no list ever showed Expired"},
    ),
    Defect(
        name="recompute-grants-anew",
        title="Recomputation drops all entitlements and makes them anew, each with a new date.",
        plant=recomputed_from_scratch,
        shown_by=_GRANTS,
        customers=9,
        finds=("admin-grants-only-what-is-paid",),
        also=(
            "provisioned-once",
            "payment-leads-to-entitlement",
        ),
    ),
    Defect(
        name="recompute-invoices-anew",
        title="Recomputation makes an invoice for everything in force, each time.",
        plant=invoiced_by_recomputation,
        shown_by=_GRANTS,
        customers=9,
        finds=("admin-grants-only-what-is-paid",),
        also=("provisioned-once",),
    ),
)
