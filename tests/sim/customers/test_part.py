"""What a part of a cart makes of its answer."""

from __future__ import annotations

from typing import Any

from sim.customers.part import Part


def subscription(plan: str) -> dict[str, Any]:
    return {"id": f"sub_{plan}", "rate_plan": {"id": plan}}


def test_features_are_those_of_the_plans_in_whatever_order_an_answer_lists_them() -> None:
    part = Part("bulk_create", "POST", "/bulk/subscriptions", {}, ("workers_paid", "images"))
    listed = [subscription("images"), subscription("workers_paid")]
    assert [part.feature_of(number, one) for number, one in enumerate(listed)] == ["images", "workers_paid"]


def test_a_change_that_is_answered_with_the_plan_in_force_still_waits_for_the_coming_one() -> None:
    part = Part("update", "PUT", "/subscriptions/sub_zone_pro", {}, ("zone_business",))
    assert part.feature_of(0, subscription("zone_pro")) == "zone_business"
