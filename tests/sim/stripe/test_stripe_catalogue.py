"""Products and prices."""

import pytest

from tests.sim.stripe.billing_desk import Desk


def test_a_product_and_its_default_price(shop):
    data = {"currency": "usd", "unit_amount": 700, "recurring": {"interval": "month"}}
    product = shop.made("/v1/products", {"name": "Crates", "id": "crates", "default_price_data": data, "images": []})
    assert (product["id"], product["active"], product["type"]) == ("crates", True, "service")
    price = shop.get(f"/v1/prices/{product['default_price']}")
    assert (price["product"], price["unit_amount"], price["unit_amount_decimal"]) == ("crates", 700, "700")
    assert price["type"] == "recurring"
    assert [event["type"] for event in shop.events()] == ["product.created", "price.created"]
    assert (
        shop.post("/v1/products", {"name": "Again", "id": "crates"}).body["error"]["code"] == "resource_already_exists"
    )
    assert shop.post("/v1/products", {}).body["error"]["param"] == "name"


def test_updating_and_deleting_a_product(shop):
    product = shop.made("/v1/products", {"name": "Crates", "metadata": {"a": "1", "b": "2"}})
    path = f"/v1/products/{product['id']}"
    changed = shop.made(path, {"name": "Boxes", "metadata": {"a": "", "c": "3"}, "description": "of wood"})
    assert (changed["name"], changed["metadata"], changed["description"]) == ("Boxes", {"b": "2", "c": "3"}, "of wood")
    [event] = shop.events("product.updated")
    assert event["data"]["previous_attributes"]["name"] == "Crates"
    assert shop.made(path, {"description": ""})["description"] is None
    assert shop.made(path, {"active": "false"})["active"] is False
    assert shop.ask("GET", "/v1/products", {"active": "true"}).body["data"] == []
    assert shop.ask("DELETE", path).body == {"id": product["id"], "object": "product", "deleted": True}
    assert shop.ask("GET", path).status == 404
    assert shop.events()[-1]["type"] == "product.deleted"


def test_a_product_with_prices_cannot_be_deleted(shop):
    desk = Desk(shop)
    assert shop.ask("DELETE", f"/v1/products/{desk.product}").status == 400


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"unit_amount": -5}, "unit_amount"),
        ({"unit_amount": 5, "currency": "xyz"}, "currency"),
        ({}, "unit_amount"),
        ({"unit_amount": 5, "recurring": {"interval": "hour"}}, "recurring[interval]"),
        ({"unit_amount": 5, "recurring": {"interval": "year", "interval_count": 4}}, "recurring[interval_count]"),
        ({"unit_amount": 5, "recurring": {"interval": "month", "usage_type": "metered"}}, "recurring[meter]"),
        ({"unit_amount_decimal": "1.x"}, "unit_amount_decimal"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume"}, "tiers"),
    ],
)
def test_wrong_prices_are_refused_by_name(shop, values, param):
    product = shop.made("/v1/products", {"name": "Crates"})["id"]
    answer = shop.post("/v1/prices", {"product": product, "currency": "usd", **values})
    assert (answer.status, answer.body["error"]["param"]) == (400, param)


def test_updating_a_price(shop):
    desk = Desk(shop)
    path = f"/v1/prices/{desk.price}"
    changed = shop.made(path, {"nickname": "Usual", "active": False, "lookup_key": "usual"})
    assert (changed["nickname"], changed["active"], changed["lookup_key"]) == ("Usual", False, "usual")
    assert shop.post(path, {"unit_amount": 5}).body["error"]["code"] == "parameter_unknown"
    taken = {"product": desk.product, "currency": "usd", "unit_amount": 5, "lookup_key": "usual"}
    assert shop.post("/v1/prices", taken).status == 400
    other = shop.made("/v1/prices", {**taken, "transfer_lookup_key": True})
    listed = shop.ask("GET", "/v1/prices", {"lookup_keys": ["usual"]}).body["data"]
    assert [one["id"] for one in listed] == [other["id"]]
    once = shop.ask("GET", "/v1/prices", {"type": "one_time", "product": desk.product}).body["data"]
    assert [one["id"] for one in once] == [other["id"]]


@pytest.mark.parametrize(("mode", "total"), [("graduated", 10 * 500 + 5 * 300), ("volume", 15 * 300 + 1000)])
def test_tiers(shop, mode, total):
    desk = Desk(shop)
    tiers = [{"up_to": 10, "unit_amount": 500}, {"up_to": "inf", "unit_amount": 300, "flat_amount": 1000}]
    if mode == "graduated":
        total += 1000
    body = {
        "product": desk.product,
        "currency": "usd",
        "billing_scheme": "tiered",
        "tiers_mode": mode,
        "tiers": tiers,
        "recurring": {"interval": "month"},
    }
    price = shop.made("/v1/prices", {**body, "expand": ["tiers"]})
    assert [tier["up_to"] for tier in price["tiers"]] == [10, None]
    subscription = desk.subscribe(desk.customer("pm_card_visa"), items=[{"price": price["id"], "quantity": 15}])
    assert desk.invoice(subscription)["amount_paid"] == total


def test_parts_of_the_smallest_unit(shop):
    desk = Desk(shop)
    body = {"product": desk.product, "currency": "usd", "unit_amount_decimal": "0.5", "recurring": {"interval": "day"}}
    price = shop.made("/v1/prices", body)
    assert (price["unit_amount"], price["unit_amount_decimal"]) == (None, "0.5")
    subscription = desk.subscribe(desk.customer("pm_card_visa"), items=[{"price": price["id"], "quantity": 1001}])
    assert desk.invoice(subscription)["amount_paid"] == 501
