"""update and append: the old plan stays in force, and only it, until the difference is paid."""

from __future__ import annotations

import pytest

PRO = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}


@pytest.fixture
def shopper(backend):
    return backend.shopper("none", subscriptions=[PRO])


def held(shopper):
    return shopper.made["subscriptions"][0]["id"]


def update(shopper, plan="zone_business", on_session=True, **more):
    body = {"rate_plan": {"id": plan}, "user_is_on_session": on_session, **more}
    return shopper.ask("PUT", f"/subscriptions/{held(shopper)}", body)


def append(shopper, value=2, name="page_rules", **more):
    body = {"component_values": [{"name": name, "value": value}], "user_is_on_session": True, **more}
    return shopper.ask("POST", f"/subscriptions/{held(shopper)}/action/append", body)


def test_the_difference_is_due_and_the_old_plan_stays_until_it_is_paid(backend, shopper):
    answer = update(shopper)
    (item,) = answer.body["result"]["subscriptions"]
    assert (item["id"], item["rate_plan"]["id"], item["state"]) == (held(shopper), "zone_business", "AwaitingPayment")
    assert item["price"] == 25_000 - 2_500 == shopper.intents()[0]["amount"]
    (in_force,) = shopper.get("/subscriptions")
    assert (in_force["rate_plan"]["id"], in_force["state"], in_force["price"]) == ("zone_pro", "Provisioned", 2_500)
    assert shopper.active() == ["zone_pro"]
    shopper.confirm(answer.body["result"]["client_secrets"][0])
    backend.wait(2)
    (after,) = shopper.get("/subscriptions")
    assert (after["id"], after["rate_plan"]["id"], after["price"]) == (held(shopper), "zone_business", 25_000)
    assert shopper.active() == ["zone_business"]
    assert [fact.state for fact in shopper.facts("plan")] == ["change_waiting", "change_applied"]
    assert [fact.detail["feature"] for fact in shopper.facts("entitlement")] == ["zone_pro", "zone_business"]


def test_append_counts_units_into_the_price(backend, shopper):
    answer = append(shopper, 3)
    assert answer.body["result"]["subscriptions"][0]["price"] == 300
    shopper.confirm(answer.body["result"]["client_secrets"][0])
    backend.wait(2)
    assert shopper.get("/subscriptions")[0]["price"] == 2_800
    assert append(shopper, 1, name="anything").body["result"]["subscriptions"][0]["price"] == 100


def test_a_repeat_is_the_same_change_and_another_one_is_refused_while_it_waits(shopper, refusal_of):
    first, second = update(shopper), update(shopper)
    assert first.body["result"]["client_secrets"] == second.body["result"]["client_secrets"] != []
    assert len(shopper.intents()) == 1
    assert refusal_of(append(shopper)) == (409, 1231)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_a_component_value_that_is_no_whole_number_from_one_on_is_refused(shopper, refusal_of, value):
    assert refusal_of(append(shopper, value)) == (400, 1001)


def test_nothing_due_is_in_force_at_once_with_a_payment_method_and_after_a_set_up_without(backend):
    business = {"rate_plan": {"id": "zone_business"}, "frequency": "monthly"}
    shopper = backend.shopper("valid", subscriptions=[business])
    answer = update(shopper, "zone_pro")
    assert answer.body["result"]["subscriptions"][0]["state"] == "Provisioned"
    assert shopper.active() == ["zone_pro"]
    other = backend.shopper("none", subscriptions=[business])
    (secret,) = update(other, "zone_pro").body["result"]["client_secrets"]
    assert secret.startswith("seti_")
    assert other.active() == ["zone_business"]
    other.confirm(secret)
    backend.wait(2)
    assert other.active() == ["zone_pro"]


def test_a_payment_method_in_the_body_pays_the_difference(backend, shopper):
    answer = update(shopper, payment_method_id=shopper.card())
    assert answer.body["result"]["client_secrets"] == []
    assert shopper.active() == ["zone_pro"]
    backend.wait(2)
    assert shopper.active() == ["zone_business"]


def test_a_refused_difference_changes_nothing(backend, refusal_of):
    shopper = backend.shopper("declining", subscriptions=[PRO])
    assert refusal_of(update(shopper)) == (402, 1214)
    assert shopper.active() == ["zone_pro"]
    (item,) = shopper.get("/subscriptions")
    assert (item["price"], item["state"]) == (2_500, "Provisioned")


def test_a_service_cannot_confirm_and_the_owner_finds_the_change_through_pre_auth(backend, shopper):
    answer = update(shopper, on_session=False)
    assert [message["code"] for message in answer.body["messages"]] == [1211]
    line = {"rate_plan": {"id": "zone_business"}, "frequency": "monthly"}
    reached = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", {"subscriptions": [line]})
    shopper.confirm(reached.body["result"]["client_secret"])
    backend.wait(2)
    assert shopper.active() == ["zone_business"]
    assert len(shopper.get("/subscriptions")) == 1


def test_only_a_subscription_in_force_can_be_changed(backend, refusal_of):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    (waiting,) = shopper.states()
    body = {"rate_plan": {"id": "images"}, "user_is_on_session": True}
    assert refusal_of(shopper.ask("PUT", f"/subscriptions/{waiting}", body)) == (409, 1231)
    assert refusal_of(shopper.ask("PUT", "/subscriptions/s0-0", body)) == (404, 7003)


def test_an_append_whose_charge_is_unknown_is_not_added_twice(backend):
    shopper = backend.shopper("valid", subscriptions=[PRO])
    backend.fault("drop_answer", "stripe", "create_payment_intent", first=1)
    assert append(shopper).status == 503
    backend.no_fault()
    backend.wait(2)
    assert append(shopper).status == 200
    backend.wait(2)
    assert shopper.captured_minor() == 200
    assert shopper.get("/subscriptions")[0]["price"] == 2_700


@pytest.mark.parametrize(
    ("component", "value"), [("cpu_million_ms", 1), ("cpu_million_ms", 24), ("cpu_million_ms", 10**9)]
)
def test_a_difference_that_stripe_never_charges_does_not_fit(backend, refusal_of, component, value):
    shopper = backend.shopper("valid", subscriptions=[{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}])
    answer = append(shopper, value, component)
    assert refusal_of(answer) == (400, 1001)
    assert answer.body["errors"][0]["message"].startswith("component_values: ")
    assert shopper.intents() == []
    assert shopper.facts("plan") == []
    assert append(shopper, 25, component).status == 200
