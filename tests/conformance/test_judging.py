"""Judging: the fold over customers, its verdicts, and what it survives."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import judging as judging_module
from conformance.history import History
from conformance.judging import OFFENDERS_KEPT, Judging
from conformance.properties import PROPERTIES
from conformance.property import Judgement
from conformance.verdict import PropertyVerdict
from sim.facts import Fact

Told = Callable[..., Any]
NEWP = "no-entitlement-without-payment"
ACCOUNT = "acct00000007"


def early(story: Told, at: float) -> Any:
    """An entitlement that comes before its payment, at 39.5 s."""
    return story().plain().alter("entitlement", {"source": "exact"}, at=at)


@cache
def tales(story: Told) -> list[Any]:
    """Customers of every kind, with circumstances in common."""
    return [
        story().plain(),
        early(story, 20),
        early(story, 30),
        story().unpaid(),
        story().unpaid(state="AwaitingPayment", intent="requires_payment_method"),
        story().plain().alter("settled", state="cut_off"),
        story().begin().refuse(11, "r1"),
        story().in_force().begin().upgrading().changed(12).finish_upgrade("zone_business", 240000, "canceled"),
        story().plain().tell(90, "outcome", "a1", state="declined"),
        story().plain().tell(50, "charge", None, related="pi_1").tell(50, "intent", None, detail=3),
    ]


def judge(histories: list[History], *ids: str) -> Judging:
    judging = Judging(ids or PROPERTIES)
    for history in histories:
        judging.add(history)
    return judging


def verdict(histories: list[History], property_id: str) -> PropertyVerdict:
    (found,) = judge(histories, property_id).verdicts()
    return found


def test_held_needs_checks_and_nothing_found(story: Told) -> None:
    found = verdict([story().plain().history(), story().begin().bought().history()], "zero-due-sets-up")
    assert (found.value, found.because, found.checks) == ("inconclusive", "nothing_observed", 0)
    found = verdict([story().plain().history(customer) for customer in range(3)], NEWP)
    assert (found.value, found.because, found.checks, found.histories) == ("held", "checked", 6, 3)
    assert found.first is found.worst is None


def test_first_is_the_earliest_customer_and_worst_the_largest_magnitude(story: Told) -> None:
    histories = [early(story, 38).history(5), early(story, 20).history(9), early(story, 39).history(2)]
    found = verdict(histories, NEWP)
    assert found.value == "violated"
    assert (found.violations, found.offending_customers) == (3, 3)
    assert found.first is not None
    assert found.first.customer == 2
    assert found.worst is not None
    assert found.worst.customer == 9
    assert found.offenders == (2, 5, 9)
    assert found.reason == "3 customers of 3 affected"


def test_equal_offenders_go_by_customer(story: Told) -> None:
    found = verdict([early(story, 20).history(customer) for customer in (8, 3, 4)], NEWP)
    assert found.worst is not None
    assert found.worst.customer == 3


def test_findings_are_counted_by_tier(story: Told) -> None:
    told = story().unpaid(state="Provisioned", intent="requires_payment_method")
    told.tell(11, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    told.tell(25 * 3600, "final_entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    found = verdict([told.history(customer) for customer in range(4)], NEWP)
    assert [(tier.tier, tier.violations) for tier in found.by_tier] == [("inline", 4), ("batch", 4)]
    assert found.violations == 8
    assert found.offending_customers == 4


def test_a_customer_cut_off_keeps_a_batch_property_from_being_held(story: Told) -> None:
    cut = story().plain().alter("settled", state="cut_off").history(3)
    found = verdict([story().plain().history(1), cut], "charged-once")
    assert (found.value, found.because, found.undecided_histories) == ("inconclusive", "undecided", 1)
    assert "customer 3: the run was cut off" in found.reason


def test_inconclusive_never_hides_violated(story: Told) -> None:
    cut = story().plain().alter("settled", state="cut_off").history(3)
    told = story().plain().tell(90, "outcome", "a1", state="declined")
    assert verdict([cut, told.history(4)], "conversion-counted-once").value == "violated"


def test_what_does_not_apply_says_why(story: Told) -> None:
    found = verdict([story(regime="legacy").plain().history()], "no-rollback")
    assert (found.value, found.because) == ("inconclusive", "not_applicable")
    assert found.reason == "applies under continuation only; the regime is legacy"


def test_labels_are_counted_over_all_customers(story: Told) -> None:
    histories = [story(phase=0).plain().refuse(5, "r0").history(customer) for customer in range(7)]
    assert verdict(histories, "consumers-known").noted == (("unified-checkout bulk_create", 7),)


def test_a_crash_is_inconclusive_and_its_text_is_kept(story: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(history: History) -> Judgement:
        raise ZeroDivisionError(f"customer {history.customer} broke it")

    broken = {**PROPERTIES, NEWP: replace(PROPERTIES[NEWP], function=crash, orderly=None)}
    monkeypatch.setattr(judging_module, "PROPERTIES", broken)
    judging = judge([story().plain().history(customer) for customer in (4, 2)], NEWP, "charged-once")
    found, other = judging.verdicts()
    assert (found.value, found.because, found.crashes) == ("inconclusive", "crashed", 2)
    assert found.crash is not None
    assert found.crash.splitlines()[0] == "ZeroDivisionError: customer 2 broke it"
    assert "test_judging.py:" in found.crash
    assert "first for customer 2: ZeroDivisionError: customer 2 broke it" in found.reason
    assert other.value == "held"


def test_a_crash_does_not_hide_a_finding(story: Told) -> None:
    mangled = early(story, 20).tell(50, "entitlement", "s1", state="active", detail=3)
    found = verdict([early(story, 20).history(1), mangled.history(2)], NEWP)
    assert found.value == "violated"


def test_unknown_properties_are_refused() -> None:
    with pytest.raises(ValueError, match="no property 'no-such' is checked: expected one of no-entitlement"):
        Judging(["no-such"])


def test_shards_of_different_properties_are_not_merged() -> None:
    with pytest.raises(ValueError, match="shards judged different properties"):
        Judging(["charged-once"]).merge(Judging(["no-rollback"]))


def test_few_offenders_are_kept_and_fewer_may_be_asked_for(story: Told) -> None:
    judging = judge([early(story, 20).history(customer) for customer in range(20, 0, -1)], NEWP, "charged-once")
    assert OFFENDERS_KEPT == 5
    assert judging.offenders() == {NEWP: [1, 2, 3, 4, 5]}
    assert judging.offenders(limit=2) == {NEWP: [1, 2]}


def test_memory_does_not_grow_with_the_number_of_customers(story: Told) -> None:
    facts = early(story, 20).history().facts
    circumstances = story().circumstances

    def size(count: int) -> int:
        judging = judge([History(customer, ACCOUNT, facts, circumstances) for customer in range(100, 100 + count)])
        return len(pickle.dumps(judging))

    assert size(40) < size(20) + 100


@settings(max_examples=60)
@given(data=st.data())
def test_how_customers_are_cut_into_shards_changes_nothing(story: Told, data: st.DataObject) -> None:
    kinds = tales(story)
    chosen = data.draw(st.lists(st.sampled_from(range(len(kinds))), min_size=1, max_size=12))
    circumstances = story().circumstances
    histories = [
        History(customer, ACCOUNT, kinds[kind].history().facts, circumstances) for customer, kind in enumerate(chosen)
    ]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(histories)), max_size=4)))
    edges = [0, *cuts, len(histories)]
    whole = Judging(PROPERTIES)
    for start, end in pairwise(edges):
        settled_in_any_order = data.draw(st.permutations(histories[start:end]))
        whole.merge(pickle.loads(pickle.dumps(judge(settled_in_any_order))))
    alone = judge(histories)
    assert whole.verdicts() == alone.verdicts()
    assert whole.offenders() == alone.offenders()


COLUMNS = ("subject", "related", "operation", "state", "status", "code", "amount_minor", "detail")


@st.composite
def mangled(draw: st.DrawFn, facts: list[Fact]) -> list[Fact]:
    """A history with facts lost, repeated, moved, and columns that are empty or another fact's."""
    kept = [draw(st.sampled_from(facts)) for _ in range(draw(st.integers(0, len(facts))))]
    told = []
    for fact in kept:
        for column in draw(st.lists(st.sampled_from(COLUMNS), max_size=3)):
            value = getattr(draw(st.sampled_from(facts)), column)
            if column != "subject" and draw(st.booleans()):
                value = None
            fact = fact._replace(**{column: value})
        told.append(fact._replace(time_us=draw(st.sampled_from(facts)).time_us))
    return draw(st.permutations(told))


@settings(max_examples=60)
@given(data=st.data())
def test_no_history_however_mangled_crashes_a_property(story: Told, data: st.DataObject) -> None:
    tale = data.draw(st.sampled_from(tales(story)[:-1]))
    changes = data.draw(
        st.sampled_from([{}, {"phase": 0, "front_end": "old"}, {"phase": 2, "front_end": "old"}, {"regime": "legacy"}])
    )
    facts = data.draw(mangled(tale.facts))
    history = History(1, ACCOUNT, facts, replace(tale.circumstances, **changes))
    judging = judge([history])
    for found in judging.verdicts():
        assert found.crash is None, (found.property, found.crash)
        assert (found.value == "violated") == (found.violations > 0)
        assert found.checks > 0 or found.value != "held"


@settings(max_examples=60)
@given(data=st.data())
def test_details_of_any_shape_crash_at_most_the_properties_that_read_them(story: Told, data: st.DataObject) -> None:
    tale = data.draw(st.sampled_from(tales(story)[:-1]))
    odd = st.sampled_from([3, "text", [], {"subscription_ids": 7}, {"products": 1, "lines": "x"}, {"messages": 3}])
    facts = [
        fact._replace(detail=data.draw(odd)) if data.draw(st.booleans()) else fact
        for fact in data.draw(st.permutations(tale.facts))
    ]
    for found in judge([History(1, ACCOUNT, facts, tale.circumstances)]).verdicts():
        assert found.value in ("held", "violated", "inconclusive")
        if found.crashes and found.violations == 0:
            assert (found.value, found.because) == ("inconclusive", "crashed")
