"""Rows R5 and R6: Redis refuses the limits' script, or runs it and its answer is lost; no limit is ever passed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from openplatform.jobs import end
from tests.faults.ledger import BUSY
from tests.faults.load import Kind
from tests.faults.report import report
from tests.faults.times import RATE, times
from tests.faults.world import FaultWorld, app, open_fault_world
from tests.servers import Redis
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITED = 7
LIMIT = int(RATE * (times().before_s + times().after_s * 0.5))
"""Calls of the day: reached after the fault, so that the end of the load shows whether any was counted wrongly."""
FLUSH_LIMIT = int(RATE * (times().before_s + times().fault_s * 0.7))
"""Reached in the middle of the fault."""
REFUSALS = ("oom", "readonly", "loading")
Fault = Callable[[FaultWorld], Awaitable[object]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """Two gateway processes that rather deny than count by themselves: every call admitted was counted in Redis."""
    apps = [app("flushed", number=1, daily_limit=FLUSH_LIMIT), app("lost", number=2, daily_limit=LIMIT)]
    apps += [app(name, number=n, daily_limit=LIMIT) for n, name in enumerate(REFUSALS, 3)]
    environ = {"PAILOU_WHEN_LIMITS_UNAVAILABLE": "deny"}
    async with open_fault_world(durable_redis, vhost, folder, apps=apps, environ=environ, proxied=True) as world:
        yield world


async def with_fault(
    world: FaultWorld, app_key: str, begin: Fault, end: Fault, *, part: float = 1.0, until_busy: bool = False
) -> int:
    """Load of one app before, during and after the fault; how many calls of the day Redis has counted in the end.

    part: of the usual time with the fault; until_busy: not before a call was told to come again.
    """
    load = world.begin(Kind(app_key=app_key))
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        await begin(world)
        await asyncio.sleep(world.times.fault_s * part)
        await until(lambda: not until_busy or busy_in(world, "fault") > 0)
        await end(world)
        load.enter("rest")
        await decided_again(world)
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    verdict = world.ledger.check()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
    assert {entry.code for entry in world.ledger.calls()} <= {0, LIMITED, BUSY}, world.ledger.codes()
    return await world.day_used(app_key)


def decided_in(world: FaultWorld, *phases: str) -> int:
    """Calls that Redis has admitted or refused."""
    return sum(entry.code in (0, LIMITED) for entry in world.ledger.calls(*phases))


async def decided_again(world: FaultWorld) -> None:
    """Waits for a call that was counted: a store that has failed is left alone for a second, and for another one each time that a
    busy machine makes it late."""
    await until(lambda: bool(decided_in(world, "rest")))


async def test_r5_scripts_are_flushed(world: FaultWorld) -> None:
    """R5: a Redis that forgets its scripts, again and again, is given the script once more, and each call counts once."""
    flushing: list[asyncio.Task[None]] = []

    async def flush(world: FaultWorld) -> None:
        while True:
            await world.client.script_flush()
            await asyncio.sleep(0.1)

    async def begin(world: FaultWorld) -> None:
        flushing.append(asyncio.create_task(flush(world)))

    async def stop(world: FaultWorld) -> None:
        # On a busy machine Redis is late now and then, and calls are busy for a second; a script that is not given again, always.
        await until(lambda: decided_in(world, "fault") > RATE * world.times.fault_s / 10)
        await end(flushing[0])

    used = await with_fault(world, "flushed", begin, stop)
    ledger = world.ledger
    counted_once(world, used, FLUSH_LIMIT)
    report("R5", flush_overshoot=max(0, ledger.admitted() - FLUSH_LIMIT), **await refusing(world))


def busy_in(world: FaultWorld, *phases: str) -> int:
    """Calls that were told to come again."""
    return sum(entry.code == BUSY for entry in world.ledger.calls(*phases))


def counted_once(world: FaultWorld, used: int, limit: int) -> int:
    """No call passed without being counted, none was counted twice; counted and not passed are only calls whose answer came too
    late, which were told so. Returns how many these are."""
    spent = used - world.ledger.admitted()
    assert used <= limit, world.ledger.codes()
    assert 0 <= spent <= busy_in(world), (spent, world.ledger.codes())
    return spent


async def refusing(world: FaultWorld) -> dict[str, object]:
    """The store errors of R5, one after the other; the overshoot of each."""

    async def out_of_memory(world: FaultWorld) -> None:
        await world.client.config_set("maxmemory-policy", "noeviction")
        await world.client.config_set("maxmemory", "1mb")

    async def memory_again(world: FaultWorld) -> None:
        await world.client.config_set("maxmemory", "0")

    async def loading(world: FaultWorld) -> None:
        world.proxy.says = b"-LOADING Redis is loading the dataset in memory\r\n"

    async def loaded(world: FaultWorld) -> None:
        world.proxy.says = None
        world.proxy.cut()

    faults: dict[str, tuple[Fault, Fault]] = {
        "oom": (out_of_memory, memory_again),
        "readonly": (lambda w: w.client.replicaof("127.0.0.1", 1), lambda w: w.client.replicaof("NO", "ONE")),
        "loading": (loading, loaded),
    }
    figures: dict[str, object] = {}
    for name, (begin, cease) in faults.items():
        used = await with_fault(world, name, begin, cease, part=1 / 3, until_busy=True)
        ledger = world.ledger
        counted_once(world, used, LIMIT)
        figures[f"{name}_overshoot"] = max(0, ledger.admitted() - LIMIT)
    return figures


async def test_r6_replies_are_lost(world: FaultWorld) -> None:
    """R6: a script whose answer never came is not run again: its calls are spent, and no more than the limit are admitted."""

    async def lose(world: FaultWorld) -> None:
        world.proxy.drops_replies = True

    async def keep(world: FaultWorld) -> None:
        world.proxy.drops_replies = False
        world.proxy.cut()

    used = await with_fault(world, "lost", lose, keep)
    spent = counted_once(world, used, LIMIT)
    report(
        "R6", admitted=world.ledger.admitted(), limit=LIMIT, spent_without_answer=spent, answered_busy=busy_in(world)
    )
