"""Metrics over hand-made histories whose figures are known, and the fold's algebra."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from reports.figures import keys
from reports.metrics import MAX_BINS, Metrics
from scenarios.metrics import METRICS, SELECTORS


def fold(*stories: Any, bin_us: int = 60_000_000) -> Metrics:
    metrics = Metrics(bin_us)
    for one in stories:
        metrics.add(one.history)
    return metrics


def mixture(story: Any) -> list[Any]:
    return [
        story(0).bought(at_s=10, pays_after_s=30),
        story(1).bought(at_s=70, pays_after_s=60, pays_with="wallet", region="asia"),
        story(2).blocked(at_s=20, client="multisku", products=["r2"]),
        story(3).declined(at_s=30),
        story(4).blocked(at_s=200, operation="update"),
    ]


def test_a_plain_purchase_converts(story: Any) -> None:
    metrics = fold(story().bought(pays_after_s=60))
    assert metrics.conversion() == pytest.approx((1.0, 0.2065, 1.0, 1), abs=1e-4)
    assert metrics.time_to_payment_s(0.5) == 60.0
    assert metrics.time_to_entitlement_s(0.5) == 1.0
    assert (metrics.drift, metrics.unpaid_entitlements, metrics.captured_minor) == (0, 0, 500)


def test_known_figures_of_a_mixture(story: Any) -> None:
    metrics = fold(*mixture(story))
    expected = {
        "conversion": 0.4,
        "conversion[client=multisku]": 0.0,
        "conversion[client=unified-checkout]": 0.5,
        "conversion[pays_with=wallet]": 1.0,
        "conversion[product=r2]": 0.0,
        "conversion[region=asia]": 1.0,
        "attempts": 5,
        "converted": 2,
        "outcome[blocked_by_gate]": 2,
        "outcome[stuck]": 0,
        "outcome_share[declined]": 0.2,
        "reached[submitted]": 1.0,
        "reached[done]": 0.4,
        "pm_gate_rejections": 2,
        "pm_gate_rejections[operation=update]": 1,
        "pm_gate_rejections[client=multisku]": 1,
        "pm_gate_rejections[operation=append]": None,
        "pm_gate_rejection_rate": 0.4,
        "pm_gate_rejection_rate[operation=bulk_create]": 0.25,
        "payment_failures": 1,
        "payment_failures[decline_code=insufficient_funds]": 1,
        "payment_failures[decline_code=lost_card]": 0,
        "payment_failure_rate": pytest.approx(1 / 3),
        "tickets": 2,
        "tickets[client=multisku]": 1,
        "time_to_payment_p50_s": 45.0,
        "time_to_payment_p50_s[client=multisku]": None,
        "expired_subscriptions": 1,
        "charges[succeeded]": 2,
        "charges[failed]": 1,
        "captured_minor": 1000,
        "webhook_deliveries[delivered]": 2,
        "unknown_answers": 0,
    }
    assert {key: metrics.figure(key) for key in expected} == expected


def test_steps_tell_where_attempts_were_left(story: Any) -> None:
    flows = {flow.step: (flow.entered, flow.left) for flow in fold(*mixture(story)).steps()}
    assert flows == {
        "started": (5, 0),
        "payment": (3, 0),
        "submitted": (5, 2),
        "confirming": (3, 1),
        "entitlement": (2, 0),
        "done": (2, 2),
    }


def test_merging_equals_adding_all(story: Any) -> None:
    stories = mixture(story)
    whole = fold(*stories)
    for cut in range(len(stories) + 1):
        first, second = fold(*stories[:cut]), pickle.loads(pickle.dumps(fold(*stories[cut:])))
        second.merge(first)
        assert second.values() == whole.values()
        assert second.rejected_by_bin == whole.rejected_by_bin
        assert second.conversion_by("client") == whole.conversion_by("client")
        assert (second.customers, second.steps()) == (5, whole.steps())


def test_metrics_of_different_stretches_do_not_merge() -> None:
    with pytest.raises(ValueError, match="cannot be merged"):
        Metrics(1_000_000).merge(Metrics(2_000_000))


def test_rejections_over_time_are_bounded(story: Any) -> None:
    metrics = fold(*(story(i).blocked(at_s=i * 90) for i in range(500)))
    assert metrics.rejected_by_bin[0] == 1
    assert max(metrics.rejected_by_bin) == MAX_BINS - 1
    assert sum(metrics.rejected_by_bin.values()) == 500
    assert metrics.gated_by_bin == metrics.rejected_by_bin


def test_every_figure_that_a_scenario_may_name_is_supplied(story: Any) -> None:
    for metrics in (fold(), fold(*mixture(story))):
        supplied = metrics.values()
        for metric in METRICS.values():
            for value in metric.values:
                assert f"{metric.name}[{value}]" in supplied
            assert metric.values or metric.name in supplied
            for selector in metric.selectors:
                for value in SELECTORS[selector]:
                    metrics.figure(f"{metric.name}[{selector}={value}]")


def test_a_run_without_customers_has_no_figures() -> None:
    empty = {key: value for key, value in fold().values().items() if value is not None}
    assert empty == {"attempts": 0}
    assert fold().conversion() is None


def test_an_unknown_figure_is_an_error() -> None:
    with pytest.raises(KeyError, match='there is no metric "conversions"'):
        fold().figure("conversions")


def test_keys_name_what_occurred(story: Any) -> None:
    found = set(keys(fold(story().blocked(client="iapi/provisioner"))))
    assert {"conversion[client=iapi]", "conversion[client=iapi/provisioner]"} <= found
    assert "conversion[client=multisku]" not in found


def test_softened_answers_are_counted_as_warnings(story: Any) -> None:
    warned = story().attempt(1).ask(2, "r1", "update", 200, detail={"client_secrets": 0, "messages": [1210]})
    metrics = fold(warned)
    assert metrics.figure("pm_gate_warnings[operation=update]") == 1
    assert metrics.figure("pm_gate_warnings[operation=bulk_create]") is None
    assert metrics.figure("pm_gate_rejections") == 0


def test_a_decline_by_stripe_is_no_gate_rejection(story: Any) -> None:
    refused = story().attempt(1).ask(2, "r1", "bulk_create", 402, 1214)
    assert fold(refused).figure("pm_gate_rejections") == 0
