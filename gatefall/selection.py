"""Which scenarios are meant: files, folders, names of the library; or what a recorded run stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatefall.mistakes import Mistake

if TYPE_CHECKING:
    from conformance.manifest import StoredScenario
    from scenarios.reading import LoadedScenario
    from scenarios.scenario import Scenario
    from scenarios.scenario_error import ScenarioErrors


def library() -> list[Scenario]:
    """Every scenario of the library, in alphabetical order."""
    return [one.scenario for one in load(())]


def probing() -> list[Scenario]:
    """Every probing scenario, in alphabetical order."""
    from scenarios.library import probing_directory

    return [one.scenario for one in load([str(probing_directory())])]


def load(arguments: Sequence[str]) -> list[LoadedScenario]:
    """Read what the arguments name; without any, the library. Raises Mistake with everything that is wrong."""
    from scenarios.reading import read_scenarios
    from scenarios.scenario_error import ScenarioErrors

    try:
        return read_scenarios(arguments)
    except ScenarioErrors as errors:
        raise _mistakes(errors) from errors


def stored(loaded: Iterable[LoadedScenario]) -> tuple[StoredScenario, ...]:
    """The files as a run keeps them. Raises Mistake if one has gone meanwhile."""
    from conformance.manifest import StoredScenario

    try:
        return tuple(StoredScenario.of(one.scenario.name, one.file, _text(Path(one.file))) for one in loaded)
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"a scenario file was read once and cannot be read again: {error}") from error


def load_stored(kept: Iterable[StoredScenario]) -> list[LoadedScenario]:
    """Read the files of a recorded run as they were then, wherever they are now. Raises Mistake."""
    from scenarios.reading import read_scenario_text
    from scenarios.scenario_error import ScenarioErrors

    try:
        return [read_scenario_text(one.text.encode(), one.file) for one in kept]
    except ScenarioErrors as errors:
        raise _mistakes(errors) from errors


def _text(path: Path) -> str:
    """YAML is UTF-8, or says at its beginning that it is UTF-16."""
    content = path.read_bytes()
    return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")


def _mistakes(errors: ScenarioErrors) -> Mistake:
    count = len(errors.errors)
    return Mistake(f"{count} mistake{'' if count == 1 else 's'} in scenario files; nothing was run\n{errors}")
