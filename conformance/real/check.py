"""`gatefall check`: what a profile promises, tried out with one account that is made and deleted; nothing is bought."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, Literal

from conformance.over_http.client import HttpAnswer, HttpClient, HttpxClient, Unanswered
from conformance.real.accounts import Account, accounts_of
from conformance.real.accounts_journal import AccountsJournal
from conformance.real.credentials import Credentials
from conformance.real.deployment import CLOCK_PATH, Deployment, SetUpFailed, shown
from conformance.real.gateway_paths import GatewayPaths
from conformance.real.guarded_client import GuardedClient
from conformance.real.interlock import Refused, check_static
from conformance.real.profile import journal_path
from conformance.real.stripe_api import NotPermitted, StripeApi
from conformance.real.surroundings import READ_BY_LEDGER, Inconclusive, inconclusive_at
from conformance.redaction import redacted
from scenarios.scenario import Scenario, Variant
from sim.customers import draw_shopper
from sim.streams import Streams

Found = Literal["yes", "no", "not tried"]

WEBHOOK_PATH: Final = "/webhooks/stripe"
ADMIN_PATH: Final = "/api/v3/accounts/"

_NEEDED: Final = "customers"
"""Without customers nothing shows that accounts are in test mode. What else may not be read is only missed."""
_UNKNOWN_INTENT: Final = "pi_gatefallcheck"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was tried. `needed`: without it nothing can be run."""

    what: str
    found: Found
    note: str
    needed: bool = False


@dataclass(slots=True)
class Checked:
    """What a check found. `refused`: why nothing may be sent at all, or be bought."""

    rows: list[Row] = field(default_factory=list)
    inconclusive: list[Inconclusive] = field(default_factory=list)
    refused: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether customers can be let loose."""
        return not self.refused and all(row.found != "no" for row in self.rows if row.needed)


async def check(credentials: Credentials, path: Path, client: Callable[[], HttpClient] = HttpxClient) -> Checked:
    """Try everything out, in the order in which a run would need it. Raises JournalInUse, DamagedJournal."""
    checked = Checked(inconclusive=inconclusive_at(credentials.profile))
    try:
        check_static(credentials)
    except Refused as refused:
        checked.refused = refused.reasons
        return checked
    checked.rows.append(Row("interlock, static", "yes", "keys, hosts and limits", True))
    guarded = GuardedClient(client(), credentials.profile)
    try:
        await _Attempt(credentials, path, guarded, checked).everything()
    except Refused as refused:
        checked.refused = refused.reasons
    finally:
        await guarded.close()
    return checked


class _Attempt:
    """One check under way."""

    def __init__(self, credentials: Credentials, path: Path, client: GuardedClient, checked: Checked) -> None:
        self._credentials = credentials
        self._profile = credentials.profile
        self._path = path
        self._checked = checked
        self._deployment = Deployment(credentials, client)
        self._client = client

    async def everything(self) -> None:
        if not await self._try("test environment", self._marker, needed=True):
            return
        await self._try("gateway", self._gateway, needed=True)
        await self._try("Stripe, publishable key", self._publishable_key, needed=True)
        await self._stripe()
        if self._profile.backend.phase == "config":
            await self._try("settings", self._settings, needed=True)
        else:
            self._told("settings", f"phase {self._profile.backend.phase}, as the profile says")
        if self._profile.supports.clock:
            await self._try("clock", self._clock)
        else:
            self._told("clock", "the deployment has none")
        if self._profile.stripe.pages == "none":
            self._told("hosted pages", "customers stop in front of them (stripe.pages)")
        if self._profile.webhooks is not None:
            await self._try("webhooks", self._webhooks)
        if self._profile.supports.admin:
            await self._try("administrators", self._administrators)
        await self._try("provisioning", self._provisioning, needed=True)

    async def _try(self, what: str, trial: Callable[[], Awaitable[str]], needed: bool = False) -> bool:
        try:
            note = await trial()
        except (SetUpFailed, NotPermitted, Unanswered) as error:
            self._checked.rows.append(Row(what, "no", redacted(str(error)), needed))
            return False
        self._checked.rows.append(Row(what, "yes", redacted(note), needed))
        return True

    def _told(self, what: str, note: str) -> None:
        self._checked.rows.append(Row(what, "not tried", note))

    async def _marker(self) -> str:
        answer = await self._deployment.check_marker()
        return f"the marker is there; {self._skew(answer)}"

    async def _gateway(self) -> str:
        paths = GatewayPaths(self._credentials, "gatefallcheck")
        url = self._profile.gateway.url + paths.actual("entitlements", "/entitlements")
        answer = await self._client.send("GET", url, paths.headers, None, self._profile.limits.timeout_s)
        if answer.status != 401:
            raise SetUpFailed(
                f"GET {url} without a credential was answered {answer.status} {shown(answer)}; expected 401: check "
                "gateway.url and gateway.prefix"
            )
        return f"answers, and refuses whoever has no credential; {self._skew(answer)}"

    async def _publishable_key(self) -> str:
        url = f"{self._profile.stripe.url}/v1/payment_intents/{_UNKNOWN_INTENT}"
        url += f"?client_secret={_UNKNOWN_INTENT}_secret_gatefallcheck"
        headers = {"authorization": f"Bearer {self._credentials.publishable_key}"}
        answer = await self._client.send("GET", url, headers, None, self._profile.limits.timeout_s)
        if answer.status not in (400, 404):
            raise SetUpFailed(
                f"stripe.publishable_key_env: Stripe answered {answer.status} {shown(answer)} to a question about an "
                "intent that does not exist; expected 404"
            )
        return f"Stripe knows it; {self._skew(answer)}"

    async def _stripe(self) -> None:
        if self._credentials.restricted_key is None:
            self._told("Stripe, ledger", "no restricted key: payments are seen as customers see them only")
            return
        stripe = StripeApi(self._deployment)
        unreadable: list[str] = []
        for name in READ_BY_LEDGER:

            async def read(name: str = name) -> str:
                found = await stripe.get(f"/v1/{name}", {"limit": "1"})
                return f"can be read ({len(found.get('data') or ())} shown)"

            if not await self._try(f"Stripe, {name}", read, needed=name == _NEEDED):
                unreadable.append(name)
        self._checked.inconclusive = inconclusive_at(self._profile, unreadable)

    async def _settings(self) -> str:
        settings = await self._deployment.settings()
        return f"phase {settings.phase}, regime {settings.regime}, pm-gate {'on' if settings.pm_gate else 'off'}"

    async def _clock(self) -> str:
        answer = await self._deployment.support("POST", CLOCK_PATH, {"advance_seconds": 0})
        if answer.status != 200:
            raise SetUpFailed(f"POST {CLOCK_PATH}: answered {answer.status} {shown(answer)}")
        return "can be moved on"

    async def _webhooks(self) -> str:
        assert self._profile.webhooks is not None
        url = f"{self._profile.webhooks.url}{WEBHOOK_PATH}"
        headers = {"content-type": "application/json"}
        answer = await self._client.send("POST", url, headers, b"{}", self._profile.limits.timeout_s)
        if answer.status != 400:
            raise SetUpFailed(f"POST {url} without a signature was answered {answer.status}; expected 400")
        stale = "" if self._credentials.webhook_secret else "; without a secret no stale delivery can be tried"
        return f"refuses what Stripe did not sign{stale}"

    async def _administrators(self) -> str:
        url = f"{self._profile.gateway.url}{ADMIN_PATH}gatefallcheck/state"
        headers = GatewayPaths(self._credentials, "gatefallcheck").headers
        answer = await self._client.send("GET", url, headers, None, self._profile.limits.timeout_s)
        if answer.status not in (401, 403):
            raise SetUpFailed(f"GET {url} without a token was answered {answer.status}; expected 401 or 403")
        tokens = "" if self._credentials.admin_secret else "; without a secret only tokens that are none can be tried"
        return f"refuses whoever has no token{tokens}"

    async def _provisioning(self) -> str:
        variant = Variant(
            scenario=Scenario(name="check", title="check"),
            file="",
            phase=2,
            regime="continuation",
            front_end="old",
            pm_gate=False,
        )
        shopper = draw_shopper(variant, Streams(0, 0))
        with AccountsJournal(journal_path(self._profile, self._path)) as journal:
            earlier = len(journal.left)
            accounts = accounts_of(self._deployment, journal)
            account = await accounts.make(shopper, f"gatefall-check-{time.time_ns()}")
            try:
                told = await self._look_around(account)
            finally:
                await accounts.give_back(account)
        left = f"; {earlier} accounts of earlier runs are still there: gatefall clean" if earlier else ""
        return f"an account was made; {told}; deleted{left}"

    async def _look_around(self, account: Account) -> str:
        paths = GatewayPaths(self._credentials, account.account_id)
        url = self._profile.gateway.url + paths.actual("entitlements", "/entitlements")
        headers = {**paths.headers, "authorization": f"Bearer {account.token}"}
        answer = await self._client.send("GET", url, headers, None, self._profile.limits.timeout_s)
        if answer.status != 200:
            raise SetUpFailed(f"the account's credential: GET {url} answered {answer.status} {shown(answer)}")
        if self._credentials.restricted_key is None:
            return "its credential works"
        if account.stripe_customer is None:
            raise SetUpFailed("provisioning names no customer at Stripe (stripe_customer): no ledger can be read")
        customer = await StripeApi(self._deployment).get(f"/v1/customers/{account.stripe_customer}")
        if customer.get("livemode") is not False:
            raise Refused([f"stripe: nothing shows that customer {account.stripe_customer} is in test mode"])
        return "its credential works; its customer is in test mode"

    def _skew(self, answer: HttpAnswer) -> str:
        """How far the other side's clock is off, by the header Date, which counts whole seconds."""
        try:
            theirs_s = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return "tells no time"
        ahead_s = theirs_s + 0.5 - time.time()
        bound_s = self._profile.limits.clock_skew_s
        if abs(ahead_s) > bound_s:
            raise SetUpFailed(
                f"its clock is {abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'}, more than "
                f"limits.clock_skew_s = {bound_s:g}: times of ledger and customers could not be compared"
            )
        return f"its clock is right to {max(1.0, abs(ahead_s)):.0f} s"
