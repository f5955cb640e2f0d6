"""Rows G4 and G5: a gateway process runs out of descriptors or memory, or thousands of slow callers hold on to it."""

import asyncio
import re
import resource
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.front import FrontBounds
from tests.faults.ledger import BUSY, GOOD, latency_ms
from tests.faults.load import Kind
from tests.faults.report import report
from tests.faults.slow_callers import slow_callers
from tests.faults.times import times
from tests.faults.world import FaultWorld, all_ready, descriptors, open_fault_world, route, workers_of
from tests.servers import Redis

pytestmark = pytest.mark.asyncio(loop_scope="module")
SLOW_CALLERS = min(5000 if times().is_full else 2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)
"""Fewer only where this process may not have as many connections."""
HEAD_TIMEOUT_S = FrontBounds().head_timeout_s


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """A supervisor with two workers, and this process with descriptors enough for all its callers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    routes = [route(timeout_ms=5000)]  # the service shares this process with the slow callers
    async with open_fault_world(durable_redis, vhost, folder, routes=routes) as world:
        yield world
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_g4_descriptors_run_out(world: FaultWorld) -> None:
    """G4: past its descriptors a process answers 503 or lets callers wait, does not end, and is itself 5 s after they have left."""
    workers = workers_of(world.gateway)
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in workers}
    load = world.begin()
    try:
        async with load.running():
            await asyncio.sleep(world.times.before_s)
            load.enter("fault")
            for pid in workers:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (256, limits[pid][1]))
            async with slow_callers(world.gateway.port, 800):
                await asyncio.sleep(world.times.fault_s)
                most = max(descriptors(pid) for pid in workers)
            began = load.enter("recovery")
            await asyncio.sleep(5)
            load.enter("after")
            await asyncio.sleep(world.times.after_s)
    finally:
        for pid in workers:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits[pid])
    await world.records.settle()
    ledger = world.ledger
    assert workers_of(world.gateway) == workers
    assert most <= 256
    assert set(ledger.codes("before")) == set(ledger.codes("after")) == {"0"}, ledger.codes("after")
    assert set(ledger.codes("fault", "recovery")) <= {"0", "status 503", "reset"}, ledger.codes("fault")
    assert ledger.check().lost_logs == 0
    recovery_s = ledger.recovery_s(began, lambda entry: bool(entry.failure))
    report(
        "G4", descriptors=most, refused=sum(bool(e.failure) for e in ledger.calls()), recovery_s=round(recovery_s, 2)
    )


async def test_g4_memory_runs_out(world: FaultWorld) -> None:
    """G4: a process that gets no more memory refuses or is replaced, once; 5 s after the large calls all is well."""
    workers = workers_of(world.gateway)
    for pid in workers:
        resource.prlimit(pid, resource.RLIMIT_AS, (address_space(pid) + 48 * 2**20, resource.RLIM_INFINITY))
    load = world.begin()
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        large = [asyncio.create_task(large_call(world.gateway.port)) for _ in range(24)]
        done, late = await asyncio.wait(large, timeout=10.0)
        for task in late:
            task.cancel()
        answers = Counter(task.result()[9:12].decode() or "closed" for task in done)
        for pid in set(workers) & set(workers_of(world.gateway)):
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        load.enter("recovery")
        await asyncio.sleep(5)
        await all_ready(world.gateway, 2)
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    await world.records.settle(within_s=3)
    ledger = world.ledger
    replaced = len(set(workers) - set(workers_of(world.gateway)))
    assert set(ledger.codes("after")) == {"0"}, ledger.codes("after")
    assert {e.code for e in ledger.calls() if not e.failure} <= {GOOD, BUSY}, ledger.codes()
    report(
        "G4",
        memory_refused=sum(e.code != GOOD for e in ledger.calls()),
        processes_replaced=replaced,
        large_calls=" ".join(f"{count}×{answer}" for answer, count in sorted(answers.items())),
    )


async def large_call(port: int) -> bytes:
    """A body of 9 MiB that no API wants; the answer's status line, or nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"POST /router/rest?method=x HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % (9 * 2**20))
        for _ in range(9):
            writer.write(b"x" * 2**20)
            await writer.drain()
        return await reader.readline()
    except OSError:
        return b""
    finally:
        writer.transport.abort()


async def test_g5_slow_callers(world: FaultWorld) -> None:
    """G5: thousands of callers that drip heads or keep silent are cut at 10 s or left idle; good calls are served all along."""
    load = world.begin(Kind())
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        async with slow_callers(world.gateway.port, SLOW_CALLERS) as slow:
            await asyncio.sleep(max(world.times.fault_s, HEAD_TIMEOUT_S + 5))
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    ledger, verdict = world.ledger, world.ledger.check()
    assert set(ledger.codes()) == {"0"}, ledger.codes()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
    assert slow.opened == SLOW_CALLERS
    assert len(slow.closed_after) == slow.dripping
    assert HEAD_TIMEOUT_S - 0.5 < min(slow.closed_after) <= max(slow.closed_after) < HEAD_TIMEOUT_S + 3
    report(
        "G5", connections=slow.opened, good_calls="100 %", p99_before_ms=latency_ms(ledger.calls("before")),
        p99_with_them_ms=latency_ms(ledger.calls("fault")), longest_drip_s=round(max(slow.closed_after), 1),
    )  # fmt: skip


def address_space(pid: int) -> int:
    """Bytes of the process's address space."""
    found = re.search(r"VmSize:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
