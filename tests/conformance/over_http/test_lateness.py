"""How late the harness was."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from conformance.over_http.lateness import Lateness

LATENESSES = st.lists(st.integers(0, 10**10), min_size=1, max_size=200)


def counted(values: list[int]) -> Lateness:
    lateness = Lateness()
    for value in values:
        lateness.record(value)
    return lateness


def test_nothing_counted_is_not_punctual() -> None:
    lateness = Lateness()
    assert (lateness.count, lateness.p50_us, lateness.p99_us, lateness.max_us) == (0, None, None, 0)


def test_who_comes_early_was_not_late() -> None:
    lateness = counted([-5, -1])
    assert (lateness.count, lateness.p99_us, lateness.max_us) == (2, 0, 0)


def test_small_numbers_are_exact() -> None:
    assert counted(list(range(101))[:31]).p50_us == 15


@given(LATENESSES, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_at_most_a_sixteenth_too_large_and_never_too_small(values: list[int], share: float) -> None:
    exact = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    reported = counted(values).quantile_us(share)
    assert reported is not None
    assert exact <= reported <= exact + exact / 16


@given(LATENESSES)
def test_the_largest_is_exact(values: list[int]) -> None:
    lateness = counted(values)
    assert lateness.max_us == max(values) == lateness.quantile_us(1.0)


@given(LATENESSES, LATENESSES)
def test_merging_is_counting_together(one: list[int], other: list[int]) -> None:
    merged = counted(one)
    merged.merge(counted(other))
    together = counted(one + other)
    for share in (0.1, 0.5, 0.99, 1.0):
        assert merged.quantile_us(share) == together.quantile_us(share)
    assert (merged.count, merged.max_us) == (together.count, together.max_us)


def test_memory_is_bounded() -> None:
    lateness = counted([number * 997 for number in range(50_000)])
    assert len(lateness._counts) < 500
