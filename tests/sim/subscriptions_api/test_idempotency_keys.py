"""Idempotency-Key: the first answer is the answer, per account; another body is refused."""

from __future__ import annotations


def test_the_same_key_and_body_get_the_first_answer(backend):
    shopper = backend.shopper("valid")
    first = shopper.buy("workers_paid", key="k")
    backend.wait(2)
    again = shopper.buy("workers_paid", key="k")
    assert again.body == first.body
    assert shopper.captured_minor() == 500


def test_the_same_key_at_the_same_moment_gets_the_first_answer(backend):
    shopper = backend.shopper("valid")
    request = shopper.request("POST", "/bulk/subscriptions", shopper.cart("workers_paid"), key="k")
    first, second = shopper.ask_at_once(request, request)
    assert first.body == second.body
    assert len(shopper.intents()) == 1


def test_another_body_or_another_operation_under_the_key_is_refused(backend, refusal_of):
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid", key="k")
    assert refusal_of(shopper.buy("images", key="k")) == (409, 1230)
    body = shopper.cart("workers_paid")
    assert refusal_of(shopper.ask("POST", "/subscriptions", body, "k")) == (409, 1230)
    # The key comes before the id and the body.
    assert refusal_of(shopper.ask("PUT", "/subscriptions/s0-0", {}, "k")) == (409, 1230)


def test_refusals_are_kept_and_failures_are_not(backend, refusal_of):
    shopper = backend.shopper("declining")
    assert refusal_of(shopper.buy("workers_paid", key="k")) == (402, 1214)
    shopper.ask("POST", "/payment-methods", {"payment_method_id": shopper.card()})
    assert refusal_of(shopper.buy("workers_paid", key="k")) == (402, 1214)
    backend.fault("error", "stripe", "create_payment_intent", first=1)
    assert shopper.buy("images", key="l").status == 503
    backend.no_fault()
    assert shopper.buy("images", key="l").status != 503


def test_keys_are_per_account(backend):
    first, second = backend.shopper("valid"), backend.shopper("valid")
    first.buy("workers_paid", key="k")
    assert second.buy("images", key="k").status == 200


def test_what_buys_nothing_ignores_the_key(backend):
    shopper = backend.shopper()
    shopper.ask("POST", "/zones", {"name": "a.example.com"}, "k")
    assert shopper.ask("POST", "/zones", {"name": "b.example.com"}, "k").status == 200
