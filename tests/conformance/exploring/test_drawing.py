"""Drafts make sense by construction, say nothing needless, and read the same from a file."""

from __future__ import annotations

import pytest
from hypothesis import find, given, settings

from conformance.exploring.bounds import Bounds
from conformance.exploring.draft import Draft, Senseless
from conformance.exploring.drawing import drafts
from conformance.exploring.exploration import Found
from conformance.exploring.failure_file import reads_back
from conformance.exploring.trial import Failure, Key, Outcome

REAL = Bounds((4,), ("continuation",), faults=False, capacity=False, gates=False, probes=False, customers=1)
QUICK = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def found_with(draft: Draft) -> Found:
    failure = Failure(Key("charged-once", "update"), "twice", None)
    return Found(failure, draft, Outcome(draft.variant(), {failure.key: failure}))


@QUICK
@given(drafts(Bounds()))
def test_a_draft_is_sensible_and_its_file_says_the_same(draft: Draft) -> None:
    assert reads_back(found_with(draft))


@QUICK
@given(drafts(Bounds()))
def test_act_1_is_hampered_only_between_customers_and_the_gateway(draft: Draft) -> None:
    if draft.data["backend"].get("regime") == "act-1":
        assert not {"capacity", "storm"} & draft.data.keys()
        for fault in draft.data.get("faults", ()):
            assert fault["kind"] == "webhook_forged" or fault["service"] == "gateway"


@QUICK
@given(drafts(Bounds()))
def test_every_fault_ends(draft: Draft) -> None:
    for fault in draft.data.get("faults", ()):
        assert "first" in fault or "until" in fault


@QUICK
@given(drafts(REAL))
def test_nothing_goes_wrong_at_a_real_deployment(draft: Draft) -> None:
    assert not {"faults", "storm", "capacity", "probe"} & draft.data.keys()
    assert draft.data["backend"] == {"phase": 4}
    assert draft.data["customers"]["count"] == 1


def test_the_simplest_draft_is_one_customer_of_the_default_kind() -> None:
    simplest = find(drafts(Bounds()), lambda _: True, settings=QUICK)
    assert simplest == Draft({"customers": {"count": 1}, "backend": {"phase": 0}}, 1)


@pytest.mark.parametrize("kind", ["latency", "webhook_reorder", "error", "webhook_forged", "outage"])
def test_every_kind_of_fault_can_be_drawn(kind: str) -> None:
    def has_it(draft: Draft) -> bool:
        return any(fault["kind"] == kind for fault in draft.data.get("faults", ()))

    assert has_it(find(drafts(Bounds()), has_it, settings=settings(QUICK, max_examples=1_000)))


def test_a_draft_that_no_file_may_say_is_senseless() -> None:
    line = {"rate_plan": "workers_paid", "frequency": "yearly"}
    draft = Draft({"customers": {"count": 1, "carts": [{"lines": [line]}]}, "backend": {"phase": 2}}, 1)
    with pytest.raises(Senseless, match="yearly"):
        draft.variant()
