"""The billing profile: it always exists, and its update is the sixth of the gated operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.effects import Program
from sim.messages import Answer
from sim.store import Account
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import mapping_of, not_fitting, shown
from sim.subscriptions_api.envelope import success
from sim.subscriptions_api.gate import Gate

_FIELDS: Final = ("name", "email", "country", "address")
_MAX_TEXT: Final = 500


class Profiles:
    """Operations on the billing profile."""

    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, account: Account, asked: Asked) -> Answer:
        """GET /billing/profile."""
        return success(account.profile)

    def create(self, account: Account, asked: Asked) -> Answer:
        """POST /billing/profile: set it as a whole; what is not given is empty."""
        account.profile = {**dict.fromkeys(_FIELDS, ""), **_fields_of(mapping_of(asked.body))}
        return success(account.profile)

    def update(self, account: Account, asked: Asked) -> Program[Answer]:
        """PUT /billing/profile: change what is given."""
        fields = _fields_of(mapping_of(asked.body))
        messages: list[dict[str, Any]] = []
        yield from self._gate.method_or_refusal(account, asked, None, False, messages)
        account.profile = {**account.profile, **fields}
        return success(account.profile, messages)


def _fields_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the body sets. An address may be a text or an object of texts."""
    fields: dict[str, Any] = {}
    for field in _FIELDS:
        value = body.get(field)
        if value is None:
            continue
        if field == "address" and isinstance(value, Mapping):
            for name, part in value.items():
                if not isinstance(part, str) or len(part) > _MAX_TEXT:
                    raise not_fitting(f"address.{shown(name)}", f"{shown(part)} is not a text")
        elif not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise not_fitting(field, f"{shown(value)} is not a text of at most {_MAX_TEXT} characters")
        fields[field] = value
    if "email" in fields and fields["email"] and "@" not in fields["email"]:
        raise not_fitting("email", f"{shown(fields['email'])} is no e-mail address")
    if "country" in fields and fields["country"] and not is_country(fields["country"]):
        raise not_fitting("country", f"{shown(fields['country'])} is no country code of two letters")
    return fields


def is_country(value: str) -> bool:
    """Whether it has the form of a country code."""
    return len(value) == 2 and value.isascii() and value.isalpha()
