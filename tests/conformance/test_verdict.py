"""Verdicts in one: violated, then inconclusive, then held."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.verdict import overall


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "inconclusive"),
        (["held"], "held"),
        (["held", "held"], "held"),
        (["held", "inconclusive"], "inconclusive"),
        (["inconclusive", "held"], "inconclusive"),
        (["inconclusive", "violated", "held"], "violated"),
        (["violated", "inconclusive"], "violated"),
    ],
)
def test_inconclusive_never_hides_violated(values: list[Any], expected: str) -> None:
    assert overall(values) == expected
