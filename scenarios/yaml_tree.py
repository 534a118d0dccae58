"""YAML as a tree that knows where everything stands.

Only what scenario files need: one document of mappings, lists and plain values (YAML 1.2 core). A file can come from
anybody, so everything is bounded: size, depth, and the number of values once aliases are expanded; no tag constructs
anything. Every refusal is a YamlProblem with a place.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

MAX_BYTES: Final = 262_144
MAX_DEPTH: Final = 20
MAX_VALUES: Final = 10_000

Scalar = str | int | float | bool | None

_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,3})?")
_INFINITY: Final = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN: Final = frozenset((".nan", ".NaN", ".NAN"))


class YamlProblem(Exception):
    """A text that is not acceptable YAML: where (from 1), what, and what was expected."""

    def __init__(self, line: int, column: int, problem: str, expected: str) -> None:
        super().__init__(f"{line}:{column}: {problem}; expected {expected}")
        self.line = line
        self.column = column
        self.problem = problem
        self.expected = expected


class Node:
    """A value and its place (line and column from 1). `size` counts the values in it, aliases expanded."""

    __slots__ = ("column", "line", "size")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        self.size = 1


class ScalarNode(Node):
    """A plain value."""

    __slots__ = ("value",)

    def __init__(self, line: int, column: int, value: Scalar) -> None:
        super().__init__(line, column)
        self.value = value


class SequenceNode(Node):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.items: list[Node] = []


class MappingNode(Node):
    """A mapping; `keys` holds where each key stands."""

    __slots__ = ("keys", "values")

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.keys: dict[str, tuple[int, int]] = {}
        self.values: dict[str, Node] = {}


def read_tree(content: bytes) -> Node:
    """The tree of one YAML document. Raises YamlProblem."""
    if len(content) > MAX_BYTES:
        raise YamlProblem(1, 1, f"a file of {len(content)} bytes", f"at most {MAX_BYTES}")
    return _Composer(_text(content)).document()


def plain(node: Node) -> Any:
    """The value of a node as Python data: dict, tuple, str, int, float, bool or None."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, value in node.values.items()}
    if isinstance(node, SequenceNode):
        return tuple(plain(item) for item in node.items)
    assert isinstance(node, ScalarNode)
    return node.value


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise YamlProblem(line, column, "bytes that are not UTF-8", "a text file in UTF-8") from None


def _scalar(text: str) -> Scalar:
    """The value of an unquoted scalar. YAML 1.2: `yes`, `no`, `on` and `off` are text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float("-inf") if text[0] == "-" else float("inf")
    return float("nan") if text in _NAN else text


class _Composer:
    """Builds the tree from the parser's events, counting as it goes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events = self._bounded_events()
        self._anchors: dict[str, Node] = {}
        self._depth = 0
        self._values = 0

    def _bounded_events(self) -> Iterator[Any]:
        """The parser's events, with whatever the parser may raise turned into a YamlProblem."""
        last_line, last_column = 1, 1
        try:
            for event in YAML(typ="safe", pure=True).parse(io.StringIO(self._text)):
                last_line, last_column = event.start_mark.line + 1, event.start_mark.column + 1
                yield event
        except ReaderError as error:
            raise self._unreadable(error) from None
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (last_line, last_column)
            raise YamlProblem(line, column, *_plain_words(str(error.problem or error.context))) from None
        except (ValueError, OverflowError, IndexError, KeyError, AttributeError, AssertionError, TypeError) as error:
            # The parser checks some malformed input (an escape beyond Unicode, say) only by failing at it.
            raise YamlProblem(last_line, last_column, f"not valid YAML ({error})", "valid YAML after here") from None

    def _unreadable(self, error: ReaderError) -> YamlProblem:
        before = self._text[: int(error.position)]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        return YamlProblem(line, column, "a control character", "text")

    def document(self) -> Node:
        """The one document of the text."""
        event = self._next("StreamStartEvent", "DocumentStartEvent", "StreamEndEvent")
        if event is None or type(event).__name__ == "StreamEndEvent":
            raise YamlProblem(1, 1, "an empty file", "a mapping with name and title")
        root = self._node(next(self._events))
        for event in self._events:
            if type(event).__name__ == "DocumentStartEvent":
                mark = event.start_mark
                raise YamlProblem(mark.line + 1, mark.column + 1, "a second document", "one document in a file")
        return root

    def _next(self, skipped: str, *wanted: str) -> Any:
        for event in self._events:
            if type(event).__name__ in wanted:
                return event
            assert type(event).__name__ == skipped, event
        return None

    def _node(self, event: Any) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        name = type(event).__name__
        if name == "AliasEvent":
            return self._alias(event, line, column)
        self._count(1, line, column)
        if getattr(event, "tag", None):
            raise YamlProblem(line, column, f"the tag {event.tag[:40]}", "a value without a tag")
        node: Node
        if name == "ScalarEvent":
            node = ScalarNode(line, column, _scalar(event.value) if event.implicit[0] else event.value)
        else:
            node = self._collection(name, line, column)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, line: int, column: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            name = event.anchor[:40]
            raise YamlProblem(line, column, f"the alias *{name}", f"an anchor &{name} that ends before")
        self._count(node.size, line, column)
        return node

    def _count(self, values: int, line: int, column: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise YamlProblem(line, column, "too many values", f"at most {MAX_VALUES} in a file")

    def _collection(self, name: str, line: int, column: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise YamlProblem(line, column, "nesting too deep", f"at most {MAX_DEPTH} levels")
        if name == "MappingStartEvent":
            mapping = MappingNode(line, column)
            node: Node = mapping
            while type(event := next(self._events)).__name__ != "MappingEndEvent":
                self._entry(mapping, event)
        else:
            sequence = SequenceNode(line, column)
            node = sequence
            while type(event := next(self._events)).__name__ != "SequenceEndEvent":
                item = self._node(event)
                sequence.items.append(item)
                sequence.size += item.size
        self._depth -= 1
        return node

    def _entry(self, mapping: MappingNode, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if type(event).__name__ != "ScalarEvent":
            raise YamlProblem(line, column, "a key that is no plain name", "key: value")
        self._count(1, line, column)
        key = event.value
        if key in mapping.keys:
            first_line, _ = mapping.keys[key]
            raise YamlProblem(line, column, f'the key "{key[:60]}" again', f"it once (it stands in line {first_line})")
        mapping.keys[key] = (line, column)
        value = self._node(next(self._events))
        mapping.values[key] = value
        mapping.size += value.size + 1


def _plain_words(problem: str) -> tuple[str, str]:
    """What the parser found and what it expected, in words for somebody who writes scenario files."""
    if "'\\t'" in problem:
        return "a tab", "spaces for indentation"
    if "mapping values are not allowed here" in problem:
        return "a colon in an unquoted value, or wrong indentation", 'quotes around a text with ": "'
    if "expected <block end>" in problem:
        return "wrong indentation", "keys of one mapping, and items of one list, in the same column"
    if "found unexpected end of stream" in problem or "'<stream end>'" in problem:
        return "the end of the file inside a quoted text or a bracket", "its closing quote or bracket"
    return f"not valid YAML ({problem[:120]})", "valid YAML"
