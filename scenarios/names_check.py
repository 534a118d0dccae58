"""The names in a scenario file that are more than keys: products, gates, properties, metrics, parameters.

They are looked up in the tree itself, so that they are told together with mistakes of structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from scenarios.catalogue import RATE_PLANS, TLD_PRICES_MINOR
from scenarios.expectation import ExpressionError, parse_threshold, parse_when
from scenarios.gates import GATES
from scenarios.parameters import PARAMETERS
from scenarios.probe_names import PROBE_NAMES
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.scenario_error import KeyPath
from scenarios.structure import Finding, mistake, unknown_name
from scenarios.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

_EVERY: Final = "*"
Check = Callable[[KeyPath, str], Finding | None]


def check_names(root: Node) -> Iterator[Finding]:
    """Every name of the file that does not exist."""
    for pattern, check in _VALUES:
        for path, node in _matching(root, pattern, ()):
            if isinstance(node, ScalarNode) and isinstance(node.value, str):
                finding = check(path, node.value)
                if finding is not None:
                    yield finding
    yield from _keys(root, ("backend", "gates"), tuple(GATES))
    yield from _keys(root, ("customers", "parameters"), tuple(PARAMETERS))


def _matching(node: Node, pattern: tuple[str, ...], path: KeyPath) -> Iterator[tuple[KeyPath, Node]]:
    """The nodes whose path fits a pattern; `*` stands for every item of a list."""
    if not pattern:
        yield path, node
    elif pattern[0] == _EVERY:
        for index, item in enumerate(node.items if isinstance(node, SequenceNode) else ()):
            yield from _matching(item, pattern[1:], (*path, index))
    elif isinstance(node, MappingNode) and pattern[0] in node.values:
        yield from _matching(node.values[pattern[0]], pattern[1:], (*path, pattern[0]))


def _keys(root: Node, pattern: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Finding]:
    for path, node in _matching(root, pattern, ()):
        for key in node.values if isinstance(node, MappingNode) else ():
            if key not in names:
                finding = unknown_name((*path, key), key, names, on_key=True)
                yield finding._replace(expected="a name of " + _WHERE_LISTED[pattern[-1]])


_WHERE_LISTED: Final = {
    "gates": "scenarios/gates.py, such as pm-gate or billing-on-session-payment",
    "parameters": "docs/parameters.md",
}


def _rate_plan(path: KeyPath, value: str) -> Finding | None:
    return None if value in RATE_PLANS else unknown_name(path, value, RATE_PLANS)


def _tld(path: KeyPath, value: str) -> Finding | None:
    return None if value in TLD_PRICES_MINOR else unknown_name(path, value, tuple(TLD_PRICES_MINOR))


def _property(path: KeyPath, value: str) -> Finding | None:
    return None if value in CHECKED_PROPERTIES else unknown_name(path, value, CHECKED_PROPERTIES)


def _probe(path: KeyPath, value: str) -> Finding | None:
    return None if value in PROBE_NAMES else unknown_name(path, value, tuple(PROBE_NAMES))


def _threshold(path: KeyPath, value: str) -> Finding | None:
    try:
        parse_threshold(value)
    except ExpressionError as error:
        return mistake(path, error.found, error.expected, error.suggestion)
    return None


def _when(path: KeyPath, value: str) -> Finding | None:
    try:
        parse_when(value)
    except ExpressionError as error:
        return mistake(path, error.found, error.expected, error.suggestion)
    return None


_CART: Final = ("customers", "carts", _EVERY)
_VALUES: Final[tuple[tuple[tuple[str, ...], Check], ...]] = (
    ((*_CART, "lines", _EVERY, "rate_plan"), _rate_plan),
    ((*_CART, "domains", _EVERY, "tld"), _tld),
    ((*_CART, "upgrade", "from_plan"), _rate_plan),
    ((*_CART, "upgrade", "to_plan"), _rate_plan),
    ((*_CART, "append", "rate_plan"), _rate_plan),
    (("probe",), _probe),
    (("properties", _EVERY), _property),
    (("expect", _EVERY, "violated", _EVERY), _property),
    (("expect", _EVERY, "thresholds", _EVERY), _threshold),
    (("expect", _EVERY, "when"), _when),
)
