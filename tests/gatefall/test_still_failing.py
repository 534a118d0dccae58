"""What a replay says of what failed before: still failing, fixed, or out of sight."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.finding import Finding
from conformance.verdict import PropertyVerdict
from gatefall.still_failing import compared

NAME = "charged-once"


def verdict(value: Any, because: Any, crash: str | None = None) -> PropertyVerdict:
    finding = Finding(NAME, "batch", "critical", 3, "acct00000003", 5, "It was charged twice.", (), 1.0)
    found = finding if value == "violated" else None
    return PropertyVerdict(
        NAME, "critical", value, because, "the reason", 1, 1, 1, 1, 0, 0, crash, found, found, (), (), ()
    )


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([NAME], verdict("violated", "found"), "still failing: charged-once: It was charged twice."),
        ([], verdict("violated", "found"), "newly failing: charged-once: It was charged twice."),
        (None, verdict("violated", "found"), "failing: charged-once: It was charged twice."),
        ([NAME], verdict("held", "checked"), "fixed: charged-once (the reason)"),
        ([NAME], verdict("inconclusive", "undecided"), "inconclusive: charged-once: the reason"),
        ([NAME], verdict("inconclusive", "crashed", "x"), "inconclusive: charged-once: the reason"),
        ([], verdict("inconclusive", "crashed", "x"), "inconclusive: charged-once: the reason"),
        ([], verdict("held", "checked"), "no property is violated for this customer"),
    ],
)
def test_each_property_is_said_to_be_what_it_is(before: Any, now: PropertyVerdict, said: str) -> None:
    lines = list(compared(before, [now], ()))
    assert lines[0] == said
    assert ("charged-once (critical, batch)" in "\n".join(lines)) == (now.value == "violated")
