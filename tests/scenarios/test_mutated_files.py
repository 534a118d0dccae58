"""Whatever somebody does to a scenario file, reading it ends in a scenario or in messages, never in a traceback."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scenarios.library import library_files
from scenarios.reading import LoadedScenario, ScenarioError, ScenarioErrors, read_scenario_text
from scenarios.variants import variant_slug, variants
from scenarios.yaml_tree import plain, read_tree

_MUTATED_FILES = 2_000
_LARGEST_BYTES = 700
_CONTENTS = [content for path in library_files().values() if len(content := path.read_bytes()) <= _LARGEST_BYTES]
_TREES = [json.loads(json.dumps(plain(read_tree(content)))) for content in _CONTENTS]

_PUNCTUATION = "\t|- |: |{|}|[|]|&a |*a|'|\"|\n|  |---\n|<<: *a\n|!!set |%|>\n|\0|\u202e"
_WORDS = "null|~|-1|1e999|.nan|true|0x7f"
_PIECES = st.sampled_from(f"{_PUNCTUATION}|{_WORDS}".encode().split(b"|"))
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["calibrated", "all", "none", "1h", "-1s", "phase >= 2", "conversion >= 0.5", "r2", "iapi", "zone_pro"]
    ),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def _read(content: bytes) -> LoadedScenario | None:
    """The scenario, or None where there are messages; each must be one line with its parts."""
    try:
        return read_scenario_text(content, "mutated.yaml")
    except ScenarioErrors as caught:
        _are_messages(caught.errors)
        return None


def _are_messages(errors: list[ScenarioError]) -> None:
    assert errors
    for error in errors:
        assert error.expected
        assert error.line >= 1
        assert error.column >= 1
        assert str(error).isprintable()


def _is_usable(loaded: LoadedScenario | None) -> None:
    """A scenario that is accepted can be told apart by variant, and its mixes can be drawn from."""
    if loaded is None:
        return
    found = variants([loaded])
    assert found
    assert len({variant_slug(one) for one in found}) == len(found)
    assert sum(loaded.scenario.customers.client.values()) > 0


@st.composite
def _mutated_texts(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(_CONTENTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        put = draw(st.one_of(_PIECES, st.binary(max_size=4), st.just(content[start:end] * 2), st.just(b"")))
        content = content[:start] + put + content[end:]
    return content


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def _changed(tree: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    copy = json.loads(json.dumps(tree))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return copy


@st.composite
def _mutated_trees(draw: st.DrawFn) -> bytes:
    tree = draw(st.sampled_from(_TREES))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(tree)[1:]
        if not places:
            break
        path = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["replace", "remove", "rename", "copy"]))
        value = draw(_VALUES) if kind == "replace" else None
        other = draw(st.sampled_from(places)) if kind in ("copy", "rename") else ()
        copied = _value_at(tree, other) if kind == "copy" else value
        tree = _changed(tree, path, lambda parent, key: _apply(parent, key, kind, copied, other))  # noqa: B023
    return json.dumps(tree).encode()


def _value_at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _apply(parent: Any, key: Any, kind: str, value: Any, other: tuple[Any, ...]) -> None:
    if kind == "remove":
        del parent[key]
    elif kind == "rename" and isinstance(parent, dict):
        parent[str(other[-1])] = parent.pop(key)
    else:
        parent[key] = value


@settings(
    max_examples=_MUTATED_FILES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(st.one_of(_mutated_texts(), _mutated_trees()))
@example(b"")
@example(b"name: [a]\ntitle: {}\n")
@example(b"{name: a, title: b, customers: {carts: []}}")
@example(b"{name: a, title: b, expect: [{}]}")
@example('{name: a, title: b, expect: [{when: "\u202ephase == 2"}]}'.encode())
@example(b"{name: a, title: b, matrix: {phase: []}}")
def test_a_mutated_file_never_gives_a_traceback(content: bytes) -> None:
    _is_usable(_read(content))


@given(st.binary(max_size=300))
def test_no_bytes_give_a_traceback(content: bytes) -> None:
    _is_usable(_read(content))
