"""Whatever is done in whatever order: ended stays ended, and money is conserved."""

import importlib.util
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

_SPEC = importlib.util.spec_from_file_location("stripe_shop", Path(__file__).with_name("conftest.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

METHODS = st.sampled_from(
    [
        "pm_card_visa",
        "pm_card_chargeDeclined",
        "pm_card_authenticationRequired",
        "pm_card_authenticationRequiredOnSetup",
        "pm_card_threeDSecureRequiredChargeDeclined",
        "pm_card_chargeCustomerFail",
        "saved",
        "paypal",
    ]
)
TERMINAL = ("succeeded", "canceled")


class Payments(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.shop = _MODULE.Shop()
        self.customer = self.shop.customer()
        self.intents = {}
        self.ended = {}
        self.refunded = {}
        self.saved = []

    def pick(self, number):
        ids = list(self.intents)
        return ids[number % len(ids)] if ids else None

    @rule(amount=st.integers(50, 2000), capture=st.sampled_from(["automatic", "manual"]), saving=st.booleans())
    def create(self, amount, capture, saving):
        future = {"setup_future_usage": "off_session"} if saving else {}
        intent = self.shop.intent(amount=amount, customer=self.customer, capture_method=capture, **future)
        self.intents[intent["id"]] = intent["client_secret"]

    @rule(number=st.integers(0, 20), method=METHODS)
    def confirm(self, number, method):
        intent_id = self.pick(number)
        if intent_id is None:
            return
        body = {"client_secret": self.intents[intent_id], "return_url": "https://shop.test"}
        if method == "paypal":
            body["payment_method_data"] = {"type": "paypal"}
        elif method == "saved":
            attached = self.shop.get(f"/v1/customers/{self.customer}/payment_methods")["data"]
            body["payment_method"] = attached[0]["id"] if attached else "pm_card_visa"
        else:
            body["payment_method"] = method
        assert self.shop.browse(f"/v1/payment_intents/{intent_id}/confirm", body).status in (200, 400, 402)

    @rule(number=st.integers(0, 20), outcome=st.sampled_from(["complete", "fail", "cancel"]))
    def visit(self, number, outcome):
        intent_id = self.pick(number)
        for page in ("3d_secure", "paypal"):
            if intent_id is not None:
                self.shop.ask("POST", f"/hosted/{page}/{intent_id}", {"outcome": outcome}, key=None)

    @rule(number=st.integers(0, 20), amount=st.integers(1, 2500))
    def capture(self, number, amount):
        intent_id = self.pick(number)
        if intent_id is not None:
            self.shop.post(f"/v1/payment_intents/{intent_id}/capture", {"amount_to_capture": amount})

    @rule(number=st.integers(0, 20), amount=st.integers(50, 2000))
    def change(self, number, amount):
        intent_id = self.pick(number)
        if intent_id is not None:
            self.shop.post(f"/v1/payment_intents/{intent_id}", {"amount": amount})

    @rule(number=st.integers(0, 20))
    def cancel(self, number):
        intent_id = self.pick(number)
        if intent_id is not None:
            self.shop.post(f"/v1/payment_intents/{intent_id}/cancel")

    @rule(number=st.integers(0, 20), amount=st.integers(1, 2500))
    def refund(self, number, amount):
        intent_id = self.pick(number)
        if intent_id is None:
            return
        answer = self.shop.post("/v1/refunds", {"payment_intent": intent_id, "amount": amount})
        if answer.status == 200:
            self.refunded[intent_id] = self.refunded.get(intent_id, 0) + amount

    @rule(seconds=st.integers(1, 100_000))
    def wait(self, seconds):
        self.shop.clock.now_us += seconds * 1_000_000

    @invariant()
    def what_ended_stays_ended(self):
        for intent in self.shop.stripe.intents_of("acct1"):
            ended = self.ended.get(intent["id"])
            assert ended is None or ended == intent["status"]
            if intent["status"] in TERMINAL:
                self.ended[intent["id"]] = intent["status"]

    @invariant()
    def money_is_conserved(self):
        for intent in self.shop.stripe.intents_of("acct1"):
            query = {"payment_intent": intent["id"], "limit": 100}
            charges = self.shop.ask("GET", "/v1/charges", query).body["data"]
            captured = sum(charge["amount_captured"] for charge in charges)
            assert captured == intent["amount_received"]
            assert intent["amount_received"] <= intent["amount"]
            assert (intent["amount_received"] > 0) == (intent["status"] == "succeeded")
            assert sum(charge["amount_refunded"] for charge in charges) == self.refunded.get(intent["id"], 0)
            assert intent["amount_refunded"] <= captured
            assert sum(charge["paid"] for charge in charges) <= 1

    @invariant()
    def facts_tell_the_last_status(self):
        told = {fact.subject: fact.state for fact in self.shop.facts("intent")}
        assert told == {intent["id"]: intent["status"] for intent in self.shop.stripe.intents_of("acct1")}

    def teardown(self):
        succeeded = [event["data"]["object"]["id"] for event in self.shop.events("payment_intent.succeeded")]
        assert len(succeeded) == len(set(succeeded))


Payments.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPayments = Payments.TestCase
