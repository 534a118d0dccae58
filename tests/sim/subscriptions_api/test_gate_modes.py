"""The gate: every phase, operation and state of the payment method."""

from __future__ import annotations

import pytest

from scenarios.phase import GATED_OPERATIONS, gate_mode

WORKERS = {"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}
HELD = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}
VALID = ("valid", "requires_authentication", "declining", "paypal")
INVALID = ("none", "expired", "detached")


def shopper_of(backend, payment_method):
    shopper = backend.shopper("valid" if payment_method == "detached" else payment_method, subscriptions=[HELD])
    if payment_method == "detached":
        backend.deliveries.held = True
        backend.merchant("POST", f"/v1/payment_methods/{next(iter(shopper.account.payment_methods))}/detach", {})
    return shopper


def request_of(shopper, operation):
    held = shopper.made["subscriptions"][0]["id"]
    on_session = {"user_is_on_session": True}
    method, path, body = {
        "bulk_create": ("POST", "/bulk/subscriptions", {"subscriptions": [WORKERS], **on_session}),
        "create": ("POST", "/subscriptions", {**WORKERS, **on_session}),
        "update": ("PUT", f"/subscriptions/{held}", {"rate_plan": {"id": "zone_business"}, **on_session}),
        "append": (
            "POST",
            f"/subscriptions/{held}/action/append",
            {"component_values": [{"name": "page_rules", "value": 2}], **on_session},
        ),
        "registrar_checkout": ("POST", "/billing/checkout", {"domains": [{"name": "a.com", "years": 1}], **on_session}),
        "profile_update": ("PUT", "/billing/profile", {"name": "Ada"}),
    }[operation]
    return shopper.request(method, path, body)


@pytest.mark.parametrize("pm_gate", [True, False])
@pytest.mark.parametrize("payment_method", VALID + INVALID)
@pytest.mark.parametrize("operation", GATED_OPERATIONS)
@pytest.mark.parametrize("phase", range(7))
def test_the_gate_refuses_warns_or_is_gone(make_backend, refusal_of, phase, operation, payment_method, pm_gate):
    backend = make_backend(phase, gates={"pm-gate": pm_gate})
    shopper = shopper_of(backend, payment_method)
    intents, mode = len(shopper.intents()), gate_mode(phase, operation, pm_gate)
    answer = backend.call("gateway", request_of(shopper, operation))
    warned = [message["code"] for message in answer.body["messages"]]
    gate_facts = [(fact.subject, fact.state) for fact in shopper.facts("gate")]
    if payment_method in VALID:
        mode = "off"
    if mode == "enforced":
        assert refusal_of(answer) == (402, 1210)
        assert len(shopper.intents()) == intents
        assert list(shopper.states().values()) == ["Provisioned"]
        assert gate_facts == [(operation, "refused")]
        return
    refused_by_stripe = payment_method == "declining" and operation != "profile_update"
    assert refusal_of(answer) == ((402, 1214) if refused_by_stripe else (200, None))
    assert warned == ([1210] if mode == "softened" else [])
    assert gate_facts == ([(operation, "softened")] if mode == "softened" else [])
    if payment_method in INVALID and operation != "profile_update":
        (secret,) = answer.body["result"]["client_secrets"]
        assert secret.startswith("pi_")


def test_no_one_is_refused_for_a_payment_method_that_stripe_has_and_whose_event_is_late(make_backend):
    backend = make_backend(0)
    shopper = backend.shopper()
    backend.deliveries.held = True
    secret = shopper.ask("POST", "/billing/profile/payment-method", {}).body["result"]["client_secret"]
    shopper.confirm(secret)
    assert shopper.buy("workers_paid").status == 200
    assert shopper.statuses() == ["succeeded", "succeeded"]


def test_a_payment_method_in_the_body_passes_the_gate(make_backend):
    shopper = make_backend(0).shopper()
    assert shopper.buy("workers_paid", payment_method_id=shopper.card()).status == 200


def test_the_gate_answers_from_the_last_known_list_while_stripe_is_out_of_reach(make_backend, refusal_of):
    backend = make_backend(0)
    shopper = backend.shopper()
    backend.fault("error", "stripe")
    assert refusal_of(shopper.buy("workers_paid")) == (402, 1210)


def test_posting_a_profile_is_not_gated(make_backend):
    shopper = make_backend(0).shopper()
    assert shopper.ask("POST", "/billing/profile", {"name": "Ada"}).status == 200
    assert shopper.get("/billing/profile")["name"] == "Ada"


def test_settings_change_the_gate_at_once(make_backend, refusal_of):
    backend = make_backend(0)
    shopper = backend.shopper()
    assert refusal_of(shopper.buy("workers_paid")) == (402, 1210)
    backend.config.change(phase=2)
    assert shopper.buy("workers_paid").status == 200
