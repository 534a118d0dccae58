"""Sequence diagrams, plots and redaction."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.redaction import redacted, redacted_json, redacted_value
from reports.plots import Compared, before_and_after, conversion_by_phase, failure_codes, rejections_by_phase
from reports.sequence import MOST_ROWS, rows_of, sequence_diagram
from reports.statistics import Proportion, proportion


def share(count: int, n: int = 100) -> Proportion:
    found = proportion(count, n)
    assert found is not None
    return found


def test_a_purchase_is_drawn_from_one_lifeline_to_the_next(story: Any) -> None:
    rows = [(row.kind, row.source, row.target, row.text) for row in rows_of(story().bought().facts)]
    expected = [
        ("note", "customer", "customer", "wants workers_paid (unified-checkout)"),
        ("arrow", "customer", "subscriptions-api", "bulk_create"),
        ("arrow", "subscriptions-api", "stripe", "create pi_1 5.00 USD: requires payment method"),
        ("note", "stripe", "stripe", "pi_1 succeeded 5.00 USD"),
        ("arrow", "customer", "stripe", "confirm: succeeded"),
        ("note", "billing-webhooks", "billing-webhooks", "entitlement of sub1 active"),
        ("note", "customer", "customer", "ends: converted"),
        ("band", "customer", "stripe", "everything has settled"),
    ]
    assert [row for row in rows if row in expected] == expected


def test_a_refusal_of_the_gateway_does_not_come_from_behind_it(story: Any) -> None:
    limited = story().attempt(1).ask(2, "r1", "entitlements", 429, 971)
    assert rows_of(limited.facts)[-1].source == "gateway"
    assert rows_of(story().blocked().facts)[2].source == "subscriptions-api"


def test_proof_stands_out_and_is_never_left_out(story: Any) -> None:
    long = story().attempt(0)
    for number in range(100):
        long.note(number, "stripe", "intent", f"pi_{number}", state="succeeded")
    evidence = long.facts[70:72]
    svg = sequence_diagram(long.facts, evidence)
    assert svg.count('font-weight="600">create pi_') == 2
    assert "create pi_68" in svg
    assert "create pi_99" not in svg
    assert "rows that tell less are left out" in svg
    assert svg.count(">00:0") <= MOST_ROWS


def test_the_rows_of_the_proof_are_numbered_in_the_order_of_time(story: Any) -> None:
    facts = story().bought().facts
    late = facts[-1]
    early = next(fact for fact in facts if fact.kind == "request")
    rows = rows_of(facts, [late, early])
    assert [(row.number, row.time_us) for row in rows if row.proof] == [(1, early.time_us), (2, late.time_us)]
    svg = sequence_diagram(facts, [late, early])
    assert svg.count('r="9"') == 2


def test_rows_have_the_times_of_their_facts_and_pauses_are_said(story: Any) -> None:
    told = story().attempt(0).ask(1.25, "r1", "entitlements", 200).ask(3 * 3600, "r2", "create", 200)
    svg = sequence_diagram(told.facts)
    assert ">00:00:01.250<" in svg
    assert ">3.0 h later<" in svg
    nights = story().attempt(0).ask(25 * 3600, "r1", "create", 200)
    assert "25.0 h later, 2026-01-06" in sequence_diagram(nights.facts)


def test_what_was_lost_ends_in_a_cross_and_a_fault_stands_where_it_struck(story: Any) -> None:
    told = story().attempt(0)
    told.note(1, "world", "fault", "stripe", operation="create_payment_intent", state="drop_request")
    told.note(2, "stripe", "webhook", "evt_1", state="swallowed", operation="payment_intent.succeeded", status=200)
    told.note(3, "unified-checkout", "answer", "r1", operation="create", state="unknown")
    told.note(4, "stripe", "webhook", "evt_1", state="delivered", operation="payment_intent.succeeded", status=200)
    rows = rows_of(told.facts)[1:]
    assert [(row.source, row.target, row.text, row.lost) for row in rows] == [
        ("stripe", "stripe", "FAULT drop request: create_payment_intent", False),
        ("stripe", "billing-webhooks", "payment_intent.succeeded: lost, though 200", True),
        ("gateway", "customer", "create: no answer in time", True),
        ("stripe", "billing-webhooks", "payment_intent.succeeded", False),
    ]
    assert sequence_diagram(told.facts).count('stroke-width="2.2"') == 2


def test_of_a_long_story_what_is_near_the_proof_is_kept(story: Any) -> None:
    told = story().attempt(0)
    for number in range(100):
        told.note(number, "stripe", "intent", f"pi_{number}", state="succeeded")
    svg = sequence_diagram(told.facts, told.facts[90:91])
    assert "create pi_98" in svg
    assert "create pi_20" not in svg


def test_repeated_polls_are_drawn_once(story: Any) -> None:
    polling = story().attempt(0)
    for number in range(20):
        polling.ask(number * 3, f"r{number}", "entitlements", 200)
    assert sequence_diagram(polling.facts).count(">entitlements<") == 1


def test_a_diagram_is_well_formed_whatever_it_shows(story: Any) -> None:
    odd = story().attempt(0).note(1, "customer", "shown", "a1", state='<&"pi_9_secret_xyz>')
    ElementTree.fromstring(sequence_diagram(odd.facts))
    ElementTree.fromstring(sequence_diagram([]))
    assert "xyz" not in sequence_diagram(odd.facts)


def test_plots_are_small_well_formed_and_the_same_each_time() -> None:
    def draw() -> list[str]:
        return [
            conversion_by_phase([("a week", {0: share(60), 2: share(40), 6: share(85)})]),
            before_and_after(
                "client", [Compared("a & b", share(3), None), Compared("c", share(9), share(0))], "x", "y"
            ),
            rejections_by_phase({0: share(30), 2: share(0)}),
        ]

    first = draw()
    assert first == draw()
    for svg in first:
        root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert len(svg) < 40_000
    assert "gate removed" in first[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pi_1Ab_secret_XyZ9 and seti_2_secret_Q", "pi_1Ab_secret_… and seti_2_secret_…"),
        ("sk_test_51Habc rk_live_9 whsec_abc", "sk_test_… rk_live_… whsec_…"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer …"),
        ("card 4242 4242 4242 4242 or 4242424242424242", "card …4242 or …4242"),
        ("at 1767571200000000 us, pi_1", "at 1767571200000000 us, pi_1"),
    ],
)
def test_secrets_are_blotted_out_and_nothing_else(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_values_are_redacted_wherever_a_text_stands_and_numbers_stay() -> None:
    value = {"list": ["pi_1_secret_x"], "deep": {"key": ("sk_test_1",)}, "time_us": 4242424242424242, "none": None}
    whole = {"list": ["pi_1_secret_…"], "deep": {"key": ["sk_test_…"]}, "time_us": 4242424242424242, "none": None}
    assert redacted_value(value) == whole


def test_details_are_redacted_as_json() -> None:
    assert redacted_json({"b": "pi_1_secret_x", "a": 1}) == '{"a":1,"b":"pi_1_secret_…"}'
    assert redacted_json(None) == ""


def test_during_an_upgrade_entitlements_are_told_apart_by_their_feature(story: Any) -> None:
    told = story().attempt(0)
    for feature, state in (("zone_pro", "inactive"), ("zone_business", "active")):
        told.note(1, "subscriptions-api", "entitlement", "s0", state=state, detail={"feature": feature})
    texts = [row.text for row in rows_of(told.facts)]
    assert texts[-2:] == ["entitlement zone_pro inactive", "entitlement zone_business active"]


def test_one_phase_alone_is_compared_with_nothing() -> None:
    svg = before_and_after("product", [Compared("r2", None, share(60))], None, "phase 2")
    assert svg.count("phase 2") == 1
    codes = failure_codes([("expired_card", 3.0, 3.0)], None, "phase 2")
    assert codes.count("phase 2") == 1
    assert failure_codes([("expired_card", 3.0, 3.0)], "phase 0", "phase 2").count("phase ") == 2
