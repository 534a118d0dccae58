"""Stripe out of reach: what is unknown can be repeated, and is never charged twice."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["drop_request", "drop_answer", "error"])
def test_a_purchase_whose_charge_is_unknown_can_be_repeated_without_a_second_charge(backend, refusal_of, kind):
    shopper = backend.shopper("valid")
    backend.fault(kind, "stripe", "create_payment_intent", first=1)
    assert refusal_of(shopper.buy("workers_paid")) == (503, 1232)
    backend.no_fault()
    answer = shopper.buy("workers_paid")
    assert answer.status == 200
    assert answer.body["result"]["client_secrets"] == []
    backend.wait(60)
    assert shopper.captured_minor() == 500
    assert len(shopper.intents()) == 1
    assert shopper.active() == ["workers_paid"]
    assert len(shopper.states()) == 1


def test_the_event_settles_a_charge_whose_answer_was_lost(backend):
    shopper = backend.shopper("valid")
    backend.fault("drop_answer", "stripe", "create_payment_intent")
    shopper.buy("workers_paid")
    backend.wait(2)
    assert shopper.active() == ["workers_paid"]
    assert [fact.state for fact in shopper.facts("subscription")][-2:] == ["Paid", "Provisioned"]


def test_a_repeat_with_another_payment_method_learns_first_what_became_of_the_first_try(backend):
    shopper = backend.shopper()
    backend.fault("drop_answer", "stripe", "create_payment_intent", first=1)
    shopper.buy("workers_paid", payment_method_id=shopper.card())
    backend.no_fault()
    backend.deliveries.held = True
    shopper.buy("workers_paid", payment_method_id=shopper.card("5555555555554444"))
    assert shopper.statuses() == ["succeeded"]
    assert shopper.captured_minor() == 500


@pytest.mark.parametrize("kind", ["drop_request", "drop_answer"])
def test_a_confirmation_that_is_unknown_can_be_repeated(backend, refusal_of, kind):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    method = shopper.card()
    backend.fault(kind, "stripe", "confirm_payment_intent", first=1)
    assert refusal_of(shopper.buy("workers_paid", payment_method_id=method)) == (503, 1232)
    backend.no_fault()
    assert shopper.buy("workers_paid", payment_method_id=method).status == 200
    assert shopper.statuses() == ["succeeded"]
    assert shopper.captured_minor() == 500


@pytest.mark.parametrize("kind", ["drop_request", "drop_answer"])
def test_a_cart_that_overlaps_an_unknown_one_leaves_one_payable_intent(backend, kind):
    shopper = backend.shopper()
    backend.fault(kind, "stripe", "create_payment_intent", first=1)
    shopper.buy("workers_paid")
    backend.no_fault()
    shopper.buy("workers_paid", "images")
    payable = [status for status in shopper.statuses() if status != "canceled"]
    assert payable == ["requires_payment_method"]


def test_a_purchase_that_stripe_will_not_hear_of_leaves_nothing(backend, refusal_of):
    shopper = backend.shopper()
    backend.fault("error", "stripe", "create_payment_intent", status=400)
    answer = shopper.buy("workers_paid")
    assert refusal_of(answer) == (503, 1232)
    assert shopper.states() == {}


def test_a_failure_that_stripe_keeps_under_the_key_is_looked_for_among_the_intents(backend):
    """Stripe replays its own failures: the intent may exist all the same."""
    from sim.messages import Answer

    shopper = backend.shopper("valid")
    stripe, asked = backend.stripe, []

    class FailingOnce:
        """Executes the first creation, answers 500, and replays that 500 for its key."""

        def handle(self, request):
            if request.operation == "create_payment_intent":
                asked.append(request)
                if len(asked) == 1:
                    yield from stripe.handle(request)
                headers = {} if len(asked) == 1 else {"idempotent-replayed": "true"}
                return Answer(500, {"error": {"type": "api_error", "message": "sorry"}}, headers)
            return (yield from stripe.handle(request))

    backend.world.services["stripe"] = FailingOnce()
    backend.deliveries.held = True
    assert shopper.buy("workers_paid").status == 503
    assert shopper.buy("workers_paid").status == 200
    assert shopper.captured_minor() == 500
    assert len(shopper.intents()) == 1


def test_a_service_that_never_answers_is_a_504(backend, refusal_of):
    shopper = backend.shopper("valid")
    backend.fault("drop_request", "subscriptions-api")
    assert refusal_of(shopper.buy("workers_paid")) == (504, 1000)
