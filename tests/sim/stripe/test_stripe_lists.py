"""Lists: pages in both directions, filters, expansions; and metadata, which all of them carry."""

import pytest

from sim.time import SECOND_US


def every_id(shop, path, values, direction):
    """All ids of a list, page by page, in the order in which they come."""
    seen, cursor = [], {}
    for _ in range(20):
        listed = shop.ask("GET", path, {**values, **cursor}).body
        ids = [item["id"] for item in listed["data"]]
        seen = seen + ids if direction == "starting_after" else ids + seen
        if not listed["has_more"]:
            return seen
        cursor = {direction: ids[-1] if direction == "starting_after" else ids[0]}
    raise AssertionError("the list does not end")


@pytest.fixture
def many(shop):
    """Seven of everything that can be listed, and the query by which each list holds them all."""
    customer = shop.customer()
    for number in range(7):
        shop.clock.now_us += SECOND_US
        intent = shop.intent(customer=customer, payment_method="pm_card_visa", confirm=True, off_session=True)
        shop.made("/v1/refunds", {"payment_intent": intent["id"], "amount": 50 + number})
        shop.made("/v1/payment_methods/pm_card_visa/attach", {"customer": customer})
        shop.made("/v1/webhook_endpoints", {"url": f"https://a.test/{number}", "enabled_events": ["charge.succeeded"]})
        shop.customer(f"other{number}")
    set_up = shop.made("/v1/setup_intents", {"customer": customer})["id"]
    for _ in range(6):
        values = {"payment_method": "pm_card_chargeDeclined", "return_url": "https://a.test"}
        assert shop.post(f"/v1/setup_intents/{set_up}/confirm", values).status == 402
        shop.made("/v1/setup_intents", {"customer": customer})
    return {
        "/v1/customers": {},
        "/v1/payment_intents": {"customer": customer},
        "/v1/charges": {"customer": customer},
        "/v1/refunds": {},
        "/v1/payment_methods": {"customer": customer},
        f"/v1/customers/{customer}/payment_methods": {},
        "/v1/setup_intents": {"customer": customer},
        "/v1/setup_attempts": {"setup_intent": set_up},
        "/v1/events": {"type": "charge.succeeded"},
        "/v1/webhook_endpoints": {},
    }


def test_pages_in_both_directions_hold_the_same(shop, many):
    for path, values in many.items():
        whole = [item["id"] for item in shop.ask("GET", path, {**values, "limit": "100"}).body["data"]]
        assert len(whole) in (6, 7, 8), path
        assert every_id(shop, path, {**values, "limit": 3}, "starting_after") == whole, path
        last = {**values, "limit": 3}
        assert every_id(shop, path, {**last, "ending_before": whole[-1]}, "ending_before") == whole[:-1], path
        created = [item["created"] for item in shop.ask("GET", path, {**values, "limit": 100}).body["data"]]
        assert created == sorted(created, reverse=True), path


def test_wrong_pages_are_refused(shop, many):
    for path, values in many.items():
        for wrong, param in (
            ({"limit": 0}, "limit"),
            ({"limit": 101}, "limit"),
            ({"limit": "ten"}, "limit"),
            ({"starting_after": "x_unknown"}, "starting_after"),
            ({"ending_before": "x_unknown"}, "ending_before"),
            ({"starting_after": "x", "ending_before": "y"}, "ending_before"),
            ({"colour": "red"}, "colour"),
        ):
            answer = shop.ask("GET", path, {**values, **wrong})
            assert (answer.status, answer.body["error"]["param"]) == (400, param), (path, wrong)


def test_created_is_a_second_or_bounds(shop):
    seconds = {}
    for _ in range(5):
        shop.clock.now_us += SECOND_US
        seconds[shop.now_s] = shop.customer()
    first, *_, last = seconds

    def listed(created):
        return [item["created"] - first for item in shop.ask("GET", "/v1/customers", {"created": created}).body["data"]]

    assert listed(first + 2) == [2]
    assert listed(str(first + 2)) == [2]
    assert listed({"gte": first + 3}) == [4, 3]
    assert listed({"gt": str(first + 3)}) == [4]
    assert listed({"lte": first + 1}) == [1, 0]
    assert listed({"lt": first + 1}) == [0]
    assert listed({"gt": first, "lt": last}) == [3, 2, 1]
    assert listed({"gt": last}) == []
    for wrong, param in (({"after": 1}, "created[after]"), ({"gte": "x"}, "created[gte]"), ("x", "created")):
        answer = shop.ask("GET", "/v1/customers", {"created": wrong})
        assert (answer.status, answer.body["error"]["param"]) == (400, param)


def test_has_more_counts_what_the_filter_lets_pass(shop):
    for number in range(4):
        shop.made("/v1/customers", {"email": f"{number % 2}@example.test"})
    listed = shop.ask("GET", "/v1/customers", {"email": "0@example.test", "limit": 2}).body
    assert (len(listed["data"]), listed["has_more"]) == (2, False)


def test_who_deletes_while_reading_misses_nothing(shop):
    made = [shop.customer() for _ in range(5)]
    seen, cursor = [], {}
    while True:
        listed = shop.ask("GET", "/v1/customers", {"limit": 2, **cursor}).body
        for item in listed["data"]:
            shop.ask("DELETE", f"/v1/customers/{item['id']}")
            seen.append(item["id"])
        if not listed["has_more"]:
            break
        cursor = {"starting_after": seen[-1]}
    assert seen == made[::-1]


def test_events_by_type_types_and_delivery(shop):
    shop.intent(payment_method="pm_card_visa", confirm=True, off_session=True)
    assert {event["type"] for event in shop.events("charge.*")} == {"charge.succeeded"}
    types = {"types": ["payment_intent.created", "payment_intent.succeeded"]}
    listed = shop.ask("GET", "/v1/events", types).body["data"]
    assert [event["type"] for event in listed] == ["payment_intent.succeeded", "payment_intent.created"]
    assert len(shop.ask("GET", "/v1/events", {"delivery_success": "false"}).body["data"]) == 1
    shop.settle()
    assert shop.ask("GET", "/v1/events", {"delivery_success": "false"}).body["data"] == []
    for wrong in ({**types, "type": "charge.succeeded"}, {"types": ["a.b"] * 21}):
        assert shop.ask("GET", "/v1/events", wrong).status == 400


def test_expanding_in_lists_begins_with_data(shop):
    customer = shop.customer()
    paid = shop.intent(customer=customer, payment_method="pm_card_visa", confirm=True, off_session=True)
    shop.intent(customer=customer)
    paths = ["data.customer", "data.latest_charge.payment_intent.customer"]
    newest, oldest = shop.ask("GET", "/v1/payment_intents", {"expand": paths}).body["data"]
    assert newest["customer"]["id"] == oldest["customer"]["id"] == customer
    assert newest["latest_charge"] is None
    assert oldest["latest_charge"]["payment_intent"]["id"] == paid["id"]
    assert oldest["latest_charge"]["payment_intent"]["customer"]["id"] == customer
    wrong = shop.ask("GET", "/v1/payment_intents", {"expand": ["customer"]})
    assert wrong.status == 400
    assert "'data.customer'" in wrong.body["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "latest_charge.payment_intent.latest_charge.payment_intent.customer",
        "nothing",
        "latest_charge.nothing",
        "id",
        "metadata",
        "metadata.friend",
        "description",
        "client_secret",
        "currency",
        "amount",
        "amount.x",
        "automatic_payment_methods",
        "payment_method_types",
        "",
        "customer.",
        "..",
    ],
)
def test_what_cannot_be_expanded(shop, path):
    customer = shop.customer()
    values = {"customer": customer, "metadata": {"friend": customer}, "description": customer}
    intent = shop.intent(payment_method="pm_card_visa", confirm=True, off_session=True, **values)
    answer = shop.ask("GET", f"/v1/payment_intents/{intent['id']}", {"expand": [path]})
    assert (answer.status, answer.body["error"]["type"]) == (400, "invalid_request_error")
    assert answer.body["error"]["param"].startswith("expand")


def test_expanding_works_wherever_something_is_answered(shop):
    customer = shop.customer()
    made = shop.made(
        "/v1/payment_intents", {"amount": 500, "currency": "usd", "customer": customer, "expand": ["customer"]}
    )
    assert made["customer"]["id"] == customer
    changed = shop.made(f"/v1/payment_intents/{made['id']}", {"description": "x", "expand": ["customer"]})
    assert changed["customer"]["email"] == "a@example.test"
    shop.ask("DELETE", f"/v1/customers/{customer}")
    gone = shop.ask("GET", f"/v1/payment_intents/{made['id']}", {"expand": ["customer"]}).body["customer"]
    assert gone == {"id": customer, "object": "customer", "deleted": True}


def test_metadata_is_merged_and_unset(shop):
    path = f"/v1/customers/{shop.made('/v1/customers', {'metadata': {'a': '1', 'b': '2'}})['id']}"
    assert shop.made(path, {"metadata": {"b": "", "c": 3, "d": True}})["metadata"] == {"a": "1", "c": "3", "d": "true"}
    assert shop.made(path, {"metadata": {}})["metadata"] == {"a": "1", "c": "3", "d": "true"}
    assert shop.made(path, {"metadata": ""})["metadata"] == {}


def test_metadata_has_its_limits(shop):
    full = {f"k{number}": "v" for number in range(50)}
    path = f"/v1/customers/{shop.made('/v1/customers', {'metadata': full})['id']}"
    assert shop.made(path, {"metadata": {"k1": "", "other": "v"}})["metadata"]["other"] == "v"
    assert shop.made(path, {"metadata": {"k" * 40: "", "other": "v" * 500}})
    for wrong, param in (
        ({"more": "v"}, "metadata"),
        ({"k" * 41: "v"}, f"metadata[{'k' * 41}]"),
        ({"a": "v" * 501}, "metadata[a]"),
        ({"a": {"b": "c"}}, "metadata[a]"),
        ({f"x{number}": "v" for number in range(51)}, "metadata"),
    ):
        answer = shop.post(path, {"metadata": wrong})
        assert (answer.status, answer.body["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("values", "message", "param"),
    [
        ({"emial": "x"}, "Received unknown parameter: emial. Did you mean email?", "emial"),
        ({"zzz": "x"}, "Received unknown parameter: zzz", "zzz"),
        ({"zzz": "x", "yyy": "x"}, "Received unknown parameters: zzz, yyy", "zzz"),
        ({"address": {"zzz": "x"}}, "Received unknown parameter: address[zzz]", "address[zzz]"),
        (
            {"invoice_settings": {"zzz": "x"}},
            "Received unknown parameter: invoice_settings[zzz]",
            "invoice_settings[zzz]",
        ),
    ],
)
def test_unknown_parameters_are_named(shop, values, message, param):
    error = shop.post("/v1/customers", values).body["error"]
    assert (error["message"], error["param"], error["code"]) == (message, param, "parameter_unknown")


def test_what_is_not_modelled_is_refused_by_name(shop):
    body = {"amount": 500, "currency": "usd", "transfer_data": {"destination": "acct_1"}}
    error = shop.post("/v1/payment_intents", body).body["error"]
    assert error["param"] == "transfer_data"
    assert "does not model it" in error["message"]
    assert "does not model search" in shop.ask("GET", "/v1/customers/search", {"query": "x"}).body["error"]["message"]
    assert shop.ask("GET", "/v1/customers/search", {"query": "x"}).status == 400


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("invoices/create_preview", {"customer": "cus_1", "subscription_details": {"items": []}}),
        ("invoices/in_1/add_lines", {"lines": [{"amount": 100}]}),
        ("invoices/in_1/remove_lines", {"lines": [{"id": "il_1"}]}),
        ("invoices/in_1/update_lines", {"lines": [{"id": "il_1"}]}),
        ("invoices/in_1/attach_payment", {"payment_intent": "pi_1"}),
        ("subscriptions/sub_1/migrate", {"billing_mode": {"type": "flexible"}}),
    ],
)
def test_verbs_that_are_not_modelled_are_refused_by_name(shop, path, values):
    answer = shop.post(f"/v1/{path}", values)
    assert answer.status == 400
    assert "does not model it" in answer.body["error"]["message"]
