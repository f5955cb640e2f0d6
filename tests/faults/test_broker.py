"""Rows Q1 to Q5 and D1: the broker of call logs dies, is slow, refuses, forgets its queue or restarts, and every answer has its
document; the disk before it is full, and what is lost is counted."""

import asyncio
import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aio_pika
import httpx
import pytest
import pytest_asyncio

from openplatform.adapters.rabbitmq_topology import CALL_LOGS
from tests.faults.ledger import GOOD, latency_ms, now
from tests.faults.load import Kind, Load
from tests.faults.report import report
from tests.faults.times import RATE
from tests.faults.world import FaultWorld, memory_mb, open_fault_world, workers_of
from tests.gateway_world import INTERNAL_KEY
from tests.proxy import Proxy, proxy_before
from tests.servers import RabbitMQ, Redis
from tests.servers.elasticsearch import delete_everything
from tests.servers.freezing import freeze
from tests.servers.pool import S
from tests.servers.rabbitmq import fresh_vhost
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
PADDING = 4000
"""Characters that make a record large, so that a megabyte is full after 250 calls."""


@pytest.fixture(scope="module")
def broker(server_of: Callable[[type[S]], S]) -> RabbitMQ:
    """One that these rows may kill."""
    return server_of(RabbitMQ)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(broker: RabbitMQ) -> AsyncIterator[Proxy]:
    """Between the gateways and the broker; the indexer goes past it."""
    async with proxy_before(broker.port) as proxy:
        yield proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    durable_redis: Redis, broker: RabbitMQ, proxy: Proxy, elasticsearch_url: str, folder: Path
) -> AsyncIterator[FaultWorld]:
    """Two gateway processes, an indexer, a store without any record yet."""
    delete_everything(elasticsearch_url)
    environ = {"PAILOU_RABBITMQ_URL": broker.url.replace(f":{broker.port}", f":{proxy.port}")}
    async with open_fault_world(
        durable_redis, broker.url, folder, environ=environ, elasticsearch_url=elasticsearch_url
    ) as world:
        await calls_for(world, world.begin(), 2)
        await world.records.settle()
        broker.survives_a_crash()
        yield world


async def calls_for(world: FaultWorld, load: Load, seconds: float) -> None:
    """Nothing but calls."""
    async with load.running():
        await asyncio.sleep(seconds)


def spooled_bytes(folder: Path) -> int:
    """What all processes have on disk."""
    found = 0
    for path in folder.glob("spool/*/*.spool"):
        with suppress(FileNotFoundError):  # all of it was confirmed meanwhile
            found += path.stat().st_size
    return found


async def drained(world: FaultWorld) -> float:
    """Seconds until nothing waits but what comes in: whichever process is asked, ten times."""
    began = now()
    async with asyncio.timeout(120):
        while max([await world.metric("pailou_log_spool_entries") for _ in range(10)]) > RATE:
            await asyncio.sleep(0.1)
    return now() - began


async def all_documents(world: FaultWorld) -> dict[str, int]:
    """Waits for them. Every call went well, each answer has one document."""
    await world.records.settle(within_s=PATIENCE_S)
    ledger, verdict = world.ledger, world.ledger.check()
    assert {entry.code for entry in ledger.calls()} == {GOOD}, ledger.codes()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs, verdict.duplicate_logs) == (0, [], 0, 0)
    return {"errors": 0, "calls": len(ledger.calls()), "lost_logs": 0, "double_documents": 0}


async def test_q1_the_broker_is_killed(world: FaultWorld, broker: RabbitMQ, folder: Path) -> None:
    """Q1: calls go on while the broker is dead, their records wait on disk; when it is back they come out faster than new ones
    come in, and each is one document."""
    load = world.begin()
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        before = spooled_bytes(folder)
        load.enter("fault")
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(60 if world.times.is_full else world.times.fault_s)
        backlog = spooled_bytes(folder)
        load.enter("start")
        await asyncio.to_thread(broker.start)
        waiting = len(world.ledger.calls("fault", "start"))
        load.enter("after")
        drain_s = await drained(world)
        came_in = len(world.ledger.calls("after"))
        await asyncio.sleep(world.times.after_s)
    figures = await all_documents(world)
    assert backlog > before
    assert waiting > RATE
    if world.times.is_full:
        assert waiting > came_in
    report(
        "Q1", **figures, p99_before_ms=latency_ms(world.ledger.calls("before")), p99_without_ms=latency_ms(world.ledger.calls("fault")),
        waiting=waiting, drained_s=round(drain_s, 1), drained_times_inflow=round((waiting + came_in) / max(came_in, 1), 1),
    )  # fmt: skip


async def test_q2_confirms_come_late(world: FaultWorld, proxy: Proxy) -> None:
    """Q2: a broker that confirms after 2 s holds up no call, and memory does not grow with what waits."""
    load = world.begin()
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        memory_before = sum(map(memory_mb, workers_of(world.gateway)))
        load.enter("fault")
        proxy.delay_s = 2.0
        await asyncio.sleep(world.times.fault_s + 3)
        grown = sum(map(memory_mb, workers_of(world.gateway))) - memory_before
        proxy.delay_s = 0.0
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    figures = await all_documents(world)
    assert grown < 2 * 64
    report(
        "Q2", **figures, rss_grown_mb=round(grown, 1), p99_before_ms=latency_ms(world.ledger.calls("before")),
        p99_late_ms=latency_ms(world.ledger.calls("fault")),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("what", "begin", "end"),
    [
        ("disk", "rabbit_disk_monitor:set_disk_free_limit(200000000000000).", 'rabbit_disk_monitor:set_disk_free_limit("50MB").'),
        ("memory", "vm_memory_monitor:set_vm_memory_high_watermark(0.00001).", "vm_memory_monitor:set_vm_memory_high_watermark(0.8)."),
    ],
)  # fmt: skip
async def test_q3_the_broker_raises_an_alarm(
    what: str, begin: str, end: str, world: FaultWorld, broker: RabbitMQ
) -> None:
    """Q3: a broker without room for disk or memory takes nothing: publishing times out and is repeated, calls go on, and what
    arrived twice is one document."""
    load = world.begin()
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        said = len(world.gateway.words.read_text())
        load.enter("fault")
        await asyncio.to_thread(broker.evaluate, begin)
        waits = "call logs wait for their way: rabbitmq: TimeoutError"
        try:
            await asyncio.sleep(world.times.fault_s)
            await until(lambda: waits in world.gateway.words.read_text()[said:])
        finally:
            await asyncio.to_thread(broker.evaluate, end)
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    figures = await all_documents(world)
    report("Q3", **{f"{what}_{name}": figure for name, figure in figures.items()})


async def test_q4_the_binding_and_the_queue_are_deleted(world: FaultWorld, broker: RabbitMQ, proxy: Proxy) -> None:
    """Q4: messages without a queue are noticed, kept and sent again to the queue that the gateway declares anew; the process log
    says so."""
    load = world.begin()
    async with await aio_pika.connect(broker.url) as connection, load.running():
        channel = await connection.channel()
        queue = await channel.get_queue(CALL_LOGS.queue)
        await asyncio.sleep(world.times.before_s)
        began = load.enter("fault")
        await queue.unbind(CALL_LOGS.exchange, CALL_LOGS.routing_prefix + "#")
        async with asyncio.timeout(30):
            while "has no queue for gateway.logs.index" not in world.gateway.words.read_text():
                await asyncio.sleep(0.05)
        alarm_s = now() - began
        await asyncio.sleep(world.times.fault_s / 2)
        # What is in a deleted queue is gone with it: that nothing is shows that the row is about the gateway.
        proxy.hangs = True
        await nothing_waits(world)
        await queue.delete(if_unused=False, if_empty=False)
        proxy.hangs = False
        await asyncio.sleep(world.times.fault_s / 2)
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    report("Q4", **await all_documents(world), alarm_s=round(alarm_s, 2))


async def test_q5_the_broker_restarts_with_a_backlog(world: FaultWorld, broker: RabbitMQ) -> None:
    """Q5: what the broker has confirmed and nobody has taken yet is there after its restart, and becomes documents."""
    indexer = world.records.indexer.process.pid
    load = world.begin()
    async with load.running():
        freeze(indexer)
        try:
            await asyncio.sleep(world.times.before_s + 1)
            load.enter("fault")
            await asyncio.to_thread(broker.stop)
            await asyncio.sleep(world.times.fault_s / 3)
            await asyncio.to_thread(broker.start)
        finally:
            os.kill(indexer, signal.SIGCONT)
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    report("Q5", **await all_documents(world))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; a user who may not mount one gets a folder, and `fill` then takes the right to write from the process."""
    folder = tmp_path / "small"
    folder.mkdir()
    is_mounted = os.geteuid() == 0 and not subprocess.call(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder])
    yield folder
    if is_mounted:
        subprocess.check_call(["umount", "--lazy", folder])


def fill(world: FaultWorld, disk: Path) -> None:
    """No file of the gateway may grow any more, where the disk is not a small one."""
    if not disk.is_mount():
        hard = resource.prlimit(world.gateway.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(world.gateway.process.pid, resource.RLIMIT_FSIZE, (0, hard))


async def test_d1_the_disk_of_the_spool_is_full(
    durable_redis: Redis, broker: RabbitMQ, folder: Path, small_disk: Path
) -> None:
    """D1: no call fails; /readyz and /metrics say what is wrong; as many records are lost as are counted; after it nothing waits."""
    environ = {"PAILOU_SPOOL_DIR": str(small_disk), "PAILOU_LOG_BUFFER_RECORDS": "500"}
    async with open_fault_world(
        durable_redis, fresh_vhost(broker.url, broker.control), folder, workers=1, environ=environ
    ) as world:
        load = world.begin(Kind(padding=PADDING))
        async with load.running():
            await asyncio.sleep(world.times.before_s)
            load.enter("fault")
            await asyncio.to_thread(broker.pause)
            fill(world, small_disk)
            async with asyncio.timeout(60):
                while not await world.metric("pailou_log_dropped_total"):
                    await asyncio.sleep(0.2)
            await asyncio.sleep(world.times.fault_s / 3)
            checks = (await world.ready())["checks"]
            writable = await world.metric("pailou_log_spool_writable")
            await asyncio.to_thread(broker.resume)
            load.enter("after")
            await asyncio.sleep(world.times.after_s)
        await waits_for_nothing(world)
        dropped = await world.metric("pailou_log_dropped_total")
        with suppress(TimeoutError):  # the broker has them all; this process may still be reading
            await until(lambda: world.ledger.check().lost_logs <= dropped)
    ledger, verdict = world.ledger, world.ledger.check()
    assert {entry.code for entry in ledger.calls()} == {GOOD}, ledger.codes()
    assert (verdict.lost, verdict.doubled) == (0, [])
    assert verdict.lost_logs == dropped > 0
    assert writable == 0
    assert checks["call_logs_spool"] not in ("", "ok")
    assert "the spool in" in world.gateway.words.read_text()
    report(
        "D1", errors=0, calls=len(ledger.calls()), lost_logs=verdict.lost_logs, counted=int(dropped), said=checks["call_logs_spool"],
    )  # fmt: skip


async def nothing_waits(world: FaultWorld) -> None:
    """Until no record is in the queue or in the indexer's hands: said three times, since what is on the wire is with neither."""
    said = 0
    http = httpx.AsyncClient(headers={"X-Internal-Key": INTERNAL_KEY}, trust_env=False, timeout=30)
    async with http, asyncio.timeout(PATIENCE_S):
        while said < 3:
            lag = (await http.get(f"{world.records.indexer.url}/lag")).json()
            said = said + 1 if lag["lag_s"] == lag["depth"] == 0 else 0
            await asyncio.sleep(0.2)


async def waits_for_nothing(world: FaultWorld) -> None:
    """Until the broker has confirmed everything that was not dropped."""
    async with asyncio.timeout(PATIENCE_S):
        while await world.metric("pailou_log_spool_entries"):
            await asyncio.sleep(0.2)
