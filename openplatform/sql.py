"""SQL for the services that own a database: engines, transactions, column types, migrations; MySQL/MariaDB and SQLite alike."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection as AsyncConnection  # services name the type and see no more of SQL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable
from openplatform.outage import Outage

T = TypeVar("T")
log = logging.getLogger(__name__)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Naming convention of constraints, so that migrations can name what they drop: `MetaData(naming_convention=NAMING)`."""

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A bigint primary key that counts up by itself; SQLite does that for INTEGER only."""

_DEADLOCK_CODES = {1205, 1213}  # MySQL: lock wait timeout, deadlock
# MySQL takes no writes: 1030 an error of the storage engine, as a full disk or quota; 1036 InnoDB is read-only; 1290 read_only, as
# of a replica or after a failover; 1792 transaction_read_only; 1836 read-only mode; 3100 group replication refuses the commit;
# a server whose disk is full: 3 cannot write, 1021 disk full, 1026 error writing, 1114 table full.
_NO_WRITES_CODES = {3, 1021, 1026, 1030, 1036, 1114, 1290, 1792, 1836, 3100}
_TOO_MANY_CONNECTIONS = 1040
_READ_ONLY_CODES = {1036, 1290, 1792, 1836, 3100}
_SQLITE_NO_WRITES_CODES = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
_DEADLOCK_ATTEMPTS = 5
_DEADLOCK_PATIENCE_S = 5.0
_ANSWER_TIMEOUT_S = 10.0  # asyncmy's default is none; longer than any query of ours and than the lock wait below
_OPEN_TIMEOUT_S = 3.0  # to take a connection, ask whether it lives, and begin
_LOCK_WAIT_S = 4  # InnoDB's 50 s would outlive every caller


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime, stored as UTC to the microsecond; refuses naive values. Raises ValueError for those."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[datetime]:
        if dialect.name == "mysql":
            from sqlalchemy.dialects.mysql import DATETIME

            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class DatabaseAway(PlatformUnavailable):
    """The database does not answer."""


_AWAY = replace(PLATFORM_UNAVAILABLE, error=DatabaseAway, sub_msg="the database does not answer")


class OutcomeUnknown(PlatformUnavailable):
    """The database went away while a transaction was being committed: it is done or undone as a whole, nobody knows which."""


class Database:
    """A service's database.

    `begin()` is a write transaction, `read()` a connection for reading; `run(work)` repeats a whole write transaction that lost
    a deadlock. All of them raise DatabaseAway when the database cannot be reached, PlatformUnavailable when it takes no writes.

    refuse_s: once it could not be reached, for how long nobody waits for it again; 0 = everybody finds out for themselves.
    """

    def __init__(self, engine: AsyncEngine, *, refuse_s: float = 0.0) -> None:
        self.engine = engine
        # SQLite waits at BEGIN for who writes, by a timeout of its own.
        self._open_timeout_s = None if engine.dialect.name == "sqlite" else _OPEN_TIMEOUT_S
        self._reading = engine.execution_options(read_only=True)
        self._outage = Outage(refuse_s=refuse_s, ask_s=_OPEN_TIMEOUT_S)

    @property
    def is_away(self) -> bool:
        """Whether the database did not answer when it was asked last."""
        return self._outage.is_on

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Raises OutcomeUnknown when the connection is lost while the transaction is being committed."""
        is_committing = False
        try:
            async with self._translated(self.engine.begin) as connection:
                yield connection
                is_committing = True
        except PlatformUnavailable as error:
            if is_committing and not _takes_no_writes(error.__cause__):
                raise OutcomeUnknown(
                    error.code, error.msg, error.sub_code, "nobody knows whether it was done"
                ) from error
            raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._translated(self._reading.connect) as connection:
            yield connection

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in a write transaction; repeats it (at most 5 times) when the database chose it as a deadlock's victim.

        Raises PlatformUnavailable when it lost every time, or for 5 s: that is the database's load and no fault of the work.
        """
        give_up_at = time.monotonic() + _DEADLOCK_PATIENCE_S
        for attempt in range(1, _DEADLOCK_ATTEMPTS + 1):
            try:
                async with self.begin() as connection:
                    return await work(connection)
            except OperationalError as error:
                if not _is_deadlock(error):
                    raise
                if attempt == _DEADLOCK_ATTEMPTS or time.monotonic() > give_up_at:
                    raise PLATFORM_UNAVAILABLE("the database is too busy") from error
                await asyncio.sleep(0.01 * attempt)
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _translated(
        self, opening: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    ) -> AsyncIterator[AsyncConnection]:
        asked_at, is_open = time.monotonic(), False
        if not self._outage.admits(asked_at):
            raise _AWAY()
        try:
            async with _opened(opening(), self._open_timeout_s) as connection:
                is_open = True
                self._outage.answered(time.monotonic())
                yield connection
        except (PoolTimeoutError, ConnectionError, TimeoutError, DBAPIError) as error:
            if _takes_no_writes(error):
                log.warning("the database takes no writes: %s", error)
                raise PLATFORM_UNAVAILABLE("the database takes no writes now") from error
            if isinstance(error, DBAPIError) and not (error.connection_invalidated or _is_connection_error(error)):
                raise
            if not is_open and _code(error) != _TOO_MANY_CONNECTIONS:  # with these it has answered
                self._outage.failed(asked_at, time.monotonic())
            log.warning("the database cannot be reached: %s", error)
            raise _AWAY() from error


@asynccontextmanager
async def open_database(url: str, *, refuse_s: float = 0.0) -> AsyncIterator[Database]:
    """Opens the engine for `mysql+asyncmy://…` or `sqlite+aiosqlite:///file` and disposes of it; no query is sent yet."""
    database = Database(open_engine(url), refuse_s=refuse_s)
    try:
        yield database
    finally:
        await database.engine.dispose()


def open_engine(url: str, *, answer_timeout_s: float = _ANSWER_TIMEOUT_S) -> AsyncEngine:
    """An engine with bounded waits: 3 s to connect or to get a pooled connection, answer_timeout_s for a MySQL statement."""
    if make_url(url).get_backend_name() == "sqlite":
        path = make_url(url).database
        if path and path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(url, connect_args={"timeout": 10}, pool_size=5, max_overflow=5, pool_timeout=3)
        sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    engine = create_async_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=10,
        max_overflow=10,
        pool_timeout=3,
        pool_recycle=1800,  # below MySQL's wait_timeout and what firewalls forget
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 3,
            "read_timeout": answer_timeout_s,
            "charset": "utf8mb4",
            "init_command": f"SET time_zone='+00:00', innodb_lock_wait_timeout={_LOCK_WAIT_S}",
        },
    )
    sa.event.listen(engine.sync_engine, "handle_error", _leave_read_only_server)
    return engine


def upgrade(url: str, package: str) -> None:
    """Brings the database of `package` (e.g. "order_service") to its newest migration. Synchronous: call it in a thread."""
    command.upgrade(alembic_config(url, package), "head")


def alembic_config(url: str, package: str) -> Config:
    """Alembic's configuration for the migrations of `package`; its env.py reads `sqlalchemy.url` from it."""
    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def run_migrations(metadata: sa.MetaData, url: str) -> None:
    """What every migrations/env.py does: runs the migrations over an async engine of its own."""
    from alembic import context

    def migrate(connection: sa.Connection) -> None:
        context.configure(connection=connection, target_metadata=metadata, compare_type=True, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()

    async def connect() -> None:
        engine = open_engine(url, answer_timeout_s=3600)  # altering a large table takes its time
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
        await engine.dispose()

    asyncio.run(connect())


@asynccontextmanager
async def _opened(
    opening: AbstractAsyncContextManager[AsyncConnection], timeout_s: float | None
) -> AsyncIterator[AsyncConnection]:
    """The connection, proven alive; a server that hangs is given up before its caller gives us up."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(timeout_s):
            connection = await stack.enter_async_context(opening)
        yield connection


def _code(error: BaseException) -> object:
    args = getattr(getattr(error, "orig", None), "args", ())
    return args[0] if args else None


def _is_deadlock(error: DBAPIError) -> bool:
    return _code(error) in _DEADLOCK_CODES or "database is locked" in str(error.orig)


def _is_connection_error(error: DBAPIError) -> bool:
    # 2xxx are the client's own errors (cannot connect, gone away, lost), 1053 shutting down.
    is_clients = isinstance(code := _code(error), int) and 2000 <= code < 2100
    return is_clients or code in {_TOO_MANY_CONNECTIONS, 1053} or isinstance(error, InterfaceError)


def _takes_no_writes(error: BaseException | None) -> bool:
    """Whether the database said that it does not write: nothing was done."""
    if not isinstance(error, DBAPIError):
        return False
    # SQLite's extended codes hold the plain one in their last byte.
    return _code(error) in _NO_WRITES_CODES or (
        getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_NO_WRITES_CODES
    )


def _leave_read_only_server(context: sa.ExceptionContext) -> None:
    # After a failover the old primary is read-only and its connections live on: a new one leads to who writes now.
    args = getattr(context.original_exception, "args", ())
    if args and args[0] in _READ_ONLY_CODES:
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # The driver must not begin transactions by itself: BEGIN IMMEDIATE below takes the write lock first, so that two
    # transactions never both read and then fail to upgrade. WAL lets readers go on meanwhile.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
