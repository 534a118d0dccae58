"""The intervals against independent implementations, and against the equations that define them."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics import difference, percentile, proportion

CASES = [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (81, 263), (500, 1000), (999_999, 1_000_000)]


@pytest.mark.parametrize(("count", "n"), CASES)
def test_wilson_agrees_with_scipy(count: int, n: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(count, n).proportion_ci(confidence_level=0.95, method="wilson")
    found = proportion(count, n)
    assert found is not None
    assert (found.value, found.n) == (count / n, n)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize(("count", "n"), CASES)
def test_wilson_agrees_with_statsmodels(count: int, n: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    found = proportion(count, n)
    assert found is not None
    expected = proportion_confint(count, n, alpha=0.05, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_solve_wilsons_equation(case: tuple[int, int]) -> None:
    """At a bound p, the observed share is z standard errors of p away from p (the closed formula's definition)."""
    count, n = case
    found = proportion(count, n)
    assert found is not None
    z = NormalDist().inv_cdf(0.975)
    for bound in (found.low, found.high):
        if 0 < bound < 1:
            assert abs(count / n - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / n), rel=1e-6)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_no_data_is_no_number() -> None:
    assert proportion(0, 0) is None
    assert percentile([], 0.5) is None
    assert difference(proportion(1, 2), None) is None


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"count={count} of n={n}"):
        proportion(count, n)


def test_a_difference_reproduces_the_published_example() -> None:
    """Newcombe 1998, table II, example (a), method 10: 56/70 less 48/80 is 0.2, from 0.0524 to 0.3339."""
    found = difference(proportion(56, 70), proportion(48, 80))
    assert found is not None
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_percentiles_interpolate() -> None:
    assert percentile([10, 20, 30, 40], 0.5) == 25.0
    assert percentile([40, 10, 30, 20], 0.95) == pytest.approx(38.5)
