"""The Stripe double's memory in PostgreSQL; one server at a time may have it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from conformance.servers.database import Database, DatabaseUnavailable, stripe_table
from conformance.servers.remembered_stripe import StripeMemoryError

PATIENCE_S: Final = 3.0
"""How long a server that starts waits for the one before it to be gone. Assumption."""

_OWNER_LOCK: Final = 0x7374726970656D65
"""Advisory lock of the server whose double it is, held as long as its connection lives."""
_IN_ORDER: Final = sa.select(stripe_table.c.entry).order_by(stripe_table.c.number)
_FROM: Final = (
    sa.select(stripe_table.c.entry)
    .where(stripe_table.c.number >= sa.bindparam("first"))
    .order_by(stripe_table.c.number)
)
_OWN: Final = sa.select(sa.func.pg_try_advisory_lock(_OWNER_LOCK))


class PostgresStripeEntries:
    """Entries as rows, by a connection of its own: see `Database.apart`."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: AsyncConnection | None = None

    async def read(self) -> Sequence[str]:
        """All entries. Raises StripeMemoryError where another server has them, and DatabaseUnavailable."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        with self._database.telling():
            while True:
                try:
                    connection = self._connection or await self._connected()
                    return (await connection.execute(_IN_ORDER)).scalars().all()
                except StripeMemoryError:
                    if loop.time() >= until_s:
                        raise
                    await asyncio.sleep(0.1)

    async def append(self, first: int, entries: Sequence[str]) -> None:
        """Keep some more. Raises DatabaseUnavailable, also where another server has gone on with them."""
        was_connected = self._connection is not None
        try:
            await self._write(first, entries)
        except DatabaseUnavailable:
            if not was_connected:
                raise
            await self._write(first, entries)  # the database was restarted since the last time

    async def _write(self, first: int, entries: Sequence[str]) -> None:
        """Of a writing that failed nobody knows how far it came: the next one looks."""
        try:
            with self._database.telling():
                if self._connection is None:
                    connection = await self._connected()
                    written = (await connection.execute(_FROM, {"first": first})).scalars().all()
                    if list(entries[: len(written)]) != list(written):
                        raise StripeMemoryError("another server has gone on with the Stripe double of this database")
                    first, entries = first + len(written), entries[len(written) :]
                rows = [{"number": number, "entry": entry} for number, entry in enumerate(entries, start=first)]
                if rows:
                    await self._connected_already().execute(stripe_table.insert(), rows)
        except BaseException as error:
            await self.close()
            if isinstance(error, StripeMemoryError):
                raise DatabaseUnavailable(f"{error}: restart this one") from error
            raise

    async def close(self) -> None:
        """Let another server have them."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.invalidate()
            finally:
                await connection.close()

    async def _connected(self) -> AsyncConnection:
        """Connect, and take the lock."""
        self._connection = connection = await self._database.apart.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if not (await connection.execute(_OWN)).scalar():
            await self.close()
            raise StripeMemoryError(
                "another server has the Stripe double of this database: stop it, or name its address (--stripe)"
            )
        return connection

    def _connected_already(self) -> AsyncConnection:
        assert self._connection is not None
        return self._connection
