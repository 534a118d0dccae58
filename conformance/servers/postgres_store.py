"""Accounts in PostgreSQL: the store, and the locks that make it one truth for several servers.

The right to an account is the lock on its row, held by a transaction that begins with `Acquire` and ends with
`Release`: between the two the program sees the account that the transaction loaded, everybody else the one that was
last committed. A server that dies in between leaves what was there before.

Who waits in this process for an account waits in memory, so that a line for one account takes one connection. Reads
in passing are plain queries, which no lock on a row holds up; nothing here ever waits for a row's lock while the event
loop stands still.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from conformance.over_http.locks import MemoryLease, MemoryLocks
from conformance.servers.account_document import dumped, loaded
from conformance.servers.database import Database, DatabaseUnavailable, accounts_table, numbers, settings_table
from sim.store import Account
from sim.subscriptions_api.expiry import GIVES_UP_AFTER_US, RETRY_AFTER_US
from sim.subscriptions_api.purchases import EXPIRES_AFTER_US
from sim.time import Clock

_accounts: Final = accounts_table.c
_DOCUMENT: Final = sa.select(_accounts.document).where(_accounts.id == sa.bindparam("account_id"))
_DOCUMENT_LOCKED: Final = _DOCUMENT.with_for_update()
_BY_TOKEN: Final = sa.select(_accounts.id).where(_accounts.token == sa.bindparam("token"))
_BY_CUSTOMER: Final = sa.select(_accounts.id).where(_accounts.stripe_customer == sa.bindparam("customer"))
_ALL: Final = sa.select(_accounts.id).order_by(_accounts.made)
_DUE: Final = (
    sa.select(_accounts.id).where(_accounts.next_due_us <= sa.bindparam("now_us")).order_by(_accounts.next_due_us)
)
_LOCK_ABSENT: Final = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("account_id"), 0)))
"""Who makes an account must be alone too, although there is no row to lock."""
_UPDATE: Final = accounts_table.update().where(_accounts.id == sa.bindparam("account_id"))
_DELETE: Final = accounts_table.delete().where(_accounts.id == sa.bindparam("account_id"))
_DELETE_UNLOCKED: Final = accounts_table.delete().where(
    _accounts.id.in_(
        sa.select(_accounts.id).where(_accounts.id == sa.bindparam("account_id")).with_for_update(skip_locked=True)
    )
)
_NUMBERS_LOCK: Final = 0x676174656E756D62
_NUMBERS: Final = f"""
    SELECT setval('{numbers.name}', greatest(
        (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {numbers.name}),
        (SELECT coalesce(max(number), 0) FROM {accounts_table.name})
    ) + %d) FROM (SELECT pg_advisory_xact_lock({_NUMBERS_LOCK})) AS alone
"""
_NEXT_NUMBER: Final = sa.text(_NUMBERS % 1)
"""A number past all that the sequence gave out and past all that accounts were made with."""
_PAST_ALL_NUMBERS: Final = sa.text(_NUMBERS % 0 + f"WHERE EXISTS (SELECT FROM {accounts_table.name})")
"""Before an account is dropped: its number is not to come again."""

_log: Final = logging.getLogger(__name__)


TOKENS_MAX: Final = 10_000
"""How many credentials are remembered. Assumption: a megabyte of them."""


class _Unit:
    """What one program does to the account that it holds."""

    __slots__ = ("account", "connection", "line", "task", "written")

    def __init__(self, task: asyncio.Task[Any], line: MemoryLease) -> None:
        self.task = task
        self.line = line
        self.connection: AsyncConnection | None = None
        self.account: Account | None = None
        self.written: tuple[sa.Executable, dict[str, Any]] | None = None
        """The last thing to do before the commit."""


class PostgresStore:
    """Store and locks in one: what a program saves goes with the lock that it holds.

    `clock` is the deployment's: it tells when the account is due next. To be closed by closing the database.

    Whose a token is, is asked once: a token is made of the account's id and never another's. Whether the account still
    exists is asked every time.
    """

    __slots__ = ("_clock", "_database", "_ids_by_token", "_lines", "_units")

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lines = MemoryLocks()
        self._units: dict[str, _Unit] = {}
        self._ids_by_token: dict[str, str] = {}

    # --- locks ---------------------------------------------------------------------------------------------------

    async def acquire(self, key: str) -> PostgresLease:
        """Wait for the account and load it. Raises DatabaseUnavailable, DocumentError."""
        task = asyncio.current_task()
        assert task is not None
        unit = _Unit(task, await self._lines.acquire(key))
        lease = PostgresLease(self, key, unit)
        try:
            with self._database.telling():
                try:
                    await self._load(key, unit)
                except DBAPIError as error:
                    # The server was restarted since this connection was last used; nothing has happened yet.
                    if not error.connection_invalidated:
                        raise
                    await self._load(key, unit)
        except BaseException:
            await lease.abandon()
            raise
        self._units[key] = unit
        return lease

    async def _load(self, key: str, unit: _Unit) -> None:
        """Lock the account's row and load it; where there is none, lock its name, and look again."""
        if unit.connection is not None:
            await _give_up(unit.connection)
        unit.connection = connection = await self._database.transactions.connect()
        document = (await connection.execute(_DOCUMENT_LOCKED, {"account_id": key})).scalar()
        if document is None:
            await connection.execute(_LOCK_ABSENT, {"account_id": key})
            document = (await connection.execute(_DOCUMENT_LOCKED, {"account_id": key})).scalar()
        unit.account = None if document is None else loaded(document)

    async def commit(self, key: str, unit: _Unit) -> None:
        """Write what the program saved, and let the account go. Raises DatabaseUnavailable: then nothing is written."""
        connection = unit.connection
        assert connection is not None
        self._units.pop(key, None)
        try:
            with self._database.telling():
                if unit.written is not None:
                    await connection.execute(*unit.written)
                await connection.commit()
        except BaseException:
            await _give_up(connection)
            raise
        else:
            await connection.close()
        finally:
            await unit.line.release()

    async def abandon(self, key: str, unit: _Unit) -> None:
        """Undo what the program did, and let the account go."""
        if self._units.get(key) is unit:
            del self._units[key]
        try:
            if unit.connection is not None:
                await _give_up(unit.connection)
        finally:
            await unit.line.release()

    def _held(self, account_id: str) -> _Unit | None:
        """The unit of work of the program that runs now, if it is that account which it holds."""
        unit = self._units.get(account_id)
        return unit if unit is not None and unit.task is asyncio.current_task() else None

    # --- store ---------------------------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account | None:
        """The account that the running program holds, else a copy of the one last committed.

        Raises DatabaseUnavailable, DocumentError.
        """
        unit = self._held(account_id) if self._units else None
        if unit is not None:
            return unit.account
        row = self._database.read(_DOCUMENT, {"account_id": account_id}) if _is_storable(account_id) else None
        return None if row is None else loaded(row[0])

    def account_id_of_token(self, token: str) -> str | None:
        known = self._ids_by_token.get(token)
        if known is not None:
            return known
        row = self._database.read(_BY_TOKEN, {"token": token}) if _is_storable(token) else None
        if row is None:
            return None
        if len(self._ids_by_token) >= TOKENS_MAX:
            self._ids_by_token.clear()
        self._ids_by_token[token] = found = str(row[0])
        return found

    def account_id_of_customer(self, customer: str) -> str | None:
        row = self._database.read(_BY_CUSTOMER, {"customer": customer}) if _is_storable(customer) else None
        return None if row is None else str(row[0])

    def next_number(self) -> int:
        return int(self._database.read(_NEXT_NUMBER, {})[0])

    def add(self, account: Account) -> None:
        """Keep a new account: with the lock, or at once where nobody holds it. Raises DatabaseUnavailable."""
        unit = self._held(account.id)
        if unit is not None:
            unit.account = account
            unit.written = accounts_table.insert(), self._row(account)
            return
        with self._database.reading() as connection:
            connection.execute(accounts_table.insert(), self._row(account))

    def save(self, account: Account) -> None:
        """Have the account written at the end of the lock, as it is now."""
        unit = self._held(account.id)
        if unit is None:
            raise RuntimeError(f"account {account.id} is saved by a program without its lock: a defect of Gatefall")
        row = self._row(account)
        if unit.written is not None and unit.written[0].is_insert:
            unit.written = accounts_table.insert(), row
        else:
            unit.written = _UPDATE, {"account_id": account.id, **row}

    def forget(self, account_id: str) -> None:
        """Drop an account: at the end of the lock, or at once where nobody holds it.

        Raises DatabaseUnavailable, also where somebody does.
        """
        unit = self._held(account_id)
        with self._database.reading() as connection:
            connection.execute(_PAST_ALL_NUMBERS)
            if unit is not None:
                unit.account = None
                unit.written = _DELETE, {"account_id": account_id}
                return
            dropped = connection.execute(_DELETE_UNLOCKED, {"account_id": account_id}).rowcount
            if not dropped and connection.execute(_DOCUMENT, {"account_id": account_id}).first() is not None:
                raise DatabaseUnavailable(f"account {account_id} is in use: try again")

    def account_ids(self) -> Iterator[str]:
        with self._database.reading() as connection:
            return iter(connection.execute(_ALL).scalars().all())

    def due_account_ids(self, now_us: int) -> list[str]:
        """The accounts of which something may expire by now, those first that wait longest.

        For a sweep: `SubscriptionsApi.on_alarm` looks what is due. Servers that sweep at once do nothing twice: the
        second to get the account finds it done.
        """
        with self._database.reading() as connection:
            return list(connection.execute(_DUE, {"now_us": now_us}).scalars().all())

    # --- settings ------------------------------------------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        """What was kept under that name."""
        columns = settings_table.c
        row = self._database.read(sa.select(columns.value).where(columns.name == sa.bindparam("n")), {"n": name})
        return None if row is None else str(row[0])

    def keep_setting(self, name: str, value: str) -> None:
        """Keep something small that a restart must not forget."""
        with self._database.reading() as connection:
            keep = insert(settings_table).values(name=name, value=value)
            connection.execute(keep.on_conflict_do_update(index_elements=["name"], set_={"value": value}))

    def _row(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "number": account.number,
            "token": account.token,
            "stripe_customer": account.customer,
            "next_due_us": next_due_us(account, self._clock.now_us),
            "document": dumped(account),
        }


class PostgresLease:
    """The lock on one account's row."""

    __slots__ = ("_key", "_store", "_unit")

    def __init__(self, store: PostgresStore, key: str, unit: _Unit) -> None:
        self._store: PostgresStore | None = store
        self._key = key
        self._unit = unit

    async def release(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.commit(self._key, self._unit)

    async def abandon(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.abandon(self._key, self._unit)


def next_due_us(account: Account, now_us: int) -> int | None:
    """When `Expiry` should next look at the account, by the deployment's clock; None where nothing waits.

    What was due by now and is still open could not be ended: that is tried again as its alarms would have it.
    """
    times = [
        max(purchase.created_us + EXPIRES_AFTER_US, now_us + RETRY_AFTER_US)
        if purchase.created_us + EXPIRES_AFTER_US <= now_us
        else purchase.created_us + EXPIRES_AFTER_US
        for purchase in account.open_purchases.values()
        if purchase.kind != "bad_debt" and not purchase.granted and now_us < purchase.created_us + GIVES_UP_AFTER_US
    ]
    return min(times, default=None)


async def _give_up(connection: AsyncConnection) -> None:
    """Undo a transaction by closing its connection: what state it is in after a failure, nobody knows."""
    try:
        await connection.invalidate()
    except Exception as error:  # it is being given up because it is broken
        _log.debug("a connection could not be closed: %s", error)
    finally:
        await connection.close()


def _is_storable(text: str) -> bool:
    """Whether it can be an id or a token at all: those are ASCII, and PostgreSQL takes no NUL."""
    return "\x00" not in text and text.isascii()
