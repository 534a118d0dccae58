"""The deployment's PostgreSQL database: its address, its tables, its connections, and what can be wrong with them.

Three kinds of connections: a pool for transactions that programs hold while they own an account (asynchronous), one
for reads in passing (synchronous, because programs are; it never waits for a row's lock), and one for the Stripe
double.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from conformance.over_http.locks import LockUnavailable

SCHEMA_VERSION: Final = 1
"""Goes up when the tables change."""
CONNECTIONS: Final = 16
"""Accounts that one server can have locked at a time; further ones wait in line. Assumption: five servers, each with
two connections more, fit into PostgreSQL's default of a hundred."""
CONNECT_TIMEOUT_S: Final = 3
"""How long an address may not answer. Assumption."""
READ_TIMEOUT_MS: Final = 3_000
"""How long a read in passing may take: everything else in the server waits for it. Assumption."""
LOCK_TIMEOUT_MS: Final = 60_000
"""How long to wait for an account that another server holds. Assumption: twice the deadline of any caller."""
IDLE_TIMEOUT_MS: Final = 300_000
"""How long an account may stay locked without a word from its server before the database frees it: a server that
hangs must not lock others out. Assumption: several calls to Stripe, each up to its own deadline."""

_MIGRATION_LOCK: Final = 0x6761746566616C6C
"""Advisory lock under which tables are made: the word "gatefall" in ASCII."""

metadata: Final = sa.MetaData()

schema_table: Final = sa.Table("gatefall_schema", metadata, sa.Column("version", sa.Integer, nullable=False))
"""One row."""

accounts_table: Final = sa.Table(
    "gatefall_accounts",
    metadata,
    sa.Column("made", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("stripe_customer", sa.Text, nullable=False, unique=True),
    sa.Column("next_due_us", sa.BigInteger, nullable=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index("gatefall_accounts_due", "next_due_us", postgresql_where=sa.text("next_due_us IS NOT NULL")),
)
"""`made` counts in the order of creation; `next_due_us`: when something of the account may expire (deployment's clock,
microseconds since the epoch); `document`: see account_document.py. Text, not JSON: PostgreSQL would refuse or reorder
some of what customers send."""

numbers: Final = sa.Sequence("gatefall_account_numbers", metadata=metadata)

stripe_table: Final = sa.Table(
    "gatefall_stripe_memory",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry", sa.Text, nullable=False),
)
"""What the embedded Stripe double was asked: see remembered_stripe.py."""

settings_table: Final = sa.Table(
    "gatefall_settings",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What else a restart must not forget, such as how far the deployment's clock was moved."""


class DatabaseError(Exception):
    """The database cannot be used. The message is for a person and holds no password."""


class DatabaseUnavailable(LockUnavailable):
    """The database failed in the middle of the work: what was not committed has not happened."""


class Database:
    """An open database with this version's tables. Raises DatabaseError.

    `apart` is one more connection for the Stripe double: programs that hold all others may wait for its answers.
    """

    __slots__ = ("_shown", "apart", "reads", "transactions")

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        address = _address(url)
        self._shown = address.set(drivername="postgresql").render_as_string(hide_password=True)
        self.reads: Engine = sa.create_engine(
            address,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            connect_args=_connect_args(statement_timeout=READ_TIMEOUT_MS, lock_timeout=READ_TIMEOUT_MS),
        )
        self.transactions = _asynchronous(address, connections)
        self.apart = _asynchronous(address, 1)
        try:
            with self.reads.execution_options(isolation_level="READ COMMITTED").begin() as connection:
                _migrate(connection, self._shown)
        except SQLAlchemyError as error:
            self.reads.dispose()
            raise DatabaseError(
                f"the database {self._shown} cannot be used: {_reason(error)}: start it, or correct the address"
            ) from error
        except DatabaseError:
            self.reads.dispose()
            raise

    async def close(self) -> None:
        """Give all connections back. What is still in a transaction is undone."""
        await self.transactions.dispose()
        await self.apart.dispose()
        self.reads.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection for reads in passing, and for single statements that commit by themselves.

        Raises DatabaseUnavailable. A connection that broke is replaced at the next use.
        """
        with self.telling(), self.reads.connect() as connection:
            yield connection

    def read(self, statement: sa.Executable, values: dict[str, Any]) -> Any:
        """The first row of a query, or None. Tried again once where the connection had broken since its last use.

        Raises DatabaseUnavailable.
        """
        try:
            with self.reads.connect() as connection:
                return connection.execute(statement, values).first()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise self.unavailable(error) from error
        except SQLAlchemyError as error:
            raise self.unavailable(error) from error
        with self.reading() as connection:
            return connection.execute(statement, values).first()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What goes wrong with the database in here is told to a person: DatabaseUnavailable."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self.unavailable(error) from error

    def unavailable(self, error: Exception) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"the database {self._shown} does not do its work: {_reason(error)}: try again")


def _address(url: str) -> URL:
    """Raises DatabaseError."""
    expected = "expected postgresql://user:password@host:port/database"
    try:
        address = make_url(url)
        fits = address.set(drivername="postgresql+psycopg")
        # Hosts and ports may stand in the query too, which nobody looks at before the first connection.
        if address.drivername in ("postgresql", "postgres"):
            fits.get_dialect()().create_connect_args(fits)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"the address of the database is not a URL: {expected}") from None
    if address.drivername not in ("postgresql", "postgres"):
        raise DatabaseError(f"the address of the database begins with {address.drivername!r}: {expected}")
    return fits


def _asynchronous(address: URL, connections: int) -> AsyncEngine:
    return create_async_engine(
        address,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=LOCK_TIMEOUT_MS / 1000,
        isolation_level="READ COMMITTED",
        connect_args=_connect_args(
            lock_timeout=LOCK_TIMEOUT_MS,
            statement_timeout=LOCK_TIMEOUT_MS + READ_TIMEOUT_MS,
            idle_in_transaction_session_timeout=IDLE_TIMEOUT_MS,
        ),
    )


def _connect_args(**settings: int) -> dict[str, Any]:
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": options,
        "application_name": "gatefall",
        # A peer that is gone without a word is noticed within half a minute.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
    }


def _migrate(connection: Connection, shown: str) -> None:
    """Make the tables where there are none; several servers may start at once. Raises DatabaseError."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    if not sa.inspect(connection).has_table(schema_table.name):
        metadata.create_all(connection)
        connection.execute(schema_table.insert(), {"version": SCHEMA_VERSION})
    found = connection.execute(sa.select(schema_table.c.version)).scalar()
    if found != SCHEMA_VERSION:
        raise DatabaseError(
            f"the database {shown} has Gatefall's tables in version {found}, this Gatefall has version "
            f"{SCHEMA_VERSION}: use an empty database, or the Gatefall that made it"
        )


def _reason(error: Exception) -> str:
    """The database's own words, on one line."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split()) or type(cause).__name__
