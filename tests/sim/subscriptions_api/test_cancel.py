"""DELETE /subscriptions/{id}."""

from __future__ import annotations

PRO = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}


def cancel(shopper, subscription_id):
    return shopper.ask("DELETE", f"/subscriptions/{subscription_id}")


def test_cancelling_what_is_in_force_ends_its_entitlement(backend):
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid")
    backend.wait(2)
    (bought,) = shopper.states()
    assert cancel(shopper, bought).body["result"]["state"] == "Cancelled"
    assert [row["status"] for row in shopper.get("/entitlements")] == ["inactive"]
    assert shopper.captured_minor() == 500
    assert cancel(shopper, bought).status == 200


def test_cancelling_an_unpaid_one_cancels_its_intent(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    cancel(shopper, next(iter(shopper.states())))
    assert shopper.statuses() == ["canceled"]
    assert list(shopper.states().values()) == ["Cancelled"]


def test_cancelling_refunds_what_was_paid_already(backend):
    shopper = backend.shopper("valid")
    backend.deliveries.held = True
    shopper.buy("workers_paid")
    cancel(shopper, next(iter(shopper.states())))
    assert shopper.captured_minor() == 0
    backend.deliver(shopper.events("payment_intent.succeeded")[0])
    assert shopper.active() == []
    assert len(shopper.facts("refund")) == 1


def test_cancelling_one_line_of_an_unpaid_cart_leaves_the_others_to_be_paid(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid", "load_balancer", "r2")
    first = next(iter(shopper.states()))
    cancel(shopper, first)
    assert shopper.statuses() == ["canceled"]
    (secret,) = shopper.buy("load_balancer", "r2").body["result"]["client_secrets"]
    assert shopper.intents()[-1]["amount"] == 500
    shopper.confirm(secret)
    backend.wait(2)
    assert shopper.states() == {first: "Cancelled", "s1-2": "Provisioned", "s1-3": "Provisioned"}


def test_cancelling_one_line_of_a_paid_cart_refunds_that_line_and_grants_the_others(backend):
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid", "waiting_room")
    first = next(iter(shopper.states()))
    cancel(shopper, first)
    backend.wait(2)
    assert shopper.captured_minor() == 20_000
    assert shopper.active() == ["waiting_room"]
    assert [invoice["amount"] for invoice in shopper.get("/billing/history")] == [20_000]


def test_cancelling_ends_a_waiting_change_too(backend):
    shopper = backend.shopper("none", subscriptions=[PRO])
    (held,) = shopper.states()
    shopper.ask("PUT", f"/subscriptions/{held}", {"rate_plan": {"id": "zone_business"}, "user_is_on_session": True})
    cancel(shopper, held)
    assert shopper.statuses() == ["canceled"]
    assert shopper.active() == []


def test_cancelling_while_stripe_is_out_of_reach_changes_nothing(backend, refusal_of):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    backend.fault("error", "stripe")
    assert refusal_of(cancel(shopper, next(iter(shopper.states())))) == (503, 1232)
    assert list(shopper.states().values()) == ["AwaitingPayment"]


def test_an_unknown_or_foreign_subscription_is_404(backend, refusal_of):
    other = backend.shopper("valid", subscriptions=[PRO])
    shopper = backend.shopper()
    assert refusal_of(cancel(shopper, next(iter(other.states())))) == (404, 7003)
    assert list(other.states().values()) == ["Provisioned"]
