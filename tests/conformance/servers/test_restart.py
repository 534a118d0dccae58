"""A deployment with a database that is stopped, or killed, and started again: nobody notices, Stripe included."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from conformance.servers import postgres_stripe_entries
from conformance.servers.mock_deployment import MockDeployment, MockSettings
from conformance.servers.uvicorn_server import CannotServe

BULK = {
    "subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}],
    "user_is_on_session": True,
}
WATCH_S = 90


class Shop:
    """A customer's view of a deployment, wherever it listens now."""

    def __init__(self, http: httpx.AsyncClient, gateway: str, stripe: str) -> None:
        self.http = http
        self.gateway = gateway
        self.stripe = stripe
        self.headers: dict[str, str] = {}

    async def join(self, payment_method: str = "none") -> None:
        answer = await self.http.post(self.gateway + "/__test__/accounts", json={"payment_method": payment_method})
        assert answer.status_code == 201, answer.text
        self.headers = {"authorization": f"Bearer {answer.json()['token']}"}

    async def buy(self, key: str) -> dict[str, Any]:
        headers = {**self.headers, "idempotency-key": key}
        answer = await self.http.post(self.gateway + "/api/v4/bulk/subscriptions", json=BULK, headers=headers)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    async def confirm(self, secret: str) -> dict[str, Any]:
        answer = await self.http.post(
            f"{self.stripe}/v1/payment_intents/{secret.partition('_secret_')[0]}/confirm",
            data={"client_secret": secret, "payment_method": "pm_card_visa", "return_url": "https://shop.example/"},
            headers={"authorization": "Bearer pk_test_gatefall"},
        )
        assert answer.status_code == 200, answer.text
        intent: dict[str, Any] = answer.json()
        return intent

    async def states(self) -> list[str]:
        answer = await self.http.get(self.gateway + "/api/v4/subscriptions", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return [one["state"] for one in answer.json()["result"]]

    async def until_provisioned(self) -> None:
        while set(await self.states()) != {"Provisioned"}:
            await asyncio.sleep(0.05)

    async def intents(self) -> list[dict[str, Any]]:
        answer = await self.http.get(
            self.stripe + "/v1/payment_intents", headers={"authorization": "Bearer sk_test_gatefall"}
        )
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


def run(scene: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(WATCH_S), httpx.AsyncClient(trust_env=False, timeout=30) as http:
            await scene(http)

    asyncio.run(main())


async def started(url: str, **settings: Any) -> MockDeployment:
    deployment = MockDeployment(MockSettings(database_url=url, **settings))
    await deployment.start()
    return deployment


def secret_in(result: dict[str, Any]) -> str:
    secret: str = result["client_secrets"][0]
    return secret


def test_a_purchase_begun_before_a_restart_is_paid_after_it(postgresql_url: str) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        first = await started(postgresql_url)
        shop = Shop(http, first.gateway_url, first.stripe_url)
        await shop.join()
        bought = await shop.buy("k")
        before = await shop.intents()
        await first.stop()

        second = await started(postgresql_url)
        shop.gateway, shop.stripe = second.gateway_url, second.stripe_url
        assert await shop.intents() == before
        assert await shop.buy("k") == bought
        assert (await shop.confirm(secret_in(bought)))["status"] == "succeeded"
        await shop.until_provisioned()
        assert len(await shop.intents()) == 1
        await second.stop()

    run(scene)


def test_an_event_that_was_not_delivered_before_a_restart_is_delivered_after_it(postgresql_url: str) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        first = await started(postgresql_url)
        shop = Shop(http, first.gateway_url, first.stripe_url)
        await shop.join()
        bought = await shop.buy("k")
        await shop.confirm(secret_in(bought))
        await first.stop()  # before its delivery is due

        second = await started(postgresql_url)
        shop.gateway, shop.stripe = second.gateway_url, second.stripe_url
        await shop.until_provisioned()
        await second.stop()

    run(scene)


def test_another_seed_on_the_same_database_is_refused(postgresql_url: str) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        await (await started(postgresql_url)).stop()
        with pytest.raises(CannotServe, match="was begun with seed '1', this one has '2'"):
            await started(postgresql_url, seed=2)
        await (await started(postgresql_url)).stop()

    run(scene)


def test_a_second_double_on_one_database_is_refused(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_stripe_entries, "PATIENCE_S", 0)

    async def scene(http: httpx.AsyncClient) -> None:
        first = await started(postgresql_url)
        with pytest.raises(CannotServe, match=r"another server has the Stripe double .*\(--stripe\)"):
            await started(postgresql_url)
        await first.stop()

    run(scene)


def test_a_database_that_is_restarted_in_the_middle_is_found_again(postgresql_url: str) -> None:
    async def scene(http: httpx.AsyncClient) -> None:
        deployment = await started(postgresql_url)
        shop = Shop(http, deployment.gateway_url, deployment.stripe_url)
        await shop.join()
        await shop.buy("k")
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        while True:  # until somebody has noticed, requests may fail: with words, and with nothing half done
            answer = await http.post(
                shop.gateway + "/api/v4/bulk/subscriptions",
                json=BULK,
                headers={**shop.headers, "idempotency-key": "k"},
            )
            if answer.status_code == 200:
                break
            assert answer.status_code in (502, 503), answer.text
        await shop.confirm(secret_in(answer.json()["result"]))
        await shop.until_provisioned()
        assert len(await shop.intents()) == 1
        await deployment.stop()

    run(scene)


@contextmanager
def served(url: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`gatefall serve` in a process of its own, and its addresses."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "gatefall", "serve", "--database", url]
    for option in ("--port", "--webhooks-port", "--stripe-port"):
        command += [option, "0"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            addresses: dict[str, str] = {}
            for line in process.stdout:
                name, _, address = line.strip().partition(" ")
                if address.strip().startswith("http"):
                    addresses[name] = address.split()[0]
                if "Stop it" in line:
                    break
            yield process, addresses
        finally:
            process.kill()


def test_a_server_that_is_killed_has_kept_all_that_it_answered(postgresql_url: str) -> None:
    bought: dict[str, Any] = {}
    headers: dict[str, str] = {}

    with served(postgresql_url) as (process, addresses):

        async def before(http: httpx.AsyncClient) -> None:
            shop = Shop(http, addresses["gateway"], addresses["stripe"])
            await shop.join()
            bought.update(await shop.buy("k"))
            await shop.confirm(secret_in(bought))
            process.kill()
            headers.update(shop.headers)

        run(before)

    with served(postgresql_url) as (_, addresses):

        async def after(http: httpx.AsyncClient) -> None:
            shop = Shop(http, addresses["gateway"], addresses["stripe"])
            shop.headers = headers
            assert await shop.buy("k") == bought
            await shop.until_provisioned()
            assert [intent["status"] for intent in await shop.intents()] == ["succeeded"]

        run(after)
