"""Whatever is done in whatever order: subscriptions and invoices only go where Stripe lets them; nobody pays twice."""

import importlib.util
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim.stripe.dunning import Dunning
from tests.sim.stripe.billing_desk import DAY_S, HOUR_S, Desk

_SPEC = importlib.util.spec_from_file_location("billing_shop", Path(__file__).with_name("conftest.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

GOES_TO = {
    None: {"incomplete", "trialing", "active"},
    "incomplete": {"active", "incomplete_expired"},
    "incomplete_expired": set(),
    "trialing": {"active", "canceled", "paused"},
    "active": {"past_due", "canceled", "paused", "trialing"},
    "past_due": {"active", "canceled", "unpaid", "paused", "trialing"},
    "unpaid": {"active", "canceled", "trialing"},
    "paused": {"active", "canceled"},
    "canceled": set(),
}
"""Source: the description of `Subscription.status` in the official SDK. Assumption: what it does not speak of, such as
pauses of what is past due."""
INVOICE_GOES_TO = {
    None: {"draft"},
    "draft": {"open"},
    "open": {"paid", "void", "uncollectible"},
    "uncollectible": {"paid", "void"},
    "paid": set(),
    "void": set(),
}
"""Source: Stripe's page "Status transitions and finalization"."""
CARDS = st.sampled_from(["pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"])
BEHAVIORS = st.sampled_from(["allow_incomplete", "default_incomplete", "error_if_incomplete"])
UPDATES = st.sampled_from(["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"])
PRORATIONS = st.sampled_from(["always_invoice", "create_prorations", "none"])
NUMBERS = st.integers(0, 20)


class Bills(RuleBasedStateMachine):
    @initialize(dunning=st.sampled_from(["cancel", "unpaid", "past_due"]), card=CARDS)
    def open_the_shop(self, dunning, card):
        self.shop = _MODULE.Shop(dunning=Dunning((1, 2), dunning, 7))
        self.desk = Desk(self.shop)
        self.prices = [self.desk.price, self.desk.new_price(500), self.desk.new_price(9000, "year")]
        self.clock = self.desk.clock()
        self.customer = self.desk.customer(card, self.clock)
        self.seen = 0
        self.statuses = {}

    def pick(self, kind, number):
        query = {"customer": self.customer, "limit": 100}
        if kind == "subscriptions":
            query["status"] = "all"
        found = self.shop.ask("GET", f"/v1/{kind}", query).body["data"]
        return found[number % len(found)] if found else None

    def try_to(self, path, body=None, method="POST"):
        answer = self.shop.ask(method, path, body or {})
        assert answer.status in (200, 400, 402, 404), (path, body, answer.body)
        return answer

    @rule(behavior=BEHAVIORS, trial=st.sampled_from([None, 1, 10]), price=NUMBERS, missing=st.booleans())
    def subscribe(self, behavior, trial, price, missing):
        more = {} if trial is None else {"trial_period_days": trial}
        if missing:
            more["trial_settings"] = {"end_behavior": {"missing_payment_method": "pause"}}
        items = [{"price": self.prices[price % len(self.prices)]}]
        body = self.desk.subscription(self.customer, payment_behavior=behavior, items=items, **more)
        made = self.try_to("/v1/subscriptions", body).body
        assert trial is None or made["status"] == "trialing"

    @rule(number=NUMBERS, price=NUMBERS, quantity=st.integers(0, 3), behavior=UPDATES, prorated=PRORATIONS)
    def change(self, number, price, quantity, behavior, prorated):
        subscription = self.pick("subscriptions", number)
        if subscription is not None:
            item = subscription["items"]["data"][0]["id"]
            items = [{"id": item, "price": self.prices[price % len(self.prices)], "quantity": quantity}]
            body = {"items": items, "payment_behavior": behavior, "proration_behavior": prorated}
            self.try_to(f"/v1/subscriptions/{subscription['id']}", body)

    @rule(
        number=NUMBERS,
        values=st.sampled_from(
            [
                {"cancel_at_period_end": True},
                {"cancel_at_period_end": False},
                {"trial_end": "now"},
                {"pause_collection": {"behavior": "void"}},
                {"pause_collection": ""},
                {"billing_cycle_anchor": {"type": "now"}},
            ]
        ),
    )
    def adjust(self, number, values):
        subscription = self.pick("subscriptions", number)
        if subscription is not None:
            self.try_to(f"/v1/subscriptions/{subscription['id']}", values)

    @rule(number=NUMBERS, verb=st.sampled_from(["pause", "resume", "cancel"]))
    def stop_or_go(self, number, verb):
        subscription = self.pick("subscriptions", number)
        if subscription is not None and verb == "cancel":
            self.try_to(f"/v1/subscriptions/{subscription['id']}", method="DELETE")
        elif subscription is not None:
            self.try_to(f"/v1/subscriptions/{subscription['id']}/{verb}")

    @rule(number=NUMBERS, verb=st.sampled_from(["finalize", "pay", "void", "mark_uncollectible"]))
    def treat(self, number, verb):
        invoice = self.pick("invoices", number)
        if invoice is not None:
            self.try_to(f"/v1/invoices/{invoice['id']}/{verb}")

    @rule(number=NUMBERS, card=CARDS)
    def confirm(self, number, card):
        intent = self.pick("payment_intents", number)
        if intent is not None:
            assert self.desk.confirm(intent["client_secret"], card).status in (200, 400, 402)

    @rule(number=NUMBERS, outcome=st.sampled_from(["complete", "fail"]))
    def visit(self, number, outcome):
        intent = self.pick("payment_intents", number)
        if intent is not None and intent["status"] == "requires_action":
            self.desk.visit(intent, outcome)

    @rule(card=CARDS)
    def change_card(self, card):
        self.desk.save_card(self.customer, card)

    @rule(seconds=st.sampled_from([HOUR_S, 23 * HOUR_S, 5 * DAY_S, 31 * DAY_S]))
    def advance(self, seconds):
        self.desk.advance(self.clock, seconds)

    @invariant()
    def statuses_move_as_stripe_lets_them(self):
        if not hasattr(self, "clock"):
            return
        events = self.shop.stripe._ledger.account(self.clock).events()
        for event in events[self.seen :]:
            body = event.render()["data"]["object"]
            if event.type == "invoice.upcoming":
                continue
            allowed = {"subscription": GOES_TO, "invoice": INVOICE_GOES_TO}.get(body["object"])
            if allowed is not None:
                before, after = self.statuses.get(body["id"]), body["status"]
                assert before == after or after in allowed[before], (event.type, body["id"], before, after)
                self.statuses[body["id"]] = after
        self.seen = len(events)
        self.events_tell_the_last_status()

    def events_tell_the_last_status(self):
        for kind, query in (("subscriptions", {"status": "all"}), ("invoices", {})):
            listed = self.shop.ask("GET", f"/v1/{kind}", {"customer": self.customer, "limit": 100, **query}).body
            for item in listed["data"]:
                assert self.statuses[item["id"]] == item["status"], item["id"]

    @invariant()
    def an_invoice_is_paid_once(self):
        if not hasattr(self, "clock"):
            return
        for invoice in self.shop.ask("GET", "/v1/invoices", {"customer": self.customer, "limit": 100}).body["data"]:
            payments = self.shop.ask("GET", "/v1/invoice_payments", {"invoice": invoice["id"]}).body["data"]
            received = 0
            for payment in payments:
                intent = self.shop.get(f"/v1/payment_intents/{payment['payment']['payment_intent']}")
                received += intent["amount_received"]
                assert (intent["status"] == "canceled") == (invoice["status"] == "void")
                assert (payment["status"] == "canceled") == (invoice["status"] == "void")
            assert received == invoice["amount_paid"]
            assert (invoice["status"] == "paid") == (invoice["amount_remaining"] == 0 and "paid_at" in _moves(invoice))
            assert 0 <= invoice["amount_remaining"] <= invoice["amount_due"]

    @invariant()
    def times_and_statuses_agree(self):
        if not hasattr(self, "clock"):
            return
        now_s = self.shop.get(f"/v1/test_helpers/test_clocks/{self.clock}")["frozen_time"]
        query = {"customer": self.customer, "limit": 100, "status": "all"}
        for subscription in self.shop.ask("GET", "/v1/subscriptions", query).body["data"]:
            status, [item] = subscription["status"], subscription["items"]["data"]
            assert (subscription["ended_at"] is not None) == (status in ("canceled", "incomplete_expired"))
            assert item["current_period_start"] < item["current_period_end"]
            if status in ("trialing", "active", "past_due", "unpaid"):
                assert item["current_period_start"] <= now_s < item["current_period_end"]
            if status == "trialing":
                assert subscription["trial_end"] > now_s
            if status == "incomplete":
                assert now_s < subscription["created"] + 23 * HOUR_S
                assert self.shop.get(f"/v1/invoices/{subscription['latest_invoice']}")["status"] != "paid"
            if subscription["pending_update"] is not None:
                assert now_s < subscription["pending_update"]["expires_at"]


def _moves(invoice):
    return {name for name, at_s in invoice["status_transitions"].items() if at_s is not None}


Bills.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBills = Bills.TestCase
