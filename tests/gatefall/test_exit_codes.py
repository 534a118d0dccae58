from __future__ import annotations

import pytest

from gatefall.exit_codes import ExitCode, exit_code_of, most_important


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 3, 1, 4, 5], 5),
        ([0, 3, 1, 4], 4),
        ([0, 3, 1], 1),
        ([0, 3], 3),
        ([0], 0),
        ([], 3),
    ],
)
def test_refused_before_set_up_before_violated_before_inconclusive(codes: list[int], expected: int) -> None:
    assert most_important(map(ExitCode, codes)) == expected


def test_verdicts_have_exit_codes() -> None:
    assert [exit_code_of(verdict) for verdict in ("held", "violated", "inconclusive")] == [0, 1, 3]
