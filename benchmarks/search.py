"""`python -m benchmarks.search`: how quickly call logs are found and counted, in Elasticsearch and in SQLite."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.search_queries import QUESTIONS, Question
from benchmarks.search_records import FIRST_MS, LAST_MS, call_logs
from openplatform.adapters.call_log_store_elasticsearch import ElasticsearchCallLogStore
from openplatform.adapters.call_log_store_sqlite import open_sqlite_store
from openplatform.adapters.elasticsearch_client import open_elasticsearch_client
from openplatform.ports import CallLogStore
from openplatform.records import LogConditions
from tests.servers import Elasticsearch
from tests.servers.elasticsearch import VERSION
from tests.servers.pool import ServerPool

console = Console(highlight=False, width=120)
PREFIX = "bench-log"
WARM_UP = 20
"""Rounds before those that count."""
_BATCH = 2_000
# Nothing is asked meanwhile, and what a power failure takes can be made again.
_WHILE_STORING = {"index.refresh_interval": "-1", "index.translog.durability": "async"}
_AFTERWARDS = dict.fromkeys(_WHILE_STORING)


class OptimisedElasticsearch(Elasticsearch):
    """The tests' server without the switch that makes them start sooner; its folder may be one of an earlier run."""

    compiler = "-XX:+TieredCompilation"

    def spawn(self) -> None:
        if self.folder.exists():
            self._configure(self.folder / f"elasticsearch-{VERSION}")  # its ports are new
        super().spawn()

    def close(self) -> None:
        self.stop()  # what is stored shall be there the next time


def main(
    records: Annotated[int, typer.Option(help="Records in Elasticsearch; 0 = leave it out.", min=0)] = 1_000_000,
    sqlite_records: Annotated[int, typer.Option(help="Records in SQLite; 0 = leave it out.", min=0)] = 100_000,
    rounds: Annotated[int, typer.Option(help="How often each question is asked.", min=5, max=1_000)] = 40,
    keep: Annotated[Path | None, typer.Option(help="A folder for the records: the next run finds them there.")] = None,
    only_store: Annotated[bool, typer.Option("--only-store", help="Asks nothing; with --keep.")] = False,
) -> None:
    """Builds the records, asks the mix of questions one after the other, and prints p50 and p95 of the time to the answer.

    Beside them the CPU time that a question took of store and asker: it holds on a busy machine too. Elasticsearch has a heap of 512 MB, as
    the tests' has, but Java's optimising compiler, as in production.
    """
    pool = ServerPool()
    try:
        folder = pool.folder if keep is None else keep.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        if records:
            server = pool.make(OptimisedElasticsearch, folder)
            server.start()
            asyncio.run(_elasticsearch(server.url, server.pid, records, 0 if only_store else rounds))
        if sqlite_records:
            asyncio.run(_sqlite(folder / "logs.db", sqlite_records, 0 if only_store else rounds))
    finally:
        pool.close()


async def _elasticsearch(url: str, group: int, records: int, rounds: int) -> None:
    async with open_elasticsearch_client(url) as client:
        store = ElasticsearchCallLogStore(client, index_prefix=PREFIX, index_settings=_WHILE_STORING)
        in_use = await store.prepare()
        if not await _has(store, records):
            await _fill(store, records, at_once=4)
            await client.indices.put_settings(index=PREFIX, settings=_AFTERWARDS)
        await client.indices.refresh(index=PREFIX)

        async def forget() -> None:
            await client.indices.clear_cache(index=PREFIX, request=True, query=True)

        if rounds:
            await _measure(store, f"{records:,} records in {in_use}", rounds, forget, group)


async def _sqlite(path: Path, records: int, rounds: int) -> None:
    async with open_sqlite_store(path) as store:
        if not await _has(store, records):
            await _fill(store, records, at_once=1)
        if rounds:
            await _measure(store, f"{records:,} records in {await store.prepare()}", rounds)


async def _has(store: CallLogStore, records: int) -> bool:
    """Whether an earlier run has stored so many. Some other number ends this one."""
    found = await store.count(LogConditions(from_ms=FIRST_MS, to_ms=LAST_MS))
    if found not in (0, records):
        raise SystemExit(f"{found:,} records are there, not {records:,}: name another folder")
    return found > 0


async def _fill(store: CallLogStore, records: int, *, at_once: int) -> None:
    """Adds the records, several bulks at a time as log_indexer does."""
    logs = call_logs(records)
    began = time.monotonic()

    async def work() -> None:
        while batch := list(islice(logs, _BATCH)):
            verdicts = await store.add(batch)
            if any(verdict.outcome != "created" for verdict in verdicts):
                raise SystemExit(f"a record was not stored: {verdicts}")

    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds = time.monotonic() - began
    console.print(f"{records:,} records stored in {seconds:.0f} s ({records / seconds:,.0f}/s)")


async def _measure(
    store: CallLogStore, title: str, rounds: int, forget: Callable[[], Awaitable[None]] | None = None, group: int | None = None
) -> None:  # fmt: skip
    """forget: empties the store's caches, None = it has none; group: the process group of the server that does the work, None =
    this process does."""
    pids = (
        []
        if group is None
        else [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_in(group, pid)]
    )

    def cpu_ms() -> float:
        return time.process_time() * 1000 + machine.used_by(*pids).cpu_us / 1000

    async def row(name: str, ask: Question, before: Callable[[], Awaitable[None]] | None) -> None:
        times: list[float] = []
        cpu_before_ms = cpu_ms()
        for round_ in range(rounds):
            if before is not None:
                await before()
            began = time.perf_counter()
            found = await ask(store, round_)
            times.append((time.perf_counter() - began) * 1000)
            if not found:
                raise SystemExit(f"{name}, round {round_}: nothing found, the time says nothing")
        cuts = quantiles(times, n=20, method="inclusive")
        table.add_row(name, f"{cuts[9]:.0f}", f"{cuts[18]:.0f}", f"{(cpu_ms() - cpu_before_ms) / rounds:.0f}")

    table = Table(title=f"{title}, {machine.name()}", title_justify="left")
    for heading in ("question", "p50 ms", "p95 ms", "CPU ms"):
        table.add_column(heading, justify="left" if heading == "question" else "right")
    for ask in QUESTIONS.values():  # Java compiles what it has run often: a server that has just started says nothing
        for round_ in range(rounds, rounds + WARM_UP):
            await ask(store, round_)
    for name, ask in QUESTIONS.items():
        await row(name, ask, None)
        if name.startswith("statistics") and forget is not None:
            await row(f"{name}; nothing cached", ask, forget)
    console.print(table)


def _is_in(group: int, pid: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:  # it has ended since it was listed
        return False


if __name__ == "__main__":
    typer.run(main)
