"""The all-in-one's log store outlives crashes, abandoned questions, other readers and a broken file."""

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from openplatform.adapters.call_log_store_sqlite import open_sqlite_store
from openplatform.adapters.sqlite_stats import stats_sql
from openplatform.errors import PlatformUnavailable
from openplatform.records import StatsBy, StatsQuery
from tests.contract.call_log_store.samples import NOON_MS, query, record

ROOT = Path(__file__).parents[2]

WRITER = """
import asyncio, sys
from pathlib import Path
from openplatform.adapters.call_log_store_sqlite import open_sqlite_store
from tests.contract.call_log_store.samples import record

async def main():
    async with open_sqlite_store(Path(sys.argv[1])) as store:
        for n in range(1_000_000):
            await store.add([record(f"r{n}-{m}") for m in range(10)])
            print(n, flush=True)

asyncio.run(main())
"""


async def test_what_was_confirmed_survives_kill_9(tmp_path: Path) -> None:
    """A process killed in the middle of writing loses no record that it had confirmed, in the words' index neither."""
    path = tmp_path / "logs.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    confirmed = -1
    while confirmed < 20:
        confirmed = int(await process.stdout.readline())
    process.kill()
    confirmed = max([confirmed, *map(int, (await process.stdout.read()).split())])
    await process.wait()
    async with open_sqlite_store(path) as store:
        found = (await store.search(query(keywords=("order_id",)))).total
        assert found == (await store.search(query())).total
        assert found >= 10 * (confirmed + 1)
        assert found % 10 == 0
        assert [v.outcome for v in await store.add([record(f"r{confirmed}-9")])] == ["duplicate"]


async def test_an_abandoned_question_is_interrupted(tmp_path: Path) -> None:
    """Whoever asks may leave; the store answers the next one."""
    async with open_sqlite_store(tmp_path / "logs.db") as store:
        await store.add([record(f"r{n}") for n in range(2_000)])
        for _ in range(5):
            question = asyncio.create_task(store.search(query(size=2_000, keywords=("sku",))))
            await asyncio.sleep(0)
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question
        assert (await store.search(query())).total == 2_000


async def test_reading_and_writing_go_on_side_by_side(tmp_path: Path) -> None:
    """A search sees what was confirmed before it, while other batches are written."""
    async with open_sqlite_store(tmp_path / "logs.db") as store:

        async def write(part: int) -> None:
            for n in range(10):
                await store.add([record(f"r{part}-{n}-{m}") for m in range(20)])
                assert (await store.search(query(request_id=f"r{part}-{n}-0"))).total == 1

        await asyncio.gather(*(write(part) for part in range(4)))
        assert (await store.search(query())).total == 800


async def test_another_process_may_read_the_file(tmp_path: Path) -> None:
    """A person's sqlite3 that holds a read transaction stops no writing."""
    path = tmp_path / "logs.db"
    async with open_sqlite_store(path) as store:
        await store.add([record("r1")])
        other = sqlite3.connect(path)
        other.execute("BEGIN")
        assert other.execute("SELECT COUNT(*) FROM call_log").fetchone() == (1,)
        assert [verdict.outcome for verdict in await store.add([record("r2")])] == ["created"]
        other.close()


async def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    """Said in our words when the store is opened."""
    path = tmp_path / "logs.db"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(PlatformUnavailable, match="not a database"):
        async with open_sqlite_store(path):
            pass


async def test_a_search_without_time_left_is_partial(tmp_path: Path) -> None:
    """It answers what it has and says so; statistics, which half would be wrong, and the next search are complete."""
    path = tmp_path / "logs.db"
    async with open_sqlite_store(path) as store:
        for part in range(5):
            await store.add([record(f"r{part}-{n}") for n in range(2_000)])
    async with open_sqlite_store(path, search_timeout_s=0) as store:
        page = await store.search(query(sort="-ms"))
        assert page.is_partial
        assert page.total < 10_000
        histogram = await store.histogram(query(), interval_ms=1000)
        assert histogram.is_partial
        assert (await store.stats(StatsQuery(from_ms=0, to_ms=2**50))).stats[0].calls == 10_000
    async with open_sqlite_store(path) as store:
        page = await store.search(query(sort="-ms"))
        assert (page.total, page.is_partial) == (10_000, False)


async def test_statistics_read_one_index(tmp_path: Path) -> None:
    """And neither the table nor a sorter, whatever they are by; an index of an earlier version makes way for it."""
    path = tmp_path / "logs.db"
    async with open_sqlite_store(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX ix_call_log_receive_ms")
        connection.execute("CREATE INDEX ix_call_log_receive_ms_request_id ON call_log (receive_ms, request_id)")
    connection.close()
    async with open_sqlite_store(path):
        pass
    connection = sqlite3.connect(path)
    for by in get_args(StatsBy):
        sql, values = stats_sql(StatsQuery(from_ms=0, to_ms=2**50, by=by))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert len(plan) == 1
        assert "USING COVERING INDEX ix_call_log_receive_ms (" in plan[0]
    connection.close()


FIRST_VERSION = """
CREATE TABLE call_log (
    row_id INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, receive_ms INTEGER NOT NULL, app_key TEXT NOT NULL,
    api_name TEXT NOT NULL, vender_id INTEGER, error_code TEXT NOT NULL, remote_ip TEXT NOT NULL,
    response_ms INTEGER NOT NULL, service_ms INTEGER, record BLOB NOT NULL
);
CREATE INDEX ix_call_log_receive_ms_request_id ON call_log (receive_ms, request_id);
CREATE INDEX ix_call_log_api_name_receive_ms ON call_log (api_name, receive_ms);
CREATE VIRTUAL TABLE call_log_text USING fts5 (content, tokenize = "unicode61 remove_diacritics 0 tokenchars '_'");
"""


async def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    """With all its records, once; its addresses can be searched by network."""
    path = tmp_path / "logs.db"
    old = [record(f"r{n}", remoteIp=ip, receiveTime=NOON_MS + n) for n, ip in enumerate(["10.1.2.3", "2001:db8::1"])]
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_VERSION)
        for row_id, log in enumerate(old, start=7):
            row = (row_id, log.requestId, log.receiveTime, log.appkey, log.apiName, log.venderId, log.errorCode,
                   log.remoteIp, log.platformRepTime, log.serviceTime, msgspec.json.encode(log))  # fmt: skip
            connection.execute("INSERT INTO call_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute("INSERT INTO call_log_text (rowid, content) VALUES (?, 'order_id')", (row_id,))
    connection.close()
    for _ in range(2):
        async with open_sqlite_store(path) as store:
            page = await store.search(query(keywords=("order_id",)))
            assert [hit.log for hit in page.hits] == [old[1], old[0]]
            assert (await store.search(query(remote_ip="10.0.0.0/8"))).hits[0].log == old[0]
            assert [verdict.outcome for verdict in await store.add(old)] == ["duplicate"] * 2
