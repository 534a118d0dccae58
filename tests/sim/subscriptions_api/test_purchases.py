"""Buying lines: validation, what Stripe is asked, what is answered, repeats and overlaps."""

from __future__ import annotations

import pytest

WORKERS = {"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"subscriptions": [WORKERS]}, "user_is_on_session"),
        ({"subscriptions": [WORKERS], "user_is_on_session": "yes"}, "user_is_on_session"),
        ({"user_is_on_session": True}, "subscriptions"),
        ({"subscriptions": [], "user_is_on_session": True}, "subscriptions"),
        ({"subscriptions": [WORKERS] * 51, "user_is_on_session": True}, "51"),
        ({"subscriptions": [WORKERS, 7], "user_is_on_session": True}, "subscriptions[1]"),
        (
            {"subscriptions": [WORKERS, {**WORKERS, "rate_plan": {"id": "nope"}}], "user_is_on_session": True},
            "[1].rate_plan.id",
        ),
        ({"subscriptions": [WORKERS, {"frequency": "monthly"}], "user_is_on_session": True}, "[1].rate_plan"),
        ({"subscriptions": [{**WORKERS, "frequency": "weekly"}], "user_is_on_session": True}, "[0].frequency"),
        ({"subscriptions": [{**WORKERS, "frequency": "yearly"}], "user_is_on_session": True}, "[0].frequency"),
        ({"subscriptions": [{**WORKERS, "quantity": 0}], "user_is_on_session": True}, "[0].quantity"),
        ({"subscriptions": [{**WORKERS, "quantity": True}], "user_is_on_session": True}, "[0].quantity"),
        ({"subscriptions": [{**WORKERS, "quantity": 10**6}], "user_is_on_session": True}, "[0].quantity"),
        ({"subscriptions": [{**WORKERS, "quantity": 10**6 - 1}], "user_is_on_session": True}, "subscriptions"),
        ({"subscriptions": [{**WORKERS, "zone_id": "z9-9"}], "user_is_on_session": True}, "[0].zone_id"),
        ({"subscriptions": [WORKERS], "user_is_on_session": True, "payment_method_id": 5}, "payment_method_id"),
        ({"subscriptions": [WORKERS], "user_is_on_session": True, "payment_method_id": "pm_x"}, "payment_method_id"),
        ([], "body"),
        (b"{", "malformed"),
        (None, "body"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_field_and_creates_nothing(backend, refusal_of, body, named):
    shopper = backend.shopper("valid")
    answer = shopper.ask("POST", "/bulk/subscriptions", body)
    assert refusal_of(answer) == (400, 1001)
    assert named in answer.body["errors"][0]["message"]
    assert shopper.states() == {}
    assert shopper.statuses() == []


def test_unknown_members_are_ignored_and_undecoded_json_is_read(backend):
    body = (
        b'{"subscriptions":[{"rate_plan":{"id":"workers_paid"},"frequency":"monthly","x":1}],"user_is_on_session":true}'
    )
    assert backend.shopper("valid").ask("POST", "/bulk/subscriptions", body).status == 200


def test_a_zone_of_another_account_is_refused(backend, refusal_of):
    other = backend.shopper(zones=["other.example.com"])
    shopper = backend.shopper("valid")
    line = {"rate_plan": {"id": "zone_pro"}, "frequency": "yearly", "zone_id": other.made["zones"][0]["id"]}
    answer = shopper.ask("POST", "/subscriptions", {**line, "user_is_on_session": True})
    assert refusal_of(answer) == (400, 1001)


def test_a_valid_payment_method_is_charged_at_once_and_granted_by_the_event(backend):
    shopper = backend.shopper("valid")
    answer = shopper.buy("workers_paid", "images")
    assert answer.body["result"]["client_secrets"] == []
    assert [item["price"] for item in answer.body["result"]["subscriptions"]] == [500, 500]
    (intent,) = shopper.intents()
    assert (intent["status"], intent["amount"]) == ("succeeded", 1000)
    assert intent["metadata"]["account_id"] == shopper.account_id
    assert intent["metadata"]["subscription_ids"] == ",".join(shopper.states())
    assert set(shopper.states().values()) == {"AwaitingPayment"}
    assert shopper.active() == []
    backend.wait(2)
    assert set(shopper.states().values()) == {"Provisioned"}
    assert sorted(shopper.active()) == ["images", "workers_paid"]


def test_states_are_noted_in_order_with_their_intent(backend):
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid")
    backend.wait(2)
    (intent,) = shopper.intents()
    facts = shopper.facts("subscription")
    assert [fact.state for fact in facts] == ["AwaitingPayment", "Paid", "Provisioned"]
    assert {fact.related for fact in facts} == {intent["id"]}
    assert [fact.actor for fact in facts] == ["subscriptions-api", "billing-webhooks", "billing-webhooks"]
    (granted,) = shopper.facts("entitlement")
    assert (granted.state, granted.detail["because"]) == ("active", "payment")


def test_without_a_payment_method_the_customer_gets_a_secret_and_pays(backend):
    shopper = backend.shopper()
    answer = shopper.buy("workers_paid", "r2")
    (secret,) = answer.body["result"]["client_secrets"]
    assert secret.startswith("pi_")
    assert shopper.confirm(secret).body["status"] == "succeeded"
    backend.wait(2)
    assert shopper.active() == ["workers_paid", "r2"]
    (method,) = shopper.get("/payment-methods")
    assert method["is_default"]
    assert method["valid"]


def test_a_challenge_on_session_answers_with_a_secret(backend):
    shopper = backend.shopper("requires_authentication")
    answer = shopper.buy("workers_paid")
    assert len(answer.body["result"]["client_secrets"]) == 1
    assert shopper.statuses() == ["requires_action"]


@pytest.mark.parametrize("payment_method", ["none", "requires_authentication", "expired"])
def test_a_service_is_told_that_payment_needs_the_customer(backend, payment_method):
    shopper = backend.shopper(payment_method)
    answer = shopper.buy("workers_paid", on_session=False)
    assert answer.status == 200
    assert answer.body["result"]["client_secrets"] == []
    assert [message["code"] for message in answer.body["messages"]] == [1211]
    assert list(shopper.states().values()) == ["AwaitingPayment"]
    assert shopper.active() == []
    reached = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", {"subscriptions": [WORKERS]})
    assert reached.body["result"]["intent_type"] == "payment"
    shopper.confirm(reached.body["result"]["client_secret"])
    backend.wait(2)
    assert shopper.active() == ["workers_paid"]
    assert len(shopper.intents()) == 1


def test_a_service_charges_a_valid_payment_method_off_session(backend):
    shopper = backend.shopper("valid")
    answer = shopper.buy("workers_paid", on_session=False)
    assert answer.body["messages"] == []
    assert shopper.statuses() == ["succeeded"]


def test_nothing_due_and_a_payment_method_on_file_is_provisioned_at_once_without_an_intent(backend):
    shopper = backend.shopper("valid")
    answer = shopper.buy("r2")
    assert answer.body["result"]["subscriptions"][0]["state"] == "Provisioned"
    assert shopper.intents() == []
    assert shopper.facts("entitlement")[0].detail["because"] == "nothing_due"


def test_nothing_due_and_no_payment_method_sets_one_up(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("r2", "durable_objects").body["result"]["client_secrets"]
    assert secret.startswith("seti_")
    assert shopper.active() == []
    shopper.confirm(secret)
    backend.wait(2)
    assert sorted(shopper.active()) == ["durable_objects", "r2"]
    assert shopper.get("/billing/history") == []


def test_nothing_due_and_a_payment_method_in_the_body_is_set_up_and_provisioned_in_the_answer(backend):
    shopper = backend.shopper()
    answer = shopper.buy("r2", payment_method_id=shopper.card())
    assert answer.body["result"]["subscriptions"][0]["state"] == "Provisioned"
    assert shopper.statuses() == ["succeeded"]
    assert [method["is_default"] for method in shopper.get("/payment-methods")] == [True]
    backend.wait(2)
    assert [fact.state for fact in shopper.facts("entitlement")] == ["active"]


def test_a_batch_waits_as_a_whole(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("r2", "workers_paid").body["result"]["client_secrets"]
    assert shopper.intents()[0]["amount"] == 500
    assert set(shopper.states().values()) == {"AwaitingPayment"}
    shopper.confirm(secret)
    backend.wait(2)
    assert set(shopper.states().values()) == {"Provisioned"}


def test_a_refused_card_is_1214_and_the_same_secret_works_with_another(backend, refusal_of):
    shopper = backend.shopper("declining")
    answer = shopper.buy("workers_paid")
    assert refusal_of(answer) == (402, 1214)
    assert "generic_decline" in answer.body["errors"][0]["message"]
    assert list(shopper.states().values()) == ["AwaitingPayment"]
    body = {"subscriptions": [WORKERS]}
    secret = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", body).body["result"]["client_secret"]
    assert shopper.confirm(secret, "pm_card_visa_chargeDeclined").status == 402
    backend.wait(2)
    assert shopper.active() == []
    assert shopper.confirm(secret).body["status"] == "succeeded"
    backend.wait(2)
    assert shopper.active() == ["workers_paid"]
    assert shopper.captured_minor() == 500


def test_a_payment_method_in_the_body_pays_and_is_the_default_only_where_there_was_none(backend):
    shopper = backend.shopper("expired")
    shopper.buy("workers_paid", payment_method_id=shopper.card("5555555555554444"))
    backend.wait(2)
    listed = {method["card"]["brand"]: method for method in shopper.get("/payment-methods")}
    assert (listed["visa"]["is_default"], listed["visa"]["valid"]) == (True, False)
    assert (listed["mastercard"]["is_default"], listed["mastercard"]["valid"]) == (False, True)


def test_another_customers_payment_method_is_refused(backend, refusal_of):
    other = backend.shopper("valid")
    theirs = other.get("/payment-methods")[0]["id"]
    shopper = backend.shopper()
    assert refusal_of(shopper.buy("workers_paid", payment_method_id=theirs)) == (400, 1001)
    assert shopper.intents() == []


def test_a_payment_method_detached_at_stripe_counts_as_none(backend):
    shopper = backend.shopper("valid")
    backend.deliveries.held = True
    backend.merchant("POST", f"/v1/payment_methods/{shopper.get('/payment-methods')[0]['id']}/detach", {})
    answer = shopper.buy("workers_paid")
    assert len(answer.body["result"]["client_secrets"]) == 1
    assert shopper.get("/payment-methods")[0]["valid"] is False
    assert len(shopper.intents()) == 1


def test_a_repeat_is_the_same_subscription_and_intent(backend):
    shopper = backend.shopper()
    first, second = shopper.buy("workers_paid", "r2"), shopper.buy("r2", "workers_paid")
    assert first.body["result"]["client_secrets"] == second.body["result"]["client_secrets"]
    assert sorted(shopper.states()) == sorted(item["id"] for item in second.body["result"]["subscriptions"])
    assert len(shopper.intents()) == 1


def test_a_double_click_at_the_same_moment_buys_once(backend):
    shopper = backend.shopper("valid")
    request = shopper.request("POST", "/bulk/subscriptions", shopper.cart("workers_paid"))
    first, second = shopper.ask_at_once(request, request)
    assert [item["id"] for item in first.body["result"]["subscriptions"]] == [
        item["id"] for item in second.body["result"]["subscriptions"]
    ]
    assert second.body["result"]["client_secrets"] == []
    backend.wait(2)
    assert shopper.captured_minor() == 500
    assert shopper.active() == ["workers_paid"]


def test_a_repeat_during_a_challenge_does_not_ask_again(backend):
    shopper = backend.shopper("requires_authentication")
    first, second = shopper.buy("workers_paid"), shopper.buy("workers_paid")
    assert first.body["result"]["client_secrets"] == second.body["result"]["client_secrets"] != []
    assert len(shopper.events("payment_intent.requires_action")) == 1


def test_a_repeat_is_charged_at_once_when_a_payment_method_has_appeared(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    answer = shopper.buy("workers_paid", payment_method_id=shopper.card())
    assert answer.body["result"]["client_secrets"] == []
    assert shopper.statuses() == ["succeeded"]


def test_a_repeat_after_success_and_before_the_event_has_nothing_to_pay(backend, refusal_of):
    shopper = backend.shopper()
    backend.deliveries.held = True
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    shopper.confirm(secret)
    answer = shopper.buy("workers_paid")
    assert answer.body["result"]["client_secrets"] == []
    assert list(shopper.states()) == [item["id"] for item in answer.body["result"]["subscriptions"]]
    again = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", {"subscriptions": [WORKERS]})
    assert refusal_of(again) == (409, 1231)
    assert shopper.captured_minor() == 500


def test_a_repeat_whose_intent_was_cancelled_at_stripe_gets_a_new_one(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    backend.merchant("POST", f"/v1/payment_intents/{secret.partition('_secret_')[0]}/cancel", {})
    (again,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    assert again != secret
    assert shopper.statuses() == ["canceled", "requires_payment_method"]
    assert len(shopper.states()) == 1


def test_a_cart_that_overlaps_an_unpaid_one_replaces_it(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid", "images")
    shopper.buy("workers_paid", "queues")
    assert shopper.statuses() == ["canceled", "requires_payment_method"]
    assert sorted(shopper.states().values()) == ["AwaitingPayment"] * 2 + ["Cancelled"] * 2


def test_a_cart_that_overlaps_one_paid_at_stripe_leaves_that_to_its_event(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    backend.deliveries.held = True
    shopper.confirm(secret)
    shopper.buy("workers_paid", "images")
    assert list(shopper.states().values()) == ["AwaitingPayment"] * 3
    backend.deliver(shopper.events("payment_intent.succeeded")[0])
    assert shopper.active() == ["workers_paid"]
    assert shopper.facts("refund") == []


def test_carts_that_do_not_overlap_stay_side_by_side(backend):
    shopper = backend.shopper()
    shopper.buy("workers_paid")
    shopper.buy("images")
    assert shopper.statuses() == ["requires_payment_method"] * 2


def test_what_is_paid_and_in_force_can_be_bought_again(backend):
    shopper = backend.shopper("valid")
    shopper.buy("workers_paid")
    backend.wait(2)
    shopper.buy("workers_paid")
    backend.wait(2)
    assert list(shopper.states().values()) == ["Provisioned"] * 2
    assert shopper.captured_minor() == 1000


def test_pre_auth_makes_the_purchase_that_a_later_bulk_create_is(backend):
    shopper = backend.shopper("valid")
    body = {"subscriptions": [WORKERS]}
    secret = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", body).body["result"]["client_secret"]
    assert shopper.statuses() == ["requires_payment_method"]
    answer = shopper.buy("workers_paid")
    assert answer.body["result"]["client_secrets"] == []
    assert secret.startswith(shopper.intents()[0]["id"])
    assert len(shopper.states()) == 1


def test_pre_auth_of_nothing_due_is_a_setup_that_a_payment_method_on_file_makes_needless(backend):
    shopper = backend.shopper("valid")
    body = {"subscriptions": [{"rate_plan": {"id": "r2"}, "frequency": "monthly"}]}
    answer = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", body)
    assert answer.body["result"]["intent_type"] == "setup"
    assert shopper.buy("r2").body["result"]["subscriptions"][0]["state"] == "Provisioned"
    assert shopper.statuses() == ["canceled"]


def test_a_registrar_line_is_yearly_and_costs_years_times_the_unit(backend):
    shopper = backend.shopper("valid")
    body = {"domains": [{"name": "Example.com", "years": 3}], "user_is_on_session": True}
    (item,) = shopper.ask("POST", "/billing/checkout", body).body["result"]["subscriptions"]
    assert (item["rate_plan"]["id"], item["frequency"], item["price"]) == ("registrar", "yearly", 3 * 857)
    backend.wait(2)
    assert shopper.active() == ["registrar"]


@pytest.mark.parametrize(
    ("domain", "named"),
    [
        ({"name": "nodot", "years": 1}, "domains[0].name"),
        ({"name": "a.unknown", "years": 1}, "domains[0].name"),
        ({"name": "-a.com", "years": 1}, "domains[0].name"),
        ({"name": "a.com", "years": 0}, "domains[0].years"),
        ({"name": "a.com"}, "domains[0].years"),
    ],
)
def test_a_domain_that_cannot_be_sold_is_refused(backend, refusal_of, domain, named):
    answer = backend.shopper("valid").ask(
        "POST", "/billing/checkout", {"domains": [domain], "user_is_on_session": True}
    )
    assert refusal_of(answer) == (400, 1001)
    assert named in answer.body["errors"][0]["message"]


def test_fifty_lines_fit_into_one_intent_and_its_metadata(backend):
    shopper = backend.shopper("valid", account_id="acct01600000")
    lines = [{**WORKERS, "quantity": number + 1} for number in range(50)]
    answer = shopper.ask("POST", "/bulk/subscriptions", {"subscriptions": lines, "user_is_on_session": True})
    assert answer.status == 200
    (intent,) = shopper.intents()
    assert len(intent["metadata"]["subscription_ids"].split(",")) == 50
    backend.wait(2)
    assert len(shopper.active()) == 50


@pytest.mark.parametrize(
    ("made", "expected"),
    [({"locked": True}, (403, 1212)), ({"banned": True}, (403, 1213)), ({"bad_debt": 900}, (403, 1215))],
)
@pytest.mark.parametrize("phase", [0, 2, 6])
def test_other_refusals_survive_every_phase_and_come_before_the_gate(make_backend, refusal_of, made, expected, phase):
    shopper = make_backend(phase).shopper("none", **made)
    assert refusal_of(shopper.buy("workers_paid")) == expected
    pre_auth = shopper.ask("POST", "/billing/pre_auth/stripe_payment_intent", {"subscriptions": [WORKERS]})
    assert refusal_of(pre_auth) == expected
    assert shopper.get("/subscriptions") == []
    assert refusal_of(shopper.ask("POST", "/bulk/subscriptions", {})) == (400, 1001)
