"""A server of its own process, for tests that need two, or one to kill: `python store_process.py DOING URL`.

Doings: `open` makes the tables and ends; `increment` says "ready", waits for a line, and adds to the account's count
one at a time; `hold` locks the account, writes to it, says "held", and goes no further.
"""

from __future__ import annotations

import asyncio
import sys

from conformance.servers.database import Database
from conformance.servers.postgres_store import PostgresStore

ACCOUNT = "acct00000001"
TIMES = 100


class Clock:
    now_us = 1_000


async def increment(store: PostgresStore, account_id: str) -> None:
    """Read, let others run, write: loses increments wherever two do it at once."""
    lease = await store.acquire(account_id)
    held = store.account(account_id)
    assert held is not None
    before = held.setups
    await asyncio.sleep(0)
    held.setups = before + 1
    store.save(held)
    await lease.release()


async def hold(store: PostgresStore) -> None:
    await store.acquire(ACCOUNT)
    held = store.account(ACCOUNT)
    assert held is not None
    held.setups = 7
    store.save(held)
    unit = store._units[ACCOUNT]
    assert unit.connection is not None
    assert unit.written is not None
    await unit.connection.execute(*unit.written)  # all but the commit
    print("held", flush=True)
    await asyncio.Event().wait()


async def main(doing: str, url: str) -> None:
    database = Database(url)
    store = PostgresStore(database, Clock())
    if doing == "increment":
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*[increment(store, ACCOUNT) for _ in range(TIMES)])
    elif doing == "hold":
        await hold(store)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
