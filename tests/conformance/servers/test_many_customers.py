"""Many customers at once over HTTP: no purchase is lost and none is made twice, whoever counts.

Two hundred at a time buy one product each. Some click twice, some give up waiting and ask again, some send the form
again when all is done, some have no payment method and confirm in the browser. Afterwards what the clients were
answered, what subscriptions-api shows, and what Stripe's ledger holds must be the same purchases. MANY_CUSTOMERS says
how many (default 400; CI: 10,000).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import orjson
import pytest

from conformance.over_http.client import HttpAnswer, HttpxClient, Unanswered
from tests.conformance.servers.live_deployment import LiveDeployment

CUSTOMERS = int(os.environ.get("MANY_CUSTOMERS", "400"))
AT_ONCE = 200
WAIT_S = 120.0
LONGEST_S = 120 + CUSTOMERS // 5
PRICE_MINOR = 500
CART = {"subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}], "user_is_on_session": True}

pytestmark = pytest.mark.slow


class Shop:
    """The deployment as clients reach it."""

    def __init__(self, client: HttpxClient, live: LiveDeployment) -> None:
        self._client = client
        self._gateway = live.service_url("gateway")
        self._stripe = live.service_url("stripe")

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str = "",
        key: str | None = None,
        timeout_s: float = WAIT_S,
    ) -> HttpAnswer:
        """One request to the gateway."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        if key is not None:
            headers["idempotency-key"] = key
        content = None if body is None else orjson.dumps(body)
        return await self._client.send(method, self._gateway + path, headers, content, timeout_s)

    async def stripe(self, method: str, path: str, form: bytes | None = None, key: str = "sk_test_gatefall") -> Any:
        """One request to Stripe; the decoded answer."""
        headers = {"authorization": f"Bearer {key}", "content-type": "application/x-www-form-urlencoded"}
        answer = await self._client.send(method, self._stripe + path, headers, form, WAIT_S)
        assert answer.status == 200, answer.content
        return orjson.loads(answer.content)


async def bought(shop: Shop, number: int, token: str, key: str) -> Any:
    """Buy once, in one of the ways that people have; what was answered."""
    if number % 5 == 0:  # clicks twice
        answers = await asyncio.gather(
            *(shop.ask("POST", "/api/v4/bulk/subscriptions", CART, token, key) for _ in range(2))
        )
        assert answers[0].content == answers[1].content
        return orjson.loads(answers[0].content)
    if number % 7 == 0:  # gives up waiting, and asks again
        with contextlib.suppress(Unanswered):
            await shop.ask("POST", "/api/v4/bulk/subscriptions", CART, token, key, timeout_s=0.02)
    answer = await shop.ask("POST", "/api/v4/bulk/subscriptions", CART, token, key)
    return orjson.loads(answer.content)


async def customer(shop: Shop, number: int) -> tuple[str, str]:
    """One customer's day; the customer at Stripe, and the subscription that was bought."""
    state = "none" if number % 4 == 3 else "valid"
    made = orjson.loads((await shop.ask("POST", "/__test__/accounts", {"payment_method": state})).content)
    token = made["token"]
    key = f"purchase-{number}"
    answer = await bought(shop, number, token, key)
    assert answer["success"], answer
    [subscription] = answer["result"]["subscriptions"]
    for secret in answer["result"]["client_secrets"]:
        intent = secret.partition("_secret_")[0]
        form = f"client_secret={secret}&payment_method=pm_card_visa&return_url=https://shop.example".encode()
        await shop.stripe("POST", f"/v1/payment_intents/{intent}/confirm", form, "pk_test_gatefall")
    identifier: str = subscription["id"]
    while True:  # bounded by the scene
        rows = orjson.loads((await shop.ask("GET", "/api/v4/subscriptions", None, token)).content)["result"]
        assert [row["id"] for row in rows] == [identifier]
        if rows[0]["state"] == "Provisioned":
            break
        await asyncio.sleep(0.2)
    if number % 3 == 0:  # goes back, and sends the form once more
        again = await shop.ask("POST", "/api/v4/bulk/subscriptions", CART, token, key)
        assert orjson.loads(again.content) == answer
    rows = orjson.loads((await shop.ask("GET", "/api/v4/entitlements", None, token)).content)["result"]
    assert [(row["subscription_id"], row["status"]) for row in rows] == [(identifier, "active")]
    return made["stripe_customer"], identifier


async def ledger(shop: Shop) -> list[tuple[str, str]]:
    """Every payment that Stripe holds: its customer and its subscription. All of them succeeded, for the full price."""
    found: list[tuple[str, str]] = []
    after = ""
    while True:
        page = await shop.stripe("GET", f"/v1/payment_intents?limit=100{after}")
        for intent in page["data"]:
            assert (intent["status"], intent["amount_received"]) == ("succeeded", PRICE_MINOR)
            found.append((intent["customer"], intent["metadata"]["subscription_ids"]))
        if not page["has_more"]:
            return found
        after = f"&starting_after={page['data'][-1]['id']}"


async def scene(live: LiveDeployment) -> None:
    async with asyncio.timeout(LONGEST_S), HttpxClient(2 * AT_ONCE) as client:
        shop = Shop(client, live)
        numbers = iter(range(CUSTOMERS))
        seen: list[tuple[str, str]] = []

        async def queue() -> None:
            for number in numbers:
                seen.append(await customer(shop, number))

        await asyncio.gather(*(queue() for _ in range(AT_ONCE)))
        held = await ledger(shop)
        charges = await shop.stripe("GET", "/v1/charges?limit=1")
        assert charges["data"]
    assert len(seen) == CUSTOMERS
    assert sorted(held) == sorted(seen)


def test_no_purchase_is_lost_and_none_is_made_twice() -> None:
    with LiveDeployment() as live:
        asyncio.run(scene(live))
