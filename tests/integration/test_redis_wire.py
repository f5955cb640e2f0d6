"""The hot path's own Redis connection, over a real server: greeting, order, breaks, hangs."""

import asyncio
from collections.abc import Callable

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from openplatform.adapters.redis_wire import RedisWire
from tests.servers import Redis


async def test_database_and_password_of_the_url(own_server: Callable[[type[Redis]], Redis]) -> None:
    """The URL's user, password and database number count; a wrong password is refused."""
    server = own_server(Redis)
    with redis.Redis.from_url(server.url) as plain:
        plain.acl_setuser("wired", enabled=True, passwords=["+s3cret"], keys=["*"], commands=["+@all"])
    host = server.url.removeprefix("redis://").partition("/")[0]
    wire = RedisWire(f"redis://wired:s3cret@{host}/3", timeout_s=30)
    await wire.command("SET", "here", "中")
    wire.close()
    with redis.Redis.from_url(f"redis://{host}/3") as third:
        assert third.get("here") == "中".encode()
    stranger = RedisWire(f"redis://wired:wrong@{host}/3", timeout_s=30)
    with pytest.raises(ResponseError):
        await stranger.command("PING")
    stranger.close()


async def test_answers_come_in_order(clean_redis_url: str) -> None:
    """Many commands at once, each with its own answer; an error belongs to its command alone."""
    wire = RedisWire(clean_redis_url, timeout_s=30)
    answers = await asyncio.gather(
        *(wire.command("ECHO", str(n)) for n in range(200)), wire.command("NONSENSE"), wire.command("EVALSHA", "0" * 40, 0),
        wire.command("PING"), return_exceptions=True,
    )  # fmt: skip
    assert answers[:200] == [str(n).encode() for n in range(200)]
    assert isinstance(answers[200], ResponseError)
    assert isinstance(answers[201], NoScriptError)
    assert answers[202] == b"PONG"
    wire.close()


async def test_a_hung_server_costs_the_time_budget_once(own_server: Callable[[type[Redis]], Redis]) -> None:
    """Paused: a time-out; resumed: a new connection, and no answer of the old one is taken for a new one's."""
    server = own_server(Redis)
    wire = RedisWire(server.url, timeout_s=4)
    assert await wire.command("ECHO", "before") == b"before"
    server.pause()
    with pytest.raises(RedisTimeoutError):
        await wire.command("ECHO", "late")
    server.resume()
    assert await wire.command("ECHO", "after") == b"after"
    wire.close()


async def test_a_killed_server(own_server: Callable[[type[Redis]], Redis]) -> None:
    """Gone: an error at once; back: the next command finds it."""
    server = own_server(Redis)
    wire = RedisWire(server.url, timeout_s=30)
    await wire.command("PING")
    server.kill()
    with pytest.raises(RedisConnectionError):
        await wire.command("PING")
    server.start()
    assert await wire.command("PING") == b"PONG"
    wire.close()
