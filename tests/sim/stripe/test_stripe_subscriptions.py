"""Subscriptions: how they begin, what payments make of them, and how they end."""

import pytest

from tests.sim.stripe.billing_desk import DAY_S, HOUR_S, Desk


@pytest.fixture
def desk(shop):
    return Desk(shop)


def test_a_good_card_makes_it_active_at_once(desk):
    customer = desk.customer("pm_card_visa")
    before = len(desk.events())
    subscription = desk.subscribe(customer)
    assert subscription["status"] == "active"
    [item] = subscription["items"]["data"]
    assert item["current_period_start"] == desk.shop.now_s
    assert item["current_period_end"] == desk.shop.now_s + 31 * DAY_S  # January
    invoice = desk.invoice(subscription)
    assert (invoice["status"], invoice["amount_paid"], invoice["amount_remaining"]) == ("paid", 2000, 0)
    assert invoice["billing_reason"] == "subscription_create"
    assert desk.intent(invoice)["status"] == "succeeded"
    types = desk.types()[before:]
    expected = [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]
    assert types == expected
    [updated] = desk.events("customer.subscription.updated")
    assert updated["data"]["previous_attributes"] == {"status": "incomplete"}
    assert updated["data"]["object"]["status"] == "active"


def test_default_incomplete_waits_for_the_browser(desk):
    customer = desk.customer()
    values = desk.subscription(
        customer, payment_behavior="default_incomplete", expand=["latest_invoice.confirmation_secret"]
    )
    subscription = desk.shop.made("/v1/subscriptions", values)
    assert subscription["status"] == "incomplete"
    secret = subscription["latest_invoice"]["confirmation_secret"]
    assert secret["type"] == "payment_intent"
    answer = desk.confirm(secret["client_secret"])
    assert answer.body["status"] == "succeeded"
    assert desk.read(subscription)["status"] == "active"
    assert desk.invoice(subscription)["status"] == "paid"
    attached = desk.shop.get(f"/v1/customers/{customer}/payment_methods")["data"]
    assert len(attached) == 1, "the first payment saves the payment method"


def test_a_challenge_then_success(desk):
    subscription = desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    answer = desk.confirm(desk.secret(subscription), "pm_card_threeDSecure2Required")
    assert answer.body["status"] == "requires_action"
    assert desk.read(subscription)["status"] == "incomplete"
    desk.visit(answer.body)
    assert desk.read(subscription)["status"] == "active"
    types = desk.types()
    asked = types.index("invoice.payment_action_required")
    assert types.index("payment_intent.requires_action") < asked < types.index("invoice.paid")


def test_a_failed_challenge_leaves_it_incomplete(desk):
    subscription = desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    answer = desk.confirm(desk.secret(subscription), "pm_card_threeDSecure2Required")
    desk.visit(answer.body, "fail")
    assert desk.read(subscription)["status"] == "incomplete"
    types = desk.types()
    assert types.index("payment_intent.payment_failed") < types.index("invoice.payment_failed")
    assert desk.confirm(desk.secret(subscription)).body["status"] == "succeeded"
    assert desk.read(subscription)["status"] == "active"


def test_a_decline_leaves_it_incomplete(desk):
    customer = desk.customer("pm_card_chargeCustomerFail")
    subscription = desk.subscribe(customer)
    assert subscription["status"] == "incomplete"
    invoice = desk.invoice(subscription)
    assert (invoice["status"], invoice["attempt_count"], invoice["attempted"]) == ("open", 1, True)
    assert desk.intent(invoice)["last_payment_error"]["decline_code"] == "generic_decline"
    types = desk.types()
    assert types.index("charge.failed") < types.index("payment_intent.payment_failed")
    assert types.index("payment_intent.payment_failed") < types.index("invoice.payment_failed")


def test_without_a_payment_method_nothing_is_created(desk):
    answer = desk.try_to_subscribe(desk.customer())
    assert (answer.status, answer.body["error"]["code"]) == (400, "resource_missing")
    assert desk.shop.get("/v1/subscriptions")["data"] == []
    assert desk.shop.get("/v1/invoices")["data"] == []


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined"),
        ("pm_card_authenticationRequired", "subscription_payment_intent_requires_action"),
    ],
)
def test_error_if_incomplete_creates_nothing(desk, card, code):
    customer = desk.customer(card)
    before = desk.types()
    answer = desk.try_to_subscribe(customer, payment_behavior="error_if_incomplete")
    assert (answer.status, answer.body["error"]["type"], answer.body["error"]["code"]) == (402, "card_error", code)
    for kind in ("subscriptions", "invoices", "payment_intents", "charges"):
        assert desk.shop.get(f"/v1/{kind}")["data"] == []
    assert desk.types() == before


def test_error_if_incomplete_with_a_good_card(desk):
    customer = desk.customer("pm_card_visa")
    assert desk.subscribe(customer, payment_behavior="error_if_incomplete")["status"] == "active"


def test_unpaid_for_23_hours_it_expires(desk):
    subscription = desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    secret = desk.secret(subscription)
    desk.later(23 * HOUR_S - 1)
    assert desk.read(subscription)["status"] == "incomplete"
    before = len(desk.events())
    desk.later(1)
    expired = desk.read(subscription)
    assert (expired["status"], expired["ended_at"]) == ("incomplete_expired", desk.shop.now_s)
    assert desk.invoice(subscription)["status"] == "void"
    types = desk.types()[before:]
    assert types == ["payment_intent.canceled", "invoice.voided", "customer.subscription.updated"]
    assert desk.confirm(secret).status == 400
    assert desk.events("invoice.voided")[0]["request"] == {"id": None, "idempotency_key": None}


def test_paid_in_time_it_does_not_expire(desk):
    subscription = desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    desk.later(22 * HOUR_S)
    desk.confirm(desk.secret(subscription))
    desk.later(5 * HOUR_S)
    assert desk.read(subscription)["status"] == "active"


def test_a_trial_costs_nothing_and_asks_for_a_payment_method(desk):
    subscription = desk.subscribe(
        desk.customer(),
        trial_period_days=14,
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["pending_setup_intent"],
    )
    assert subscription["status"] == "trialing"
    assert subscription["trial_end"] == desk.shop.now_s + 14 * DAY_S
    invoice = desk.invoice(subscription)
    assert (invoice["status"], invoice["total"]) == ("paid", 0)
    assert desk.shop.get("/v1/payment_intents")["data"] == []
    intent = subscription["pending_setup_intent"]
    assert intent["status"] == "requires_payment_method"
    assert desk.confirm(intent["client_secret"]).body["status"] == "succeeded"
    after = desk.read(subscription)
    assert after["pending_setup_intent"] is None
    assert after["default_payment_method"] is not None


def test_a_pending_setup_intent_outlives_its_subscription(desk):
    subscription = desk.subscribe(desk.customer(), trial_period_days=14)
    desk.shop.ask("DELETE", f"/v1/subscriptions/{subscription['id']}")
    intent = desk.shop.get(f"/v1/setup_intents/{subscription['pending_setup_intent']}")
    assert intent["status"] == "requires_payment_method"


def test_a_price_of_nothing_makes_it_active_without_an_intent(shop):
    desk = Desk(shop, unit_amount=0)
    subscription = desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    assert subscription["status"] == "active"
    assert subscription["pending_setup_intent"] is not None
    assert desk.invoice(subscription, "confirmation_secret")["confirmation_secret"] is None
    assert shop.get("/v1/payment_intents")["data"] == []


def test_a_card_that_needs_no_consent_needs_no_set_up(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"), trial_period_days=14)
    assert subscription["pending_setup_intent"] is None


def test_voiding_the_first_invoice_ends_it(desk):
    subscription = desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    desk.shop.made(f"/v1/invoices/{subscription['latest_invoice']}/void")
    assert desk.read(subscription)["status"] == "incomplete_expired"


def test_cancel(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    details = {"cancellation_details": {"feedback": "too_expensive", "comment": "dear"}}
    canceled = desk.shop.ask("DELETE", f"/v1/subscriptions/{subscription['id']}", details).body
    assert (canceled["status"], canceled["ended_at"]) == ("canceled", desk.shop.now_s)
    assert canceled["cancellation_details"] == {
        "comment": "dear",
        "feedback": "too_expensive",
        "feedback_option": None,
        "reason": "cancellation_requested",
    }
    assert desk.types()[-1] == "customer.subscription.deleted"
    again = desk.shop.ask("DELETE", f"/v1/subscriptions/{subscription['id']}")
    assert (again.status, again.body["error"]["code"]) == (404, "resource_missing")
    refused = desk.shop.post(f"/v1/subscriptions/{subscription['id']}", {"description": "more"})
    assert refused.body["error"]["code"] == "invalid_canceled_subscription_fields"
    desk.shop.made(f"/v1/subscriptions/{subscription['id']}", {"metadata": {"a": "b"}})
    assert desk.shop.get("/v1/subscriptions")["data"] == []
    [listed] = desk.shop.ask("GET", "/v1/subscriptions", {"status": "all"}).body["data"]
    assert listed["metadata"] == {"a": "b"}


def test_paying_what_was_left_open_revives_nothing(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    dearer_now(desk, subscription, payment_behavior="default_incomplete")
    secret = desk.secret(subscription)
    desk.shop.ask("DELETE", f"/v1/subscriptions/{subscription['id']}")
    assert desk.confirm(secret).body["status"] == "succeeded"
    assert desk.read(subscription)["status"] == "canceled"


def test_deleting_the_customer_cancels(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    desk.shop.ask("DELETE", f"/v1/customers/{customer}")
    assert desk.read(subscription)["status"] == "canceled"


def test_a_dearer_price_is_prorated_onto_the_next_invoice(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    dearer = desk.new_price(5000)
    [item] = subscription["items"]["data"]
    changed = desk.shop.made(
        f"/v1/subscriptions/{subscription['id']}", {"items": [{"id": item["id"], "price": dearer}]}
    )
    assert [one["price"]["id"] for one in changed["items"]["data"]] == [dearer]
    waiting = desk.shop.ask("GET", "/v1/invoiceitems", {"pending": True}).body["data"]
    assert sorted(one["amount"] for one in waiting) == [-2000, 5000]
    assert all(one["proration"] for one in waiting)
    assert changed["latest_invoice"] == subscription["latest_invoice"]
    previous = desk.events("customer.subscription.updated")[-1]["data"]["previous_attributes"]
    assert list(previous) == ["items"]


def test_no_proration_where_none_is_wanted(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    [item] = subscription["items"]["data"]
    body = {"items": [{"id": item["id"], "quantity": 3}], "proration_behavior": "none"}
    changed = desk.shop.made(f"/v1/subscriptions/{subscription['id']}", body)
    assert changed["items"]["data"][0]["quantity"] == 3
    assert desk.shop.get("/v1/invoiceitems")["data"] == []


def dearer_now(desk, subscription, **more):
    [item] = subscription["items"]["data"]
    items = [{"id": item["id"], "price": desk.new_price(5000)}]
    body = {"items": items, "proration_behavior": "always_invoice", **more}
    return desk.shop.post(f"/v1/subscriptions/{subscription['id']}", body)


def test_always_invoice_charges_the_difference_at_once(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    changed = dearer_now(desk, subscription).body
    assert changed["status"] == "active"
    invoice = desk.invoice(subscription)
    assert (invoice["billing_reason"], invoice["total"], invoice["status"]) == ("subscription_update", 3000, "paid")


def test_default_incomplete_on_an_update_makes_it_past_due(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    changed = dearer_now(desk, subscription, payment_behavior="default_incomplete").body
    assert changed["status"] == "past_due"
    desk.confirm(desk.secret(subscription))
    assert desk.read(subscription)["status"] == "active"


def fails_from_now_on(desk, customer):
    desk.save_card(customer, "pm_card_chargeCustomerFail")


def test_error_if_incomplete_on_an_update_changes_nothing(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    fails_from_now_on(desk, customer)
    answer = dearer_now(desk, subscription, payment_behavior="error_if_incomplete")
    assert (answer.status, answer.body["error"]["code"]) == (402, "card_declined")
    assert desk.read(subscription) == subscription


def test_pending_if_incomplete_keeps_the_old_price_until_paid(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    fails_from_now_on(desk, customer)
    changed = dearer_now(desk, subscription, payment_behavior="pending_if_incomplete").body
    assert changed["status"] == "active"
    assert changed["items"]["data"][0]["price"]["id"] == desk.price
    update = changed["pending_update"]
    assert update["expires_at"] == desk.shop.now_s + 23 * HOUR_S
    wanted = update["subscription_items"][0]["price"]["id"]
    desk.confirm(desk.secret(subscription))
    after = desk.read(subscription)
    assert after["pending_update"] is None
    assert after["items"]["data"][0]["price"]["id"] == wanted
    assert "customer.subscription.pending_update_applied" in desk.types()


def test_a_pending_update_expires(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    fails_from_now_on(desk, customer)
    dearer_now(desk, subscription, payment_behavior="pending_if_incomplete")
    desk.later(23 * HOUR_S)
    after = desk.read(subscription)
    assert (after["pending_update"], after["status"]) == (None, "active")
    assert after["items"]["data"][0]["price"]["id"] == desk.price
    assert desk.invoice(subscription)["status"] == "void"
    assert desk.types()[-1] == "customer.subscription.pending_update_expired"


def test_a_pending_update_expires_with_the_period(shop):
    desk = Desk(shop, interval="day")
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    desk.later(2 * HOUR_S)
    fails_from_now_on(desk, customer)
    [item] = subscription["items"]["data"]
    items = [{"id": item["id"], "price": desk.new_price(5000, "day")}]
    body = {"items": items, "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    changed = shop.made(f"/v1/subscriptions/{subscription['id']}", body)
    assert changed["pending_update"]["expires_at"] == item["current_period_end"] == shop.now_s + 22 * HOUR_S


def test_an_item_that_waited_is_found_once_it_is_there(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    fails_from_now_on(desk, customer)
    [old] = subscription["items"]["data"]
    items = [{"id": old["id"], "deleted": True}, {"price": desk.new_price(5000)}]
    body = {"items": items, "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    waiting = desk.shop.made(f"/v1/subscriptions/{subscription['id']}", body)
    [new] = waiting["pending_update"]["subscription_items"]
    found = [desk.shop.ask("GET", f"/v1/subscription_items/{item['id']}").status for item in (old, new)]
    assert found == [200, 404]
    desk.confirm(desk.secret(subscription))
    found = [desk.shop.ask("GET", f"/v1/subscription_items/{item['id']}").status for item in (old, new)]
    assert found == [404, 200]


def test_pending_if_incomplete_is_for_some_updates_only(desk):
    answer = desk.try_to_subscribe(desk.customer("pm_card_visa"), payment_behavior="pending_if_incomplete")
    assert (answer.status, answer.body["error"]["param"]) == (400, "payment_behavior")
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    for name, value in (("description", "dear"), ("off_session", True), ("cancel_at", desk.shop.now_s + DAY_S)):
        answer = dearer_now(desk, subscription, payment_behavior="pending_if_incomplete", **{name: value})
        assert (answer.status, answer.body["error"]["param"]) == (400, name)
    assert desk.read(subscription) == subscription


@pytest.mark.parametrize(
    ("name", "value", "since"),
    [("metadata", {"a": "b"}, "2026-05-27.dahlia"), ("cancel_at_period_end", True, "2026-09-30.endive")],
)
def test_what_can_wait_with_an_update_depends_on_the_version(desk, name, value, since):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    path, body = f"/v1/subscriptions/{subscription['id']}", {"payment_behavior": "pending_if_incomplete", name: value}
    before = desk.shop.post(path, body, stripe_version="2026-04-22.dahlia")
    assert (before.status, before.body["error"]["param"]) == (400, name)
    assert desk.shop.post(path, body, stripe_version=since).body[name] == value


def waiting_update(desk, **more):
    """A subscription, and a dearer price of it that waits for a payment that failed."""
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer, metadata={"a": "1", "kept": "yes"})
    fails_from_now_on(desk, customer)
    return dearer_now(desk, subscription, payment_behavior="pending_if_incomplete", **more).body


def test_metadata_and_a_cancellation_wait_with_the_update(desk):
    subscription = waiting_update(desk, metadata={"a": "2"}, cancel_at_period_end=True)
    update = subscription["pending_update"]
    assert (update["metadata"], update["cancel_at_period_end"]) == ({"a": "2"}, True)
    assert subscription["metadata"] == {"a": "1", "kept": "yes"}
    assert (subscription["cancel_at_period_end"], subscription["canceled_at"]) == (False, None)
    desk.confirm(desk.secret(subscription))
    after = desk.read(subscription)
    assert after["metadata"] == {"a": "2", "kept": "yes"}
    assert (after["cancel_at_period_end"], after["canceled_at"]) == (True, desk.shop.now_s)
    assert after["cancellation_details"]["reason"] == "cancellation_requested"


def test_with_a_good_card_nothing_of_an_update_waits(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    more = {"payment_behavior": "pending_if_incomplete", "metadata": {"a": "b"}, "cancel_at_period_end": True}
    changed = dearer_now(desk, subscription, **more).body
    assert (changed["pending_update"], changed["metadata"]) == (None, {"a": "b"})
    assert changed["cancel_at_period_end"] is True


def test_a_contrary_wish_ends_a_pending_update(desk):
    subscription = waiting_update(desk, cancel_at_period_end=True)
    path = f"/v1/subscriptions/{subscription['id']}"
    assert desk.shop.made(path, {"cancel_at_period_end": True})["pending_update"] is not None
    assert desk.shop.made(path, {"cancel_at_period_end": False})["pending_update"] is None
    assert desk.invoice(subscription)["status"] == "void"
    assert "customer.subscription.pending_update_expired" in desk.types()


def test_another_pending_update_takes_the_place_of_the_first(desk):
    first = waiting_update(desk)
    second = dearer_now(desk, first, payment_behavior="pending_if_incomplete").body
    assert second["latest_invoice"] != first["latest_invoice"]
    assert second["pending_update"]["subscription_items"] != first["pending_update"]["subscription_items"]
    assert desk.shop.get(f"/v1/invoices/{first['latest_invoice']}")["status"] == "void"


def test_the_end_of_a_trial_waits_with_the_update(desk):
    subscription = desk.subscribe(desk.customer("pm_card_chargeCustomerFail"), trial_period_days=30)
    body = {"trial_end": "now", "payment_behavior": "pending_if_incomplete"}
    path = f"/v1/subscriptions/{subscription['id']}"
    waiting = desk.shop.made(path, body)
    assert (waiting["status"], waiting["trial_end"]) == ("trialing", subscription["trial_end"])
    assert waiting["pending_update"]["trial_end"] == desk.shop.now_s
    desk.confirm(desk.secret(subscription))
    after = desk.read(subscription)
    assert (after["status"], after["trial_end"]) == ("active", desk.shop.now_s)
    assert len(desk.events("customer.subscription.trial_will_end")) == 1


def test_pending_updates_are_for_automatic_collection_only(desk):
    subscription = desk.subscribe(desk.customer(), collection_method="send_invoice", days_until_due=7)
    refused = dearer_now(desk, subscription, payment_behavior="pending_if_incomplete")
    assert (refused.status, refused.body["error"]["param"]) == (400, "payment_behavior")
    assert desk.read(subscription) == subscription


def test_another_interval_begins_anew(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    [item] = subscription["items"]["data"]
    desk.later(10 * DAY_S)
    yearly = desk.new_price(20000, "year")
    body = {"items": [{"id": item["id"], "price": yearly}]}
    changed = desk.shop.made(f"/v1/subscriptions/{subscription['id']}", body)
    [after] = changed["items"]["data"]
    assert after["current_period_start"] == changed["billing_cycle_anchor"] == desk.shop.now_s
    assert after["current_period_end"] == desk.shop.now_s + 365 * DAY_S
    invoice = desk.invoice(subscription)
    back = round(2000 * 21 / 31)
    assert invoice["total"] == 20000 - back


def test_items_by_their_own_requests(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    [item] = subscription["items"]["data"]
    other = desk.new_price(700)
    body = {"subscription": subscription["id"], "price": other, "quantity": 2}
    added = desk.shop.made("/v1/subscription_items", body)
    assert (added["price"]["id"], added["quantity"]) == (other, 2)
    listed = desk.shop.ask("GET", "/v1/subscription_items", {"subscription": subscription["id"]}).body["data"]
    assert {one["id"] for one in listed} == {item["id"], added["id"]}
    assert desk.shop.made(f"/v1/subscription_items/{added['id']}", {"quantity": 5})["quantity"] == 5
    gone = desk.shop.ask("DELETE", f"/v1/subscription_items/{added['id']}").body
    assert gone == {"id": added["id"], "object": "subscription_item", "deleted": True}
    assert desk.shop.ask("GET", f"/v1/subscription_items/{added['id']}").status == 404
    last = desk.shop.ask("DELETE", f"/v1/subscription_items/{item['id']}")
    assert last.status == 400


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"items": []}, "items"),
        ({"items": [{"price": "price_none"}] * 21}, "items"),
        ({"add_invoice_items": [{"price": "price_none"}] * 21}, "add_invoice_items"),
        ({"items": [{"price": "price_none"}]}, "items[0][price]"),
        ({"payment_behaviour": "default_incomplete"}, "payment_behaviour"),
        ({"items": [{"price": "price_none", "colour": "red"}]}, "items[0][colour]"),
        ({"trial_period_days": 0}, "trial_period_days"),
        ({"trial_end": 5}, "trial_end"),
        ({"trial_end": 2_000_000, "trial_from_plan": True}, "trial_from_plan"),
        ({"collection_method": "send_invoice"}, "days_until_due"),
        ({"default_payment_method": "pm_none"}, "default_payment_method"),
        ({"discounts": [{"coupon": "x"}]}, "discounts"),
    ],
)
def test_wrong_parameters_are_refused_by_name(desk, values, param):
    answer = desk.try_to_subscribe(desk.customer("pm_card_visa"), **values)
    assert (answer.status, answer.body["error"]["param"]) == (400, param)
    assert desk.shop.get("/v1/subscriptions")["data"] == []


def test_an_inactive_or_single_price_cannot_be_subscribed_to(desk):
    customer = desk.customer("pm_card_visa")
    body = {"product": desk.product, "currency": "usd", "unit_amount": 100}
    once = desk.shop.made("/v1/prices", body)["id"]
    assert desk.try_to_subscribe(customer, items=[{"price": once}]).status == 400
    desk.shop.made(f"/v1/prices/{desk.price}", {"active": "false"})
    assert desk.try_to_subscribe(customer).status == 400


def test_a_price_in_passing(desk):
    data = {"product": desk.product, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "week"}}
    subscription = desk.subscribe(desk.customer("pm_card_visa"), items=[{"price_data": data}])
    [item] = subscription["items"]["data"]
    assert (item["price"]["unit_amount"], item["price"]["active"]) == (900, False)
    assert item["current_period_end"] - item["current_period_start"] == 7 * DAY_S


def test_send_invoice_is_active_while_the_invoice_waits(desk):
    subscription = desk.subscribe(desk.customer(), collection_method="send_invoice", days_until_due=7)
    assert subscription["status"] == "active"
    assert desk.invoice(subscription)["status"] == "draft"
    desk.later(HOUR_S)
    invoice = desk.invoice(subscription)
    assert (invoice["status"], invoice["due_date"]) == ("open", desk.shop.now_s + 7 * DAY_S)
    desk.later(7 * DAY_S)
    assert desk.read(subscription)["status"] == "past_due"
    assert "invoice.overdue" in desk.types()


def test_pause_and_resume(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    paused = desk.shop.made(f"/v1/subscriptions/{subscription['id']}/pause")
    assert paused["status"] == "paused"
    assert paused["status_details"]["paused"]["subscription"] == {"type": "pause_requested"}
    assert desk.types()[-1] == "customer.subscription.paused"
    again = desk.shop.post(f"/v1/subscriptions/{subscription['id']}/pause")
    assert again.status == 400
    resumed = desk.shop.made(f"/v1/subscriptions/{subscription['id']}/resume")
    assert (resumed["status"], resumed["status_details"]) == ("active", None)
    assert "customer.subscription.resumed" in desk.types()


def test_a_trial_that_is_ended_now_without_a_payment_method_pauses(desk):
    subscription = desk.subscribe(
        desk.customer(),
        trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}},
    )
    path = f"/v1/subscriptions/{subscription['id']}"
    assert desk.shop.made(path, {"trial_end": "now", "metadata": {"foo": "bar"}})["status"] == "paused"
    paused = desk.read(subscription)
    assert (paused["status"], paused["metadata"]) == ("paused", {"foo": "bar"})
    assert "customer.subscription.paused" in desk.types()


def test_a_resumption_that_waits_for_its_payment(desk):
    customer = desk.customer("pm_card_visa")
    subscription = desk.subscribe(customer)
    path = f"/v1/subscriptions/{subscription['id']}"
    desk.shop.made(f"{path}/pause", {"bill_for": {"unused_time_from": {"type": "none"}}})
    waiting = desk.shop.made(f"{path}/resume", {"payment_behavior": "resume_on_payment_success"})
    assert waiting["status"] == "paused"
    desk.later(23 * HOUR_S)
    assert (desk.read(subscription)["status"], desk.invoice(subscription)["status"]) == ("paused", "void")
    desk.shop.made(f"{path}/resume", {"payment_behavior": "resume_on_payment_success"})
    desk.confirm(desk.secret(subscription))
    assert desk.read(subscription)["status"] == "active"


def test_lists_go_page_by_page(desk):
    customer = desk.customer("pm_card_visa")
    made = [desk.subscribe(customer)["id"] for _ in range(5)]
    first = desk.shop.ask("GET", "/v1/subscriptions", {"limit": 2, "customer": customer}).body
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (made[:2:-1], True)
    rest = desk.shop.ask("GET", "/v1/subscriptions", {"limit": 3, "starting_after": made[3]}).body
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (made[2::-1], False)
    back = desk.shop.ask("GET", "/v1/subscriptions", {"limit": 2, "ending_before": made[2]}).body
    assert [one["id"] for one in back["data"]] == made[:2:-1]
    by_price = desk.shop.ask("GET", "/v1/subscriptions", {"price": "price_none"}).body
    assert by_price["data"] == []


def test_expansions_reach_what_is_shown_on_demand_only(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    plain = desk.invoice(subscription)
    assert not plain.keys() & {"payments", "confirmation_secret", "payment_intent", "charge", "paid"}
    paths = ["latest_invoice.payments", "items.data.price.product", "customer.invoice_settings.default_payment_method"]
    body = desk.shop.ask("GET", f"/v1/subscriptions/{subscription['id']}", {"expand": paths}).body
    [payment] = body["latest_invoice"]["payments"]["data"]
    assert (payment["status"], payment["amount_paid"]) == ("paid", 2000)
    assert body["items"]["data"][0]["price"]["product"]["name"] == "Boxes"
    deeper = {"expand": ["payments.data.payment.payment_intent"]}
    invoice = desk.shop.ask("GET", f"/v1/invoices/{plain['id']}", deeper).body
    assert invoice["payments"]["data"][0]["payment"]["payment_intent"]["status"] == "succeeded"


def test_the_same_key_makes_one_subscription(desk):
    customer = desk.customer("pm_card_visa")
    body = desk.subscription(customer)
    first = desk.shop.post("/v1/subscriptions", body, idempotency_key="k")
    second = desk.shop.post("/v1/subscriptions", body, idempotency_key="k")
    assert first.body == second.body
    assert second.headers["idempotent-replayed"] == "true"
    assert len(desk.shop.get("/v1/subscriptions")["data"]) == 1


def test_a_trial_that_is_ended_without_a_payment_method_pauses(desk):
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    subscription = desk.subscribe(desk.customer(), trial_period_days=7, trial_settings=settings)
    paused = desk.shop.made(f"/v1/subscriptions/{subscription['id']}", {"trial_end": "now"})
    assert paused["status"] == "paused"
    assert paused["status_details"]["paused"]["subscription"]["type"] == "trial_end_without_payment_method"


def test_a_trial_that_is_ended_is_billed_at_once(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"), trial_period_days=7)
    ended = desk.shop.made(f"/v1/subscriptions/{subscription['id']}", {"trial_end": "now"})
    assert (ended["status"], ended["trial_end"]) == ("active", desk.shop.now_s)
    assert desk.invoice(subscription)["amount_paid"] == 2000
    [told] = desk.events("customer.subscription.trial_will_end")
    assert told["data"]["object"]["trial_end"] == desk.shop.now_s


def test_a_trial_that_is_shortened_is_told_of_at_once(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"), trial_period_days=30)
    path = f"/v1/subscriptions/{subscription['id']}"
    desk.shop.made(path, {"trial_end": desk.shop.now_s + 20 * DAY_S})
    assert desk.events("customer.subscription.trial_will_end") == []
    desk.shop.made(path, {"trial_end": desk.shop.now_s + 2 * DAY_S})
    assert len(desk.events("customer.subscription.trial_will_end")) == 1


def test_an_update_names_one_way_of_a_trial(desk):
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    body = {"trial_end": desk.shop.now_s + DAY_S, "trial_from_plan": True}
    refused = desk.shop.post(f"/v1/subscriptions/{subscription['id']}", body)
    assert (refused.status, refused.body["error"]["param"]) == (400, "trial_from_plan")


def test_a_customer_made_with_a_test_token_has_it_as_default(desk):
    body = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    customer = desk.shop.made("/v1/customers", body)
    assert customer["invoice_settings"]["default_payment_method"].startswith("pm_")
    assert len(desk.shop.get(f"/v1/customers/{customer['id']}/payment_methods")["data"]) == 1
    assert desk.subscribe(customer["id"])["status"] == "active"


def test_a_customers_refused_update_changes_nothing(desk):
    customer = desk.customer("pm_card_visa")
    foreign = desk.save_card(desk.customer(account="acct2"), "pm_card_visa")
    path, before = f"/v1/customers/{customer}", desk.shop.get(f"/v1/customers/{customer}")
    body = {"name": "Ann", "invoice_settings": {"default_payment_method": foreign}}
    refused = desk.shop.post(path, body)
    assert (refused.status, refused.body["error"]["code"]) == (400, "resource_missing")
    assert desk.shop.get(path) == before


def test_an_invoice_prefix_may_be_short_but_not_long(desk):
    customer = desk.customer()
    assert desk.shop.made(f"/v1/customers/{customer}", {"invoice_prefix": "A"})["invoice_prefix"] == "A"
    for prefix in ("A" * 13, "a"):
        answer = desk.shop.post(f"/v1/customers/{customer}", {"invoice_prefix": prefix})
        assert (answer.status, answer.body["error"]["param"]) == (400, "invoice_prefix")
