"""Stripe's form encoding: nested parameters in brackets, lists with numbers (`items[0][price]=…`, `metadata[a]=b`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

FIELDS_MAX: Final = 2_000
"""Parameters in one request. Assumption: far beyond any request that Stripe's interface has a use for."""
DEPTH_MAX: Final = 10
"""Levels of brackets. Assumption, as above."""


class BadForm(ValueError):
    """A body or query that is no form. The message says what is wrong and where."""


def form_encoded(parameters: Mapping[str, Any]) -> bytes:
    """Parameters as Stripe's own clients send them. Empty mappings and lists, and None, are left out."""
    return urlencode(list(_flat(parameters, ""))).encode("ascii")


def form_decoded(encoded: bytes) -> dict[str, Any]:
    """Parameters as nested mappings of texts; lists are mappings with the keys "0", "1" … Raises BadForm."""
    try:
        pairs = parse_qsl(encoded.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except UnicodeDecodeError as error:
        raise BadForm(f"it is not UTF-8 (byte {error.start})") from None
    except ValueError:
        raise BadForm(f"it has more than {FIELDS_MAX} parameters") from None
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        if "[" in name:
            _put(parameters, name, value)
        elif isinstance(parameters.get(name), dict):
            raise _both_ways(name)
        else:
            parameters[name] = value
    return parameters


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _flat(item, f"{name}[{index}]")
    elif value is not None:
        yield name, _text(value)


def _text(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    return str(value)


def _put(parameters: dict[str, Any], name: str, value: str) -> None:
    """Set one parameter with brackets in its name."""
    first, *rest = name.split("[")
    if not first or not all(part.endswith("]") for part in rest):
        raise BadForm(f"the brackets of the parameter {name[:80]!r} do not match")
    if len(rest) > DEPTH_MAX:
        raise BadForm(f"the parameter {name[:80]!r} has more than {DEPTH_MAX} levels")
    steps = [first, *(part[:-1] for part in rest)]
    place = parameters
    for position, step in enumerate(steps[:-1]):
        key = step or str(len(place))
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise _both_ways("[".join(name.split("[")[: position + 1]))
        place = inner
    last = steps[-1] or str(len(place))
    if isinstance(place.get(last), dict):
        raise _both_ways(name)
    place[last] = value


def _both_ways(name: str) -> BadForm:
    return BadForm(f"the parameter {name[:80]!r} is given both with and without members in brackets")
