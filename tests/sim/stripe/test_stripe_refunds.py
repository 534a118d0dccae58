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
