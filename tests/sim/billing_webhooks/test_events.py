"""Events: believed only when signed, applied once, in any order."""

from __future__ import annotations

import itertools

import pytest

from sim.messages import Request


@pytest.fixture
def paid(backend):
    """A customer who has paid, none of whose events has been delivered."""
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    backend.deliveries.held = True
    shopper.confirm(secret)
    return shopper


def succeeded(shopper):
    return shopper.events("payment_intent.succeeded")[0]


@pytest.mark.parametrize(("age_s", "secret"), [(301, None), (0, "whsec_other"), (10**6, None)])
def test_a_bad_or_stale_signature_changes_nothing(backend, paid, refusal_of, age_s, secret):
    assert refusal_of(backend.deliver(succeeded(paid), age_s, secret)) == (400, 1001)
    assert paid.active() == []
    assert paid.facts("event")[-1].state == "rejected"


def test_a_signature_of_300_seconds_is_believed(backend, paid):
    assert backend.deliver(succeeded(paid), 300).status == 200
    assert paid.active() == ["workers_paid"]


@pytest.mark.parametrize(
    "headers", [{}, {"stripe-signature": ""}, {"stripe-signature": "t=1"}, {"stripe-signature": "v1=a"}]
)
@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", None, {"id": "evt_1"}])
def test_what_is_not_signed_is_refused(backend, refusal_of, headers, body):
    answer = backend.call("billing-webhooks", Request("POST", "/webhooks/stripe", body, headers))
    assert refusal_of(answer) == (400, 1001)


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        {"id": "evt_1", "type": "payment_intent.succeeded", "data": {}},
        {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "metadata": "x"}}},
        {"id": 1, "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}},
        {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": 1}}},
        {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "metadata": {"a": 1}}}},
        {"id": "evt_1", "type": "a", "data": {"object": {"id": "pi_1"}, "previous_attributes": [None]}},
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(backend, refusal_of, event):
    assert refusal_of(backend.deliver(event)) == (400, 1001)


def test_other_paths_and_methods_are_refused(backend, refusal_of):
    assert refusal_of(backend.call("billing-webhooks", Request("POST", "/internal/apply", {}))) == (404, 7003)
    assert refusal_of(backend.call("billing-webhooks", Request("GET", "/webhooks/stripe"))) == (405, 7001)


def test_a_duplicate_changes_nothing(backend, paid):
    event = succeeded(paid)
    for _ in range(3):
        assert backend.deliver(event).status == 200
    assert backend.deliver({**event, "id": "evt_another"}).status == 200
    assert [fact.state for fact in paid.facts("event")] == ["applied"] + ["duplicate"] * 3
    assert [fact.state for fact in paid.facts("entitlement")] == ["active"]
    assert len(paid.get("/billing/history")) == 1


def test_an_event_is_taken_once_whatever_it_is_about(backend, paid):
    (attached,) = paid.events("payment_method.attached")
    assert [backend.deliver(attached).status for _ in range(2)] == [200, 200]
    assert [fact.state for fact in paid.facts("event")] == ["applied", "duplicate"]


def test_any_order_of_events_leaves_the_same_state(make_backend):
    endings = set()
    types = ["payment_intent.payment_failed", "payment_intent.succeeded", "payment_method.attached"]
    for order in itertools.permutations(types):
        backend = make_backend()
        shopper = backend.shopper(account_id="acct00000001")
        (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
        backend.deliveries.held = True
        shopper.confirm(secret, "pm_card_visa_chargeDeclined")
        shopper.confirm(secret)
        for event_type in order:
            assert backend.deliver(shopper.events(event_type)[0]).status == 200
        endings.add(repr(backend.api.snapshot(shopper.account_id)))
        assert shopper.active() == ["workers_paid"]
    assert len(endings) == 1


def test_an_unknown_object_or_account_is_taken_and_changes_nothing(backend, paid):
    event = succeeded(paid)
    intent = event["data"]["object"]
    for changed in (
        {"metadata": {"account_id": "acct99999999"}},
        {"metadata": {}, "customer": None},
        {"id": "pi_unknown", "metadata": {"account_id": paid.account_id}},
        {"id": "pi_unknown", "metadata": {"account_id": paid.account_id, "purchase_id": "p9-9"}},
        {"customer": "cus_another"},
    ):
        forged = {**event, "id": "evt_x", "data": {"object": {**intent, **changed}}}
        assert backend.deliver(forged).status == 200
    assert backend.deliver({**event, "id": "evt_y", "type": "customer.updated"}).status == 200
    assert paid.active() == []
    assert list(paid.states().values()) == ["AwaitingPayment"]


def test_a_success_of_less_than_what_is_due_grants_nothing(backend, paid):
    event = succeeded(paid)
    less = {**event["data"]["object"], "amount_received": 499}
    assert backend.deliver({**event, "data": {"object": less}}).status == 200
    assert paid.active() == []


def test_an_event_that_overtakes_the_answer_waits_for_the_request(backend):
    """The request holds the account while it waits for Stripe; the event comes meanwhile."""
    shopper = backend.shopper("valid")
    backend.fault("drop_answer", "stripe", "create_payment_intent")
    shopper.buy("workers_paid")
    backend.wait(1)
    facts = [(fact.kind, fact.state) for fact in shopper.facts("subscription") + shopper.facts("event")]
    assert ("event", "applied") in facts
    assert shopper.active() == ["workers_paid"]


def test_a_handler_that_fails_n_times_converges(backend):
    shopper = backend.shopper("valid")
    backend.fault("error", "billing-webhooks", "payment_intent.succeeded", first=4)
    shopper.buy("workers_paid")
    backend.wait(3600)
    assert shopper.active() == ["workers_paid"]


def test_a_late_detachment_is_not_undone_by_a_later_attachment_event(backend):
    shopper = backend.shopper()
    backend.deliveries.held = True
    secret = shopper.ask("POST", "/billing/profile/payment-method", {}).body["result"]["client_secret"]
    shopper.confirm(secret)
    (attached,) = shopper.events("payment_method.attached")
    backend.merchant("POST", f"/v1/payment_methods/{attached['data']['object']['id']}/detach", {})
    (detached,) = shopper.events("payment_method.detached")
    for event in (detached, attached, shopper.events("setup_intent.succeeded")[0]):
        assert backend.deliver(event).status == 200
    assert shopper.account.payment_methods == {}


def test_a_late_attachment_does_not_make_an_expired_card_valid(backend):
    """The card was aged after it was attached: its attachment tells the expiry of then."""
    shopper = backend.shopper("expired")
    (attached,) = shopper.events("payment_method.attached")
    assert attached["data"]["object"]["card"]["exp_year"] > 2030
    assert backend.deliver(attached).status == 200
    assert [fact.state for fact in shopper.facts("event")] == ["applied"]
    (known,) = shopper.account.payment_methods.values()
    assert (known.exp_month, known.exp_year) == (1, 2020)


def test_an_attachment_describes_what_an_intent_put_on_file(backend, paid):
    assert backend.deliver(succeeded(paid)).status == 200
    (method,) = paid.account.payment_methods.values()
    assert method.last4 is None
    (attached,) = paid.events("payment_method.attached")
    assert backend.deliver(attached).status == 200
    assert (method.type, method.last4) == ("card", "4242")


def test_no_attachment_is_delivered_unless_somebody_subscribes(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    shopper.confirm(secret)
    backend.wait(3600)
    assert len(shopper.events("payment_method.attached")) == 1
    assert [fact.operation for fact in shopper.facts("webhook")] == ["payment_intent.succeeded"]
    assert [method["valid"] for method in shopper.get("/payment-methods")] == [True]


def test_a_cancellation_at_stripe_lets_the_customer_buy_again(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    backend.merchant("POST", f"/v1/payment_intents/{secret.partition('_secret_')[0]}/cancel", {})
    backend.wait(2)
    (again,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    assert again != secret


def test_the_age_of_a_signature_may_be_measured_by_another_clock(backend, paid):
    from sim.billing_webhooks import BillingWebhooks
    from sim.time import EPOCH_S

    now = EPOCH_S + 301.0
    backend.world.services["billing-webhooks"] = BillingWebhooks(
        backend.config, backend.store, backend.clock, backend.journal, now_s=lambda: now
    )
    assert backend.deliver(succeeded(paid)).status == 400
