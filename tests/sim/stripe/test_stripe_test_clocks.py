"""Time on test clocks: renewals, the ends of trials, dunning, and who is on a clock."""

import pytest

from sim.stripe.dunning import Dunning
from tests.sim.stripe.billing_desk import DAY_S, HOUR_S, Desk


@pytest.fixture
def desk(shop):
    return Desk(shop)


@pytest.fixture
def clock(desk):
    return desk.clock()


def test_a_clock_shows_that_it_is_on_its_way_and_is_then_ready(desk, clock):
    now_s = desk.shop.now_s
    answer = desk.advance(clock, DAY_S)
    assert (answer["status"], answer["frozen_time"]) == ("advancing", now_s)
    assert answer["status_details"]["advancing"]["target_frozen_time"] == now_s + DAY_S
    ready = desk.shop.get(f"/v1/test_helpers/test_clocks/{clock}")
    assert (ready["status"], ready["frozen_time"]) == ("ready", now_s + DAY_S)
    names = [name.rpartition(".")[2] for name in desk.types() if name.startswith("test_helpers")]
    assert names == ["created", "advancing", "ready"]


def test_a_clock_does_not_go_back_nor_too_far(desk, clock):
    path = f"/v1/test_helpers/test_clocks/{clock}/advance"
    assert desk.shop.post(path, {"frozen_time": desk.shop.now_s}).status == 400
    desk.subscribe(desk.customer("pm_card_visa", clock))
    refused = desk.shop.post(path, {"frozen_time": desk.shop.now_s + 70 * DAY_S})
    assert (refused.status, refused.body["error"]["param"]) == (400, "frozen_time")


def test_a_clock_without_subscriptions_goes_two_years_at_most(desk, clock):
    path = f"/v1/test_helpers/test_clocks/{clock}/advance"
    refused = desk.shop.post(path, {"frozen_time": desk.shop.now_s + 730 * DAY_S + 1})
    assert (refused.status, refused.body["error"]["param"]) == (400, "frozen_time")
    desk.advance(clock, 730 * DAY_S)  # 1970 and 1971


def test_the_shortest_subscription_says_how_far_a_clock_goes(desk, clock):
    customer = desk.customer("pm_card_visa", clock)
    desk.subscribe(customer)
    weekly = desk.subscribe(customer, items=[{"price": desk.new_price(100, "week")}])
    path = f"/v1/test_helpers/test_clocks/{clock}/advance"
    assert desk.shop.post(path, {"frozen_time": desk.shop.now_s + 14 * DAY_S + 1}).status == 400
    desk.shop.ask("DELETE", f"/v1/subscriptions/{weekly['id']}")
    desk.advance(clock, 59 * DAY_S)


def test_a_clock_says_when_it_will_be_deleted(desk, clock):
    shown = desk.shop.get(f"/v1/test_helpers/test_clocks/{clock}")
    assert shown["deletes_after"] == shown["created"] + 7 * DAY_S


def test_a_renewal_is_a_draft_for_an_hour_and_then_charged(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    end_s = subscription["items"]["data"][0]["current_period_end"]
    desk.advance(clock, 31 * DAY_S)
    renewed = desk.read(subscription)
    assert renewed["items"]["data"][0]["current_period_start"] == end_s
    draft = desk.invoice(subscription)
    assert (draft["status"], draft["created"], draft["billing_reason"]) == ("draft", end_s, "subscription_cycle")
    assert draft["automatically_finalizes_at"] == end_s + HOUR_S
    desk.advance(clock, HOUR_S)
    paid = desk.invoice(subscription)
    assert (paid["status"], paid["status_transitions"]["paid_at"]) == ("paid", end_s + HOUR_S)
    assert desk.intent(paid)["created"] == end_s + HOUR_S
    assert desk.read(subscription)["status"] == "active"
    assert paid["number"].endswith("-0002")


def test_what_happens_on_the_way_is_stamped_in_order(desk, clock):
    desk.subscribe(desk.customer("pm_card_visa", clock))
    desk.advance(clock, 59 * DAY_S)
    events = [event for event in desk.events() if event["request"]["id"] is None]
    stamps = [event["created"] for event in events]
    assert stamps == sorted(stamps)
    types = [event["type"] for event in events]
    assert types.index("invoice.upcoming") < types.index("invoice.created") < types.index("invoice.paid")
    assert events[0]["created"] == desk.shop.now_s + 24 * DAY_S


def test_periods_keep_the_day_of_the_month(shop):
    shop.clock.now_us = 26 * DAY_S * 1_000_000  # 31 January
    desk = Desk(shop)
    clock = desk.clock()
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    ends = [subscription["items"]["data"][0]["current_period_end"]]
    for _ in range(3):
        desk.advance(clock, 31 * DAY_S)
        ends.append(desk.read(subscription)["items"]["data"][0]["current_period_end"])
    days = [(end - shop.now_s) // DAY_S for end in ends]
    assert days == [28, 59, 89, 120]  # 28 February, 31 March, 30 April, 31 May


def test_a_renewal_that_fails_is_tried_again_and_then_given_up(desk, clock):
    customer = desk.customer("pm_card_visa", clock)
    subscription = desk.subscribe(customer)
    desk.save_card(customer, "pm_card_chargeCustomerFail")
    desk.advance(clock, 31 * DAY_S + HOUR_S)
    assert desk.read(subscription)["status"] == "past_due"
    invoice = desk.invoice(subscription)
    failed_s = invoice["created"] + HOUR_S
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert invoice["next_payment_attempt"] == failed_s + 3 * DAY_S
    desk.advance(clock, 3 * DAY_S)
    assert desk.invoice(subscription)["attempt_count"] == 2
    desk.advance(clock, 12 * DAY_S)
    ended = desk.read(subscription)
    assert (ended["status"], ended["cancellation_details"]["reason"]) == ("canceled", "payment_failed")
    last = desk.invoice(subscription)
    assert (last["attempt_count"], last["status"], last["next_payment_attempt"]) == (4, "open", None)
    assert [event["type"] for event in desk.events("invoice.payment_failed")] == ["invoice.payment_failed"] * 4


def test_a_retry_that_succeeds_makes_it_active(desk, clock):
    customer = desk.customer("pm_card_visa", clock)
    subscription = desk.subscribe(customer)
    desk.save_card(customer, "pm_card_chargeCustomerFail")
    desk.advance(clock, 31 * DAY_S + HOUR_S)
    desk.save_card(customer, "pm_card_visa")
    desk.advance(clock, 3 * DAY_S)
    assert desk.read(subscription)["status"] == "active"
    assert desk.invoice(subscription)["status"] == "paid"


def test_renewals_of_an_unpaid_one_stay_drafts(new_shop):
    desk = Desk(new_shop(dunning=Dunning((1,), "unpaid", 7)))
    clock = desk.clock()
    customer = desk.customer("pm_card_visa", clock)
    subscription = desk.subscribe(customer)
    desk.save_card(customer, "pm_card_chargeCustomerFail")
    desk.advance(clock, 33 * DAY_S)
    assert desk.read(subscription)["status"] == "unpaid"
    unpaid = desk.invoice(subscription)
    desk.advance(clock, 31 * DAY_S)
    assert desk.invoice(subscription)["status"] == "draft"
    desk.shop.made(f"/v1/invoices/{unpaid['id']}/pay", {"payment_method": "pm_card_visa"})
    assert desk.read(subscription)["status"] == "unpaid", "the latest invoice is not paid yet"
    latest = desk.invoice(subscription)
    desk.shop.made(f"/v1/invoices/{latest['id']}/finalize")
    desk.confirm(desk.secret(subscription))
    assert desk.read(subscription)["status"] == "active"


def test_a_renewal_that_wants_the_customer_waits_for_the_customer(desk, clock):
    customer = desk.customer("pm_card_visa", clock)
    subscription = desk.subscribe(customer)
    desk.save_card(customer, "pm_card_authenticationRequired")
    desk.advance(clock, 31 * DAY_S + HOUR_S)
    assert desk.read(subscription)["status"] == "past_due"
    intent = desk.intent(desk.invoice(subscription))
    assert intent["status"] == "requires_action"
    assert "invoice.payment_action_required" in desk.types()
    desk.visit(intent)
    assert desk.read(subscription)["status"] == "active"


def test_a_trial_ends(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock), trial_period_days=14)
    desk.advance(clock, 12 * DAY_S)
    [warned] = desk.events("customer.subscription.trial_will_end")
    assert warned["created"] == subscription["trial_end"] - 3 * DAY_S
    desk.advance(clock, 2 * DAY_S + HOUR_S)
    assert desk.read(subscription)["status"] == "active"
    invoice = desk.invoice(subscription)
    assert (invoice["amount_paid"], invoice["billing_reason"]) == (2000, "subscription_cycle")
    [updated] = desk.events("customer.subscription.updated")[-1:]
    assert updated["data"]["previous_attributes"]["status"] == "trialing"


@pytest.mark.parametrize(
    ("behavior", "status", "event"),
    [
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("pause", "paused", "customer.subscription.paused"),
        ("create_invoice", "past_due", "invoice.payment_failed"),
    ],
)
def test_a_trial_ends_without_a_payment_method(desk, clock, behavior, status, event):
    settings = {"end_behavior": {"missing_payment_method": behavior}}
    subscription = desk.subscribe(desk.customer(clock=clock), trial_period_days=7, trial_settings=settings)
    desk.advance(clock, 7 * DAY_S + HOUR_S)
    assert desk.read(subscription)["status"] == status
    assert event in desk.types()


def test_a_first_invoice_expires_on_the_clock(desk, clock):
    subscription = desk.subscribe(desk.customer(clock=clock), payment_behavior="default_incomplete")
    desk.later(30 * HOUR_S)
    assert desk.read(subscription)["status"] == "incomplete", "real time does not count"
    desk.advance(clock, 23 * HOUR_S)
    expired = desk.read(subscription)
    assert expired["status"] == "incomplete_expired"
    assert expired["ended_at"] == expired["created"] + 23 * HOUR_S


def test_cancelled_at_the_end_of_the_period(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    path = f"/v1/subscriptions/{subscription['id']}"
    asked = desk.shop.made(path, {"cancel_at_period_end": True})
    end_s = subscription["items"]["data"][0]["current_period_end"]
    assert (asked["status"], asked["cancel_at"]) == ("active", end_s)
    desk.advance(clock, 31 * DAY_S)
    ended = desk.read(subscription)
    assert (ended["status"], ended["ended_at"]) == ("canceled", end_s)
    assert ended["latest_invoice"] == subscription["latest_invoice"]


def test_cancelled_at_a_moment(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock), cancel_at=desk.shop.now_s + 5 * DAY_S)
    desk.advance(clock, 6 * DAY_S)
    assert desk.read(subscription)["ended_at"] == desk.shop.now_s + 5 * DAY_S


def test_prorations_come_with_the_renewal(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    [item] = subscription["items"]["data"]
    desk.advance(clock, 15 * DAY_S)
    desk.shop.made(f"/v1/subscriptions/{subscription['id']}", {"items": [{"id": item["id"], "quantity": 2}]})
    desk.advance(clock, 16 * DAY_S + HOUR_S)
    invoice = desk.invoice(subscription)
    part = round(2000 * 16 / 31)
    assert invoice["amount_paid"] == 2 * 2000 + (2 * part - part) + (round(4000 * 16 / 31) - 2 * part)
    assert len(invoice["lines"]["data"]) == 3


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_paused_collection(desk, clock, behavior, status):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    resumes_s = desk.shop.now_s + 40 * DAY_S
    body = {"pause_collection": {"behavior": behavior, "resumes_at": resumes_s}}
    desk.shop.made(f"/v1/subscriptions/{subscription['id']}", body)
    desk.advance(clock, 32 * DAY_S)
    assert desk.invoice(subscription)["status"] == status
    assert desk.read(subscription)["status"] == "active"
    desk.advance(clock, 10 * DAY_S)
    assert desk.read(subscription)["pause_collection"] is None


def bills_and_more(desk, customer):
    """One object of each kind that lists hold: what a subscription makes, a set-up, a refund and an item that waits."""
    subscription = desk.subscribe(customer)
    invoice = desk.invoice(subscription)
    intent = desk.intent(invoice)["id"]
    desk.shop.made("/v1/setup_intents", {"customer": customer})
    desk.shop.made("/v1/refunds", {"payment_intent": intent, "amount": 100})
    desk.shop.made("/v1/invoiceitems", {"customer": customer, "amount": 300, "currency": "usd"})
    return {
        "customers": {},
        "subscriptions": {"customer": customer},
        "invoices": {"customer": customer, "subscription": subscription["id"]},
        "invoice_payments": {"invoice": invoice["id"], "payment[payment_intent]": intent},
        "invoiceitems": {"customer": customer},
        "payment_intents": {"customer": customer},
        "setup_intents": {"customer": customer},
        "charges": {"customer": customer, "payment_intent": intent},
        "refunds": {"payment_intent": intent},
    }


@pytest.mark.parametrize("lists_in_order", [False, True])
def test_what_is_on_a_clock_is_listed_where_asked_for_only(new_shop, lists_in_order):
    desk = Desk(new_shop(lists_in_order=lists_in_order))
    clock = desk.clock()
    on_clock = bills_and_more(desk, desk.customer("pm_card_visa", clock))
    elsewhere = bills_and_more(desk, desk.customer("pm_card_visa"))

    def ids(kind, query):
        return {one["id"] for one in desk.shop.ask("GET", f"/v1/{kind}", query).body["data"]}

    for kind in elsewhere:
        everything = ids(kind, {})
        assert len(everything) == 1, kind
        for name, value in elsewhere[kind].items():
            assert ids(kind, _asking(name, value)) == everything, (kind, name)
        for name, value in on_clock[kind].items():
            found = ids(kind, _asking(name, value))
            assert len(found) == 1, (kind, name)
            assert not found & everything, (kind, name)
    charge = desk.shop.ask("GET", "/v1/charges", {"customer": on_clock["charges"]["customer"]}).body["data"][0]["id"]
    for path, query in ((f"charges/{charge}/refunds", {}), ("refunds", {"charge": charge})):
        assert ids(path, query) == ids("refunds", on_clock["refunds"])


def _asking(name, value):
    outer, _, inner = name.partition("[")
    return {outer: {inner.rstrip("]"): value} if inner else value}


def test_a_clock_filters_what_is_on_it(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    other = desk.subscribe(desk.customer("pm_card_visa"))
    by_clock = desk.shop.ask("GET", "/v1/subscriptions", {"test_clock": clock}).body["data"]
    assert [one["id"] for one in by_clock] == [subscription["id"]]
    assert desk.shop.ask("GET", "/v1/customers", {"test_clock": clock}).body["data"][0]["test_clock"] == clock
    assert other["test_clock"] is None


def test_events_tell_also_of_what_is_on_a_clock(desk, clock):
    subscription = desk.subscribe(desk.customer("pm_card_visa", clock))
    [created] = desk.events("customer.subscription.created")
    assert created["data"]["object"]["id"] == subscription["id"]


def test_a_deleted_clock_takes_all_with_it(desk, clock):
    customer = desk.customer("pm_card_visa", clock)
    subscription = desk.subscribe(customer)
    gone = desk.shop.ask("DELETE", f"/v1/test_helpers/test_clocks/{clock}").body
    assert gone["deleted"] is True
    for path in (f"customers/{customer}", f"subscriptions/{subscription['id']}", f"test_helpers/test_clocks/{clock}"):
        assert desk.shop.ask("GET", f"/v1/{path}").status == 404
    assert desk.shop.get("/v1/test_helpers/test_clocks")["data"] == []


def test_objects_are_made_in_the_clocks_time(desk, clock):
    desk.advance(clock, 400 * DAY_S)
    customer = desk.customer(clock=clock)
    then_s = desk.shop.now_s + 400 * DAY_S
    intent = desk.shop.intent(customer=customer)
    assert intent["created"] == then_s
    assert desk.shop.get(f"/v1/customers/{customer}")["created"] == then_s


def test_deliveries_about_a_clocks_objects_are_repeated_in_real_time(new_shop):
    shop = new_shop(enabled_events=["invoice.paid"])
    desk = Desk(shop)
    clock = desk.clock()
    answers = iter([500, 200, 200])
    shop.receive = lambda request: next(answers)
    desk.advance(clock, 300 * DAY_S)
    desk.subscribe(desk.customer("pm_card_visa", clock))
    shop.settle()
    assert len(shop.received) == 2


def test_renewals_go_on_by_themselves_in_a_server(new_shop):
    desk = Desk(new_shop(renews_for_ever=True), interval="week")
    subscription = desk.subscribe(desk.customer("pm_card_visa"))
    desk.later(30 * DAY_S)
    assert len(desk.shop.get("/v1/invoices")["data"]) == 5
    assert desk.read(subscription)["status"] == "active"


def test_a_world_comes_to_an_end(desk):
    desk.subscribe(desk.customer("pm_card_visa"))
    desk.subscribe(desk.customer(), payment_behavior="default_incomplete")
    desk.shop.settle()
    assert len(desk.shop.get("/v1/invoices")["data"]) == 2
