from __future__ import annotations

import pytest

from gatefall.exit_codes import ExitCode
from reports import conclusion


@pytest.mark.parametrize("name", ["PASSED", "VIOLATED", "INCONCLUSIVE", "SET_UP_FAILED", "REFUSED"])
def test_what_a_run_comes_to_has_the_exit_code_of_that_name(name: str) -> None:
    assert getattr(conclusion, name) == ExitCode[name]


def test_exit_codes_keep_their_numbers() -> None:
    assert list(ExitCode) == [0, 1, 2, 3, 4, 5, 130, 141]
