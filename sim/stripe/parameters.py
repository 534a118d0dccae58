"""Reads form parameters: what is unknown, missing or ill-typed is refused, as Stripe does.

A value may be text, as forms carry it, or already an int or a bool. A *reader* turns one value into what the double
works with, or raises StripeError; a *specification* is a mapping of parameter names to readers; a *form* is a
specification made ready for reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sim.stripe.errors import StripeError, invalid_request

Reader = Callable[[Any, str], Any]
Specification = Mapping[str, Reader]

METADATA_KEYS: Final = 50
METADATA_KEY_CHARACTERS: Final = 40
METADATA_VALUE_CHARACTERS: Final = 500
"""Source: Stripe's page "Metadata"."""

_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?\Z")


class Form:
    """The parameters that one endpoint, or one nested parameter, knows.

    Most values are what their readers would give back, and pass without them: what is of the right class and neither
    empty nor zero, and what is one of the words that the parameter knows.
    """

    __slots__ = ("_readers", "_plain", "_words")

    def __init__(self, specification: Specification) -> None:
        self._readers = specification
        self._plain = {name: _PLAIN[reader] for name, reader in specification.items() if reader in _PLAIN}
        self._words = {name: _WORDS[reader] for name, reader in specification.items() if reader in _WORDS}

    def read(self, params: Mapping[str, Any], within: str = "") -> dict[str, Any]:
        """The parameters as their readers read them. Raises StripeError naming the first that does not fit."""
        readers, plain, words = self._readers, self._plain, self._words
        values = {}
        for name, value in params.items():
            if (name in plain and value and value.__class__ is plain[name]) or (name in words and value in words[name]):
                values[name] = value
                continue
            spoken = f"{within}[{name}]" if within else name
            if name not in readers:
                raise invalid_request(f"Received unknown parameter: {spoken}", param=spoken, code="parameter_unknown")
            if value is not None:
                values[name] = readers[name](value, spoken)
        return values


def text(value: Any, name: str) -> str:
    if type(value) is str:
        if value:
            return value
        raise _empty(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_request(f"Invalid string: {value!r}", param=name)
    return str(value)


def integer(value: Any, name: str) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str):
        if not value:
            raise _empty(name)
        if _INTEGER.match(value):
            return int(value)
    raise invalid_request(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")


def integer_or(*words: str) -> Reader:
    """A whole number, or one of some words, such as "now"."""

    def reader(value: Any, name: str) -> int | str:
        return str(value) if value in words else integer(value, name)

    return knowing(reader, words)


def decimal(value: Any, name: str) -> Decimal:
    """A number that may have decimals, at most twelve of them, as Stripe's `…_decimal` parameters do."""
    if isinstance(value, (str, int)) and not isinstance(value, bool) and _DECIMAL.match(str(value)):
        return Decimal(str(value))
    raise invalid_request(f"Invalid decimal: {value}", param=name)


def number(value: Any, name: str) -> float:
    """A number that may have decimals."""
    return float(decimal(value, name))


def boolean(value: Any, name: str) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise invalid_request(f"Invalid boolean: {value}", param=name)


_PLAIN: Final[dict[Reader, type]] = {text: str, integer: int, boolean: bool}
"""Readers that give back every value of a class as it is, unless it is empty or zero."""


_WORDS: Final[dict[Reader, Sequence[str]]] = {}
"""Readers that give back certain words as they are."""


def knowing(reader: Reader, words: Iterable[str]) -> Reader:
    """`reader`, which gives back those words as they are."""
    _WORDS[reader] = tuple(words)
    return reader


def choice(*allowed: str) -> Reader:
    """One of the words given."""
    last = allowed[-1]
    spoken = f"{', '.join(allowed[:-1])}, or {last}" if len(allowed) > 1 else last

    def reader(value: Any, name: str) -> str:
        if value not in allowed:
            if value == "":
                raise _empty(name)
            raise invalid_request(f"Invalid {name}: must be one of {spoken}", param=name)
        return str(value)

    return knowing(reader, allowed)


def clearable(inner: Reader) -> Reader:
    """As `inner`, but an empty text unsets the parameter: it is read as `CLEARED`."""

    def reader(value: Any, name: str) -> Any:
        return CLEARED if value == "" else inner(value, name)

    if inner in _PLAIN:
        _PLAIN[reader] = _PLAIN[inner]
    return knowing(reader, _WORDS[inner]) if inner in _WORDS else reader


CLEARED: Final = ""


def nested(specification: Specification) -> Reader:
    form = Form(specification)

    def reader(value: Any, name: str) -> dict[str, Any]:
        return form.read(value if value.__class__ is dict else _mapping(value, name), name)

    return reader


def listed(inner: Reader) -> Reader:
    """A list; forms may carry it with numbered keys."""

    def reader(value: Any, name: str) -> list[Any]:
        if isinstance(value, Mapping):
            value = list(value.values())
        if not isinstance(value, (list, tuple)):
            raise invalid_request("Invalid array", param=name)
        return [inner(item, f"{name}[{index}]") for index, item in enumerate(value)]

    return reader


def hash_of_anything(value: Any, name: str) -> dict[str, Any]:
    """A part of Stripe's interface that is stored or ignored and never looked into (an address, a mandate)."""
    return dict(_mapping(value, name))


def yes_or_word(*words: str) -> Reader:
    """`off_session` is a boolean or one of two words; the words mean true."""

    def reader(value: Any, name: str) -> bool:
        return True if value in words else boolean(value, name)

    return reader


def metadata(value: Any, name: str) -> dict[str, str]:
    """At most 50 texts of 500 characters; an empty text removes its key (see `merged`)."""
    if value == "":
        return {}
    values = value if value.__class__ is dict else _mapping(value, name)
    if len(values) > METADATA_KEYS:
        raise invalid_request(f"Metadata can have at most {METADATA_KEYS} keys, got {len(values)}", param=name)
    read_values = {}
    for key, item in values.items():
        item = item if type(item) is str else _metadata_text(item, f"{name}[{key}]")
        if len(key) > METADATA_KEY_CHARACTERS or len(item) > METADATA_VALUE_CHARACTERS:
            raise _too_long(key, item, name)
        read_values[key] = item
    return read_values


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Metadata after an update: given keys replace, keys given an empty text disappear, all others stay."""
    if not old and "" not in new.values():
        return {**new}
    return {key: value for key, value in {**old, **new}.items() if value}


def _metadata_text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise invalid_request(f"Invalid string: {value!r}", param=name)


def _too_long(key: str, value: str, name: str) -> StripeError:
    if len(key) > METADATA_KEY_CHARACTERS:
        message = f"Metadata keys can be at most {METADATA_KEY_CHARACTERS} characters, {key!r} has {len(key)}"
    else:
        message = (
            f"Metadata values can have up to {METADATA_VALUE_CHARACTERS} characters, "
            f"but you passed in a value that is {len(value)} characters. Invalid value: {value}"
        )
    return invalid_request(message, param=f"{name}[{key}]")


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid_request("Invalid object", param=name)
    mapping: Mapping[str, Any] = value
    return mapping


def _empty(name: str) -> StripeError:
    return invalid_request(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value.",
        param=name,
        code="parameter_invalid_empty",
    )


def not_modelled(value: Any, name: str) -> Any:
    """A parameter of Stripe's that the double cannot honour, and so does not accept in silence."""
    raise invalid_request(f"The parameter {name} is known to Stripe, but not modelled by this double.", param=name)
