"""The live mock deployment: the contract's purchases over HTTP, in real time, and what survives what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from conformance.servers.mock_deployment import MockDeployment, MockSettings
from conformance.servers.uvicorn_server import CannotServe, PortTaken
from scenarios.scenario import Fault

LINE = {"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}
BULK = {"subscriptions": [LINE], "user_is_on_session": True}


@asynccontextmanager
async def deployed(**settings: Any) -> AsyncIterator[MockDeployment]:
    deployment = MockDeployment(MockSettings(**settings))
    await deployment.start()
    try:
        yield deployment
    finally:
        await deployment.stop()


class Customer:
    """Somebody with an account at a deployment."""

    def __init__(self, deployment: MockDeployment, http: httpx.AsyncClient, made: dict[str, Any]) -> None:
        self.account_id: str = made["account_id"]
        self._base = deployment.gateway_url + "/api/v4"
        self._stripe = deployment.stripe_url
        self._http = http
        self._headers = {"authorization": f"Bearer {made['token']}", "x-client": "unified-checkout"}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self._http.request(method, self._base + path, json=body, headers={**self._headers, **headers})

    async def buy(self, key: str | None = None, body: Any = BULK) -> httpx.Response:
        headers = {} if key is None else {"idempotency-key": key}
        return await self.ask("POST", "/bulk/subscriptions", body, **headers)

    async def confirm(self, secret: str, card: str = "pm_card_visa") -> httpx.Response:
        intent = secret.partition("_secret_")[0]
        form = {"client_secret": secret, "payment_method": card, "return_url": "https://shop.example/back"}
        return await self._http.post(
            f"{self._stripe}/v1/payment_intents/{intent}/confirm",
            data=form,
            headers={"authorization": "Bearer pk_test_gatefall"},
        )

    async def subscriptions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("GET", "/subscriptions")).json()["result"]
        return found

    async def until_provisioned(self) -> None:
        """Ask until everything bought is in force. A time-out of the test run ends what never comes true."""
        async with asyncio.timeout(30):
            while not all(one["state"] == "Provisioned" for one in await self.subscriptions()):
                await asyncio.sleep(0.02)


async def customer(deployment: MockDeployment, http: httpx.AsyncClient, **wanted: Any) -> Customer:
    answer = await http.post(deployment.gateway_url + "/__test__/accounts", json={"payment_method": "none", **wanted})
    assert answer.status_code == 201, answer.text
    return Customer(deployment, http, answer.json())


def run(scene: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            await scene(http)

    asyncio.run(main())


def test_a_purchase_without_a_method_is_paid_with_a_secret_and_then_provisioned() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=2) as deployment:
            buyer = await customer(deployment, http)
            bought = await buyer.buy()
            assert bought.status_code == 200
            [secret] = bought.json()["result"]["client_secrets"]
            assert (await buyer.confirm(secret)).json()["status"] == "succeeded"
            await buyer.until_provisioned()
            [method] = (await buyer.ask("GET", "/payment-methods")).json()["result"]
            assert method["is_default"]
            assert method["card"]["last4"] == "4242"

    run(scene)


def test_the_gate_refuses_in_phase_0_and_counts_it() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=0) as deployment:
            metrics = deployment.gateway_url + "/metrics"
            assert 'pm_gate_rejections_total{operation="bulk_create"} 0.0' in (await http.get(metrics)).text
            refused = await (await customer(deployment, http)).buy()
            assert refused.status_code == 402
            assert refused.json()["errors"][0]["code"] == 1210
            assert 'pm_gate_rejections_total{operation="bulk_create"} 1.0' in (await http.get(metrics)).text

    run(scene)


def test_settings_change_while_it_runs() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=0, gates={"pm-gate": True}) as deployment:
            config = deployment.gateway_url + "/__test__/config"
            changed = await http.put(config, json={"gates": {"pm-gate": False}})
            assert changed.json()["gates"] == {"pm-gate": False}
            assert (await (await customer(deployment, http)).buy()).status_code == 200

    run(scene)


def test_what_is_unpaid_expires_when_the_clock_is_moved_past_23_hours() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=2) as deployment:
            buyer = await customer(deployment, http)
            await buyer.buy()
            clock = deployment.gateway_url + "/__test__/clock"
            await http.post(clock, json={"advance_seconds": 22 * 3600})
            assert [one["state"] for one in await buyer.subscriptions()] == ["AwaitingPayment"]
            await http.post(clock, json={"advance_seconds": 3601})
            assert [one["state"] for one in await buyer.subscriptions()] == ["Expired"]

    run(scene)


def test_the_same_key_at_the_same_instant_buys_once() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=2) as deployment:
            buyer = await customer(deployment, http, payment_method="valid")
            answers = await asyncio.gather(*(buyer.buy("one-decision") for _ in range(20)))
            assert len({answer.text for answer in answers}) == 1
            await buyer.until_provisioned()
            assert len(await buyer.subscriptions()) == 1

    run(scene)


def test_a_lost_answer_leaves_the_purchase_and_the_key_finds_it() -> None:
    faults = [Fault(kind="drop_answer", service="gateway", operation="bulk_create", first=1)]

    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=2, faults=faults) as deployment:
            buyer = await customer(deployment, http, payment_method="valid")
            with pytest.raises(httpx.TransportError):
                await buyer.buy("again")
            assert (await buyer.buy("again")).status_code == 200
            await buyer.until_provisioned()
            assert len(await buyer.subscriptions()) == 1

    run(scene)


def test_a_lost_request_leaves_nothing() -> None:
    faults = [Fault(kind="drop_request", service="gateway", operation="bulk_create", first=1)]

    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=2, faults=faults) as deployment:
            buyer = await customer(deployment, http, payment_method="valid")
            with pytest.raises(httpx.TransportError):
                await buyer.buy()
            assert await buyer.subscriptions() == []

    run(scene)


def test_a_stripe_that_fails_is_told_and_the_repeat_charges_once() -> None:
    faults = [Fault(kind="error", service="stripe", operation="create_payment_intent", status=503, first=1)]

    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(phase=2, faults=faults) as deployment:
            buyer = await customer(deployment, http, payment_method="valid")
            refused = await buyer.buy("k")
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (503, 1232)
            assert (await buyer.buy("k")).status_code == 200
            await buyer.until_provisioned()
            assert len(await buyer.subscriptions()) == 1

    run(scene)


def test_strangers_get_nothing_from_the_service_behind_the_gateway() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed() as deployment:
            url = deployment.addresses["subscriptions-api"] + "/api/v4/subscriptions"
            forged = {"x-gatefall-account": "acct00000001", "x-gatefall-operation": "list_subscriptions"}
            for headers in ({}, forged, {**forged, "x-gatefall-internal": "guess"}):
                answer = await http.get(url, headers=headers)
                assert answer.status_code == 401
                assert answer.json()["success"] is False

    run(scene)


def test_every_server_says_that_it_is_well() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed() as deployment:
            for url in deployment.addresses.values():
                assert (await http.get(url + "/healthz")).json() == {"status": "ok"}

    run(scene)


def test_a_taken_port_is_told_and_everything_that_had_started_is_stopped() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed() as deployment:
            taken = int(deployment.gateway_url.rpartition(":")[2])
            with pytest.raises(PortTaken, match="Choose another port"):
                await MockDeployment(MockSettings(stripe_port=taken)).start()

    run(scene)


@pytest.mark.parametrize(
    "fault", [Fault(kind="latency", service="stripe"), Fault(kind="webhook_delay"), Fault(kind="webhook_drop", first=1)]
)
def test_faults_that_another_stripe_would_have_to_make_are_refused(fault: Fault) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        with pytest.raises(CannotServe, match="leave out --stripe"):
            await MockDeployment(MockSettings(stripe_url="http://127.0.0.1:1", faults=(fault,))).start()

    run(scene)


def test_databases_that_cannot_be_used_are_told() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        with pytest.raises(CannotServe, match=r"127\.0\.0\.1:1"):
            await MockDeployment(MockSettings(database_url="postgresql://127.0.0.1:1/nothing")).start()
        with pytest.raises(CannotServe, match="no Redis answers"):
            await MockDeployment(MockSettings(redis_url="redis://127.0.0.1:1/0")).start()

    run(scene)


def test_accounts_and_the_clock_survive_a_restart(postgresql_url: str) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(database_url=postgresql_url) as deployment:
            buyer = await customer(deployment, http)
            await buyer.buy()
            await http.post(deployment.gateway_url + "/__test__/clock", json={"advance_seconds": 3600})
            before = await buyer.subscriptions()
            port = int(deployment.gateway_url.rpartition(":")[2])
        async with deployed(database_url=postgresql_url, port=port) as deployment:
            assert deployment.clock.offset_us >= 3_600_000_000
            assert await buyer.subscriptions() == before
            await http.post(deployment.gateway_url + "/__test__/clock", json={"advance_seconds": 22 * 3600 + 10})
            assert [one["state"] for one in await buyer.subscriptions()] == ["Expired"]

    run(scene)


def test_two_servers_on_one_database_sell_one_purchase_once(postgresql_url: str) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with (
            deployed(database_url=postgresql_url) as one,
            deployed(database_url=postgresql_url, stripe_url=one.stripe_url) as other,
        ):
            buyer = await customer(one, http, payment_method="valid")
            answers = await asyncio.gather(
                *(
                    http.post(
                        deployment.gateway_url + "/api/v4/bulk/subscriptions",
                        json=BULK,
                        headers={**buyer._headers, "idempotency-key": "k"},
                    )
                    for deployment in (one, other) * 8
                )
            )
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.text for answer in answers}) == 1
            await buyer.until_provisioned()
            assert len(await buyer.subscriptions()) == 1

    run(scene)


def test_another_stripe_that_is_not_there_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        async with deployed(stripe_url="http://127.0.0.1:1") as deployment:
            assert "Stripe does not answer yet" in caplog.text
            made = await http.post(deployment.gateway_url + "/__test__/accounts", json={})
            assert made.status_code == 503

    run(scene)


def test_an_address_of_another_machine_is_told_apart_from_a_taken_port() -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        with pytest.raises(CannotServe, match=r"an address of this machine, such as 127\.0\.0\.1"):
            await MockDeployment(MockSettings(host="192.0.2.1")).start()

    run(scene)
