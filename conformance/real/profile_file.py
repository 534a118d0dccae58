"""Reading a profile: from TOML to a `Profile`, or to messages that name file, key, value and what was expected."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from conformance.real.profile import Profile
from conformance.redaction import known_secrets, redacted
from scenarios.nearest import nearest
from scenarios.scenario_error import echo, key_name, printable

_LITERAL_SECRET: Final = re.compile(
    r"\b(?:(?:sk|rk)_(?:test|live)_|pk_live_|whsec_|(?:pi|seti)_[A-Za-z0-9]+_secret_)[A-Za-z0-9_]+"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.|\bBearer\s+[A-Za-z0-9._~+/=-]+"
)
_SECRET_KEYS: Final = frozenset(
    ("token", "password", "secret", "authorization", "api_key", "apikey", "credential", "restricted_key", "secret_key")
)
_TYPES: Final[Mapping[str, str]] = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
    "string_too_short": "a text that is not empty",
}
_QUOTED: Final = re.compile(r"'([^']*)'")


class ProfileErrors(Exception):
    """Everything that is wrong with a profile, a line each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def read_profile(path: Path) -> Profile:
    """The profile in a file. Raises ProfileErrors, which never repeats a secret."""
    data = _parsed(path)
    secrets = list(_literal_secrets(data, ()))
    if secrets:
        raise ProfileErrors([_no_secret_here(path, place) for place in secrets])
    try:
        return Profile.model_validate(_as_python(data))
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise ProfileErrors([f"{path}: {line}" for line in _merged(_told(detail) for detail in details)])


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProfileErrors([f"{path}: there is no such file; docs/example-profile.toml shows one"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileErrors([f"{path}: cannot be read: {error}"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileErrors([redacted(f"{path}: is not TOML: {error}")]) from None


def _as_python(value: Any) -> Any:
    """TOML's lists as the tuples that a frozen model holds."""
    if isinstance(value, dict):
        return {key: _as_python(member) for key, member in value.items()}
    return tuple(_as_python(member) for member in value) if isinstance(value, list) else value


def _literal_secrets(value: Any, place: tuple[str | int, ...]) -> Any:
    """The places at which a secret itself stands, or something under a name that only a secret has."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _literal_secrets(member, (*place, key))
        return
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from _literal_secrets(member, (*place, index))
        return
    if not isinstance(value, str):
        return
    # Where an answer holds the token is no secret: accounts.answer.token = "result.token".
    named = str(place[-1]).lower() in _SECRET_KEYS and place[:2] != ("accounts", "answer")
    if named or _LITERAL_SECRET.search(value):
        known_secrets.remember(value)
        yield place


def _no_secret_here(path: Path, place: tuple[str | int, ...]) -> str:
    return (
        f"{path}: {key_name(place)}: looks like a secret itself; expected the name of an environment variable that "
        "holds it, under a key that ends in _env. If the file was shared, replace the secret"
    )


def _merged(lines: Iterable[str]) -> list[str]:
    """A line for each key: the members of a union each complain about the same value."""
    merged: dict[str, str] = {}
    for line in lines:
        begun, _, expected = line.partition("; expected ")
        if begun not in merged:
            merged[begun] = line
        elif expected:
            merged[begun] += f", or {expected.removeprefix('one of ')}"
    return list(merged.values())


def _told(detail: ErrorDetails) -> str:
    place, kind, value = detail["loc"], detail["type"], detail["input"]
    limits: Mapping[str, Any] = detail.get("ctx", {})
    key = key_name(tuple(part for part in place if part not in _MEMBERS_OF_UNIONS))
    if kind == "extra_forbidden":
        names = tuple(_model_at(place[:-1]).model_fields)
        near = nearest(str(place[-1]), names)
        return f"{key}: there is no such key; " + _meant(near, names)
    if kind == "missing":
        return f"{key}: is missing; expected {_meaning(place)}"
    if kind == "literal_error":
        names = tuple(_QUOTED.findall(limits["expected"])) or (str(limits["expected"]),)
        near = nearest(value, names) if isinstance(value, str) else None
        return f"{key}: {echo(value)}; {_meant(near, names)}"
    given = redacted(echo(value)) if not isinstance(value, dict) else "this table"
    return f"{key or 'the profile'}: {given}; expected {_expected(kind, limits, detail['msg'])}"


_MEMBERS_OF_UNIONS: Final = ("constrained-int", "constrained-str", "literal['config']", "str", "int", "bool", "[key]")


def _meant(near: str | None, names: tuple[str, ...]) -> str:
    expected = f"expected one of {', '.join(names)}"
    return f'{expected}; did you mean "{near}"?' if near else expected


def _expected(kind: str, limits: Mapping[str, Any], message: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "value_error":
        return str(limits["error"])
    if kind == "greater_than_equal":
        return f"at least {limits['ge']:g}"
    if kind == "greater_than":
        return f"more than {limits['gt']:g}"
    if kind == "less_than_equal":
        return f"at most {limits['le']:g}"
    if kind == "too_short":
        return f"at least {limits['min_length']} of them"
    if kind == "string_pattern_mismatch":
        return f"text like {limits['pattern']}"
    return printable(message[:1].lower() + message[1:].removeprefix("nput should be ").strip())


def _meaning(place: tuple[str | int, ...]) -> str:
    """What the docstring of a key says, its first sentence."""
    field = _model_at(place[:-1]).model_fields.get(str(place[-1]))
    if field is None or not field.description:
        model = None if field is None else _model_in(field.annotation)
        return f"a table [{key_name(place)}]" if model is not None else "a value"
    meaning = field.description.split(". ")[0].rstrip(".").replace("\n", " ")
    return meaning[:1].lower() + meaning[1:]


def _model_at(place: tuple[str | int, ...]) -> type[BaseModel]:
    model: type[BaseModel] = Profile
    for part in place:
        field = model.model_fields.get(str(part))
        model = (None if field is None else _model_in(field.annotation)) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)
