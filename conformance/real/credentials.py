"""The secrets that a profile names, read from the environment and known to whatever blots secrets out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from conformance.real.profile import PooledAccount, Profile
from conformance.real.profile_file import ProfileErrors
from conformance.redaction import SHORTEST_SECRET, known_secrets

_POOL = TypeAdapter(tuple[PooledAccount, ...])


class Credentials:
    """What the environment holds of one profile. Its `repr` tells nothing."""

    __slots__ = ("_values", "pool", "profile")

    def __init__(self, profile: Profile, values: Mapping[str, str], pool: tuple[PooledAccount, ...]) -> None:
        self.profile = profile
        self.pool = pool
        self._values = dict(values)

    def __repr__(self) -> str:
        return f"Credentials({self.profile.name!r})"

    def of(self, variable: str | None) -> str | None:
        """The value of a variable that the profile names."""
        return None if variable is None else self._values[variable]

    def keys_of_stripe(self) -> dict[str, str]:
        """Stripe's keys by the key of the profile that names their variable."""
        stripe = self.profile.stripe
        named = {
            "stripe.publishable_key_env": stripe.publishable_key_env,
            "stripe.restricted_key_env": stripe.restricted_key_env,
        }
        return {key: self._values[variable] for key, variable in named.items() if variable is not None}

    @property
    def publishable_key(self) -> str:
        """Stripe's publishable key."""
        return self._values[self.profile.stripe.publishable_key_env]

    @property
    def restricted_key(self) -> str | None:
        """Stripe's restricted key, if the profile names one."""
        return self.of(self.profile.stripe.restricted_key_env)

    @property
    def webhook_secret(self) -> str | None:
        """What Stripe signs its deliveries to the deployment with, if the profile names it."""
        return None if self.profile.webhooks is None else self.of(self.profile.webhooks.secret_env)

    @property
    def admin_secret(self) -> str | None:
        """What administrators' tokens are signed with, if the profile names it."""
        return None if self.profile.admin is None else self.of(self.profile.admin.secret_env)


def read_credentials(profile: Profile, path: Path, environment: Mapping[str, str]) -> Credentials:
    """The secrets of a profile; from now on no text that is redacted holds one. Raises ProfileErrors."""
    errors: list[str] = []
    values: dict[str, str] = {}
    for key, variable in profile.variables().items():
        value = environment.get(variable, "")
        values[variable] = value
        if not value:
            errors.append(f"{path}: {key}: the environment variable {variable} is not set; expected its secret there")
        elif key.endswith(("pool.env", "file_env")):
            continue  # a list of secrets, or the place of one
        elif len(value) < SHORTEST_SECRET or value.strip() != value or not value.isprintable():
            errors.append(
                f"{path}: {key}: the environment variable {variable} holds {len(value)} characters that can be no "
                f"credential; expected at least {SHORTEST_SECRET} printable ones without blanks around them"
            )
        else:
            known_secrets.remember(value, value.partition(" ")[2])
    if errors:
        raise ProfileErrors(errors)
    return Credentials(profile, values, _pool(profile, path, values))


def _pool(profile: Profile, path: Path, values: Mapping[str, str]) -> tuple[PooledAccount, ...]:
    pool = profile.accounts.pool
    if pool is None:
        return ()
    if pool.env is not None:
        where, content = f"the environment variable {pool.env}", values[pool.env].encode()
    else:
        assert pool.file_env is not None
        where = f"the file named by the environment variable {pool.file_env}"
        try:
            content = Path(values[pool.file_env]).read_bytes()
        except OSError as error:
            raise ProfileErrors([f"{path}: accounts.pool: {where} cannot be read: {error.strerror}"]) from None
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ProfileErrors([_unreadable(path, where, "is no JSON")]) from None
    _remember_texts(found)
    try:
        accounts = _POOL.validate_python(tuple(found) if isinstance(found, list) else found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ProfileErrors([_unreadable(path, where, f"does not fit at {place or 'the top'}")]) from None
    if not accounts:
        raise ProfileErrors([_unreadable(path, where, "lists no account")])
    twice = {one.account_id for one in accounts if sum(one.account_id == other.account_id for other in accounts) > 1}
    if twice:
        raise ProfileErrors([_unreadable(path, where, f"lists an account twice ({sorted(twice)[0]})")])
    return accounts


def _remember_texts(listed: Any) -> None:
    """Before anything is said about the list: the tokens in it, under whatever name."""
    for entry in listed if isinstance(listed, list) else [listed]:
        if isinstance(entry, dict):
            known_secrets.remember(entry.get("token"))


def _unreadable(path: Path, where: str, why: str) -> str:
    return (
        f"{path}: accounts.pool: {where} {why}; expected a JSON list of "
        '{"account_id": "…", "token": "…", "stripe_customer"?: "cus_…", "payment_method"?: "none"}'
    )
