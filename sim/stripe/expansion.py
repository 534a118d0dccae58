"""The `expand` parameter: ids in an answer replaced by the objects that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.stripe.balance_transaction import balance_transaction
from sim.stripe.errors import StripeError, invalid_request

if TYPE_CHECKING:
    from sim.stripe.context import Context

DEEPEST: Final = 4
"""Source: Stripe's page "Expanding objects"."""

_NEVER: Final = frozenset(("id", "object", "metadata", "description", "name", "email", "client_secret"))
"""Fields that hold no reference, whatever text a merchant put there."""
_NOTHING: Final[Mapping[str, Callable[[], Any]]] = {}


def expanded(context: Context, body: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """A copy of `body` with every path expanded. Raises StripeError for a path that leads nowhere."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            raise invalid_request(
                f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}", param="expand"
            )
        if body.get("object") == "list" and steps[0] != "data":
            raise _cannot_expand(path, f" You may want to try expanding 'data.{path}' instead.")
        body = _along(context, body, steps, path)
    return body


def _along(context: Context, value: Any, steps: Sequence[str], path: str) -> Any:
    if isinstance(value, list):
        return [_along(context, item, steps, path) for item in value]
    if isinstance(value, str):
        value = _referred(context, value, path)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _cannot_expand(path)
    if not steps:
        return value
    name, rest = steps[0], steps[1:]
    return {**value, name: _field(context, value, name, rest, path)}


def _field(context: Context, value: Mapping[str, Any], name: str, rest: Sequence[str], path: str) -> Any:
    includable = _includable(context, value)
    if name in includable:
        shown = value[name] if name in value else includable[name]()
        return _along(context, shown, rest, path) if rest else shown
    if name not in value or name in _NEVER or (not rest and _is_part(value[name])):
        raise _cannot_expand(path)
    return _along(context, value[name], rest, path)


def _is_part(field: Any) -> bool:
    """Whether it is a part of its object, and no object that could be expanded, or was."""
    return isinstance(field, Mapping) and "object" not in field


def _includable(context: Context, value: Mapping[str, Any]) -> Mapping[str, Callable[[], Any]]:
    """The fields that an object shows only where it is asked for, and what makes them."""
    found: Mapping[str, Callable[[], Any]] = getattr(context.ledger.find(value.get("id", "")), "includable", _NOTHING)
    return found


def _referred(context: Context, object_id: str, path: str) -> dict[str, Any]:
    found = context.ledger.find(object_id)
    if found is not None:
        return context.present(found)
    told = balance_transaction(context.ledger, object_id)
    if told is None:
        raise _cannot_expand(path)
    return told


def _cannot_expand(path: str, advice: str = "") -> StripeError:
    return invalid_request(f"This property cannot be expanded ({path}).{advice}", param="expand")
