"""The `expand` parameter: ids in an answer replaced by the objects that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.stripe.account import Ledger
from sim.stripe.errors import StripeError, invalid_request

DEEPEST: Final = 4
"""Source: Stripe's page "Expanding objects"."""


def expanded(ledger: Ledger, body: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """A copy of `body` with every path expanded. Raises StripeError for a path that leads nowhere."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            raise invalid_request(
                f"You cannot expand more than {DEEPEST} levels of a property ({path}).", param="expand"
            )
        body = _along(ledger, body, steps, path)
    return body


def _along(ledger: Ledger, value: Any, steps: Sequence[str], path: str) -> Any:
    if isinstance(value, list):
        return [_along(ledger, item, steps, path) for item in value]
    if isinstance(value, str):
        found = ledger.find(value)
        if found is None:
            raise _cannot_expand(path)
        value = found.render()
    if not steps or value is None:
        return value
    if not isinstance(value, dict):
        raise _cannot_expand(path)
    field = value[steps[0]] if steps[0] in value else _included(ledger, value, steps[0], path)
    return {**value, steps[0]: _along(ledger, field, steps[1:], path)}


def _included(ledger: Ledger, value: Mapping[str, Any], name: str, path: str) -> Any:
    """A field that an object shows only where it is asked for."""
    includable = getattr(ledger.find(value.get("id", "")), "includable", {})
    if name not in includable:
        raise _cannot_expand(path)
    return includable[name]()


def _cannot_expand(path: str) -> StripeError:
    return invalid_request(f"This property cannot be expanded ({path}).", param="expand")
