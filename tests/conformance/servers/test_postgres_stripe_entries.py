"""The Stripe double's memory in PostgreSQL: in order, whole, and one server's at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from conformance.over_http.locks import LockUnavailable
from conformance.servers import postgres_stripe_entries
from conformance.servers.database import Database
from conformance.servers.postgres_stripe_entries import PostgresStripeEntries
from conformance.servers.remembered_stripe import StripeMemoryError


def run(url: str, scene: Callable[[PostgresStripeEntries, PostgresStripeEntries], Awaitable[None]]) -> None:
    """Two servers on one database."""

    async def main() -> None:
        databases = Database(url), Database(url)
        servers = PostgresStripeEntries(databases[0]), PostgresStripeEntries(databases[1])
        try:
            async with asyncio.timeout(60):
                await scene(*servers)
        finally:
            for entries, database in zip(servers, databases, strict=True):
                await entries.close()
                await database.close()

    asyncio.run(main())


def cut_all_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_entries_come_back_in_order_whatever_is_in_them(postgresql_url: str) -> None:
    entries = [f'{{"number":{number},"text":"\\u0000 \\ud800"}}' for number in range(30)]

    async def scene(one: PostgresStripeEntries, other: PostgresStripeEntries) -> None:
        assert await one.read() == []
        await one.append(0, entries[:11])
        await one.append(11, entries[11:12])
        await one.append(12, entries[12:])
        await one.close()
        assert await other.read() == entries

    run(postgresql_url, scene)


def test_a_second_server_is_refused(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_stripe_entries, "PATIENCE_S", 0)

    async def scene(one: PostgresStripeEntries, other: PostgresStripeEntries) -> None:
        await one.read()
        for _ in range(2):
            with pytest.raises(StripeMemoryError, match="another server has the Stripe double"):
                await other.read()

    run(postgresql_url, scene)


def test_a_second_server_waits_for_the_first_to_be_gone(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_stripe_entries, "PATIENCE_S", 60)

    async def scene(one: PostgresStripeEntries, other: PostgresStripeEntries) -> None:
        await one.read()
        await one.append(0, ["a"])
        second = asyncio.create_task(other.read())
        await asyncio.sleep(0)
        await one.close()
        assert await second == ["a"]

    run(postgresql_url, scene)


def test_a_writing_that_broke_off_is_finished_by_the_next_one(postgresql_url: str) -> None:
    async def scene(one: PostgresStripeEntries, other: PostgresStripeEntries) -> None:
        await one.read()
        await one.append(0, ["a"])
        cut_all_connections(postgresql_url)
        with psycopg.connect(postgresql_url, autocommit=True) as connection:  # it had come so far
            connection.execute("INSERT INTO gatefall_stripe_memory VALUES (1, 'b')")
        await one.append(1, ["b", "c"])
        await one.append(3, ["d"])
        assert await one.read() == ["a", "b", "c", "d"]

    run(postgresql_url, scene)


def test_a_server_whose_double_was_taken_over_keeps_nothing_more(postgresql_url: str) -> None:
    async def scene(one: PostgresStripeEntries, other: PostgresStripeEntries) -> None:
        await one.read()
        cut_all_connections(postgresql_url)
        await other.read()
        await other.append(0, ["other"])
        with pytest.raises(LockUnavailable, match=r"another server has the Stripe double.*restart this one"):
            await one.append(0, ["one"])
        cut_all_connections(postgresql_url)
        with pytest.raises(LockUnavailable, match="another server has gone on"):
            await one.append(0, ["one"])
        assert await one.read() == ["other"]

    run(postgresql_url, scene)


def test_programs_that_hold_all_other_connections_do_not_hold_it_up(postgresql_url: str) -> None:
    async def scene() -> None:
        database = Database(postgresql_url, connections=1)
        entries = PostgresStripeEntries(database)
        connection = await database.transactions.connect()
        async with asyncio.timeout(30):
            await entries.read()
            await entries.append(0, ["a"])
        await connection.close()
        await entries.close()
        await database.close()

    asyncio.run(scene())
