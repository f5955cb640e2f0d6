"""Stage 9: who shares an answer with whom, who asks for it, and what those who wait get when that goes wrong."""

import asyncio

import pytest

from gateway.answer_cache import AnswerCache
from gateway.call import Call
from gateway.filters.answer_from_cache import AnswerFromCache, LandFlight, NoteAnswer, ServeStale
from openplatform.errors import PLATFORM_UNAVAILABLE, REMOTE_UNAVAILABLE, SERVICE_REJECTED, OpenPlatformError
from openplatform.records import CacheFind, Grant
from openplatform.web import SystemClock
from tests.unit.gateway.filters.calls import a_call, route_entry
from tests.waiting import until


class Store:
    """A ResponseCache in dictionaries; stale: answers whose time is over; looks: how often it was asked."""

    def __init__(self) -> None:
        self.fresh: dict[str, bytes] = {}
        self.stale: dict[str, bytes] = {}
        self.asking: dict[str, str] = {}
        self.looks = 0
        self.is_away = False

    async def look(self, key: str, *, by: str, stale_s: int, hold_ms: int) -> CacheFind:
        self.looks += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise PLATFORM_UNAVAILABLE()
        if key in self.fresh:
            return CacheFind(body=self.fresh[key], is_fresh=True, is_ours=False)
        is_ours = self.asking.setdefault(key, by) == by
        return CacheFind(body=self.stale.get(key, b""), is_fresh=False, is_ours=is_ours)

    async def keep(self, key: str, body: bytes, *, by: str, ttl_s: int, stale_s: int) -> None:
        if self.is_away:
            raise PLATFORM_UNAVAILABLE()
        self.fresh[key] = body
        await self.leave(key, by=by)

    async def leave(self, key: str, *, by: str) -> None:
        if self.asking.get(key) == by:
            del self.asking[key]


class World:
    """The three filters around a service whose answers a test hands out."""

    def __init__(self, store: Store | None = None, *, max_bytes: int = 100) -> None:
        self.store = store or Store()
        self.cache = AnswerCache(self.store, SystemClock(), stale_s=300, max_bytes=max_bytes)
        self.asked = 0
        self.own_filter = b""
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._count = 0

    def call(
        self,
        params: dict[str, str] | None = None,
        *,
        vender_id: int | None = 7,
        grant: Grant | None = None,
        **route: object,
    ) -> Call:
        self._count += 1
        fields = {"cache_ttl_s": 60, "idempotent": True, "timeout_ms": 30_000, **route}
        call = a_call(params or {"a": "1"}, route=route_entry(**fields), vender_id=vender_id, grant=grant)
        call.request_id = f"r{id(self)}-{self._count}"
        return call

    async def run(self, call: Call) -> bytes:
        """A call through the stages; raises what it ended with."""
        try:
            try:
                waiting = AnswerFromCache(self.cache)(call)
                if waiting is not None:
                    await waiting
                if not call.service_body:
                    self.asked += 1
                    call.service_body = await asyncio.shield(self.answer)
                NoteAnswer()(call)
                if self.own_filter:
                    call.service_body += self.own_filter
            except OpenPlatformError as error:
                call.error = error
                ServeStale(self.cache)(call)
                if call.error is not None:
                    raise
            except asyncio.CancelledError:
                call.error = PLATFORM_UNAVAILABLE()
                call.given_up = True
                raise
        finally:
            LandFlight(self.cache)(call)
        return call.service_body


async def test_other_apis_pay_nothing() -> None:
    """No time to live, or an API that may not be repeated: nothing to wait for."""
    world = World()
    for route in ({"cache_ttl_s": 0}, {"idempotent": False}):
        assert AnswerFromCache(world.cache)(world.call(**route)) is None


async def test_a_thousand_misses_ask_once() -> None:
    """One call asks the store and the service; all get its answer; afterwards it is kept."""
    world = World()
    calls = [world.call() for _ in range(1000)]
    running = [asyncio.create_task(world.run(call)) for call in calls]
    await until(lambda: world.asked == 1)
    world.answer.set_result(b'{"n":1}')
    assert set(await asyncio.gather(*running)) == {b'{"n":1}'}
    assert (world.asked, world.store.looks, sum(call.cached for call in calls)) == (1, 1, 999)
    await world.cache.finish()
    later = world.call()
    assert (await world.run(later), later.cached, world.asked, world.store.asking) == (b'{"n":1}', True, 1, {})


@pytest.mark.parametrize(
    "other",
    [
        {"vender_id": 8}, {"vender_id": None}, {"params": {"a": "2"}}, {"params": {"a": "1", "b": ""}},
        {"grant": Grant(data_scope="pii")}, {"api_version": "2"}, {"inside_api_url": "/b"}, {"cache_ttl_s": 61},
    ],
)  # fmt: skip
async def test_whose_answers_are_different(other: dict) -> None:
    """Another merchant, parameter, scope, or a route that was changed: never the same answer."""
    world = World()
    world.answer.set_result(b'{"n":1}')
    await world.run(world.call())
    await world.cache.finish()
    await world.run(world.call(**other))
    assert world.asked == 2


async def test_whose_answers_are_the_same() -> None:
    """Signature, session, time, format and the order of names make no difference; nor does a grant that shows no more."""
    world = World()
    world.answer.set_result(b'{"n":1}')
    await world.run(world.call({"a": "1", "b": "2", "sign": "X", "session": "s", "timestamp": "1", "format": "xml"}))
    await world.cache.finish()
    await world.run(world.call({"b": "2", "a": "1", "sign": "Y", "format": "json"}, grant=Grant(daily_limit=5)))
    assert world.asked == 1


async def test_those_who_wait_get_the_error() -> None:
    """A service's no, or its failure, is everybody's; each has an exception of its own. Nothing is kept."""
    for error in (SERVICE_REJECTED("no", sub_code="isv.no"), REMOTE_UNAVAILABLE()):
        world = World()
        running = [asyncio.create_task(world.run(world.call())) for _ in range(3)]
        await until(lambda world=world: world.asked == 1)
        world.answer.set_exception(error)
        ends = await asyncio.gather(*running, return_exceptions=True)
        assert len({id(end) for end in ends}) == 3
        assert {(end.code, end.sub_code) for end in ends} == {(15, error.sub_code)}
        await world.cache.finish()
        assert (world.asked, world.store.fresh, world.store.asking) == (1, {}, {})


async def test_when_the_first_leaves_another_asks() -> None:
    """Its caller hung up: one of those who wait goes on in its place."""
    world = World()
    running = [asyncio.create_task(world.run(world.call())) for _ in range(3)]
    await until(lambda: world.asked == 1)
    running[0].cancel()
    await until(lambda: world.asked == 2)
    world.answer.set_result(b'{"n":1}')
    ends = await asyncio.gather(*running, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
    assert (ends[1:], world.asked) == ([b'{"n":1}'] * 2, 2)


async def test_when_one_that_waits_leaves_nobody_notices() -> None:
    """The others get their answer."""
    world = World()
    running = [asyncio.create_task(world.run(world.call())) for _ in range(3)]
    await until(lambda: world.asked == 1)
    running[1].cancel()
    await asyncio.sleep(0)
    world.answer.set_result(b'{"n":1}')
    ends = await asyncio.gather(*running, return_exceptions=True)
    assert (ends[0], ends[2], world.asked) == (b'{"n":1}', b'{"n":1}', 1)


async def test_a_stale_answer_stands_in_for_a_service_that_fails() -> None:
    """For all that wait, and marked; a business no is no failure."""
    for error, is_served in ((REMOTE_UNAVAILABLE(), True), (SERVICE_REJECTED("no", sub_code="isv.no"), False)):
        world = World()
        world.answer.set_result(b'{"old":1}')
        await world.run(world.call())
        await world.cache.finish()
        world.store.stale, world.store.fresh = world.store.fresh, {}
        world.answer = asyncio.get_running_loop().create_future()
        world.answer.set_exception(error)
        calls = [world.call() for _ in range(3)]
        ends = await asyncio.gather(*(world.run(call) for call in calls), return_exceptions=True)
        if is_served:
            assert ends == [b'{"old":1}'] * 3
            assert all((b"x-fallback", b"stale") in call.headers and call.fallback == "stale" for call in calls)
        else:
            assert all(isinstance(end, OpenPlatformError) for end in ends)
        await world.cache.finish()
        assert (world.store.fresh, world.store.asking) == ({}, {})


async def test_two_processes_ask_once() -> None:
    """The one that is not told to ask looks again until the answer is there."""
    store = Store()
    one, other = World(store), World(store)
    running = [asyncio.create_task(world.run(world.call())) for world in (one, other)]
    await until(lambda: one.asked + other.asked == 1)
    await asyncio.sleep(0.05)
    assert one.asked + other.asked == 1
    one.answer.set_result(b'{"n":1}')
    other.answer.set_result(b'{"n":1}')
    assert await asyncio.gather(*running) == [b'{"n":1}'] * 2
    assert one.asked + other.asked == 1


async def test_without_the_store_calls_go_to_the_service() -> None:
    """Those of one process still together; nothing is kept, nobody is refused."""
    world = World()
    world.store.is_away = True
    running = [asyncio.create_task(world.run(world.call())) for _ in range(5)]
    await until(lambda: world.asked == 1)
    world.answer.set_result(b'{"n":1}')
    assert set(await asyncio.gather(*running)) == {b'{"n":1}'}
    await world.cache.finish()
    assert (world.asked, world.store.fresh) == (1, {})


async def test_large_answers_are_not_kept() -> None:
    """They are given to those who wait, and asked for again by those who come later."""
    world = World(max_bytes=10)
    world.answer.set_result(b'{"n":"0123456789"}')
    await world.run(world.call())
    await world.cache.finish()
    assert (world.store.fresh, world.store.asking) == ({}, {})


async def test_what_an_own_filter_makes_of_an_answer_is_not_kept() -> None:
    """It changes each call's answer once, whether that came from the service, from another call or from the store."""
    world = World()
    world.own_filter = b" "
    world.answer.set_result(b"{}")
    assert await asyncio.gather(world.run(world.call()), world.run(world.call())) == [b"{} "] * 2
    await world.cache.finish()
    assert await world.run(world.call()) == b"{} "
    assert list(world.store.fresh.values()) == [b"{}"]
