"""Refunds: full, partial, and never more than was taken."""


def paid(shop, **values):
    return shop.intent(
        customer=shop.customer(), payment_method="pm_card_visa", confirm=True, off_session=True, **values
    )


def test_parts_add_up_to_the_whole(shop):
    intent = paid(shop)
    first = shop.made("/v1/refunds", {"payment_intent": intent["id"], "amount": "200", "reason": "duplicate"})
    assert (first["amount"], first["status"], first["charge"]) == (200, "succeeded", intent["latest_charge"])
    assert shop.get(f"/v1/charges/{intent['latest_charge']}")["refunded"] is False
    too_much = shop.post("/v1/refunds", {"charge": intent["latest_charge"], "amount": 301})
    assert (too_much.status, too_much.body["error"]["param"]) == (400, "amount")
    rest = shop.made("/v1/refunds", {"charge": intent["latest_charge"]})
    assert rest["amount"] == 300
    again = shop.post("/v1/refunds", {"payment_intent": intent["id"]})
    assert (again.status, again.body["error"]["code"]) == (400, "charge_already_refunded")
    charge = shop.get(f"/v1/charges/{intent['latest_charge']}")
    assert (charge["amount_refunded"], charge["refunded"]) == (500, True)
    assert [(fact.amount_minor, fact.related, fact.detail) for fact in shop.facts("refund")] == [
        (200, intent["id"], {"reason": "duplicate"}),
        (300, intent["id"], {"reason": None}),
    ]
    seen = [event["data"] for event in shop.events("charge.refunded")]
    assert [data["object"]["amount_refunded"] for data in seen] == [200, 500]
    assert seen[1]["previous_attributes"] == {"amount_refunded": 200}
    listed = shop.ask("GET", "/v1/refunds", {"payment_intent": intent["id"]}).body["data"]
    assert [refund["id"] for refund in listed] == [rest["id"], first["id"]]


def test_nothing_taken_nothing_to_give_back(shop):
    unpaid = shop.intent()
    answer = shop.post("/v1/refunds", {"payment_intent": unpaid["id"]})
    assert (answer.status, answer.body["error"]["code"]) == (400, "payment_intent_unexpected_state")
    held = paid(shop, capture_method="manual")
    assert shop.post("/v1/refunds", {"payment_intent": held["id"]}).status == 400
    assert shop.post("/v1/refunds", {"charge": held["latest_charge"]}).status == 400
    assert shop.post("/v1/refunds").body["error"]["code"] == "parameter_missing"
    assert shop.post("/v1/refunds", {"charge": "ch_unknown"}).body["error"]["code"] == "resource_missing"
    assert shop.post("/v1/refunds", {"charge": paid(shop)["latest_charge"], "amount": 0}).status == 400


def test_a_partly_captured_charge_gives_back_what_was_captured(shop):
    held = paid(shop, capture_method="manual")
    shop.made(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": 300})
    assert shop.made("/v1/refunds", {"payment_intent": held["id"]})["amount"] == 300


def test_a_refund_is_annotated_and_cannot_be_cancelled(shop):
    refund = shop.made("/v1/refunds", {"payment_intent": paid(shop)["id"], "metadata": {"a": "b"}})["id"]
    changed = shop.made(f"/v1/refunds/{refund}", {"metadata": {"c": "d"}})
    assert changed["metadata"] == {"a": "b", "c": "d"}
    for event_type in ("refund.updated", "charge.refund.updated"):
        (event,) = shop.events(event_type)
        assert event["data"]["previous_attributes"] == {"metadata": {"a": "b"}}
    shop.made(f"/v1/refunds/{refund}")
    assert len(shop.events("refund.updated")) == 1
    answer = shop.post(f"/v1/refunds/{refund}/cancel", idempotency_key="k")
    assert (answer.status, "requires_action" in answer.body["error"]["message"]) == (400, True)
    assert "idempotent-replayed" in shop.post(f"/v1/refunds/{refund}/cancel", idempotency_key="k").headers


def test_refunds_are_listed_by_what_they_are_of(shop):
    first, second = paid(shop), paid(shop)
    of_first = shop.made("/v1/refunds", {"payment_intent": first["id"], "amount": 100})["id"]
    of_second = shop.made("/v1/refunds", {"charge": second["latest_charge"]})["id"]

    def listed(**values):
        return [item["id"] for item in shop.ask("GET", "/v1/refunds", values).body["data"]]

    assert listed() == [of_second, of_first]
    assert listed(payment_intent=first["id"]) == [of_first]
    assert listed(charge=second["latest_charge"]) == [of_second]
    assert listed(charge=second["latest_charge"], payment_intent=first["id"]) == []
    assert shop.ask("GET", f"/v1/charges/{first['latest_charge']}/refunds/{of_second}").status == 404


def test_a_charge_is_annotated_and_told(shop):
    charge = shop.intent(payment_method="pm_card_visa", confirm=True, off_session=True)["latest_charge"]
    shop.made(f"/v1/charges/{charge}", {"description": "x", "customer": shop.customer()})
    (event,) = shop.events("charge.updated")
    assert event["data"]["previous_attributes"] == {"customer": None, "description": None}
    other = shop.post(f"/v1/charges/{charge}", {"customer": shop.customer()})
    assert (other.status, other.body["error"]["param"]) == (400, "customer")


def test_an_inquiry_is_a_dispute_that_can_still_be_refunded(shop):
    shop.intent(payment_method="pm_card_createDisputeInquiry", confirm=True, off_session=True)
    dispute = shop.events("charge.dispute.created")[0]["data"]["object"]
    assert (dispute["status"], dispute["is_charge_refundable"]) == ("warning_needs_response", True)
