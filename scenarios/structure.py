"""From a tree of YAML to a Scenario, or to messages about keys, types and names that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scenarios.duration import WRITTEN
from scenarios.nearest import nearest
from scenarios.scenario import Model, Scenario
from scenarios.scenario_error import KeyPath, ScenarioError, echo, key_name
from scenarios.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode, plain

_KEY_MARK: Final = "[key]"
_QUOTED: Final = re.compile(r"'([^']*)'")
_SHORTHANDS: Final = ("calibrated", "all")
_TYPES: Final[Mapping[str, str]] = {
    "string_type": "text (in quotes, if it looks like a number)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping (key: value)",
    "tuple_type": 'a list (each item on a line that begins with "- ")',
    "string_too_short": "a text that is not empty",
}
_PATTERNS: Final[Mapping[str, str]] = {
    "name": "lower-case words joined by hyphens, such as missing-payment-method",
    "iapi_service": "lower-case words joined by hyphens, such as provisioner",
}


class Finding(NamedTuple):
    """A mistake at a place of the tree; `on_key`: the key itself is meant, not its value."""

    path: KeyPath
    on_key: bool
    problem: str
    value: object
    expected: str
    names: tuple[str, ...] = ()
    suggestion: str | None = None

    def as_error(self, root: Node, file: str) -> ScenarioError:
        """The finding with its line and column."""
        line, column = _place(root, self.path, self.on_key)
        shown = "" if self.value is _NOTHING_GIVEN else echo(self.value)
        path = self.path[:-1] if self.on_key else self.path
        return ScenarioError(file, line, column, key_name(path), self.problem, shown, self.expected, self._suggestion())

    def _suggestion(self) -> str | None:
        if self.suggestion is None and isinstance(self.value, str):
            return nearest(self.value, self.names)
        return self.suggestion


_NOTHING_GIVEN: Final = object()


def unknown_name(path: KeyPath, value: str, names: tuple[str, ...], on_key: bool = False) -> Finding:
    """A name that is none of `names`."""
    return Finding(path, on_key, "unknown name", value, _one_of(names), names)


def mistake(path: KeyPath, problem: str, expected: str, suggestion: str | None = None) -> Finding:
    """A mistake that `problem` tells completely."""
    return Finding(path, False, problem, _NOTHING_GIVEN, expected, (), suggestion)


def read_structure(root: Node) -> tuple[Scenario | None, list[Finding]]:
    """The scenario of a tree, or None with everything about its keys, types and names that does not fit."""
    data = plain(root)
    try:
        return Scenario.model_validate(data, context={WRITTEN: True}), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
    return None, _merged([_finding(root, detail) for detail in details], root)


def node_at(root: Node, path: KeyPath) -> Node | None:
    """The node at a path, if the file has one there."""
    node: Node | None = root
    for part in path:
        if isinstance(node, MappingNode) and isinstance(part, str):
            node = node.values.get(part)
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        else:
            return None
    return node


def _place(root: Node, path: KeyPath, on_key: bool) -> tuple[int, int]:
    """Line and column of a value or a key; of the nearest enclosing thing where the file has neither."""
    if on_key:
        parent = node_at(root, path[:-1])
        if isinstance(parent, MappingNode) and path[-1] in parent.keys:
            return parent.keys[str(path[-1])]
    while (node := node_at(root, path)) is None:
        path = path[:-1]
    return node.line, node.column


def _finding(root: Node, detail: ErrorDetails) -> Finding:
    path = _path(root, detail["loc"])
    kind, value = detail["type"], detail["input"]
    limits: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        name = str(detail["loc"][-1])
        return mistake(path, f'the key "{name}" is missing', f'"{name}": {_meaning(path, name)}')
    if kind == "literal_error":
        names = tuple(_QUOTED.findall(limits["expected"]))
        given = value if isinstance(value, str) else plain_at(root, path)
        on_key = detail["loc"][-1] == _KEY_MARK and isinstance(node_at(root, path), Node) and path[-1:] == (given,)
        return Finding(path, on_key, "unknown name" if isinstance(given, str) else "", given, _one_of(names), names)
    return Finding(path, False, "", value, _expected(kind, path, limits, detail["msg"]))


def plain_at(root: Node, path: KeyPath) -> Any:
    """The value at a path as Python data, None if there is none."""
    node = node_at(root, path)
    return None if node is None else plain(node)


def _path(root: Node, location: tuple[str | int, ...]) -> KeyPath:
    """Where a location of the validator is in the file: parts that name a member of a union are no keys of the file."""
    path: list[str | int] = []
    node: Node | None = root
    for part in location:
        child = node_at(node, (part,)) if node is not None else None
        if child is not None:
            path.append(part)
            node = child
    return tuple(path)


def _expected(kind: str, path: KeyPath, limits: Mapping[str, Any], message: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "value_error":
        return str(limits["error"]).removeprefix("expected ")
    if kind == "greater_than_equal":
        return f"at least {limits['ge']:g}"
    if kind == "less_than_equal":
        return f"at most {limits['le']:g}"
    if kind in ("too_long", "string_too_long"):
        return f"at most {limits['max_length']}"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(path[-1]) if path else "", f"text like {limits['pattern']}")
    return message[:1].lower() + message[1:].removeprefix("nput should be ").strip()


def _one_of(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}"


def _merged(findings: list[Finding], root: Node) -> list[Finding]:
    """One finding a mistake: the members of a union (a mix or `calibrated`) each complain about the same value."""
    merged: dict[tuple[KeyPath, bool], Finding] = {}
    for finding in findings:
        place = finding.path, finding.on_key
        earlier = merged.get(place)
        if earlier is None:
            merged[place] = finding
        elif earlier.names and finding.names:
            names = tuple(dict.fromkeys((*earlier.names, *finding.names)))
            merged[place] = earlier._replace(expected=_one_of(names), names=names)
        elif finding.names and set(finding.names) <= set(_SHORTHANDS):
            merged[place] = earlier._replace(expected=f"{earlier.expected}, or {finding.names[0]}")
        elif earlier.names and set(earlier.names) <= set(_SHORTHANDS):
            merged[place] = finding._replace(expected=f"{earlier.names[0]}, or {finding.expected}")
    return [finding for finding in merged.values() if not _told_within(finding, list(merged.values()), root)]


def _told_within(finding: Finding, findings: list[Finding], root: Node) -> bool:
    """Whether a complaint that a mapping or a list is no shorthand is only the echo of a mistake inside it."""
    if not finding.names or not set(finding.names) <= set(_SHORTHANDS):
        return False
    if isinstance(node_at(root, finding.path), ScalarNode):
        return False
    depth = len(finding.path)
    return any(len(other.path) > depth and other.path[:depth] == finding.path for other in findings)


def _unknown_key(path: KeyPath) -> Finding:
    key = str(path[-1])
    model = _model_at(path[:-1])
    names = tuple(model.model_fields)
    near = nearest(key, names)
    elsewhere = _PLACES.get(key, [])
    if near is None and 1 <= len(elsewhere) <= 2:
        near = elsewhere[0]
    return Finding(path, True, "unknown key", key, _one_of(names), (), near)


def _meaning(path: KeyPath, name: str) -> str:
    description = _model_at(path).model_fields[name].description or ""
    return description.split(". ")[0].rstrip(".").replace("\n", " ")


def _model_at(path: KeyPath) -> type[Model]:
    """The part of the format that a path lies in."""
    model: type[Model] = Scenario
    for part in path:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        inner = None if field is None else _model_in(field.annotation)
        model = inner or model
    return model


def _model_in(annotation: Any) -> type[Model] | None:
    """The model that an annotation holds: itself, or in a list, a mapping or an option."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


def _named_places(model: type[Model], before: str = "") -> Iterator[tuple[str, str]]:
    """Every key of the format with its place."""
    for name, field in model.model_fields.items():
        yield name, f"{before}{name}"
        inner = _model_in(field.annotation)
        if inner is not None:
            yield from _named_places(inner, f"{before}{name}.")


def _places_by_key() -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for key, place in _named_places(Scenario):
        places.setdefault(key, []).append(place)
    return places


_PLACES: Final[Mapping[str, list[str]]] = _places_by_key()
