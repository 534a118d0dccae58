"""The registry of properties: complete, named as scenarios name them, and told in full."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import conformance.properties
from conformance.properties import PROPERTIES
from conformance.property import Property
from scenarios.property_names import BY_ID, CHECKED_PROPERTIES, TIER_NAMES

FACTS = (Path(__file__).parents[2] / "docs" / "facts.md").read_text(encoding="utf-8")


def test_every_name_that_a_scenario_may_use_is_checked_in_that_order() -> None:
    assert tuple(PROPERTIES) == CHECKED_PROPERTIES


@pytest.mark.parametrize("name", PROPERTIES)
def test_tiers_are_those_of_its_name(name: str) -> None:
    assert PROPERTIES[name].tiers == tuple(TIER_NAMES[letter] for letter in BY_ID[name].tiers)


@pytest.mark.parametrize("prop", PROPERTIES.values(), ids=lambda prop: prop.id)
def test_it_is_told_in_full(prop: Property) -> None:
    for text in (prop.statement, prop.why, prop.evidence, prop.example):
        assert len(text) > 20
        assert text[-1] in ".)"
    assert prop.title
    assert prop.magnitude


@pytest.mark.parametrize("prop", PROPERTIES.values(), ids=lambda prop: prop.id)
def test_what_it_needs_is_a_kind_of_fact(prop: Property) -> None:
    for group in prop.needed_kinds:
        for kind in group:
            assert f"`{kind}`" in FACTS, kind


@pytest.mark.parametrize("prop", PROPERTIES.values(), ids=lambda prop: prop.id)
def test_an_alert_tier_lists_its_events(prop: Property) -> None:
    assert (prop.alert is not None) == ("alert" in prop.tiers)


@pytest.mark.parametrize("name", PROPERTIES)
def test_one_file_each(name: str) -> None:
    folder = Path(conformance.properties.__file__).parent
    assert (folder / f"{name.replace('-', '_')}.py").is_file()


def test_no_property_iterates_over_a_set() -> None:
    """Sets of strings are in another order in every process: membership is all they may be used for."""
    folder = Path(conformance.properties.__file__).parent
    for path in (*folder.glob("*.py"), *folder.parent.glob("*timeline.py"), folder.parent / "history.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            loops = [node.iter] if isinstance(node, (ast.For, ast.comprehension)) else []
            for loop in loops:
                assert not isinstance(loop, (ast.Set, ast.SetComp)), path
                called = isinstance(loop, ast.Call) and isinstance(loop.func, ast.Name) and loop.func.id
                assert called not in ("set", "frozenset"), path
