"""What a double needs that serves others: its own ids, lists across accounts, its own address and receivers."""

from __future__ import annotations

from sim.stripe.webhook_endpoint import WebhookEndpoint
from tests.sim.stripe.conftest import Shop


def intents_of_accounts(shop: Shop) -> list[str]:
    """Seven intents for three accounts, made in the same second."""
    return [
        shop.intent(metadata={"account_id": f"acct{number % 3}"} if number % 3 else {})["id"] for number in range(7)
    ]


def test_a_list_that_spans_accounts_holds_objects_in_the_order_in_which_they_were_made(new_shop: type[Shop]) -> None:
    shop = new_shop(lists_in_order=True)
    made = intents_of_accounts(shop)
    listed = [intent["id"] for intent in shop.get("/v1/payment_intents")["data"]]
    assert listed == made[::-1]


def test_pages_of_such_a_list_miss_nothing_and_repeat_nothing(new_shop: type[Shop]) -> None:
    shop = new_shop(lists_in_order=True)
    made = intents_of_accounts(shop)
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    more = True
    while more:
        page = shop.ask("GET", "/v1/payment_intents", query).body
        seen += [intent["id"] for intent in page["data"]]
        more = page["has_more"]
        query["starting_after"] = seen[-1]
    assert seen == made[::-1]


def test_a_forgotten_account_is_gone_from_the_lists(new_shop: type[Shop]) -> None:
    shop = new_shop(lists_in_order=True)
    intents_of_accounts(shop)
    before = len(shop.get("/v1/payment_intents")["data"])
    shop.stripe.forget("acct1")
    left = shop.get("/v1/payment_intents")["data"]
    assert (before, len(left)) == (7, 5)
    assert not [intent for intent in left if intent["metadata"] == {"account_id": "acct1"}]


def test_ids_are_the_same_for_a_seed_and_others_for_another(new_shop: type[Shop]) -> None:
    def made(seed: str) -> list[str]:
        shop = new_shop(id_seed=seed)
        return intents_of_accounts(shop) + [event["id"] for event in shop.events()]

    assert made("7") == made("7")
    assert not set(made("7")) & set(made("8"))
    assert len(set(made("7"))) == len(made("7"))


def test_every_event_is_found_by_its_id_and_none_by_another(new_shop: type[Shop]) -> None:
    shop = new_shop()
    intents_of_accounts(shop)
    events = shop.events()
    assert len(events) == 7
    for event in events:
        assert shop.get(f"/v1/events/{event['id']}") == event
    start = events[0]["id"][:-6]
    for unknown in (f"{start}000000", f"{start}ffffff", f"{start}zzzzzz", start, "evt_"):
        assert shop.ask("GET", f"/v1/events/{unknown}").status == 404


def test_the_hosted_pages_are_where_the_server_says(new_shop: type[Shop]) -> None:
    shop = new_shop()
    shop.stripe.host_pages_at("http://127.0.0.1:4242/")
    intent = shop.intent(
        payment_method="pm_card_authenticationRequired",
        confirm=True,
        return_url="https://shop.test",
        payment_method_types=["card"],
    )
    url = intent["next_action"]["redirect_to_url"]["url"]
    assert url == f"http://127.0.0.1:4242/hosted/3d_secure/{intent['id']}"


def test_receivers_can_be_chosen(new_shop: type[Shop]) -> None:
    endpoint = WebhookEndpoint("we_mine", 0, "http://127.0.0.1:9000/hook?shop=a%20b", ["*"], "whsec_mine")
    shop = new_shop(endpoints=[endpoint])
    assert [one["url"] for one in shop.get("/v1/webhook_endpoints")["data"]] == [endpoint.url]
    assert (endpoint.service, endpoint.path, endpoint.query) == ("http://127.0.0.1:9000", "/hook", {"shop": "a b"})


def test_there_may_be_no_receiver(new_shop: type[Shop]) -> None:
    shop = new_shop(endpoints=[])
    shop.intent(payment_method="pm_card_visa", confirm=True, payment_method_types=["card"])
    shop.settle()
    assert shop.received == []
    assert [event["pending_webhooks"] for event in shop.events("payment_intent.succeeded")] == [0]
