"""When entitlements are granted, and what is undone, in each regime."""

from __future__ import annotations

import pytest

HELD = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}


@pytest.mark.parametrize(
    ("regime", "granted"), [("continuation", []), ("act-1", ["workers_paid"]), ("legacy", ["workers_paid"])]
)
def test_what_is_granted_in_the_request_when_stripe_confirms_at_once(make_backend, regime, granted):
    backend = make_backend(2, regime)
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid")
    assert shopper.active() == granted
    backend.wait(2)
    assert shopper.active() == ["workers_paid"]
    assert len(shopper.get("/billing/history")) == 1
    assert len(shopper.facts("entitlement")) == 1


@pytest.mark.parametrize(("regime", "granted"), [("continuation", []), ("act-1", []), ("legacy", ["workers_paid"])])
def test_what_is_granted_before_the_customer_has_paid(make_backend, regime, granted):
    backend = make_backend(2, regime)
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    backend.wait(2)
    assert shopper.active() == granted
    shopper.confirm(secret)
    backend.wait(2)
    assert shopper.active() == ["workers_paid"]
    assert list(shopper.states().values()) == ["Provisioned"]


def test_legacy_rolls_back_when_the_charge_fails_in_the_request(make_backend, refusal_of):
    shopper = make_backend(2, "legacy").shopper("declining")
    assert refusal_of(shopper.buy("workers_paid")) == (402, 1214)
    assert shopper.get("/entitlements") == []
    assert list(shopper.states().values()) == ["AwaitingPayment"]
    assert [fact.state for fact in shopper.facts("entitlement")] == ["active", "inactive"]
    assert [fact.state for fact in shopper.facts("rollback")] == ["undone"]


def test_legacy_rolls_back_when_the_event_says_that_the_charge_failed_and_grants_when_it_succeeds(make_backend):
    backend = make_backend(2, "legacy")
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    shopper.confirm(secret, "pm_card_visa_chargeDeclined")
    backend.wait(2)
    assert shopper.active() == []
    shopper.confirm(secret)
    backend.wait(2)
    assert shopper.active() == ["workers_paid"]


def test_a_rollback_that_fails_leaves_the_grant_and_says_so(make_backend):
    backend = make_backend(2, "legacy")
    shopper = backend.shopper("declining")
    backend.fault("error", "subscriptions-api", "rollback")
    shopper.buy("workers_paid")
    assert shopper.active() == ["workers_paid"]
    assert [fact.state for fact in shopper.facts("rollback")] == ["failed"]


def test_what_legacy_granted_awaits_no_payment_and_never_expires(make_backend):
    """Only AwaitingPayment expires: a grant that nobody paid stays, which is the drift of a removal too early."""
    backend = make_backend(2, "legacy")
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    backend.wait(24 * 3600)
    assert shopper.active() == ["workers_paid"]
    assert list(shopper.states().values()) == ["Provisioned"]


def test_legacy_restores_the_old_plan_when_the_difference_is_refused(make_backend):
    backend = make_backend(2, "legacy")
    shopper = backend.shopper("declining", subscriptions=[HELD])
    (held,) = shopper.states()
    shopper.ask("PUT", f"/subscriptions/{held}", {"rate_plan": {"id": "zone_business"}, "user_is_on_session": True})
    assert shopper.active() == ["zone_pro"]
    assert shopper.get("/subscriptions")[0]["price"] == 2_500


def test_legacy_repeats_an_append_that_was_refused(make_backend):
    shopper = make_backend(2, "legacy").shopper("none", subscriptions=[HELD])
    (held,) = shopper.states()
    body = {"component_values": [{"name": "page_rules", "value": 2}], "user_is_on_session": True}
    first = shopper.ask("POST", f"/subscriptions/{held}/action/append", body)
    second = shopper.ask("POST", f"/subscriptions/{held}/action/append", body)
    assert first.body["result"]["client_secrets"] == second.body["result"]["client_secrets"] != []


def test_act_1_loses_an_event_whose_application_fails_and_continuation_does_not(make_backend):
    drift = {}
    for regime in ("act-1", "continuation"):
        backend = make_backend(2, regime)
        shopper = backend.shopper()
        (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
        backend.fault(
            "error", "billing-webhooks", "apply_event" if regime == "act-1" else "payment_intent.succeeded", first=1
        )
        shopper.confirm(secret)
        backend.wait(3600)
        drift[regime] = shopper.active()
        backend.wait(24 * 3600)
        assert shopper.active() == drift[regime]
        assert shopper.captured_minor() == 500
    assert drift == {"act-1": [], "continuation": ["workers_paid"]}


def test_act_1_loses_an_event_that_comes_before_its_object_is_known(make_backend):
    granted = {}
    for regime in ("act-1", "continuation"):
        backend = make_backend(2, regime)
        shopper = backend.shopper("valid")
        backend.fault("drop_answer", "stripe", "create_payment_intent")
        assert shopper.buy("workers_paid").status == 503
        backend.wait(60)
        assert shopper.captured_minor() == 500
        granted[regime] = shopper.active()
    assert granted == {"act-1": [], "continuation": ["workers_paid"]}
