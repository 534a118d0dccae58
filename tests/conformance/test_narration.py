from __future__ import annotations

import pytest

from conformance.narration import sentence, timeline
from sim.facts import EXACT, OBSERVED, Fact


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (
            Fact(
                0,
                OBSERVED,
                "unified-checkout",
                "request",
                "r1",
                "a1",
                "create",
                detail={"method": "POST", "path": "/subscriptions"},
            ),
            "asks POST /subscriptions (create, r1)",
        ),
        (
            Fact(0, OBSERVED, "multisku", "answer", "r1", "a1", "create", "refused", 402, 1210),
            "is refused r1 (create) (HTTP 402, code 1210)",
        ),
        (
            Fact(0, OBSERVED, "multisku", "answer", "r1", "a1", "create", "unknown"),
            "gets no answer to r1 (create) in time: done or not, nobody knows",
        ),
        (
            Fact(
                0,
                EXACT,
                "stripe",
                "intent",
                "pi_1",
                None,
                None,
                "succeeded",
                amount_minor=500,
                detail={"b": [1, 2], "a": {"x": 1}},
            ),
            "intent pi_1 is succeeded, 5.00 USD  [a={x: 1}, b=[1, 2]]",
        ),
        (
            Fact(
                0,
                EXACT,
                "subscriptions-api",
                "entitlement",
                "sub_1",
                None,
                None,
                "active",
                detail={"feature": "r2", "because": "nothing_due"},
            ),
            "entitlement r2 of sub_1 is active, because of nothing due",
        ),
        (
            Fact(0, EXACT, "world", "something_new", "x", "y", "create", "odd", 200, None, 100),
            "something new x odd by create for y 1.00 USD (HTTP 200)",
        ),
    ],
)
def test_facts_are_told_in_sentences(fact: Fact, expected: str) -> None:
    assert sentence(fact) == expected


def test_a_timeline_says_when_and_how_much_later() -> None:
    lines = list(timeline([Fact(1_000_000, EXACT, "world", "settled", "acct", state="drained")] * 2))
    assert lines[0].startswith("2026-01-05 00:00:01.000")
    assert lines[1].endswith("nothing is left to happen")


def test_a_long_detail_is_cut() -> None:
    told = sentence(Fact(0, EXACT, "world", "fault", "stripe", detail={"text": "x" * 1_000}))
    assert len(told) < 200
    assert told.endswith("…]")
