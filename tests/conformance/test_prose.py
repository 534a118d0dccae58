"""How proofs speak."""

from __future__ import annotations

import pytest

from conformance.prose import clock, listed, money, span


def test_moments_are_utc_to_the_millisecond() -> None:
    assert clock(0) == "2026-01-05 00:00:00.000"
    assert clock(43_387_250_999) == "2026-01-05 12:03:07.250"


@pytest.mark.parametrize(
    ("duration_us", "expected"),
    [
        (7, "7 µs"),
        (250_000, "250 ms"),
        (1_840_000, "1.84 s"),
        (119_000_000, "119.00 s"),
        (150_000_000, "2.5 min"),
        (3_600_000_000, "1.0 h"),
        (82_800_000_000, "23.0 h"),
        (259_200_000_000, "3.0 days"),
    ],
)
def test_durations_are_in_the_unit_a_person_would_choose(duration_us: int, expected: str) -> None:
    assert span(duration_us) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(500, "5.00 USD"), (7, "0.07 USD"), (-1250, "-12.50 USD"), (240000, "2400.00 USD"), (None, "an unknown amount")],
)
def test_money_is_in_major_units(amount: int | None, expected: str) -> None:
    assert money(amount) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "nothing"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdefg"), "a, b, c, d, e and 2 more"),
    ],
)
def test_lists_are_sentences(names: list[str], expected: str) -> None:
    assert listed(names) == expected
