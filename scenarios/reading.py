"""Reading scenario files: every mistake of every file is collected, and nothing is returned while there is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.library import SUFFIX, library_directory, library_files, probing_files
from scenarios.names_check import check_names
from scenarios.nearest import nearest
from scenarios.scenario import Scenario
from scenarios.scenario_error import ScenarioError, ScenarioErrors, printable
from scenarios.sense_check import check_sense
from scenarios.structure import Finding, read_structure
from scenarios.yaml_tree import MappingNode, Node, YamlProblem, read_tree

__all__ = ["LoadedScenario", "ScenarioError", "ScenarioErrors", "read_scenario_text", "read_scenarios"]


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario and the file it came from, as the file is called in messages and results."""

    scenario: Scenario
    file: str


def read_scenarios(paths: Iterable[str | Path] = ()) -> list[LoadedScenario]:
    """The scenarios of files, of all *.yaml files in directories, and of bare names, in that order.

    A bare name is that of a scenario of the library or of a probing one.

    No paths at all mean the whole library. A file that is named twice is read once. Raises ScenarioErrors with all
    mistakes of all files.
    """
    errors: list[ScenarioError] = []
    files: dict[str, Path] = {}
    for path in list(paths) or [library_directory()]:
        for file in _files_of(path, errors):
            files.setdefault(str(file.absolute()), file)
    loaded: list[tuple[LoadedScenario, Node]] = []
    for file in files.values():
        one = _read_file(file, errors)
        if one is not None:
            loaded.append(one)
    errors.extend(_repeated_names(loaded))
    if errors:
        raise ScenarioErrors(errors)
    return [scenario for scenario, _ in loaded]


def read_scenario_text(content: bytes, file: str = "<text>") -> LoadedScenario:
    """One scenario from the content of a file. Raises ScenarioErrors with all its mistakes."""
    errors: list[ScenarioError] = []
    one = _read_content(content, file, errors)
    if one is None:
        raise ScenarioErrors(errors)
    return one[0]


def _files_of(path: str | Path, errors: list[ScenarioError]) -> Sequence[Path]:
    """The files that a path or a name of the library stands for."""
    text = str(path)
    try:
        return _existing_files(Path(path), text, errors)
    except (OSError, ValueError) as error:  # ValueError: a null character
        errors.append(_about_file(text, f"cannot be looked up ({error})", "a file, a directory or a library name"))
        return []


def _existing_files(path: Path, text: str, errors: list[ScenarioError]) -> Sequence[Path]:
    if path.is_dir():
        found = sorted(path.glob(f"*{SUFFIX}"))
        if not found:
            errors.append(_about_file(text, f"a directory without {SUFFIX} files", "at least one scenario file"))
        return found
    if path.exists():
        return [path]
    library = {**library_files(), **probing_files()}
    if text in library:
        return [_short(library[text])]
    near = _nearest_file(path, text, library)
    expected = "a file, a directory or a name of `gatefall list scenarios`"
    errors.append(_about_file(text, "no such file or library scenario", expected, near))
    return []


def _nearest_file(path: Path, text: str, library: Iterable[str]) -> str | None:
    """A file beside the one named, or a library scenario, that is spelt like it."""
    if path.suffix or path.name != text:
        near = nearest(path.name, [file.name for file in sorted(path.parent.glob(f"*{SUFFIX}"))])
        if near is not None:
            return str(path.parent / near)
    return nearest(path.stem, library)


def _short(path: Path) -> Path:
    """A path as seen from the current directory, if it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _read_file(path: Path, errors: list[ScenarioError]) -> tuple[LoadedScenario, Node] | None:
    name = str(_short(path))
    try:
        if not path.is_file():
            errors.append(_about_file(name, "not a regular file", "a text file"))
            return None
        content = path.read_bytes()
    except OSError as error:
        errors.append(_about_file(name, f"cannot be read ({error.strerror})", "a file that may be read"))
        return None
    return _read_content(content, name, errors)


def _read_content(content: bytes, file: str, errors: list[ScenarioError]) -> tuple[LoadedScenario, Node] | None:
    try:
        root = read_tree(content)
    except YamlProblem as problem:
        place = printable(file, longest=None), problem.line, problem.column
        errors.append(ScenarioError(*place, "", problem.problem, "", problem.expected))
        return None
    if not isinstance(root, MappingNode):
        errors.append(
            ScenarioError(file, root.line, root.column, "", "no mapping", "", "a mapping with name, title and more")
        )
        return None
    scenario, findings = read_structure(root)
    findings += check_names(root)
    if scenario is not None and not findings:
        findings += check_sense(scenario)
    errors.extend(_in_order(findings, root, file))
    return None if scenario is None or findings else (LoadedScenario(scenario, file), root)


def _in_order(findings: Iterable[Finding], root: Node, file: str) -> list[ScenarioError]:
    errors = dict.fromkeys(finding.as_error(root, file) for finding in findings)
    return sorted(errors, key=lambda error: (error.line, error.column))


def _repeated_names(loaded: Iterable[tuple[LoadedScenario, Node]]) -> Iterable[ScenarioError]:
    first: dict[str, str] = {}
    for one, root in loaded:
        name = one.scenario.name
        if name in first and isinstance(root, MappingNode):
            node = root.values["name"]
            where = f"a name of its own ({first[name]} has this one)"
            yield ScenarioError(one.file, node.line, node.column, "name", "the name again:", f'"{name}"', where)
        first.setdefault(name, one.file)


def _about_file(file: str, problem: str, expected: str, suggestion: str | None = None) -> ScenarioError:
    return ScenarioError(printable(file, longest=None), 0, 0, "", problem, "", expected, suggestion)
