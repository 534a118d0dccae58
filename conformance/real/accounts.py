"""Where customers' accounts at a real deployment come from: the contract's provisioning, a mapped one, or a pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import orjson

from conformance.over_http.client import HttpAnswer
from conformance.real.accounts_journal import AccountsJournal, MadeAccount
from conformance.real.deployment import Deployment, SetUpFailed, shown, unwrapped
from conformance.real.profile import PooledAccount, Profile
from conformance.redaction import known_secrets
from sim.customers import account_request
from sim.customers.account import ACCOUNTS_PATH
from sim.customers.shopper import Shopper


class Account(NamedTuple):
    """An account that customers can use. `made` is what the deployment answered, or what the pool lists."""

    reference: str
    account_id: str
    token: str
    stripe_customer: str | None
    made: Mapping[str, Any]
    pooled: bool = False


class Accounts(Protocol):
    """Makes accounts and takes them back. Every one is in the journal from before it is asked for until it is gone."""

    async def make(self, shopper: Shopper, reference: str) -> Account:
        """An account for that shopper. Raises SetUpFailed."""

    async def give_back(self, account: Account) -> None:
        """Delete the account, or leave it as it was found. Raises SetUpFailed; the journal then keeps it."""


def accounts_of(deployment: Deployment, journal: AccountsJournal) -> Accounts:
    """The accounts that the profile asks for."""
    kind = deployment.profile.accounts.provisioning
    if kind == "contract":
        return ContractAccounts(deployment, journal)
    return MappedAccounts(deployment, journal) if kind == "mapped" else PooledAccounts(deployment, journal)


def cannot_be_had(profile: Profile, shopper: Shopper) -> str | None:
    """Why no account for that shopper can be had from the profile's provisioning; None where it can."""
    kind = profile.accounts.provisioning
    if kind == "contract":
        return None
    wants = account_request(shopper).body
    for name, what in (("subscriptions", "subscriptions from the start"), ("zones", "zones from the start")):
        if wants.get(name):
            return f"accounts with {what}"
    if shopper.standing != "good":
        return f"accounts that are {shopper.standing}"
    if kind == "mapped" and shopper.pm_on_file not in profile.accounts.payment_methods:
        return f'accounts with payment method "{shopper.pm_on_file}"'
    return None


class ContractAccounts:
    """POST and DELETE /__test__/accounts, as the contract has them."""

    __slots__ = ("_deployment", "_journal")

    def __init__(self, deployment: Deployment, journal: AccountsJournal) -> None:
        self._deployment = deployment
        self._journal = journal

    async def make(self, shopper: Shopper, reference: str) -> Account:
        body = account_request(shopper).body
        self._journal.asked(reference)
        answer = await self._deployment.support("POST", ACCOUNTS_PATH, body)
        if 400 <= answer.status < 500:
            self._journal.gone(reference)
        found = _object(answer, f"POST {ACCOUNTS_PATH}")
        return _made(self._journal, reference, found, found, f"POST {ACCOUNTS_PATH}")

    async def give_back(self, account: Account) -> None:
        answer = await self._deployment.support("DELETE", f"{ACCOUNTS_PATH}/{quote(account.account_id, safe='')}")
        _expect_gone(answer, account)
        self._journal.gone(account.reference)


class MappedAccounts:
    """Calls of the deployment's own."""

    __slots__ = ("_deployment", "_journal")

    def __init__(self, deployment: Deployment, journal: AccountsJournal) -> None:
        self._deployment = deployment
        self._journal = journal

    async def make(self, shopper: Shopper, reference: str) -> Account:
        call, places = self._deployment.profile.accounts.create, self._deployment.profile.accounts.answer
        assert call is not None
        assert places is not None
        values = {"payment_method": shopper.pm_on_file, "country": shopper.country, "reference": reference}
        what = f"{call.method} {call.path}"
        self._journal.asked(reference)
        answer = await self._deployment.support(call.method, _filled(call.path, values), _body(call.body, values))
        if 400 <= answer.status < 500:
            self._journal.gone(reference)
        found = _object(answer, what, whole=True)
        read = {
            "account_id": _at(found, places.account_id),
            "token": _at(found, places.token),
            "stripe_customer": None if places.stripe_customer is None else _at(found, places.stripe_customer),
        }
        return _made(self._journal, reference, read, found, what)

    async def give_back(self, account: Account) -> None:
        call = self._deployment.profile.accounts.delete
        assert call is not None
        values = {"account_id": account.account_id, "reference": account.reference}
        path, body = _filled(call.path, values), _body(call.body, values)
        _expect_gone(await self._deployment.support(call.method, path, body or None), account)
        self._journal.gone(account.reference)


class PooledAccounts:
    """Accounts that exist already. What customers buy with them is cancelled afterwards; nothing else is touched."""

    __slots__ = ("_deployment", "_free", "_journal")

    def __init__(self, deployment: Deployment, journal: AccountsJournal) -> None:
        self._deployment = deployment
        self._journal = journal
        in_use = {one.account_id for one in journal.left}
        self._free = [one for one in deployment.credentials.pool if one.account_id not in in_use]

    async def make(self, shopper: Shopper, reference: str) -> Account:
        found = next((one for one in self._free if one.payment_method == shopper.pm_on_file), None)
        if found is None:
            raise SetUpFailed(
                f'accounts.pool: no account with payment method "{shopper.pm_on_file}" is free any more; '
                "add accounts, ask for fewer customers, or clean up what an earlier run left: gatefall clean"
            )
        self._free.remove(found)
        known_secrets.remember(found.token)
        held = [str(one.get("id")) for one in await self._subscriptions(found)]
        made = MadeAccount(reference, found.account_id, found.stripe_customer, True, tuple(held))
        self._journal.made(made)
        return _of_pool(reference, found)

    async def give_back(self, account: Account) -> None:
        """Cancel what was bought. Raises SetUpFailed."""
        pooled = next(one for one in self._deployment.credentials.pool if one.account_id == account.account_id)
        known = next(one for one in self._journal.left if one.reference == account.reference)
        for one in await self._subscriptions(pooled):
            identifier = str(one.get("id"))
            if identifier not in known.kept and one.get("state") not in ("Cancelled", "Expired", "Failed"):
                path = f"/subscriptions/{quote(identifier, safe='')}"
                answer = await self._ask(pooled, "DELETE", path)
                if answer.status >= 300 and answer.status not in (404, 409):
                    raise SetUpFailed(f"DELETE {path}: answered {answer.status} {shown(answer)}")
        self._journal.gone(account.reference)
        self._free.append(pooled)

    async def _subscriptions(self, pooled: PooledAccount) -> list[Mapping[str, Any]]:
        answer = await self._ask(pooled, "GET", "/subscriptions")
        body = _json(answer.content)
        listed = body.get("result") if isinstance(body, dict) else None
        if answer.status != 200 or not isinstance(listed, list):
            raise SetUpFailed(
                f"GET /subscriptions of account {pooled.account_id}: answered {answer.status} {shown(answer)}"
            )
        return [one for one in listed if isinstance(one, dict)]

    async def _ask(self, pooled: PooledAccount, method: str, path: str) -> HttpAnswer:
        profile = self._deployment.profile
        prefix = profile.gateway.prefix.replace("{account_id}", quote(pooled.account_id, safe=""))
        url = profile.gateway.url + prefix + path
        return await self._deployment.ask(method, url, None, f"Bearer {pooled.token}", "the gateway")


def account_again(deployment: Deployment, left: MadeAccount) -> Account:
    """An account of the journal, as `give_back` takes it; the token of a pooled one is in the pool."""
    assert left.account_id is not None
    if left.pooled:
        pooled = next((one for one in deployment.credentials.pool if one.account_id == left.account_id), None)
        if pooled is None:
            raise SetUpFailed(f"account {left.account_id} is in the pool no more; put it back to have it cleaned")
        return _of_pool(left.reference, pooled)
    return Account(left.reference, left.account_id, "", left.stripe_customer, {})


def _of_pool(reference: str, found: PooledAccount) -> Account:
    made = {"account_id": found.account_id, "token": found.token}
    return Account(reference, found.account_id, found.token, found.stripe_customer, made, pooled=True)


def _made(
    journal: AccountsJournal, reference: str, read: Mapping[str, Any], made: Mapping[str, Any], what: str
) -> Account:
    """The account that was made, on disk before anybody uses it."""
    account_id, token, customer = read.get("account_id"), read.get("token"), read.get("stripe_customer")
    known_secrets.remember(token)
    if isinstance(account_id, str) and account_id:
        journal.made(MadeAccount(reference, account_id, customer if isinstance(customer, str) else None))
        if isinstance(token, str) and token:
            whole = {**made, "account_id": account_id, "token": token}
            return Account(reference, account_id, token, customer if isinstance(customer, str) else None, whole)
    missing = "token" if isinstance(account_id, str) and account_id else "account_id"
    raise SetUpFailed(f"{what}: the answer holds no {missing}; check where [accounts.answer] looks for it")


def _expect_gone(answer: HttpAnswer, account: Account) -> None:
    if not 200 <= answer.status < 300 and answer.status not in (404, 410):
        raise SetUpFailed(f"account {account.account_id} could not be deleted: {answer.status} {shown(answer)}")


def _object(answer: HttpAnswer, what: str, whole: bool = False) -> Mapping[str, Any]:
    body = _json(answer.content)
    if not 200 <= answer.status < 300 or not isinstance(body, dict):
        raise SetUpFailed(f"{what}: no account could be made: {answer.status} {shown(answer)}")
    return body if whole else unwrapped(body)


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _at(found: Mapping[str, Any], path: str) -> Any:
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace("{" + name + "}", quote(value, safe=""))
    return template


def _body(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for name, value in template.items():
        for placeholder, actual in values.items():
            if isinstance(value, str):
                value = value.replace("{" + placeholder + "}", actual)
        filled[name] = value
    return filled
