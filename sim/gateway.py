"""The API gateway: finds the operation, establishes whose account it is, counts requests, and passes the rest on.

Order of refusals: unknown path or method, credential, another account's path, rate limit; the service does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sim.backend import BackendConfig
from sim.effects import Call, Program
from sim.messages import Answer, Request
from sim.rate_limit import MemoryRateLimit, RateLimit
from sim.store import Account, Store
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.envelope import (
    NOT_FOUND,
    RATE_LIMITED,
    UNAUTHENTICATED,
    UPSTREAM,
    Refusal,
    WrongMethod,
    refusal,
)
from sim.subscriptions_api.routes import FIXED_PATHS, admin_methods_of, methods_of
from sim.time import Clock, unix_s

CUSTOMER_PREFIX: Final = "/api/v4"
ADMIN_API_PREFIX: Final = "/api/v3/accounts/"
ADMIN_SCOPE: Final = "billing:admin"

_ACCOUNTS: Final = "/accounts/"
_BEARER: Final = "Bearer "
_ADMIN_JWT: Final = "ADMIN-JWT "
_FIXED_PATHS: Final = {CUSTOMER_PREFIX + path: methods for path, methods in FIXED_PATHS.items()}


class Gateway:
    """`now_s` is the clock by which the age of an administrator's token is measured; the world's by default."""

    __slots__ = ("_clock", "_config", "_now_s", "_rate_limit", "_store")

    def __init__(
        self,
        config: BackendConfig,
        store: Store,
        clock: Clock,
        rate_limit: RateLimit | None = None,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._rate_limit = rate_limit or MemoryRateLimit()
        self._now_s: Callable[[], float] = now_s or (lambda: unix_s(clock.now_us))

    def handle(self, request: Request) -> Program[Answer]:
        """Answer one request of a customer, a service or an administrator."""
        try:
            asked = self._asked(request)
        except Refusal as refused:
            return refused.answer()
        answer: Answer = yield Call("subscriptions-api", asked)
        if answer.status == 0:
            return refusal(504, UPSTREAM, "the service behind the gateway did not answer in time")
        return answer

    def _asked(self, request: Request) -> Asked:
        """What the service behind is asked. Raises Refusal."""
        named: str | None = None
        identifier = ""
        methods = _FIXED_PATHS.get(request.path)
        if methods is None:
            if not request.path.startswith(CUSTOMER_PREFIX):
                return self._asked_by_administrator(request)
            methods, identifier, named = _read_path(request.path)
        operation = methods.get(request.method) or _refuse_method(methods, request.method)
        headers = request.headers
        account = self._account_of(headers.get("authorization"))
        if named is not None and named != account.id:
            raise Refusal(403, UNAUTHENTICATED, "the credential belongs to another account")
        wait_s = self._rate_limit.retry_after_s(account, self._config.rate_limit, self._clock.now_us)
        if wait_s:
            raise _rate_limited(self._config.rate_limit, wait_s)
        key = headers.get("idempotency-key") or None  # an empty one would be the same key for every purchase
        return Asked(request, operation, identifier, account.id, request.body, key)

    def _account_of(self, authorization: str | None) -> Account:
        if authorization is not None and authorization.startswith(_BEARER):
            account_id = self._store.account_id_of_token(authorization[7:])
            account = None if account_id is None else self._store.account(account_id)
            if account is not None:
                return account
        raise _unauthenticated(_BEARER, "authentication is needed: Authorization: Bearer <token>")

    def _asked_by_administrator(self, request: Request) -> Asked:
        path = request.path
        if not path.startswith(ADMIN_API_PREFIX):
            raise _nothing_at(path)
        account_id, slash, rest = path[len(ADMIN_API_PREFIX) :].partition("/")
        methods = admin_methods_of(slash + rest)
        if methods is None:
            raise _nothing_at(path)
        operation = methods.get(request.method) or _refuse_method(methods, request.method)
        self._check_administrator(request.headers.get("authorization"))
        if self._store.account(account_id) is None:
            raise Refusal(404, NOT_FOUND, f"account {account_id[:60]!r} does not exist")
        return Asked(request, operation, "", account_id)

    def _check_administrator(self, authorization: str | None) -> None:
        """Raises Refusal: 401 for a token that is missing, expired or not ours, 403 for one without the scope."""
        if authorization is None or not authorization.startswith(_ADMIN_JWT):
            raise _unauthenticated(_ADMIN_JWT, "an administrator's token is needed: Authorization: ADMIN-JWT <jwt>")
        import jwt  # here, because only administrators' requests need it and it is slow to load

        token = authorization[len(_ADMIN_JWT) :]
        try:
            # The age is measured below: the library knows only the machine's clock.
            claims = jwt.decode(
                token,
                self._config.admin_jwt_secret,
                algorithms=["HS256"],
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, RecursionError) as error:
            raise _unauthenticated(_ADMIN_JWT, f"the administrator's token is not valid: {error}") from None
        expires_s = claims["exp"]
        if isinstance(expires_s, bool) or not isinstance(expires_s, int | float) or expires_s <= self._now_s():
            raise _unauthenticated(_ADMIN_JWT, "the administrator's token has expired")
        if claims.get("scope") != ADMIN_SCOPE:
            raise Refusal(403, UNAUTHENTICATED, f"the administrator's token lacks the scope {ADMIN_SCOPE}")


def operation_of(method: str, path: str) -> str:
    """The name of the operation that a request asks for; "" where there is none."""
    methods = _FIXED_PATHS.get(path)
    if methods is None:
        if path.startswith(ADMIN_API_PREFIX):
            _, slash, rest = path[len(ADMIN_API_PREFIX) :].partition("/")
            methods = admin_methods_of(slash + rest)
        elif path.startswith(CUSTOMER_PREFIX):
            try:
                methods = _read_path(path)[0]
            except Refusal:
                return ""
    return "" if methods is None else methods.get(method, "")


def _read_path(path: str) -> tuple[Mapping[str, str], str, str | None]:
    """Operations by method, id and named account in a customer's path. Raises Refusal (404)."""
    named: str | None = None
    below = path[len(CUSTOMER_PREFIX) :]
    if below.startswith(_ACCOUNTS):
        named, slash, rest = below[len(_ACCOUNTS) :].partition("/")
        below = slash + rest
    found = methods_of(below)
    if found is None:
        raise _nothing_at(path)
    return found[0], found[1], named


def _refuse_method(methods: Mapping[str, str], method: str) -> str:
    raise WrongMethod(method, methods)


def _unauthenticated(scheme: str, message: str) -> Refusal:
    """The refusal of a credential, naming the scheme of the one that is wanted."""
    return Refusal(401, UNAUTHENTICATED, message, {"www-authenticate": scheme.strip()})


def _rate_limited(limit: int, wait_s: int) -> Refusal:
    """Too many requests; the answer says when to come again."""
    message = f"more than {limit} requests in five minutes: try again in {wait_s} s"
    return Refusal(429, RATE_LIMITED, message, {"retry-after": str(wait_s)})


def _nothing_at(path: str) -> Refusal:
    return Refusal(404, NOT_FOUND, f"there is nothing at {path[:100]!r}")
