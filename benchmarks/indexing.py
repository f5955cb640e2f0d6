"""`python -m benchmarks.indexing`: what a call log costs on its way from RabbitMQ into Elasticsearch, and how far it lags behind."""

import asyncio
import itertools
import os
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import machine, profile
from benchmarks.profiled import START
from benchmarks.yardstick import REFERENCE_US, nginx_beside
from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_publisher
from openplatform.adapters.rabbitmq_topology import CALL_LOGS
from openplatform.log_frames import frame
from openplatform.ports import CallLogPublisher
from openplatform.records import CallLog
from tests.servers import Elasticsearch, RabbitMQ, Redis
from tests.servers.pool import ServerPool
from tests.servers.ports import free_port
from tests.servers.process import Server

ROOT = Path(__file__).parent.parent
BATCH = 500
TURN = 25
"""Calls that a busy gateway answers in one turn of its loop; a backlog is what busy ones have left."""
SLOW_TURN = 4
"""At 2,000 calls a second."""
BOUND_US = 12
"""Of CPU per record."""
LOOK_S = 0.1
console = Console(highlight=False, width=110)


class ServerElasticsearch(Elasticsearch):
    """As in production: the test server's options save start-up time at the price of the optimising compiler."""

    def launch(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        options = self.folder / "config" / "jvm.options"
        options.write_text(options.read_text().replace("-XX:TieredStopAtLevel=1\n", ""))
        super().launch(command, environment)


class Indexer(Server):
    """`pailou serve indexer`, one process; profile_to: a file for samples of where time goes, None = no profiler."""

    name = "indexer"
    user = "root"
    environment: dict[str, str]
    profile_to: Path | None = None

    def spawn(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.make_folder()
        program = ["-m", "pailou"] if self.profile_to is None else ["-m", "benchmarks.profiled", str(self.profile_to)]
        environment = {"PYTHONPATH": str(ROOT), "PAILOU_INDEXER_PORT": str(self.port), **self.environment}
        self.launch([sys.executable, *program, "serve", "indexer"], environment)

    def answers(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)

    def credentials(self) -> dict[str, int]:
        return {}  # the checkout may be readable by nobody else

    def metric(self, name: str) -> float:
        """One sample of /metrics; 0 when it is not there."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rpartition(" ")[2])
        return 0.0

    def indexed(self) -> float:
        """Records that were created so far."""
        return self.metric('pailou_indexer_docs_total{result="created"}')


@dataclass(frozen=True)
class Figures:
    """One run over a backlog. cpu_us: of the indexer's process, per record; nginx_us: per request, before it; resident_mib: at the
    end."""

    records: int
    cpu_us: float
    nginx_us: float
    per_second: float
    resident_mib: float


def record(number: int, received_ms: int) -> bytes:
    """A record as a gateway writes it, about 600 bytes of JSON with its newline."""
    log = CallLog(
        requestId=f"{secrets.token_hex(8)}{number:08x}",
        appkey=str(23_000_000 + number % 50),
        servIP="10.0.0.1",
        venderId=777 + number % 1000,
        remoteIp=f"203.0.113.{number % 250}",
        apiName=("open.order.get", "open.order.search", "open.stock.get")[number % 3],
        platformRepTime=5 + number % 90,
        requestContent=f"method=open.order.get&app_key={23_000_000 + number % 50}&v=2.0&format=json&sign_method=hmac-sha256"
        f"&timestamp=2026-11-23 10:{number // 60 % 60:02}:{number % 60:02}&session=***&sign=***&order_id={880_000_000_000 + number}"
        f"&fields=order_id,order_state,items&receiver=***&city=上海市浦东新区",
        errorCode="0" if number % 40 else "27:invalid-sessionkey",
        receiveTime=received_ms,
        serviceTime=number % 80,
        httpMethod="POST",
        responseBytes=900 + number % 2000,
        gatewayNode="gw-1-4711",
        attempts=1,
    )
    return msgspec.json.encode(log) + b"\n"


def message(numbers: Iterable[int], received_ms: Iterable[int], *, turn: int) -> bytes:
    """Records as a gateway sends them: a frame for each `turn` of them that were answered at once."""
    lines = map(record, numbers, received_ms)
    turns = iter(lambda: list(itertools.islice(lines, turn)), [])
    return b"".join(frame(b"".join(one), len(one), 0) for one in turns)


async def fill(publisher: CallLogPublisher, count: int) -> None:
    """A backlog of full batches, received over the last hour."""
    began_ms = int(time.time() * 1000) - 3_600_000
    for start in range(0, count, BATCH):
        times = range(began_ms + start, began_ms + start + BATCH)
        await publisher.publish(message(range(start, start + BATCH), times, turn=TURN), node="gw-1")


async def backlog(
    indexer: Indexer, publisher: CallLogPublisher, count: int, nginx: Callable[[], float] = lambda: 0.0
) -> Figures:
    """Fills the queue while the indexer is paused, and lets it go on: nothing but indexing happens while it is measured."""
    nginx_us = await asyncio.to_thread(nginx)
    known = await asyncio.to_thread(indexer.indexed)
    before = machine.used_by(indexer.pid)
    indexer.pause()
    await fill(publisher, count)
    indexer.resume()
    began = time.monotonic()
    await _until_indexed(indexer, known + count)
    took_s = time.monotonic() - began
    after = machine.used_by(indexer.pid)
    return Figures(count, (after.cpu_us - before.cpu_us) / count, nginx_us, count / took_s, after.resident_mib)


@dataclass(frozen=True)
class Steady:
    """Lag of records from their receipt by the gateway until they are indexed, at a steady rate; catch_up: with a backlog before
    them, records indexed for each one that comes."""

    rate: int
    p50_s: float
    p99_s: float
    worst_s: float
    catch_up: float


async def steady(indexer: Indexer, publisher: CallLogPublisher, *, rate: int, seconds: float, behind: int) -> Steady:
    """Five batches a second, as a gateway flushes them; then the same with a backlog of `behind` records before it."""
    lags = await _inflow(indexer, publisher, rate, seconds)
    indexer.pause()
    await fill(publisher, behind)
    indexer.resume()
    began = time.monotonic()
    known = await asyncio.to_thread(indexer.indexed)
    inflow = asyncio.create_task(_publish(publisher, rate, 60.0, []))
    await _until_indexed(indexer, known + behind)
    per_second = behind / (time.monotonic() - began)
    inflow.cancel()
    await asyncio.gather(inflow, return_exceptions=True)
    lags.sort()
    return Steady(rate, lags[len(lags) // 2], lags[len(lags) * 99 // 100], lags[-1], per_second / rate)


async def _until_indexed(indexer: Indexer, goal: float) -> None:
    while await asyncio.to_thread(indexer.indexed) < goal:  # noqa: ASYNC110  # another process's counter
        await asyncio.sleep(LOOK_S)


async def _inflow(indexer: Indexer, publisher: CallLogPublisher, rate: int, seconds: float) -> list[float]:
    """The lag of each record, seconds; seen when the counter of indexed records has passed it, up to LOOK_S late."""
    received: list[float] = []
    lags: list[float] = []
    known = await asyncio.to_thread(indexer.indexed)
    publishing = asyncio.create_task(_publish(publisher, rate, seconds, received))
    while not publishing.done() or len(lags) < len(received):
        await asyncio.sleep(LOOK_S)
        done = round(await asyncio.to_thread(indexer.indexed) - known)
        now = time.time()
        lags += [now - at for at in received[len(lags) : done]]
    await publishing
    return lags


async def _publish(publisher: CallLogPublisher, rate: int, seconds: float, received: list[float]) -> None:
    per_batch = rate // 5
    began = time.time()
    numbers = itertools.count()
    for batch in itertools.count(1):
        await asyncio.sleep(max(0.0, began + batch * 0.2 - time.time()))
        now = time.time()
        if now > began + seconds:
            return
        times = [now - 0.2 + 0.2 * n / per_batch for n in range(per_batch)]
        batch = message(numbers, (int(at * 1000) for at in times), turn=SLOW_TURN)
        await publisher.publish(batch, node="gw-1")
        received += times


def main(
    records: Annotated[int, typer.Option(help="Records of each run.", min=10_000, max=2_000_000)] = 100_000,
    runs: Annotated[int, typer.Option(help="Runs, of which the median counts.", min=1, max=9)] = 3,
    rate: Annotated[int, typer.Option(help="Calls a second of the steady part; 0 = without it.", max=20_000)] = 2_000,
    profiled: Annotated[bool, typer.Option("--profile", help="Instead: where the time of a record goes.")] = False,
) -> None:
    """Measures log_indexer between a real RabbitMQ and a real Elasticsearch that share this machine's cores with it."""
    pool = ServerPool()
    try:
        elasticsearch = pool.make(ServerElasticsearch)
        elasticsearch.start()
        indexer = pool.make(Indexer)
        rabbitmq_url = pool.url(RabbitMQ)
        indexer.environment = {
            "PAILOU_REDIS_URL": pool.url(Redis),
            "PAILOU_RABBITMQ_URL": rabbitmq_url,
            "PAILOU_ELASTICSEARCH_URL": elasticsearch.url,
            "PAILOU_INTERNAL_KEYS": secrets.token_hex(16),
            "PAILOU_DRAIN_S": "0",
        }
        if profiled:
            indexer.profile_to = Path(tempfile.gettempdir()) / "pailou-indexer.collapsed"
        indexer.start()
        with tempfile.TemporaryDirectory() as folder:
            nginx = nginx_beside(pool, Path(folder))
            asyncio.run(_measure(indexer, rabbitmq_url, nginx, records, runs, 0 if profiled else rate))
        indexer.stop()
        if indexer.profile_to is not None:
            profile.show(profile.read(indexer.profile_to), 10.0, console)
    finally:
        pool.close()


async def _measure(
    indexer: Indexer, rabbitmq_url: str, nginx: Callable[[], float], records: int, runs: int, rate: int
) -> None:
    async with open_rabbitmq_publisher(rabbitmq_url, CALL_LOGS) as publisher:
        await backlog(indexer, publisher, records // 2)  # compilers and indices warm up
        if indexer.profile_to is not None:
            os.kill(indexer.pid, START)
        found = [await backlog(indexer, publisher, records, nginx) for _ in range(runs)]
        table = Table(title=f"log_indexer, one process, {machine.name()}", title_justify="left")
        for heading in ("records", "CPU µs / record", "nginx µs / request", "× nginx", "records / s", "RSS MiB"):
            table.add_column(heading, justify="right")
        for run in found:
            ratio = f"{run.cpu_us / run.nginx_us:.2f}"
            beside = (f"{run.records:,}", f"{run.cpu_us:.1f}", f"{run.nginx_us:.1f}", ratio)
            table.add_row(*beside, f"{run.per_second:,.0f}", f"{run.resident_mib:.0f}")
        console.print(table)
        console.print(f"bound: {BOUND_US} µs where nginx takes {REFERENCE_US}, {BOUND_US / REFERENCE_US:.2f} × nginx")
        if rate:
            lag = await steady(indexer, publisher, rate=rate, seconds=20.0, behind=records // 2)
            console.print(
                f"at {rate:,} calls/s: lag p50 {lag.p50_s:.2f} s, p99 {lag.p99_s:.2f} s, worst {lag.worst_s:.2f} s; "
                f"behind by {records // 2:,} records it catches up at {lag.catch_up:.1f} × the inflow"
            )
            console.print(f"resident at the end: {machine.used_by(indexer.pid).resident_mib:.0f} MiB")


if __name__ == "__main__":
    typer.run(main)
