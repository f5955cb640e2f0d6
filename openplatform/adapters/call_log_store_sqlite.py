"""The log store of the all-in-one: one SQLite file with full-text search, answering the same questions as Elasticsearch."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from openplatform.adapters.call_log_cursor import MAX_TOTAL, cursor_after
from openplatform.adapters.sqlite_query import histogram_sql, page_sql, total_sql
from openplatform.adapters.sqlite_schema import create_tables, packed_address
from openplatform.adapters.sqlite_stats import stats_of, stats_sql
from openplatform.adapters.sqlite_text import highlight, spaced
from openplatform.errors import PLATFORM_UNAVAILABLE, StoreRejected
from openplatform.records import (
    CallLog,
    Histogram,
    IndexVerdict,
    LogConditions,
    LogHit,
    LogPage,
    LogQuery,
    StatsQuery,
    StatsTable,
    StoreInUse,
    TimeBucket,
)

T = TypeVar("T")

SEARCH_TIMEOUT_S = 5.0
"""Then a search answers what it has found."""
READ_TIMEOUT_S = 6.0
"""For what is read together, and for waiting for the search before."""
WRITE_TIMEOUT_S = 30.0
_BUSY_TIMEOUT_S = 5.0
"""Another process with the same file (a backup, somebody's sqlite3) may hold the write lock for a moment."""
_INSTRUCTIONS = 20_000
"""Of SQLite's machine between two looks at the clock: less than a millisecond."""
_DAY_MS = 86_400_000
_MAX_ID_BYTES = 512
_INT64 = 2**63

_INSERT = """
INSERT INTO call_log (request_id, receive_ms, app_key, api_name, vender_id, error_code, remote_ip, response_ms, service_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request_id) DO NOTHING
"""


class SqliteCallLogStore:
    """Plays CallLogStore. All writing is done by one thread with one connection, all reading by another pair."""

    def __init__(self, reader: "_Worker", writer: "_Worker", search_timeout_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._search_timeout_s = search_timeout_s
        self._decoder = msgspec.json.Decoder(CallLog)

    async def prepare(self) -> StoreInUse:
        await self._writer.run(create_tables, WRITE_TIMEOUT_S)
        return StoreInUse(store=f"SQLite {sqlite3.sqlite_version} FTS5", analyzer="unicode61", finds="characters")

    async def add(self, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        return await self._writer.run(lambda connection: _insert(connection, records), WRITE_TIMEOUT_S)

    async def search(self, query: LogQuery) -> LogPage:
        page = page_sql(query)
        total = total_sql(query) if query.wants_total else ("SELECT 0", [])
        bodies: list[bytes] = []
        counts: list[int] = []

        def read(connection: sqlite3.Connection) -> bool:
            with _time_limit(connection, self._search_timeout_s) as limit:
                bodies.extend(row[0] for row in connection.execute(*page))
                counts.extend(row[0] for row in connection.execute(*total))
            return limit.is_over

        is_partial = await self._reader.run(read, READ_TIMEOUT_S)
        count = counts[0] if counts else len(bodies)
        logs = [self._decoder.decode(body) for body in bodies[: query.size]]
        return LogPage(
            hits=tuple(
                LogHit(log=log, highlight=highlight(log.requestContent, query.keywords) if query.keywords else None)
                for log in logs
            ),
            total=min(count, MAX_TOTAL),
            total_is_capped=count > MAX_TOTAL,
            cursor=cursor_after(logs[-1], query.sort) if len(bodies) > query.size else None,
            is_partial=is_partial,
        )

    async def count(self, conditions: LogConditions) -> int:
        sql = total_sql(conditions, most=None)
        return await self._reader.run(lambda connection: int(connection.execute(*sql).fetchone()[0]), READ_TIMEOUT_S)

    async def histogram(self, conditions: LogConditions, *, interval_ms: int, offset_ms: int = 0) -> Histogram:
        sql = histogram_sql(conditions, interval_ms, offset_ms)
        rows: list[tuple[int, int, int]] = []

        def read(connection: sqlite3.Connection) -> bool:
            with _time_limit(connection, self._search_timeout_s) as limit:
                rows.extend(connection.execute(*sql))
            return limit.is_over

        is_partial = await self._reader.run(read, READ_TIMEOUT_S)
        buckets = tuple(TimeBucket(start_ms=start, calls=calls, errors=errors) for start, calls, errors in rows)
        return Histogram(interval_ms=interval_ms, buckets=buckets, is_partial=is_partial)

    async def stats(self, query: StatsQuery) -> StatsTable:
        sql = stats_sql(query)
        return await self._reader.run(
            lambda connection: stats_of(connection.execute(*sql).fetchone(), query.by), READ_TIMEOUT_S
        )

    async def drop_before(self, day: date) -> int:
        before_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        return await self._writer.run(lambda connection: _delete(connection, before_ms), WRITE_TIMEOUT_S)


class _Worker:
    """A thread with a connection of its own; what runs too long is interrupted."""

    def __init__(self, path: Path, role: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"call-log-{role}")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T], timeout_s: float) -> T:
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, self._work, work)
        try:
            with sqlite_errors():
                async with asyncio.timeout(timeout_s):
                    return await asyncio.shield(running)
        finally:
            if not running.done():
                if self._connection is not None:
                    self._connection.interrupt()
                running.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            # With WAL, NORMAL loses nothing when the process dies, and is not slowed down by a sync per batch.
            self._connection.execute("PRAGMA synchronous=NORMAL")
        with self._connection:
            return work(self._connection)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._disconnect)
        self._threads.shutdown()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


@asynccontextmanager
async def open_sqlite_store(
    path: Path, *, search_timeout_s: float = SEARCH_TIMEOUT_S
) -> AsyncIterator[SqliteCallLogStore]:
    """Creates the file and its tables when they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = _Worker(path, "reader"), _Worker(path, "writer")
    store = SqliteCallLogStore(reader, writer, search_timeout_s)
    try:
        await store.prepare()
        yield store
    finally:
        await reader.close()
        await writer.close()


class _TimeLimit:
    """Interrupts a connection's query when its time is up, as SQLite asks from time to time."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.is_over = False

    def __call__(self) -> bool:
        self.is_over = self.is_over or time.monotonic() >= self._ends
        return self.is_over


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float) -> Iterator[_TimeLimit]:
    """Ends what is read inside when the time is up, without an error; what was read until then stays."""
    limit = _TimeLimit(seconds)
    connection.set_progress_handler(limit, _INSTRUCTIONS)
    try:
        yield limit
    except sqlite3.OperationalError:
        if not limit.is_over:
            raise
    finally:
        connection.set_progress_handler(None, 0)


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turns a full disk, a locked or broken file and an interrupted query into PlatformUnavailable; usable around awaits."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError, TimeoutError) as error:
        raise PLATFORM_UNAVAILABLE(f"call logs in SQLite: {error or type(error).__name__}") from error
    except OverflowError as error:
        raise StoreRejected("a number is out of range") from error


def _insert(connection: sqlite3.Connection, records: Sequence[CallLog]) -> list[IndexVerdict]:
    connection.execute("BEGIN IMMEDIATE")
    return [_insert_one(connection, record) for record in records]


def _insert_one(connection: sqlite3.Connection, record: CallLog) -> IndexVerdict:
    try:
        row, body = _fitting_row(record), msgspec.json.encode(record)
    except (StoreRejected, ValueError) as error:
        return IndexVerdict(outcome="refused", reason=str(error))
    inserted = connection.execute(_INSERT, row)
    if inserted.rowcount == 0:
        return IndexVerdict(outcome="duplicate")
    connection.execute("INSERT INTO call_log_record (row_id, record) VALUES (?, ?)", (inserted.lastrowid, body))
    connection.execute(
        "INSERT INTO call_log_text (rowid, content) VALUES (?, ?)", (inserted.lastrowid, spaced(record.requestContent))
    )
    return IndexVerdict(outcome="created")


def _fitting_row(record: CallLog) -> tuple[str | int | bytes | None, ...]:
    """The columns of a record. Raises StoreRejected for what Elasticsearch's strict mapping would refuse as well."""
    if not 0 < len(record.requestId.encode()) <= _MAX_ID_BYTES:
        raise StoreRejected(f"requestId must have 1 to {_MAX_ID_BYTES} bytes")
    if not 0 <= record.receiveTime < 253_402_300_800_000:
        raise StoreRejected("receiveTime is no time of an index")
    packed_address(record.servIP)
    numbers = (record.venderId, record.platformRepTime, record.serviceTime, record.responseBytes, record.createTime)
    if any(number is not None and not -_INT64 <= number < _INT64 for number in numbers):
        raise StoreRejected("a number is out of range for a long")
    return (
        record.requestId,
        record.receiveTime,
        record.appkey,
        record.apiName,
        record.venderId,
        record.errorCode,
        packed_address(record.remoteIp),
        record.platformRepTime,
        record.serviceTime,
    )


def _delete(connection: sqlite3.Connection, before_ms: int) -> int:
    connection.execute("BEGIN IMMEDIATE")
    days = connection.execute(
        f"SELECT COUNT(DISTINCT receive_ms / {_DAY_MS}) FROM call_log WHERE receive_ms < ?",  # noqa: S608  # a constant
        (before_ms,),
    ).fetchone()[0]
    for table, row_id in (("call_log_text", "rowid"), ("call_log_record", "row_id")):
        connection.execute(
            f"DELETE FROM {table} WHERE {row_id} IN (SELECT row_id FROM call_log WHERE receive_ms < ?)",  # noqa: S608
            (before_ms,),
        )
    connection.execute("DELETE FROM call_log WHERE receive_ms < ?", (before_ms,))
    return int(days)
