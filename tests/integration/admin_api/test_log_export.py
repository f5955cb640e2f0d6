"""Exports of call logs: every record, safe for spreadsheets, as a stream that can be left and that never only looks complete."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from log_indexer import export
from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from openplatform.adapters.embedded import Embedded
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import LogConditions, LogHit, LogPage, LogQuery
from tests.admin_world import API, Caller, World, refusal
from tests.contract.call_log_store.samples import NOON_MS, record
from tests.integration.admin_api.indexing import asking, indexer_settings
from tests.serving import serving
from tests.unit.log_indexer.parts import ScriptedStore
from tests.waiting import PATIENCE_S

RANGE = {"from": NOON_MS - 1_000_000, "to": NOON_MS + 1_000}
HOSTILE = [
    "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'a "quoted", and\r\nbroken', "收货人 张三", "", "' = 1",
]  # fmt: skip


@asynccontextmanager
async def exporting(world: World, folder: Path, store: ScriptedStore | None = None) -> AsyncIterator[World]:
    """admin_api in front of a log_indexer that is reached over a real socket."""
    settings = indexer_settings(folder)
    async with open_indexer(settings, Embedded()) as resources:
        await resources.store.prepare()
        await resources.store.add([
            *(record(f"h{n}", requestContent=text, receiveTime=NOON_MS - n) for n, text in enumerate(HOSTILE)),
            *(record(f"r{n}", receiveTime=NOON_MS - 1_000 - n, venderId=None) for n in range(2_500)),
        ])  # fmt: skip
        if store is not None:
            object.__setattr__(resources, "store", store)
        async with (
            serving(create_indexer(resources, settings)) as port,
            asking(world, f"127.0.0.1:{port}") as opened,
        ):
            yield opened


async def test_a_csv_holds_every_record_and_no_formula(world: World, tmp_path: Path) -> None:
    """With a byte order mark, names in the first line, and a `'` before whatever a spreadsheet would calculate."""
    async with exporting(world, tmp_path) as opened:
        exporter = await opened.operator("log:export")
        answer = await exporter.get("/logs/export", **RANGE)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["x-total-count"] == "2510"
        assert answer.headers["content-disposition"].startswith('attachment; filename="call-logs-2025')
        text = answer.content.decode("utf-8-sig")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert text.endswith("\r\n")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["requestId"] for row in rows] == [f"h{n}" for n in range(len(HOSTILE))] + [
            f"r{n}" for n in range(2_500)
        ]
        for row, content in zip(rows, HOSTILE, strict=False):
            cell = row["requestContent"]
            assert cell[:1] not in set("=+-@\t\r")
            assert cell in (content, f"'{content}")
        assert (rows[0]["receiveTime"], rows[0]["venderId"]) == ("2025-06-15T23:06:40.000+08:00", "100")
        assert (rows[-1]["venderId"], rows[-1]["appkey"], rows[-1]["app_name"]) == ("", "app-1", "")


async def test_lines_of_json_are_the_records_as_they_are_stored(world: World, tmp_path: Path) -> None:
    """Those that fit the conditions; nobody without the permission gets them."""
    async with exporting(world, tmp_path) as opened:
        exporter = await opened.operator("log:export")
        answer = await exporter.get("/logs/export", **RANGE, format="ndjson", vender_id=100)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line["requestContent"] for line in lines] == HOSTILE
        assert answer.headers["x-total-count"] == str(len(HOSTILE))
        nothing = await exporter.get("/logs/export", **RANGE, format="ndjson", app="nobody")
        assert (nothing.status_code, nothing.content, nothing.headers["x-total-count"]) == (200, b"", "0")
        assert refusal(await (await opened.operator("log:search")).get("/logs/export", **RANGE)) == (403, "forbidden")
        assert refusal(await exporter.get("/logs/export", **RANGE, format="xlsx")) == (422, "invalid")
        assert refusal(await exporter.get("/logs/export", **RANGE, q="*x")) == (422, "invalid")


class EndlessStore(ScriptedStore):
    """Page after page, until it is told to fail."""

    def __init__(self, pages: int | None = None) -> None:
        super().__init__()
        self.asked = 0
        self.pages = pages

    async def count(self, conditions: LogConditions) -> int:
        return 10**9

    async def search(self, query: LogQuery) -> LogPage:
        self.asked += 1
        await asyncio.sleep(0.001)  # as any store lets others work while it is asked
        if self.pages is not None and self.asked > self.pages:
            raise PLATFORM_UNAVAILABLE("gone")
        hits = tuple(LogHit(log=record(f"r{n}")) for n in range(query.size))
        return LogPage(hits=hits, total=0, total_is_capped=False, cursor="next")


@asynccontextmanager
async def downloading(caller: Caller, port: int) -> AsyncIterator[httpx.Response]:
    """An export over a real socket."""
    headers = {"Authorization": caller.http.headers["authorization"]}
    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=headers, timeout=PATIENCE_S
        ) as http,
        http.stream("GET", f"{API}/logs/export", params=RANGE) as answer,
    ):
        yield answer


async def test_an_export_ends_at_its_source_when_the_caller_leaves(world: World, tmp_path: Path) -> None:
    """Nobody goes on reading the store for a download that was cancelled."""
    store = EndlessStore()
    async with exporting(world, tmp_path, store) as opened, serving(opened.app) as port:
        async with downloading(await opened.administrator(), port) as answer:
            assert answer.headers["x-total-count"] == str(10**9)
            async with aclosing(answer.aiter_bytes()) as chunks:
                await anext(chunks)
        async with asyncio.timeout(PATIENCE_S):
            asked = -1
            while asked != store.asked:
                asked = store.asked
                await asyncio.sleep(0.5)


async def test_a_store_that_goes_away_breaks_the_download_off(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's HTTP library says that the file is not complete."""
    monkeypatch.setattr(export, "_PAUSE_S", 0)
    store = EndlessStore(pages=3)
    async with exporting(world, tmp_path, store) as opened, serving(opened.app) as port:
        with pytest.raises(httpx.RemoteProtocolError):
            await read_all(await opened.administrator(), port)


async def read_all(caller: Caller, port: int) -> None:
    """Reads an export to its end; it begins as every export does."""
    async with downloading(caller, port) as answer:
        assert answer.status_code == 200
        async for _ in answer.aiter_bytes():
            pass
