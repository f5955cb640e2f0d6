"""The kept connections: their number, their age, and those that the service closed meanwhile."""

import asyncio

import pytest

from gateway.upstream import UpstreamBounds
from gateway.upstream.pool import ConnectionPool
from openplatform.errors import OpenPlatformError
from tests.integration.upstream.scripted_service import GET, answer, answering, running, saying, upstreams_to
from tests.waiting import until


def pool_of(upstreams) -> ConnectionPool:
    [member] = upstreams._services.balancers()[0].members
    return member.pool


async def test_a_full_pool_fails_at_once() -> None:
    """The call that would need one connection too many does not wait, and those in flight are not harmed."""
    bounds = UpstreamBounds(max_connections=2)
    async with (
        running(saying(0.1, answer(), then="hang")) as [service],
        upstreams_to(service.address, bounds=bounds) as upstreams,
    ):
        calls = [upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True) for _ in range(3)]
        said = await asyncio.gather(*calls, return_exceptions=True)
        refused = [s for s in said if isinstance(s, OpenPlatformError)]
        assert [r.sub_code for r in refused] == ["isp.top-remote-service-unavailable"]
        assert service.connections == 2


async def test_connections_grow_with_concurrency_and_are_reused() -> None:
    """As many connections as calls at the same time, no more."""
    async with running(answering(answer())) as [service], upstreams_to(service.address) as upstreams:
        for _ in range(5):
            await asyncio.gather(*(upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True) for _ in range(10)))
        assert service.connections == 10
        assert pool_of(upstreams).size == pool_of(upstreams).idle == 10


async def test_idle_connections_are_closed_before_the_service_does() -> None:
    """After idle_s a kept connection is gone; a busy pool keeps the ones it uses."""
    bounds = UpstreamBounds(idle_s=2.0)
    async with (
        running(answering(answer())) as [service],
        upstreams_to(service.address, bounds=bounds) as upstreams,
        asyncio.timeout(30),
    ):
        await asyncio.gather(*(upstreams.call("svc", GET, b"", timeout_s=20, idempotent=True) for _ in range(4)))
        while pool_of(upstreams).size > 1:
            await asyncio.sleep(0.05)
            await upstreams.call("svc", GET, b"", timeout_s=20, idempotent=True)
        assert service.connections == 4
        while pool_of(upstreams).size:
            await asyncio.sleep(0.05)


async def test_a_connection_that_the_service_closed_is_not_used() -> None:
    """An orderly close of an idle connection is noticed: even calls that must not be repeated go through."""

    async def converse(service, reader, writer):
        await service.read_request(reader)
        writer.write(answer())

    async with running(converse) as [service], upstreams_to(service.address) as upstreams:
        for number in range(1, 4):
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)
            await until(lambda: pool_of(upstreams).size == 0)
            assert service.connections == number


async def test_a_closed_pool_closes_what_comes_back() -> None:
    """The connections of an instance that left are not kept."""
    async with running(saying(0.05, answer(), then="hang")) as [service], upstreams_to(service.address) as upstreams:
        call = asyncio.create_task(upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True))
        await until(lambda: bool(service.requests))
        pool_of(upstreams).close()
        assert (await call).status == 200
        await until(lambda: pool_of(upstreams).size == 0)


async def test_closing_ends_calls_under_way() -> None:
    """A process that stops does not wait for a service that hangs."""
    async with running(saying(then="hang")) as [service], upstreams_to(service.address) as upstreams:
        call = asyncio.create_task(upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False))
        await until(lambda: bool(service.requests))
        await upstreams.aclose()
        with pytest.raises(OpenPlatformError, match="remote-result-unknown"):
            await call


async def test_no_connection_in_time_is_late_or_unreachable() -> None:
    """A dial that hangs is given up: at the deadline as too late, at the connect timeout as unreachable."""
    loop = asyncio.get_running_loop()

    async def hang(*arguments: object, **options: object) -> None:
        await asyncio.sleep(30)

    from gateway.upstream.failures import NotConnected

    class HangingLoop:
        time = staticmethod(loop.time)
        create_connection = staticmethod(hang)

    pool = ConnectionPool("127.0.0.1", 1, UpstreamBounds(connect_timeout_s=0.05), HangingLoop())  # type: ignore[arg-type]
    for within_s, is_late in ((0.01, True), (5.0, False)):
        with pytest.raises(NotConnected) as caught:
            await pool.dial(loop.time() + within_s)
        assert caught.value.is_late is is_late
    assert pool.size == 0
