"""How moments of the model are written."""

import pytest

from sim.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US, rfc3339


@pytest.mark.parametrize(
    ("time_us", "written"),
    [
        (0, "2026-01-05T00:00:00Z"),
        (59 * SECOND_US + 999_999, "2026-01-05T00:00:59Z"),
        (MINUTE_US, "2026-01-05T00:01:00Z"),
        (13 * HOUR_US + 7 * MINUTE_US + 9 * SECOND_US, "2026-01-05T13:07:09Z"),
        (27 * DAY_US - 1, "2026-01-31T23:59:59Z"),
        (54 * DAY_US, "2026-02-28T00:00:00Z"),
        (361 * DAY_US, "2027-01-01T00:00:00Z"),
        (-1, "2026-01-04T23:59:59Z"),
    ],
)
def test_times_are_written_in_utc_and_whole_seconds(time_us: int, written: str) -> None:
    assert rfc3339(time_us) == written
