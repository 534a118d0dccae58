"""Accounts in PostgreSQL: one truth for several servers, whatever dies in between."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from conformance.over_http.locks import LockUnavailable
from conformance.servers import database, postgres_store
from conformance.servers.database import Database, DatabaseError, DatabaseUnavailable, schema_table
from conformance.servers.postgres_store import PostgresStore, next_due_us
from sim.store import Account, Purchase
from sim.time import DAY_US, HOUR_US, MINUTE_US
from tests.conformance.servers.store_process import TIMES, Clock, increment

ONE, OTHER = "acct00000001", "acct00000002"
WATCH_S = 60
"""How long a test may wait for another process before it fails."""


def account(account_id: str = ONE) -> Account:
    number = int(account_id[4:])
    return Account(account_id, number, f"cus_{number}", f"tok_{number}", 5)


@asynccontextmanager
async def store_at(url: str, **settings: Any) -> AsyncIterator[PostgresStore]:
    opened = Database(url, **settings)
    try:
        yield PostgresStore(opened, Clock())
    finally:
        await opened.close()


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WATCH_S):
            await scene()

    asyncio.run(bounded())


async def add(store: PostgresStore, *account_ids: str) -> None:
    for account_id in account_ids:
        lease = await store.acquire(account_id)
        store.add(account(account_id))
        await lease.release()


def setups(store: PostgresStore, account_id: str = ONE) -> int:
    found = store.account(account_id)
    assert found is not None
    return found.setups


# --- what a store promises ---------------------------------------------------------------------------------------


def test_an_account_is_found_by_id_token_and_customer_until_it_is_forgotten(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            assert store.account(ONE) is None
            await add(store, OTHER, ONE)
            found = store.account(ONE)
            assert found is not None
            assert (found.number, found.customer) == (1, "cus_1")
            assert store.account_id_of_token("tok_1") == store.account_id_of_customer("cus_1") == ONE
            assert list(store.account_ids()) == [OTHER, ONE]
            store.forget(ONE)
            assert store.account(ONE) is None
            assert store.account_id_of_customer("cus_1") is None
            assert list(store.account_ids()) == [OTHER]
        async with store_at(postgresql_url) as store:
            assert store.account_id_of_token("tok_1") is None
            assert store.account_id_of_token("tok_2") == OTHER

    run(scene)


@pytest.mark.parametrize("text", ["", "nobody", "a\x00b", "\ud800", "Zoë", "x" * 10_000, "'; DROP TABLE x; --"])
def test_what_nobody_is_called_finds_nobody(postgresql_url: str, text: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            assert store.account(text) is None
            assert store.account_id_of_token(text) is None
            assert store.account_id_of_customer(text) is None
            assert store.account(ONE) is not None

    run(scene)


def test_numbers_never_come_twice_not_even_those_of_forgotten_accounts(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            store.forget("acct00000099")
            assert [store.next_number(), store.next_number()] == [1, 2]
            await add(store, "acct00000050")
            assert store.next_number() == 51
            await add(store, "acct00000070")
            store.forget("acct00000070")
            assert store.next_number() == 71
            await add(store, "acct00000080")
            lease = await store.acquire("acct00000080")
            store.forget("acct00000080")
            await lease.release()
            assert store.next_number() == 81
        async with store_at(postgresql_url) as store:
            assert store.next_number() == 82

    run(scene)


def test_settings_are_kept(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            assert store.setting("clock") is None
            store.keep_setting("clock", "1")
            store.keep_setting("clock", "2")
        async with store_at(postgresql_url) as store:
            assert store.setting("clock") == "2"

    run(scene)


# --- locks -------------------------------------------------------------------------------------------------------


def test_the_program_with_the_lock_sees_its_own_work_and_others_what_was_committed(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE, OTHER)
            lease = await store.acquire(ONE)
            held = store.account(ONE)
            assert held is not None
            assert store.account(ONE) is held
            held.setups = 7
            store.save(held)
            held.setups = 99  # never saved

            async def other_program() -> int:
                return setups(store)

            assert await asyncio.create_task(other_program()) == 0
            assert setups(store) == 99
            await lease.release()
            assert setups(store) == 7
            assert store.account(ONE) is not held

    run(scene)


def test_programs_that_hold_different_accounts_do_not_mix_them_up(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE, OTHER)
            outer, inner = await store.acquire(ONE), await store.acquire(OTHER)
            one, other = store.account(ONE), store.account(OTHER)
            assert one is not None
            assert other is not None
            one.setups, other.setups = 1, 2
            store.save(one)
            await outer.release()
            assert store.account(OTHER) is other
            store.save(other)
            await inner.release()
            assert (setups(store, ONE), setups(store, OTHER)) == (1, 2)

    run(scene)


def test_saving_without_the_lock_is_a_defect(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            lease = await store.acquire(OTHER)
            with pytest.raises(RuntimeError, match="without its lock"):
                store.save(account(ONE))
            await lease.release()

    run(scene)


def test_what_is_abandoned_has_not_happened(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            lease = await store.acquire(ONE)
            held = store.account(ONE)
            assert held is not None
            held.setups = 7
            store.save(held)
            await lease.abandon()
            await lease.release()
            assert setups(store) == 0
            await increment(store, ONE)
            assert setups(store) == 1

    run(scene)


def test_an_account_made_and_saved_under_one_lock_is_kept_as_saved(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            lease = await store.acquire(ONE)
            assert store.account(ONE) is None
            made = account()
            store.add(made)
            assert store.account(ONE) is made
            made.setups = 3
            store.save(made)
            await lease.release()
            assert setups(store) == 3

    run(scene)


def test_of_two_servers_that_make_the_same_account_the_second_finds_it_made(postgresql_url: str) -> None:
    async def make(store: PostgresStore) -> bool:
        lease = await store.acquire(ONE)
        exists = store.account(ONE) is not None
        await asyncio.sleep(0)
        if not exists:
            store.add(account())
        await lease.release()
        return not exists

    async def scene() -> None:
        async with store_at(postgresql_url) as one, store_at(postgresql_url) as other:
            assert sorted(await asyncio.gather(make(one), make(other), make(one), make(other))) == [False] * 3 + [True]

    run(scene)


def test_a_lock_on_one_account_holds_no_other_up_however_many_wait_for_it(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url, connections=2) as store:
            await add(store, ONE, OTHER)
            lease = await store.acquire(ONE)
            waiting = [asyncio.create_task(increment(store, ONE)) for _ in range(20)]
            for _ in range(5):
                await increment(store, OTHER)
            assert setups(store, OTHER) == 5
            assert setups(store, ONE) == 0
            assert not any(task.done() for task in waiting)
            await lease.release()
            await asyncio.gather(*waiting)
            assert setups(store, ONE) == 20

    run(scene)


def test_an_account_in_use_elsewhere_cannot_be_dropped_in_passing_and_does_not_stop_the_server(
    postgresql_url: str,
) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as one, store_at(postgresql_url) as other:
            await add(one, ONE)
            lease = await one.acquire(ONE)
            with pytest.raises(DatabaseUnavailable, match="in use: try again"):
                other.forget(ONE)
            assert setups(other) == 0
            await lease.release()
            other.forget(ONE)
            assert one.account(ONE) is None

    run(scene)


def test_whoever_gives_up_waiting_leaves_no_lock_behind(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url, connections=1) as one, store_at(postgresql_url, connections=1) as other:
            await add(one, ONE)
            lease = await one.acquire(ONE)
            impatient = asyncio.create_task(other.acquire(ONE))
            await waits_in_the_database(one)
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            await lease.release()
            await increment(other, ONE)
            assert setups(one) == 1

    run(scene)


async def waits_in_the_database(store: PostgresStore) -> None:
    """Until some connection waits for a lock."""
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while not store._database.read(waiting, {})[0]:
        await asyncio.sleep(0.01)


def test_an_account_that_stays_locked_is_not_waited_for_for_ever(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_MS", 50)

    async def scene() -> None:
        async with store_at(postgresql_url) as one, store_at(postgresql_url) as other:
            await add(one, ONE)
            lease = await one.acquire(ONE)
            with pytest.raises(LockUnavailable, match="lock timeout"):
                await other.acquire(ONE)
            await lease.release()
            await increment(other, ONE)

    run(scene)


# --- several processes -------------------------------------------------------------------------------------------


@contextmanager
def process(doing: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A server of its own: see store_process.py. Killed at the end, if it is not over by then."""
    root = Path(__file__).parents[3]
    command = [sys.executable, str(Path(__file__).with_name("store_process.py")), doing, url]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=root, env=environment, **pipes) as started:
        try:
            yield started
        finally:
            started.kill()


def test_increments_of_two_processes_are_serialised_by_the_database(postgresql_url: str) -> None:
    async def before() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)

    async def after() -> None:
        async with store_at(postgresql_url) as store:
            assert setups(store) == 2 * TIMES

    run(before)
    with process("increment", postgresql_url) as one, process("increment", postgresql_url) as other:
        for started in (one, other):
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
        for started in (one, other):
            assert started.stdin is not None
            started.stdin.write("go\n")
            started.stdin.flush()
        assert (one.wait(WATCH_S), other.wait(WATCH_S)) == (0, 0)
    run(after)


def test_a_server_killed_between_lock_and_commit_leaves_what_was_there_before(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            with process("hold", postgresql_url) as victim:
                assert victim.stdout is not None
                assert await asyncio.to_thread(victim.stdout.readline) == "held\n"
                assert setups(store) == 0
                heir = asyncio.create_task(increment(store, ONE))
                await waits_in_the_database(store)
                victim.kill()
                await heir
            assert setups(store) == 1

    run(scene)


# --- failures ----------------------------------------------------------------------------------------------------


def cut_all_connections(url: str) -> None:
    """What a restart of PostgreSQL does to everybody."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_breaks_undoes_the_work_and_the_next_one_works(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            lease = await store.acquire(ONE)
            held = store.account(ONE)
            assert held is not None
            held.setups = 7
            store.save(held)
            cut_all_connections(postgresql_url)
            with pytest.raises(LockUnavailable, match="try again"):
                await lease.release()
            assert setups(store) == 0
            await increment(store, ONE)
            assert setups(store) == 1

    run(scene)


def test_a_restart_of_the_database_between_two_programs_is_not_noticed(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            setups(store)
            cut_all_connections(postgresql_url)
            assert setups(store) == 0
            cut_all_connections(postgresql_url)
            await increment(store, ONE)
            assert setups(store) == 1

    run(scene)


def test_a_document_of_another_version_is_refused_and_leaves_no_lock_behind(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            with store._database.reading() as connection:
                connection.execute(database.accounts_table.update().values(document='{"format": 99}'))
            for _ in range(2):
                with pytest.raises(Exception, match="another version of Gatefall"):
                    await store.acquire(ONE)
            assert len(store._lines) == 0

    run(scene)


def test_an_account_whose_number_is_taken_is_not_made(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            twin = account(OTHER)
            twin.number = 1
            lease = await store.acquire(OTHER)
            store.add(twin)
            with pytest.raises(LockUnavailable, match="duplicate key"):
                await lease.release()
            assert store.account(OTHER) is None

    run(scene)


# --- restarts and sweeps -----------------------------------------------------------------------------------------


def test_a_restart_keeps_everything(postgresql_url: str) -> None:
    async def before() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE, OTHER)
            await increment(store, ONE)

    async def after() -> None:
        async with store_at(postgresql_url) as store:
            assert list(store.account_ids()) == [ONE, OTHER]
            assert setups(store) == 1
            assert store.account_id_of_token("tok_2") == OTHER

    run(before)
    run(after)


def purchase(created_us: int, kind: Any = "lines") -> Purchase:
    return Purchase("p1-1", kind, "create", ["s1-1"], 500, (), created_us)


def test_a_sweep_finds_what_is_due_and_nothing_else(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE, OTHER)
            lease = await store.acquire(OTHER)
            held = store.account(OTHER)
            assert held is not None
            held.open_purchases["p1-1"] = purchase(1_000)
            store.save(held)
            await lease.release()
            assert store.due_account_ids(1_000 + 23 * HOUR_US - 1) == []
            assert store.due_account_ids(1_000 + 23 * HOUR_US) == [OTHER]

    run(scene)


def due_us(now_us: int, *purchases: Purchase) -> int | None:
    one = account()
    one.open_purchases = {str(number): one_purchase for number, one_purchase in enumerate(purchases)}
    return next_due_us(one, now_us)


def test_what_could_not_be_ended_is_tried_again_for_three_days() -> None:
    first = purchase(0)
    assert due_us(0) is None
    assert due_us(0, first) == 23 * HOUR_US
    assert due_us(0, purchase(5), first) == 23 * HOUR_US
    assert due_us(23 * HOUR_US, first) == 23 * HOUR_US + 5 * MINUTE_US
    assert due_us(3 * DAY_US - 1, first) == 3 * DAY_US - 1 + 5 * MINUTE_US
    assert due_us(3 * DAY_US, first) is None
    assert due_us(0, purchase(0, "bad_debt")) is None
    first.granted = True
    assert due_us(0, first) is None


# --- opening -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not a URL: expected postgresql://user:password@host:port/database"),
        ("postgresql:/x", "is not a URL"),
        ("mysql://localhost/x", "begins with 'mysql': expected postgresql://"),
        ("postgresql://u:secret@127.0.0.1:notaport/x", "is not a URL"),
        ("postgresql://u:secret@/x?host=127.0.0.1&port=notaport", "is not a URL"),
        ("postgresql://u:secret@127.0.0.1:1/x", r"postgresql://u:\*\*\*@127.0.0.1:1/x cannot be used: .*refused"),
    ],
)
def test_an_address_that_does_not_do_is_refused_with_the_reason(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words) as refused:
        Database(url)
    assert "secret" not in str(refused.value)


def test_a_database_that_does_not_exist_is_refused_with_the_reason(postgresql_url: str) -> None:
    with pytest.raises(DatabaseError, match='database "no_such" does not exist'):
        Database(postgresql_url.rpartition("/")[0] + "/no_such")


def test_tables_of_another_version_are_refused_and_left_alone(postgresql_url: str) -> None:
    async def scene() -> None:
        async with store_at(postgresql_url) as store:
            await add(store, ONE)
            with store._database.reading() as connection:
                connection.execute(schema_table.update().values(version=99))
            with pytest.raises(DatabaseError, match="in version 99, this Gatefall has version 1: use an"):
                Database(postgresql_url)
            assert store.account(ONE) is not None

    run(scene)


def test_servers_that_start_at_once_make_the_tables_once(postgresql_url: str) -> None:
    with process("open", postgresql_url) as one, process("open", postgresql_url) as other:
        assert (one.wait(WATCH_S), other.wait(WATCH_S)) == (0, 0)


def test_a_programs_statements_are_what_the_module_promises() -> None:
    """No read in passing asks for a lock that a program may hold."""
    for statement in (postgres_store._DOCUMENT, postgres_store._BY_TOKEN, postgres_store._BY_CUSTOMER):
        assert "FOR UPDATE" not in str(statement)
