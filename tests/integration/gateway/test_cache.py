"""The response cache through the gateway's door, over fakeredis and a real Redis."""

import asyncio
import json

import pytest
from starlette.responses import Response

from openplatform.protocol import encode_query
from openplatform.records import BreakerRules
from tests.batching import parts_of, post_batch
from tests.gateway_world import SESSION, World, open_world

CALLERS = 1000


class Slow(Response):
    """An answer that takes its time."""

    async def __call__(self, scope, receive, send) -> None:
        await asyncio.sleep(0.5)
        await super().__call__(scope, receive, send)


@pytest.fixture
async def cached(world: World) -> World:
    """The world with a read that is kept for a minute."""
    await world.put_route("open.kept.get", "/echo", idempotent=True, cache_ttl_s=60)
    return world


@pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
async def test_the_second_answer_comes_from_the_cache(cached: World) -> None:
    """In every format, with its own request id; it counts against limits, and its record says that it was kept."""
    first = await cached.call(cached.signed("open.kept.get", a="1"))
    second = await cached.call(cached.signed("open.kept.get", a="1", n=None))
    xml = await cached.call(cached.signed("open.kept.get", a="1", format="xml"))
    other = await cached.call(cached.signed("open.kept.get", a="2"))
    one, two = (answer.json()["open_kept_get_response"] for answer in (first, second))
    assert one["request_id"] != two["request_id"] == second.headers["x-request-id"]
    assert one["echo"] == two["echo"] == {"a": "1"}
    assert b"<a>1</a>" in xml.content
    assert other.json()["open_kept_get_response"]["echo"] == {"a": "2"}
    assert len(cached.seen) == 2
    logs = {log.requestId: log for log in await cached.logs()}
    assert [logs[a.headers["x-request-id"]].cached for a in (first, second, xml, other)] == [False, True, True, False]
    assert logs[second.headers["x-request-id"]].serviceTime is None
    (use,) = await cached.resources.quota.used(["1023"])
    assert use.day_used == 4


async def test_a_thousand_misses_make_one_call(clean_redis_url: str) -> None:
    """1,000 connections that ask for the same at once, over a real Redis: the service is asked once."""
    async with open_world(redis_url=clean_redis_url, max_connections_per_address=2 * CALLERS) as world:
        await world.put_route("open.kept.get", "/echo", idempotent=True, cache_ttl_s=60)
        world.answers["/echo"] = Slow(b'{"n":1}')
        query = encode_query(world.signed("open.kept.get"))
        request = f"GET /router/rest?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            return answer

        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(ask() for _ in range(CALLERS)))
        assert all(b'{"open_kept_get_response":{"n":1,"request_id":' in answer for answer in answers)
        assert len(world.seen) == 1


async def test_a_batch_of_the_same_asks_once(cached: World) -> None:
    """Twenty calls for one answer: one service call, twenty records."""
    cached.answers["/echo"] = Slow(b'{"n":1}')
    response = await post_batch(cached, [{"method": "open.kept.get"}] * 20, {"session": SESSION})
    assert [json.loads(p)["open_kept_get_response"]["n"] for p in parts_of(response)] == [1] * 20
    assert (len(cached.seen), len(await cached.logs())) == (1, 20)


@pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
async def test_a_failing_service_is_stood_in_for(world: World) -> None:
    """Past its time an answer is fetched anew; while the service fails the old one is given, and says that it is old."""
    await world.put_route("open.kept.get", "/echo", idempotent=True, cache_ttl_s=1)
    params = world.signed("open.kept.get")
    assert "x-fallback" not in (await world.call(params)).headers
    async with asyncio.timeout(30):
        while True:
            world.answers["/echo"] = Response(b"down", 500)
            response = await world.call(params)
            if "x-fallback" in response.headers:
                break
            await asyncio.sleep(0.1)
    assert response.headers["x-fallback"] == "stale"
    assert response.json()["open_kept_get_response"]["echo"] == {}
    world.answers.clear()
    assert "x-fallback" not in (await world.call(params)).headers


@pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
async def test_a_purged_answer_is_given_no_more(cached: World) -> None:
    """Under another cache_epoch the service is asked again; when it fails, what was kept before does not stand in."""
    params = cached.signed("open.kept.get")
    await cached.call(params)
    await cached.put_route("open.kept.get", "/echo", idempotent=True, cache_ttl_s=60, cache_epoch=1)
    cached.answers["/echo"] = Response(b"down", 500)
    assert (await cached.error(params))[0] == 15
    cached.answers["/echo"] = Response(b'{"n":2}')
    for _ in range(2):
        assert (await cached.call(params)).json()["open_kept_get_response"]["n"] == 2
    assert len(cached.seen) == 3


async def test_an_open_breaker_gives_the_old_answer_before_the_made_one(world: World) -> None:
    """What was kept, else the route's fallback body; the service is left alone, and neither is kept."""
    rules = BreakerRules(min_calls=2, open_s=60)
    await world.put_route(
        "open.kept.get", "/echo", idempotent=True, cache_ttl_s=1, breaker=rules, fallback_body='{"made":1}'
    )
    params = world.signed("open.kept.get", a="1")
    await world.call(params)
    async with asyncio.timeout(30):
        while not world.resources.answers.stale_served > 1:
            world.answers["/echo"] = Response(b"down", 500)
            await world.call(params)
            await asyncio.sleep(0.05)
    asked = len(world.seen)
    old, made = await world.call(params), await world.call(world.signed("open.kept.get", a="2"))
    assert (old.headers["x-fallback"], made.headers["x-fallback"]) == ("stale", "body")
    assert old.json()["open_kept_get_response"]["echo"] == {"a": "1"}
    again = await world.call(world.signed("open.kept.get", a="2"))
    assert (again.json()["open_kept_get_response"]["made"], again.headers["x-fallback"]) == (1, "body")
    assert len(world.seen) == asked


async def test_what_is_not_kept(cached: World) -> None:
    """A business no, a failure, a body that is no object: the next call asks again."""
    for answer in (Response(b'{"sub_code":"isv.no"}', 400), Response(b"", 500), Response(b"[1]", 200)):
        cached.answers["/echo"] = answer
        assert (await cached.error(cached.signed("open.kept.get")))[0] == 15
    assert "open_kept_get_response" in (await cached.call(cached.signed("open.kept.get"))).json()
    assert len(cached.seen) == 4


async def test_merchants_never_share(cached: World) -> None:
    """The same question of two merchants is two questions."""
    await cached.put_session("other-session", vender_id=778)
    for session in (SESSION, "other-session", SESSION):
        await cached.call(cached.signed("open.kept.get", session=session))
    assert [headers["x-vender-id"] for _, headers, _ in cached.seen] == ["777", "778"]


async def test_redis_down_is_a_miss(cached: World) -> None:
    """Calls go to the service; nobody is refused."""
    await cached.call(cached.signed("open.kept.get"))
    cached.embedded.redis_server.connected = False
    try:
        for _ in range(2):
            assert "open_kept_get_response" in (await cached.call(cached.signed("open.kept.get"))).json()
    finally:
        cached.embedded.redis_server.connected = True
    assert len(cached.seen) == 3
