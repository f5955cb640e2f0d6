"""`pailou reindex` over a real Elasticsearch: days with an old mapping move while search and indexing go on; interrupted, it goes on."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from elasticsearch import AsyncElasticsearch

from openplatform.adapters.call_log_store_elasticsearch import ElasticsearchCallLogStore
from openplatform.adapters.elasticsearch_client import open_elasticsearch_client
from openplatform.adapters.elasticsearch_reindex import PAGE, Reindexing
from openplatform.errors import StoreRejected
from openplatform.records import CallLog, LogQuery
from tests.architecture.tree import ROOT
from tests.unit.log_indexer.parts import call_log
from tests.waiting import PATIENCE_S

DAY_MS = 86_400_000
NOON_MS = 1_750_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2
OLD = "gateway-log-2025.06.15"
COUNT = PAGE + 500


def some(first: int, count: int, **fields: Any) -> list[CallLog]:
    """Records of one day, indexed long ago unless told otherwise."""
    values = {"createTime": NOON_MS} | fields
    return [
        msgspec.convert(call_log(f"r{n:06}", receiveTime=NOON_MS + n, requestContent="订单 张三", **values), CallLog)
        for n in range(first, first + count)
    ]


@dataclass
class World:
    """Two days of records: one whose mapping is the template's, one that was made by an older template."""

    url: str
    client: AsyncElasticsearch
    store: ElasticsearchCallLogStore

    async def found(self, **conditions: Any) -> int:
        """How many records a search finds over both days."""
        await self.client.indices.refresh(index="gateway-log")
        query = LogQuery(from_ms=NOON_MS - DAY_MS, to_ms=NOON_MS + 2 * DAY_MS, **conditions)
        return (await self.store.search(query)).total

    async def pailou(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `pailou reindex …` in the folder."""
        environ = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PAILOU_ELASTICSEARCH_URL": self.url, "COLUMNS": "200"}
        command = [sys.executable, "-m", "pailou", "reindex", *arguments]
        return await asyncio.to_thread(
            subprocess.run, command, cwd=folder, env=environ, capture_output=True, text=True, input=""
        )


@pytest.fixture
async def world(clean_elasticsearch_url: str) -> AsyncIterator[World]:
    async with open_elasticsearch_client(clean_elasticsearch_url) as hurried:
        client = hurried.options(request_timeout=PATIENCE_S)
        store = ElasticsearchCallLogStore(client)
        await store.prepare()
        template = (await client.indices.get_index_template(name="gateway-log")).body["index_templates"][0]
        old = template["index_template"]["template"]["mappings"]
        old["properties"]["requestContent"] = {"type": "text", "analyzer": "whitespace"}
        old["dynamic"] = "false"
        await client.indices.create(index=OLD, mappings=old)
        for start in range(0, COUNT, 1000):
            assert {v.outcome for v in await store.add(some(start, min(1000, COUNT - start)))} == {"created"}
        await store.add(
            [msgspec.structs.replace(log, receiveTime=log.receiveTime + DAY_MS) for log in some(10_000, 10)]
        )
        yield World(clean_elasticsearch_url, client, store)


async def test_days_that_differ_are_moved(world: World, tmp_path: Path) -> None:
    """Nothing is lost or doubled, what the old analyser did not find is found; the day has its name still: late records and
    duplicates go where they belong, and retention drops it."""
    assert (await world.found(), await world.found(keywords=("张三",)), await world.found(keywords=("三",))) == (
        COUNT + 10, COUNT + 10, 10,
    )  # fmt: skip
    shown = await world.pailou(tmp_path, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert f"{OLD}" in shown.stderr and "requestContent" in shown.stderr
    assert "2025.06.16" not in shown.stderr
    assert (await world.pailou(tmp_path)).returncode == 2  # nobody to ask
    done = await world.pailou(tmp_path, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{COUNT:,}" in done.stdout
    assert (await world.found(), await world.found(keywords=("三",))) == (COUNT + 10, COUNT + 10)
    aliases = (await world.client.indices.get_alias(index="gateway-log-*")).body
    assert set(aliases[f"{OLD}-r1"]["aliases"]) == {OLD, "gateway-log"}
    assert OLD not in aliases
    late = await world.store.add([*some(0, 1), *some(50_000, 1)])
    assert [verdict.outcome for verdict in late] == ["duplicate", "created"]
    again = await world.pailou(tmp_path, "--yes")
    assert (again.returncode, again.stdout) == (0, "") and "nothing to do" in again.stderr
    await world.pailou(tmp_path, "--yes", "--all", "--from", "2025-06-15", "--to", "2025-06-15")
    assert await world.found() == COUNT + 11
    assert await world.store.drop_before(date(2025, 6, 16)) == 1
    assert await world.found() == 10


async def test_an_interrupted_move_goes_on(world: World, tmp_path: Path) -> None:
    """After the first page the process is gone: the old index is searched, and a second run copies the rest only. Records that came
    into the old index meanwhile are moved as well."""
    moving = Reindexing(world.client)
    day = next(day for day in await moving.days() if day.name == OLD)
    point = await moving.begin(day)
    steps = moving.copy(point)
    first = await anext(steps)
    await steps.aclose()
    assert first.copied == PAGE
    assert await world.found() == COUNT + 10
    (tmp_path / "pailou-reindex.json").write_bytes(msgspec.json.encode(first))
    early = NOON_MS - 1000
    await world.store.add(
        [msgspec.structs.replace(log, receiveTime=early) for log in some(60_000, 1, createTime=int(time.time() * 1000))]
    )
    done = await world.pailou(tmp_path, "--resume", "--yes")
    assert done.returncode == 0, done.stderr
    assert await world.found() == COUNT + 11
    assert not (tmp_path / "pailou-reindex.json").exists()
    assert (await world.pailou(tmp_path, "--resume", "--yes")).returncode == 78


async def test_a_day_that_does_not_fit_stays_as_it_was(world: World, tmp_path: Path) -> None:
    """A record that the template refuses: the old index stays in its place and takes records, the status says failed."""
    await world.client.create(
        index=OLD,
        id="odd",
        document={"requestId": "odd", "receiveTime": NOON_MS, "tenant": "x", "remoteIp": "10.0.0.1"},
    )
    done = await world.pailou(tmp_path, "--yes")
    assert done.returncode == 1
    assert "odd does not fit the template" in done.stdout
    assert await world.found() == COUNT + 11
    assert [v.outcome for v in await world.store.add(some(70_000, 1))] == ["created"]


async def test_nothing_is_replaced_by_less(world: World) -> None:
    """A copy that lacks records is refused at the end, and writing to the old index goes on."""
    moving = Reindexing(world.client)
    day = next(day for day in await moving.days() if day.name == OLD)
    point = await moving.begin(day)
    with pytest.raises(StoreRejected, match="nothing was replaced"):
        await moving.finish(point)
    assert [v.outcome for v in await world.store.add(some(80_000, 1))] == ["created"]
