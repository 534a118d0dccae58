"""Payment methods and their customers."""


def test_attach_list_detach(shop):
    customer = shop.customer()
    visa = shop.made("/v1/payment_methods/pm_card_visa/attach", {"customer": customer})
    amex = shop.made("/v1/payment_methods/pm_card_amex/attach", {"customer": customer})
    assert visa["customer"] == customer
    assert visa["card"]["last4"] == "4242"
    path = f"/v1/customers/{customer}/payment_methods"
    assert [method["id"] for method in shop.get(path)["data"]] == [amex["id"], visa["id"]]
    assert shop.ask("GET", "/v1/payment_methods", {"customer": customer, "type": "paypal"}).body["data"] == []
    shop.made(f"/v1/customers/{customer}", {"invoice_settings": {"default_payment_method": visa["id"]}})
    assert shop.made(f"/v1/payment_methods/{visa['id']}/detach")["customer"] is None
    assert [method["id"] for method in shop.get(path)["data"]] == [amex["id"]]
    assert shop.get(f"/v1/customers/{customer}")["invoice_settings"]["default_payment_method"] is None
    assert [fact.state for fact in shop.facts("payment_method")] == ["attached", "attached", "detached"]
    (event,) = shop.events("payment_method.detached")
    assert event["data"]["previous_attributes"] == {"customer": customer}
    assert shop.post(f"/v1/payment_methods/{visa['id']}/detach").status == 400
    again = shop.post(f"/v1/payment_methods/{visa['id']}/attach", {"customer": customer})
    assert "may not be used again" in again.body["error"]["message"]


def test_attaching_where_it_is_already_changes_nothing(shop):
    customer = shop.customer()
    method = shop.made("/v1/payment_methods/pm_card_visa/attach", {"customer": customer})["id"]
    shop.made(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    assert len(shop.facts("payment_method")) == 1
    stolen = shop.post(f"/v1/payment_methods/{method}/attach", {"customer": shop.customer("acct2")})
    assert (stolen.status, stolen.body["error"]["code"]) == (400, "payment_method_unexpected_state")


def test_unknown_things(shop):
    customer = shop.customer()
    unknown = shop.post("/v1/payment_methods/pm_unknown/attach", {"customer": customer})
    assert (unknown.status, unknown.body["error"]["code"]) == (404, "resource_missing")
    assert shop.post("/v1/payment_methods/pm_card_visa/attach", {"customer": "cus_x"}).status == 400
    assert shop.post("/v1/payment_methods/pm_card_visa/attach").body["error"]["code"] == "parameter_missing"
    assert shop.post("/v1/payment_methods", {"type": "sofort"}).status == 400
    assert shop.post("/v1/payment_methods").body["error"]["param"] == "type"
    assert shop.post("/v1/payment_methods", {"type": "card"}).body["error"]["param"] == "card"
    assert shop.post("/v1/payment_methods", {"type": "card", "card": {"token": "tok_x"}}).status == 400
    assert shop.post("/v1/payment_methods", {"type": "card", "card": "4242"}).status == 400


def test_wallets_are_cards_that_say_so(shop):
    method = shop.browse("/v1/payment_methods", {"type": "card", "card": {"token": "tok_apple_pay"}}).body
    assert method["card"]["wallet"]["type"] == "apple_pay"
    intent = shop.intent(payment_method=method["id"], confirm=True, use_stripe_sdk=True)
    assert intent["status"] == "succeeded"


def test_link_pays_without_redirect(shop):
    body = {"type": "link", "billing_details": {"email": "l@example.test"}}
    method = shop.browse("/v1/payment_methods", body).body
    assert method["link"]["email"] == "l@example.test"
    assert shop.intent(payment_method=method["id"], confirm=True, use_stripe_sdk=True)["status"] == "succeeded"


def test_the_card_number_is_nowhere(shop):
    body = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "987"}}
    method = shop.browse("/v1/payment_methods", body).body
    assert "4242424242424242" not in str(method)
    assert "987" not in str(method["card"])


def test_a_browser_creates_but_does_not_attach(shop):
    method = shop.browse("/v1/payment_methods", {"type": "card", "card": {"token": "tok_visa"}}).body["id"]
    for answer in (
        shop.browse(f"/v1/payment_methods/{method}/attach", {"customer": shop.customer()}),
        shop.ask("GET", f"/v1/payment_methods/{method}", key="pk_test_gatefall"),
        shop.browse("/v1/customers", {}),
    ):
        assert answer.status == 403


def test_a_method_made_before_its_customer_was_known_moves_to_the_account(shop):
    method = shop.browse("/v1/payment_methods", {"type": "card", "card": {"token": "tok_visa"}}).body["id"]
    shop.made(f"/v1/payment_methods/{method}/attach", {"customer": shop.customer()})
    (saved,) = shop.stripe.payment_methods_of("acct1")
    assert saved["id"] == method
    assert [fact.subject for fact in shop.facts("payment_method")] == [method]


def test_deleting_a_customer_detaches_everything(shop):
    customer = shop.customer()
    method = shop.made("/v1/payment_methods/pm_card_visa/attach", {"customer": customer})["id"]
    assert shop.ask("DELETE", f"/v1/customers/{customer}").body == {
        "id": customer,
        "object": "customer",
        "deleted": True,
    }
    assert shop.get(f"/v1/payment_methods/{method}")["customer"] is None
    assert shop.get(f"/v1/customers/{customer}")["deleted"] is True
    assert shop.post("/v1/payment_intents", {"amount": 500, "currency": "usd", "customer": customer}).status == 400
    assert shop.get("/v1/customers")["data"] == []


def test_a_customer_keeps_what_an_update_does_not_name(shop):
    customer = shop.customer()
    shop.made(f"/v1/customers/{customer}", {"name": "Ann", "address": {"city": "Oslo"}})
    shop.made(f"/v1/customers/{customer}", {"email": "b@example.test", "name": ""})
    after = shop.get(f"/v1/customers/{customer}")
    assert (after["name"], after["email"]) == (None, "b@example.test")
    nowhere = dict.fromkeys(("country", "line1", "line2", "postal_code", "state"))
    assert after["address"] == {"city": "Oslo", **nowhere}
    assert after["metadata"] == {"account_id": "acct1"}
    last = shop.events("customer.updated")[-1]["data"]["previous_attributes"]
    assert last == {"email": "a@example.test", "name": "Ann"}


def test_the_default_must_be_attached(shop):
    customer = shop.customer()
    other = shop.made("/v1/payment_methods/pm_card_visa/attach", {"customer": shop.customer("acct2")})["id"]
    answer = shop.post(f"/v1/customers/{customer}", {"invoice_settings": {"default_payment_method": other}})
    assert answer.status == 400


def test_a_customer_created_with_a_method(shop):
    made = shop.made(
        "/v1/customers",
        {
            "payment_method": "pm_card_visa",
            "metadata": {"account_id": "acct1"},
        },
    )
    assert len(shop.get(f"/v1/customers/{made['id']}/payment_methods")["data"]) == 1


def test_a_token_that_is_method_and_default_of_a_new_customer_is_one_card(shop):
    customer = shop.made(
        "/v1/customers",
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}},
    )
    [method] = shop.get(f"/v1/customers/{customer['id']}/payment_methods")["data"]
    assert customer["invoice_settings"]["default_payment_method"] == method["id"]


def test_no_return_url_is_asked_for_where_nothing_redirects(new_shop):
    shop = new_shop(automatic_types=("card",))
    setup = shop.made("/v1/setup_intents", {"payment_method": "pm_card_visa", "confirm": True})
    assert setup["status"] == "succeeded"
