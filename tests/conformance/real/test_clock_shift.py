"""Times by a clock that was left behind when the deployment's was moved on."""

from __future__ import annotations

import pytest

from conformance.real.visitor import ClockShift
from sim.time import HOUR_US, SECOND_US

MOVED_US = 1_000 * SECOND_US + 400_000
SHIFT = ClockShift(MOVED_US, 25 * HOUR_US, 4 * SECOND_US)


@pytest.mark.parametrize(
    ("told_us", "meant_us"),
    [
        pytest.param(996 * SECOND_US, 996 * SECOND_US, id="before"),
        pytest.param(1_000 * SECOND_US, 1_000 * SECOND_US + 25 * HOUR_US, id="after, in the same second"),
        pytest.param(999 * SECOND_US, 999 * SECOND_US + 25 * HOUR_US, id="after, by a clock that is late"),
        pytest.param(1_010 * SECOND_US, 1_010 * SECOND_US + 25 * HOUR_US, id="after"),
        pytest.param(MOVED_US + 25 * HOUR_US, MOVED_US + 25 * HOUR_US, id="after, by a clock that was moved too"),
    ],
)
def test_what_a_clock_tells_is_before_or_after_the_move(told_us: int, meant_us: int) -> None:
    assert SHIFT.after(told_us) == meant_us


def test_without_a_move_everything_is_as_it_is_told() -> None:
    assert ClockShift().after(7) == 7
