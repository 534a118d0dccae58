"""What exploration once found wrong with the model or with a property, and was put right: it must not come back.

Each file of `fixed` was written by `gatefall explore`, and says in its first comment what was wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.exploring.failure_file import read_kept
from conformance.exploring.trial import Trials
from conformance.simulated import SimulatedTarget

FIXED = sorted(Path(__file__).with_name("fixed").glob("*.yaml"))


@pytest.mark.parametrize("path", FIXED, ids=lambda path: path.stem)
def test_what_was_put_right_stays_right(path: Path) -> None:
    kept = read_kept(path)
    outcome = Trials(SimulatedTarget(), kept.view).run_variant(kept.variant, kept.seed)
    assert outcome.failures == {}


def test_there_are_files() -> None:
    assert FIXED
