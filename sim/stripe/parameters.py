"""Reads form parameters: what is unknown, missing or ill-typed is refused, as Stripe does.

A value may be text, as forms carry it, or already an int or a bool. A *reader* turns one value into what the double
works with, or raises StripeError; a *specification* is a mapping of parameter names to readers; a *form* is a
specification made ready for reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
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

    @property
    def names(self) -> Iterable[str]:
        """All parameters that it knows."""
        return self._readers.keys()

    def know(self, specification: Specification) -> None:
        """Take in more parameters, where they are not known already."""
        self.__init__({**specification, **self._readers})  # type: ignore[misc]

    def read(self, params: Mapping[str, Any], within: str = "") -> dict[str, Any]:
        """The parameters as their readers read them. Raises StripeError naming the first that does not fit."""
        readers, plain, words = self._readers, self._plain, self._words
        values = {}
        for name, value in params.items():
            if (name in plain and value and value.__class__ is plain[name]) or (name in words and value in words[name]):
                values[name] = value
                continue
            if name not in readers:
                raise _unknown(within, [other for other in params if other not in readers], readers)
            if value is not None:
                values[name] = readers[name](value, f"{within}[{name}]" if within else name)
        return values


def text(value: Any, name: str) -> str:
    if type(value) is str:
        if value:
            return value
        raise _empty(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_request(f"Invalid string: {value!r}", param=name)
    return str(value)


def url(value: Any, name: str) -> str:
    """An address on the web, or one that opens an app; never a script, since people are sent there."""
    given = text(value, name)
    if not _is_url(given):
        raise invalid_request("Not a valid URL", param=name, code="url_invalid")
    return given


@lru_cache(maxsize=1024)
def _is_url(given: str) -> bool:
    match = _URL.match(given)
    return match is not None and match[1].lower() not in _SCRIPTS


_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):[^\s\x00-\x1f\x7f]+\Z")
_SCRIPTS: Final = ("javascript", "data", "vbscript", "file", "blob", "about")


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
        return form.read(value if value.__class__ is dict else mapping(value, name), name)

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


def unmodelled(value: Any, name: str) -> Any:
    """What Stripe knows and this double does not: to ignore it would answer something that Stripe would not."""
    raise invalid_request(
        f"Stripe knows the parameter {name}, but this double of Stripe does not model it: leave it out.", param=name
    )


def moments(value: Any, name: str) -> tuple[int, int]:
    """A Unix second, or bounds on one (`gt`, `gte`, `lt`, `lte`): the first and the last second that are meant."""
    if not isinstance(value, Mapping):
        second = integer(value, name)
        return second, second
    bounds = _BOUNDS(value, name)
    return (
        max(bounds.get("gte", EARLIEST_S), bounds.get("gt", EARLIEST_S - 1) + 1),
        min(bounds.get("lte", LATEST_S), bounds.get("lt", LATEST_S + 1) - 1),
    )


EARLIEST_S: Final = 0
LATEST_S: Final = 10**18
_BOUNDS: Final = nested(dict.fromkeys(("gt", "gte", "lt", "lte"), integer))


def unread(value: Any, name: str) -> Any:
    """For what an operation that is refused anyway would take."""
    return value


def hash_of_anything(value: Any, name: str) -> dict[str, Any]:
    """A part of Stripe's interface that is stored or ignored and never looked into (an address, a mandate)."""
    return dict(mapping(value, name))


def yes_or_word(*words: str) -> Reader:
    """`off_session` is a boolean or one of two words; the words mean true."""

    def reader(value: Any, name: str) -> bool:
        return True if value in words else boolean(value, name)

    return reader


def metadata(value: Any, name: str) -> dict[str, str]:
    """At most 50 texts of 500 characters; an empty text removes its key, or in place of all of them all (`merged`)."""
    if value == "":
        return NO_METADATA
    values = value if value.__class__ is dict else mapping(value, name)
    if len(values) > METADATA_KEYS:
        raise _too_many(len(values), name)
    read_values = {}
    for key, item in values.items():
        item = item if type(item) is str else _metadata_text(item, f"{name}[{key}]")
        if len(key) > METADATA_KEY_CHARACTERS or len(item) > METADATA_VALUE_CHARACTERS:
            raise _too_long(key, item, name)
        read_values[key] = item
    return read_values


NO_METADATA: Final[dict[str, str]] = {}
"""What `metadata` reads where all keys are to be removed."""


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Metadata after an update: given keys replace, keys given an empty text disappear, all others stay."""
    if not old and "" not in new.values():
        return {**new}
    if new is NO_METADATA:
        return {}
    both = {key: value for key, value in {**old, **new}.items() if value}
    if len(both) > METADATA_KEYS:
        raise _too_many(len(both), "metadata")
    return both


def _spoken(within: str, name: object) -> str:
    return f"{within}[{name}]" if within else str(name)


def _unknown(within: str, names: Sequence[str], known: Iterable[str]) -> StripeError:
    spoken = [_spoken(within, name) for name in names]
    if len(spoken) > 1:
        message = f"Received unknown parameters: {', '.join(spoken)}"
    else:
        message = f"Received unknown parameter: {spoken[0]}"
        alike = get_close_matches(str(names[0]), known, n=1)
        if alike:
            message = f"{message}. Did you mean {_spoken(within, alike[0])}?"
    return invalid_request(message, param=spoken[0], code="parameter_unknown")


def _metadata_text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise invalid_request(f"Invalid string: {value!r}", param=name)


def _too_many(count: int, name: str) -> StripeError:
    return invalid_request(f"Metadata can have at most {METADATA_KEYS} keys, got {count}", param=name)


def _too_long(key: str, value: str, name: str) -> StripeError:
    if len(key) > METADATA_KEY_CHARACTERS:
        message = f"Metadata keys can be at most {METADATA_KEY_CHARACTERS} characters, {key!r} has {len(key)}"
    else:
        message = (
            f"Metadata values can have up to {METADATA_VALUE_CHARACTERS} characters, "
            f"but you passed in a value that is {len(value)} characters. Invalid value: {value}"
        )
    return invalid_request(message, param=f"{name}[{key}]")


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Nested parameters, unread. Raises StripeError for anything else."""
    if not isinstance(value, Mapping):
        raise invalid_request("Invalid object", param=name)
    read_value: Mapping[str, Any] = value
    return read_value


def _empty(name: str) -> StripeError:
    return invalid_request(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value.",
        param=name,
        code="parameter_invalid_empty",
    )


def off(value: Any, name: str) -> bool:
    """A switch of something that the double does not model: it can only be off."""
    return boolean(value, name) and bool(unmodelled(value, name))
