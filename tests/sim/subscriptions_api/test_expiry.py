"""Unpaid purchases end after 23 hours; a late success goes back."""

from __future__ import annotations

HOUR_S = 3600
HELD = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}


def test_an_unpaid_purchase_expires_after_23_hours_and_can_be_bought_again(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    backend.wait(23 * HOUR_S - 1)
    assert list(shopper.states().values()) == ["AwaitingPayment"]
    backend.wait(2)
    assert list(shopper.states().values()) == ["Expired"]
    assert shopper.statuses() == ["canceled"]
    assert shopper.buy("workers_paid").status == 200
    assert list(shopper.states().values()) == ["Expired", "AwaitingPayment"]


def test_a_repeat_does_not_restart_the_23_hours(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    backend.wait(22 * HOUR_S)
    shopper.buy("workers_paid")
    backend.wait(2 * HOUR_S)
    assert list(shopper.states().values()) == ["Expired"]


def test_what_is_paid_does_not_expire(backend):
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid")
    backend.wait(25 * HOUR_S)
    assert shopper.active() == ["workers_paid"]


def test_an_expiry_waits_until_stripe_can_be_reached(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    backend.fault("error", "stripe")
    backend.wait(24 * HOUR_S)
    assert list(shopper.states().values()) == ["AwaitingPayment"]
    backend.no_fault()
    backend.wait(HOUR_S)
    assert list(shopper.states().values()) == ["Expired"]
    assert shopper.statuses() == ["canceled"]


def test_an_expiry_that_stripe_never_allows_is_given_up_after_three_days(backend):
    """Else a world in which Stripe refuses for good would never come to rest."""
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    backend.fault("error", "stripe")
    backend.world.run()
    assert list(shopper.states().values()) == ["AwaitingPayment"]
    assert 72 * HOUR_S <= backend.clock.now_us / 1e6 < 73 * HOUR_S


def test_a_success_whose_event_is_later_than_the_expiry_is_refunded_once(backend):
    shopper = backend.shopper()
    backend.deliveries.held = True
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    shopper.confirm(secret)
    backend.wait(24 * HOUR_S)
    assert list(shopper.states().values()) == ["Expired"]
    assert shopper.captured_minor() == 0
    (event,) = shopper.events("payment_intent.succeeded")
    assert backend.deliver(event).status == 200
    assert shopper.captured_minor() == 0
    assert shopper.active() == []
    assert len(shopper.facts("refund")) == 1


def test_a_success_reported_for_an_ended_purchase_is_refunded_even_if_stripe_fails_first(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    backend.deliveries.held = True
    shopper.confirm(secret)
    (event,) = shopper.events("payment_intent.succeeded")
    purchase = next(iter(shopper.account.purchases.values()))
    # As if the cancellation had reached Stripe a moment too late.
    del shopper.account.open_purchases[purchase.id]
    purchase.state = "ended"
    backend.fault("error", "stripe", "create_refund", first=1)
    assert backend.deliver(event).status == 503
    backend.no_fault()
    assert backend.deliver(event).status == 200
    assert shopper.captured_minor() == 0
    assert backend.deliver(event).status == 200
    assert len(shopper.facts("refund")) == 1
    assert shopper.active() == []


def test_an_unpaid_change_ends_and_the_subscription_stays(backend):
    shopper = backend.shopper("none", subscriptions=[HELD])
    (held,) = shopper.states()
    shopper.ask("PUT", f"/subscriptions/{held}", {"rate_plan": {"id": "zone_business"}, "user_is_on_session": True})
    backend.wait(24 * HOUR_S)
    (item,) = shopper.get("/subscriptions")
    assert (item["state"], item["rate_plan"]["id"], item["price"]) == ("Provisioned", "zone_pro", 2_500)
    assert shopper.active() == ["zone_pro"]
    assert [fact.state for fact in shopper.facts("plan")] == ["change_waiting", "change_ended"]
    assert shopper.statuses() == ["canceled"]
