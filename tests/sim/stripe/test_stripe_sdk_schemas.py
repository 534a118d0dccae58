"""The schemas derived from the SDK catch what the SDK's types forbid."""

from copy import deepcopy

import pytest

from tests.sim.stripe.sdk_schemas import error_problems, problems


@pytest.fixture
def intent(shop):
    return deepcopy(
        shop.intent(customer=shop.customer(), payment_method="pm_card_visa", confirm=True, off_session=True)
    )


def test_a_genuine_object_passes(intent):
    assert problems(intent) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "paid"}, "status"),
        ({"status": None}, "status"),
        ({"amount": "500"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 5.5}, "amount"),
        ({"amount": None}, "amount"),
        ({"livemode": "false"}, "livemode"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"payment_method_types": "card"}, "payment_method_types"),
        ({"customer": 7}, "customer"),
        ({"customer": {"id": "cus_1", "object": "customer"}}, "customer"),
        ({"next_action": {"type": "redirect_to_url", "redirect": {}}}, "next_action"),
        ({"paid": True}, "paid"),
        ({"object": "payment_intention"}, "payment_intention"),
    ],
)
def test_a_wrong_field_is_told(intent, change, said):
    intent.update(change)
    assert said in str(problems(intent))


@pytest.mark.parametrize("field", ["id", "amount", "currency", "status", "metadata", "payment_method_types"])
def test_a_missing_field_is_told(intent, field):
    del intent[field]
    assert field in str(problems(intent))


def test_a_browser_may_be_shown_less(intent):
    del intent["metadata"]
    assert problems(intent, published=True) == []
    intent["paid"] = True
    assert "paid" in str(problems(intent, published=True))


def test_what_hangs_below_is_judged(shop, intent):
    (event,) = deepcopy(shop.events("payment_intent.succeeded"))
    assert problems(event) == []
    event["data"]["object"]["status"] = "paid"
    assert "status" in str(problems(event))
    listed = deepcopy(shop.get("/v1/payment_intents"))
    listed["data"][0]["status"] = "paid"
    assert "status" in str(problems(listed))
    expanded = deepcopy(shop.ask("GET", f"/v1/payment_intents/{intent['id']}", {"expand": ["customer"]}).body)
    assert problems(expanded) == []
    expanded["customer"]["tax_exempt"] = "perhaps"
    assert "customer" in str(problems(expanded))


@pytest.mark.parametrize("broken", [{"has_more": 0}, {"url": "payment_intents"}, {"data": {}}, {"total": 1}])
def test_a_list_that_is_none_is_told(shop, broken):
    assert problems({**shop.get("/v1/payment_intents"), **broken})


def test_deleted_objects_say_so_and_nothing_more(shop):
    deleted = shop.ask("DELETE", f"/v1/customers/{shop.customer()}").body
    assert problems(deleted) == []
    assert problems({**deleted, "deleted": False})
    assert problems({**deleted, "email": None})


def test_refusals_have_their_types(shop):
    error = shop.post("/v1/payment_intents", {}).body["error"]
    assert error_problems(error) == []
    assert error_problems({**error, "params": []})
    assert error_problems({**error, "code": 7})
    assert error_problems({name: value for name, value in error.items() if name != "type"})


def test_what_is_no_object_at_all():
    assert problems(None)
    assert problems([])
    assert problems({"id": "pi_1"})
