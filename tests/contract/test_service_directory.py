"""Promises of ServiceDirectory."""

import pytest

from openplatform.adapters.directory_redis import LIFETIME_S, STALE_S, RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_keys import INSTANCES_PREFIX, REPORTS_PREFIX
from openplatform.errors import PlatformUnavailable
from openplatform.records import Instance, ProcessReport
from openplatform.web import SystemClock

ORDERS = f"{INSTANCES_PREFIX}order-service"


class TurnedClock:
    """A clock that stands still until a test turns it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def directory(redis_client: RedisClient) -> RedisServiceDirectory:
    return RedisServiceDirectory(redis_client, SystemClock())


def instance(port: int, *, service_id: str = "order-service", started_at_ms: int = 0, weight: int = 100) -> Instance:
    return Instance(
        service_id=service_id, host="127.0.0.1", port=port, started_at_ms=started_at_ms, weight=weight, zone="甲"
    )


async def test_finds_every_living_instance_by_address(directory: RedisServiceDirectory) -> None:
    """Instances that beat are found under their service, ordered by address, with all their fields."""
    for port in (9002, 9001):
        await directory.beat(instance(port))
    await directory.beat(instance(9003, service_id="warehouse-service"))
    assert list(await directory.instances("order-service")) == [instance(9001), instance(9002)]


async def test_unknown_service_has_no_instances(directory: RedisServiceDirectory) -> None:
    """A service that nobody registered has an empty list."""
    assert list(await directory.instances("nobody")) == []


async def test_beating_again_keeps_one_instance(directory: RedisServiceDirectory) -> None:
    """A second beat of an instance prolongs it and does not double it."""
    await directory.beat(instance(9001))
    await directory.beat(instance(9001))
    assert list(await directory.instances("order-service")) == [instance(9001)]


async def test_lives_fifteen_seconds_by_the_clock_of_redis(
    directory: RedisServiceDirectory, redis_client: RedisClient
) -> None:
    """A beat lasts 15 s from Redis' own time, whatever the process's clock says."""
    seconds, micros = await redis_client.time()
    await directory.beat(instance(9001))
    [(_, expiry)] = await redis_client.zrange(ORDERS, 0, -1, withscores=True)
    assert LIFETIME_S <= expiry - (seconds + micros / 1e6) < LIFETIME_S + 10


async def test_forgets_an_instance_that_stopped_beating(
    directory: RedisServiceDirectory, redis_client: RedisClient
) -> None:
    """An instance past its expiry is neither answered nor kept."""
    await directory.beat(instance(9001))
    await directory.beat(instance(9002))
    [(member, _)] = await redis_client.zrange(ORDERS, 0, 0, withscores=True)
    seconds, _ = await redis_client.time()
    await redis_client.zadd(ORDERS, {member: seconds - 1})
    assert len(await directory.instances("order-service")) == 1
    assert await redis_client.zcard(ORDERS) == 1


async def test_leaving_takes_effect_at_once(directory: RedisServiceDirectory) -> None:
    """An instance that leaves is gone from the next answer on; leaving twice is no fault."""
    await directory.beat(instance(9001))
    await directory.beat(instance(9002))
    await directory.leave(instance(9001))
    await directory.leave(instance(9001))
    assert list(await directory.instances("order-service")) == [instance(9002)]


async def test_processes_behind_one_port_are_counted_each(redis_client: RedisClient) -> None:
    """Two workers that share an address are two instances, and one that leaves does not take the other along."""
    one, other = RedisServiceDirectory(redis_client, SystemClock()), RedisServiceDirectory(redis_client, SystemClock())
    await one.beat(instance(9001))
    await other.beat(instance(9001))
    assert list(await one.instances("order-service")) == [instance(9001), instance(9001)]
    await one.leave(instance(9001))
    assert list(await one.instances("order-service")) == [instance(9001)]


async def test_an_unreadable_registration_hides_no_other(
    directory: RedisServiceDirectory, redis_client: RedisClient
) -> None:
    """A member that is no instance is passed over."""
    await directory.beat(instance(9001))
    seconds, _ = await redis_client.time()
    await redis_client.zadd(ORDERS, {b"{broken": seconds + 10})
    assert list(await directory.instances("order-service")) == [instance(9001)]


async def test_serves_what_it_knew_for_ten_minutes_without_redis() -> None:
    """While Redis is down the last known instances are answered for 10 minutes, then PlatformUnavailable."""
    embedded, clock = Embedded(), TurnedClock()
    async with open_redis("memory://", embedded) as client:
        directory = RedisServiceDirectory(client, clock)
        await directory.beat(instance(9001))
        await directory.instances("order-service")
        embedded.redis_server.connected = False
        clock.seconds += STALE_S
        assert list(await directory.instances("order-service")) == [instance(9001)]
        with pytest.raises(PlatformUnavailable):
            await directory.instances("warehouse-service")
        clock.seconds += 1
        with pytest.raises(PlatformUnavailable):
            await directory.instances("order-service")
        with pytest.raises(PlatformUnavailable):
            await directory.beat(instance(9001))


async def test_the_newest_report_of_each_process_is_seen(
    directory: RedisServiceDirectory, redis_client: RedisClient
) -> None:
    """Two processes of one service say something twice: each is there once, with what it said last; another service sees nothing."""
    one, other = directory, RedisServiceDirectory(redis_client, SystemClock())
    for step in (1, 2):
        for node, directory in (("b", one), ("a", other)):
            await directory.report(
                "gateway", ProcessReport(node=node, version="1", started_at_ms=0, figures={"step": step, "word": "ok"})
            )
    seen = await one.reports("gateway")
    assert [(report.node, report.figures) for report in seen] == [
        ("a", {"step": 2, "word": "ok"}), ("b", {"step": 2, "word": "ok"}),
    ]  # fmt: skip
    assert await redis_client.zcard(f"{REPORTS_PREFIX}gateway") == 2  # what was said before is gone
    assert await one.reports("order-service") == ()
