"""The target profile: everything that Gatefall must know of a real deployment, in one TOML file without a secret in it.

Secrets are named by the environment variable that holds them. Whatever the file does not allow is refused.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from scenarios.scenario import PaymentMethodState, Phase, Regime

STRIPE_TEST_API: Final = "https://api.stripe.com"
MOST_CUSTOMERS: Final = 10_000
"""No profile may allow more: Stripe asks for no load tests against its sandbox. Assumption: the figure."""

_SECRET_FORMS: Final = ("sk_test_", "sk_live_", "rk_test_", "rk_live_", "whsec_", "eyJ", "Bearer ")


def _https_or_http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('an address such as "https://gateway.staging.example.com"')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address without user, password, query or fragment: credentials belong in the environment")
    return url.rstrip("/")


def _begins_with_slash(path: str) -> str:
    if not path.startswith("/") or "://" in path or "?" in path:
        raise ValueError('a path such as "/api/v4", without host or query')
    return path.rstrip("/") if len(path) > 1 else path


def _variable_name(name: str) -> str:
    if any(form in name for form in _SECRET_FORMS) or not name.replace("_", "").isalnum() or name != name.upper():
        raise ValueError('the name of an environment variable, such as "STAGING_TOKEN"; the secret itself stays there')
    return name


def _host_name(host: str) -> str:
    bare = host.removeprefix("*.")
    if not bare or "*" in bare or "/" in bare or bare != bare.lower() or (host != bare and bare.count(".") < 1):
        raise ValueError('a host in lower case such as "staging.example.com", or "*.staging.example.com"')
    return host


Address = Annotated[str, AfterValidator(_https_or_http)]
UrlPath = Annotated[str, AfterValidator(_begins_with_slash)]
Variable = Annotated[str, Field(min_length=1), AfterValidator(_variable_name)]
Host = Annotated[str, AfterValidator(_host_name)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Section(BaseModel):
    """What all parts of a profile have in common: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class TestEnvironment(Section):
    """The proof that this is a test environment: something at `url` that only a test environment has."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    url: Address
    """Where to look. Any answer below 400 is read."""
    header: HeaderName | None = None
    """The header that must have the value `equals`."""
    member: str | None = None
    """The JSON member that must have it, with dots: "environment.kind"."""
    equals: str | int | bool
    """The value that only a test environment has."""
    credential_env: Variable | None = None
    """Environment variable with the whole value of the header Authorization, if the address asks for one."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.member is None):
            raise ValueError("exactly one of header and member")
        return self


class Limits(Section):
    """What the deployment is not to be burdened with beyond."""

    customers: Annotated[int, Field(ge=1, le=MOST_CUSTOMERS)]
    """The cap: a run that asks for more customers is refused."""
    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] = 20.0
    """Requests a second, all customers together. The default stays under what Stripe allows in test mode (25)."""
    concurrency: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Customers who are active at once."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0
    """How long an answer may take; after that its outcome is unknown."""
    lateness_p99_ms: Annotated[float, Field(gt=0)] = 250.0
    """A run in which Gatefall itself was later than this in one wake-up of a hundred is inconclusive. Assumption."""
    clock_skew_s: Annotated[float, Field(gt=0)] = 5.0
    """How far the deployment's and Stripe's clocks may be from this machine's. Assumption."""


class Gateway(Section):
    """Where customers' requests go."""

    url: Address
    """The gateway's address."""
    prefix: UrlPath = "/api/v4"
    """What the contract's paths follow; may hold "{account_id}"."""
    paths: dict[str, UrlPath] = {}
    """Whole paths of operations that differ, by operation; may hold "{account_id}" and "{id}"."""
    headers_from_env: dict[HeaderName, Variable] = {}
    """Further headers that every request needs, with the environment variables that hold their values."""


class Webhooks(Section):
    """Where Stripe's events go. Probes deliver events there that Stripe never sent, to see them refused."""

    url: Address
    """The address of billing-webhooks, without the path /webhooks/stripe."""
    secret_env: Variable | None = None
    """Environment variable with the secret (whsec_…) that the deployment verifies deliveries with. Without it nothing
    can be signed rightly, and so no delivery that is only too old can be tried."""


class Admin(Section):
    """What probes of the administrators' operations (v3) need."""

    secret_env: Variable
    """Environment variable with the secret that administrators' tokens are signed with (HS256). Without it only tokens
    of other makers are tried."""


class StripeSide(Section):
    """The Stripe that the deployment uses, in test mode, and what may be read of it."""

    url: Address = STRIPE_TEST_API
    """Stripe's API, or that of its double."""
    publishable_key_env: Variable
    """Environment variable with the publishable test key (pk_test_…) that the front ends use."""
    restricted_key_env: Variable | None = None
    """Environment variable with a restricted test key (rk_test_…) that may read customers, intents, charges, refunds
    and events. Without it there is no ledger, and much is inconclusive."""
    pages: Literal["none", "request"] = "none"
    """How customers complete hosted pages (3D Secure, PayPal): "request" sends what the Stripe double's pages send;
    with "none" they stop in front of them, as Stripe's own pages ask for a browser."""
    tidy: bool = False
    """Whether that key may also write: intents left payable are then cancelled and payment methods detached."""


class MappedCall(Section):
    """A call of the deployment's own that makes or deletes an account."""

    method: Method
    """The HTTP method."""
    path: UrlPath
    """The path under `accounts.url`; may hold "{account_id}"."""
    body: dict[str, str | int | float | bool] = {}
    """Members of the JSON body; texts may hold "{account_id}", "{payment_method}", "{country}", "{reference}"."""


class CreatedAccount(Section):
    """Where the answer to a mapped call holds what is needed, with dots: "result.account.id"."""

    account_id: str
    token: str
    stripe_customer: str | None = None


class PooledAccount(Section):
    """One account of a pool, as the pool's variable or file lists it."""

    account_id: Annotated[str, Field(min_length=1)]
    token: Annotated[str, Field(min_length=1)]
    stripe_customer: str | None = None
    payment_method: PaymentMethodState = "none"
    """The payment method that the account has."""


class Pool(Section):
    """Accounts that exist already: JSON, a list of {"account_id", "token", "stripe_customer"?, "payment_method"?}."""

    env: Variable | None = None
    """Environment variable that holds the list."""
    file_env: Variable | None = None
    """Environment variable with the path of a file that holds the list."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.env is None) == (self.file_env is None):
            raise ValueError("exactly one of env and file_env")
        return self


class Accounts(Section):
    """Where customers' accounts come from."""

    provisioning: Literal["contract", "mapped", "pool"]
    """The contract's /__test__/accounts, calls of the deployment's own (`create`, `delete`, `answer`), or a pool."""
    url: Address | None = None
    """Where those calls go. Absent: to the gateway's address."""
    credential_env: Variable | None = None
    """Environment variable with the whole value of the header Authorization for those calls."""
    create: MappedCall | None = None
    """Makes an account."""
    answer: CreatedAccount | None = None
    """Where the answer to `create` holds what is needed."""
    delete: MappedCall | None = None
    """Deletes an account."""
    payment_methods: tuple[PaymentMethodState, ...] = ("none",)
    """The payment methods that `create` can put on file."""
    pool: Pool | None = None
    """The pool."""
    journal: str | None = None
    """File that remembers the accounts until they are deleted. Absent: beside the profile, PROFILE.accounts.jsonl."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"contract": (), "mapped": ("create", "answer", "delete"), "pool": ("pool",)}[self.provisioning]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f'accounts.{missing[0]}, which provisioning = "{self.provisioning}" needs')
        others = {"create", "answer", "delete", "pool"} - set(needed)
        surplus = sorted(name for name in others if getattr(self, name) is not None)
        if surplus:
            raise ValueError(f'no accounts.{surplus[0]}, which provisioning = "{self.provisioning}" has no use for')
        return self


class Backend(Section):
    """How the deployment is set: told here, or read from (and changed by) its own /__test__/config."""

    phase: Phase | Literal["config"]
    """Phase of the gate's removal that the deployment is in, or "config": each variant's own is set before it."""
    regime: Regime = "continuation"
    """Engine regime that the deployment runs under; of no account with phase = "config"."""
    pm_gate: bool = True
    """The server-side flag of the payment-method gate; of no account with phase = "config"."""
    zones_apart_from_plans: bool = False
    """Whether zones become active whether or not their plan is paid."""
    declared_consumers: tuple[Annotated[str, Field(pattern=r"^[^ :]+:[^ :]+$")], ...] | None = None
    """Callers that are known to handle code 1210, as "client:operation", either with "*". Absent: the front ends and
    iapi/provisioner."""


class Supports(Section):
    """Which optional parts of the contract the deployment has."""

    clock: bool = False
    """POST /__test__/clock: without it nothing is known of what happens after 23 hours."""
    webhooks: bool = True
    """Whether Stripe's events reach the deployment by themselves. Without them no payment is ever granted."""
    admin: bool = False
    """The administrators' operations (v3)."""
    zones: bool = True
    """Zones can be made and read."""


class Profile(Section):
    """One real deployment."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
    """What the deployment is called in files and messages: lower-case words joined by hyphens."""
    allowed_hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    """Every host that a request may go to, hosted pages included; "*.example.com" stands for all below example.com."""
    plain_http: bool = False
    """Whether credentials may travel unencrypted to hosts other than this machine."""
    test_environment: TestEnvironment | None = None
    """The marker of a test environment. A profile without one can be read, but nothing is sent to its deployment."""
    limits: Limits
    gateway: Gateway
    stripe: StripeSide
    accounts: Accounts
    backend: Backend
    supports: Supports = Supports()
    webhooks: Webhooks | None = None
    admin: Admin | None = None

    @model_validator(mode="after")
    def _administrators(self) -> Self:
        if self.admin is not None and not self.supports.admin:
            raise ValueError("supports.admin = true, which the section admin is of no use without")
        return self

    @property
    def accounts_url(self) -> str:
        """Where accounts are made and test support is asked."""
        return self.accounts.url or self.gateway.url

    def addresses(self) -> dict[str, str]:
        """Every address by the key that holds it."""
        found = {
            "gateway.url": self.gateway.url,
            "stripe.url": self.stripe.url,
            "accounts.url": self.accounts_url,
        }
        if self.test_environment is not None:
            found["test_environment.url"] = self.test_environment.url
        if self.webhooks is not None:
            found["webhooks.url"] = self.webhooks.url
        return found

    def variables(self) -> dict[str, str]:
        """Every environment variable that the profile names, by its key."""
        marker = self.test_environment
        named = {
            "test_environment.credential_env": None if marker is None else marker.credential_env,
            "stripe.publishable_key_env": self.stripe.publishable_key_env,
            "stripe.restricted_key_env": self.stripe.restricted_key_env,
            "accounts.credential_env": self.accounts.credential_env,
            "webhooks.secret_env": None if self.webhooks is None else self.webhooks.secret_env,
            "admin.secret_env": None if self.admin is None else self.admin.secret_env,
        }
        if self.accounts.pool is not None:
            named["accounts.pool.env"] = self.accounts.pool.env
            named["accounts.pool.file_env"] = self.accounts.pool.file_env
        for header, variable in self.gateway.headers_from_env.items():
            named[f"gateway.headers_from_env.{header}"] = variable
        return {key: variable for key, variable in named.items() if variable is not None}


def allows(profile: Profile, host: str | None) -> bool:
    """Whether a request may go to that host."""
    if not host:
        return False
    host = host.lower()
    return any(
        host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))
        for allowed in profile.allowed_hosts
    )


def is_loopback(host: str | None) -> bool:
    """Whether that host is this machine."""
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False


def journal_path(profile: Profile, path: Path) -> Path:
    """Where the accounts that were made are remembered."""
    if profile.accounts.journal is not None:
        return path.parent / profile.accounts.journal
    return path.with_name(f"{path.name.removesuffix('.toml')}.accounts.jsonl")
