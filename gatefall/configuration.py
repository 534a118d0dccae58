"""Defaults that a project or a machine sets: gatefall.toml and GATEFALL_* variables.

The order is: built-in defaults, gatefall.toml in the current directory, GATEFALL_* variables, flags. A setting has the
same name in all of them: `--seed`, `GATEFALL_SEED`, `seed = 7`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gatefall.mistakes import Mistake

FILE_NAME: Final = "gatefall.toml"
VARIABLE_PREFIX: Final = "GATEFALL_"

_WHOLE_NUMBER: Final = "a whole number"
_NUMBER: Final = "a number"
_TEXT: Final = "text in quotes"
_YES_OR_NO: Final = "true or false"
_PHASES: Final = 'a phase such as 2, a range such as "0-6", or a list of them'

SETTINGS: Final[Mapping[str, str]] = {
    "target": _TEXT,
    "pace": _NUMBER,
    "browser": _YES_OR_NO,
    "chromium": _TEXT,
    "phase": _PHASES,
    "customers": _WHOLE_NUMBER,
    "seed": _WHOLE_NUMBER,
    "workers": _WHOLE_NUMBER,
    "out": _TEXT,
    "jsonl": _YES_OR_NO,
    "quiet": _YES_OR_NO,
}
"""Every setting, and what it is in gatefall.toml."""

_SUBCOMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "run": tuple(SETTINGS),
    "prove": ("workers", "quiet"),
    "judge": ("workers", "quiet"),
    "report": ("workers", "quiet"),
    "replay": (),
    "explore": ("target", "phase", "seed", "quiet"),
}


def variable(setting: str) -> str:
    """The environment variable of a setting."""
    return VARIABLE_PREFIX + setting.upper()


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a file, or none if there is no such file. Raises Mistake for anything that cannot be meant."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{path}: is not TOML: {error}") from error
    for name, value in data.items():
        _check(path, name, value)
    return data


def check_variables(environment: Mapping[str, str]) -> None:
    """Raise Mistake for a GATEFALL_* variable that means nothing: it was probably meant to mean something."""
    known = [variable(setting) for setting in SETTINGS]
    for name in sorted(environment):
        if name.startswith(VARIABLE_PREFIX) and name not in known:
            raise Mistake(f"the environment variable {name} means nothing to gatefall{_meant(name, known)}")


def defaults_by_subcommand(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings as each subcommand takes them."""
    return {
        subcommand: dict(_as_option(name, settings[name]) for name in names if name in settings)
        for subcommand, names in _SUBCOMMANDS.items()
    }


def _as_option(name: str, value: Any) -> tuple[str, Any]:
    """`--phase` may be given several times, so its default is a list."""
    if name != "phase":
        return name, value
    return "phases", [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _check(path: Path, name: str, value: Any) -> None:
    expected = SETTINGS.get(name)
    if expected is None:
        raise Mistake(f'{path}: there is no setting "{name}"{_meant(name, SETTINGS)}')
    if not _fits(value, expected):
        raise Mistake(f"{path}: {name} = {value!r}, expected {expected}")


def _fits(value: Any, expected: str) -> bool:
    if expected == _YES_OR_NO:
        return isinstance(value, bool)
    if expected == _WHOLE_NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    if expected == _NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if expected == _TEXT:
        return isinstance(value, str)
    if isinstance(value, list):
        return bool(value) and all(not isinstance(item, list) and _fits(item, expected) for item in value)
    return isinstance(value, int | str) and not isinstance(value, bool)


def _meant(name: str, names: Any) -> str:
    from scenarios.nearest import nearest

    near = nearest(name, names)
    return f'; did you mean "{near}"?' if near else f"; expected one of: {', '.join(names)}"
