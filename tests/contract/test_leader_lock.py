"""Promises of LeaderLock, over Redis in the process and over a real one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from openplatform.adapters.leader_lock_redis import RedisLeaderLock
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_keys import FENCE_PREFIX, LOCK_PREFIX
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Lease
from openplatform.web import SystemClock
from tests.servers import Redis
from tests.servers.pool import S

KEY = f"{LOCK_PREFIX}{{monitor}}"
FENCE = f"{FENCE_PREFIX}{{monitor}}"


class TurnedClock:
    """A clock that stands still until a test turns it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def lock_over(client: RedisClient, *, renew_every_s: float = 10.0) -> RedisLeaderLock:
    return RedisLeaderLock(client, SystemClock(), renew_every_s=renew_every_s)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Returns once `holds`; the test's own deadline is generous, since nothing here measures time."""
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_only_one_of_twenty_holds_it(redis_client: RedisClient) -> None:
    """Twenty at once: one lease, nineteen times None."""
    everybody_asked = asyncio.Barrier(20)

    async def contend() -> int:
        async with lock_over(redis_client).hold("monitor") as lease:
            await everybody_asked.wait()
            return 0 if lease is None else lease.fencing

    answers = await asyncio.gather(*(contend() for _ in range(20)))
    assert sorted(answers) == [0] * 19 + [1]


async def test_is_free_again_after_the_block(redis_client: RedisClient) -> None:
    """Given back at once, also when the block fails; the old lease says that it ended."""
    lock = lock_over(redis_client)
    leases: list[Lease | None] = []

    async def fail() -> None:
        async with lock.hold("monitor") as lease:
            leases.append(lease)
            assert lease is not None
            assert lease.is_held()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert leases[0] is not None
    assert not leases[0].is_held()
    async with lock.hold("monitor") as second:
        assert second is not None


async def test_names_do_not_disturb_each_other(redis_client: RedisClient) -> None:
    """Two jobs, two locks."""
    lock = lock_over(redis_client)
    async with lock.hold("monitor") as one, lock.hold("retention") as other:
        assert one is not None
        assert other is not None


async def test_the_fencing_number_grows_with_every_lease(redis_client: RedisClient) -> None:
    """Also over an owner that died: a store can tell an old owner's write from a new one's."""
    lock = lock_over(redis_client)
    numbers = []
    for _ in range(3):
        async with lock.hold("monitor") as lease:
            assert lease is not None
            numbers.append(lease.fencing)
            await redis_client.delete(KEY)  # as if it had run out
            async with lock.hold("monitor") as next_lease:
                assert next_lease is not None
                numbers.append(next_lease.fencing)
    assert numbers == sorted(set(numbers))
    assert await redis_client.pttl(FENCE) == -1


async def test_a_late_release_leaves_the_next_owners_lock(redis_client: RedisClient) -> None:
    """An owner whose lease ran out unnoticed deletes nothing that is not its own."""
    lock = lock_over(redis_client)
    async with lock.hold("monitor") as slow:
        assert slow is not None
        await redis_client.delete(KEY)
        taken = asyncio.Event()
        leave = asyncio.Event()

        async def next_owner() -> None:
            async with lock.hold("monitor") as lease:
                assert lease is not None
                taken.set()
                await leave.wait()

        task = asyncio.create_task(next_owner())
        await taken.wait()
        token = await redis_client.get(KEY)
    assert await redis_client.get(KEY) == token
    async with lock.hold("monitor") as third:
        assert third is None
    leave.set()
    await task
    assert await redis_client.get(KEY) is None


async def test_a_dead_owners_lock_runs_out(redis_client: RedisClient) -> None:
    """It has an expiry from the first moment, thirty seconds at most; after it the next one gets the lock."""
    lock = lock_over(redis_client)
    async with lock.hold("monitor"):
        assert 0 < await redis_client.pttl(KEY) <= 30_000
        await redis_client.pexpire(KEY, 1)  # thirty seconds later, without waiting for them

        async def is_free() -> bool:
            async with lock.hold("monitor") as lease:
                return lease is not None

        await eventually(is_free)


async def test_is_renewed_while_it_is_held(redis_client: RedisClient) -> None:
    """The expiry is pushed out again and again."""
    async with lock_over(redis_client, renew_every_s=0.01).hold("monitor") as lease:
        for _ in range(2):
            await redis_client.pexpire(KEY, 5_000)

            async def was_renewed() -> bool:
                return bool(await redis_client.pttl(KEY) > 20_000)

            await eventually(was_renewed)
        assert lease is not None
        assert lease.is_held()


async def test_a_lock_that_became_anothers_is_not_renewed(redis_client: RedisClient) -> None:
    """The renewal looks at the token: the old owner learns that it lost, the new owner's expiry is not touched."""
    async with lock_over(redis_client, renew_every_s=0.01).hold("monitor") as lease:
        assert lease is not None
        await redis_client.set(KEY, "somebody else's token", px=5_000)

        async def is_lost() -> bool:
            return not lease.is_held()

        await eventually(is_lost)
        assert await redis_client.pttl(KEY) <= 5_000
    assert await redis_client.get(KEY) == b"somebody else's token"


async def test_a_lease_ends_by_its_own_clock(redis_client: RedisClient) -> None:
    """A process that slept through its lease knows without asking anybody, however late its renewals are."""
    clock = TurnedClock()
    async with RedisLeaderLock(redis_client, clock).hold("monitor") as lease:
        assert lease is not None
        clock.seconds += 29.9
        assert lease.is_held()
        clock.seconds += 0.1
        assert not lease.is_held()


async def test_a_redis_that_goes_ends_the_lease_and_the_next_try_says_so(
    own_server: Callable[[type[S]], S],
) -> None:
    """Renewal fails: not held. Nobody gets the lock then: PlatformUnavailable, not None, since no other owner is known."""
    server = own_server(Redis)
    async with open_redis(server.url, None) as client:
        async with lock_over(client, renew_every_s=0.01).hold("monitor") as lease:
            assert lease is not None
            server.kill()

            async def is_lost() -> bool:
                return not lease.is_held()

            await eventually(is_lost)
        with pytest.raises(PlatformUnavailable):
            async with lock_over(client).hold("monitor"):
                raise AssertionError("the block must not run")
