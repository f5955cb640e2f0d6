"""A Redis connection for the way of every call: asyncio.Protocol, hiredis, one future per command.

redis-py spends about 100 µs of CPU on a command whatever it is (connection pool, retries, encoding in Python); this spends 15. It
does what the limits need and no more: everything else goes through redis_client. Nothing is ever repeated.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis.asyncio.connection import parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

Part = str | bytes | int

GRACE_S = 0.005
"""Added to the time budget when it is over: one more turn of the event loop."""


def can_wire(url: str) -> bool:
    """True for plain `redis://`; TLS and Unix sockets take redis-py."""
    return url.startswith("redis://")


class RedisWire:
    """One connection that is opened when it is needed, and again after it broke.

    timeout_s bounds connecting and each answer; a late answer costs the connection, since answers come in order. Raises
    redis-py's exceptions, which redis_client.redis_errors() knows.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        where = parse_url(url)
        self._host = where.get("host") or "localhost"
        self._port = where.get("port") or 6379
        self._greeting: list[tuple[Part, ...]] = []
        if where.get("password"):
            user = (where["username"],) if where.get("username") else ()
            self._greeting.append(("AUTH", *user, where["password"]))
        if where.get("db"):
            self._greeting.append(("SELECT", where["db"]))
        self._timeout_s = timeout_s
        self._stream: _Stream | None = None
        self._opening = asyncio.Lock()

    async def command(self, *parts: Part) -> Any:
        """Sends one command and gives its answer; strings come back as bytes."""
        stream = self._stream
        if stream is None or stream.is_closed:
            try:
                async with asyncio.timeout(self._timeout_s):
                    stream = await self._open()
            except TimeoutError:
                raise RedisTimeoutError("Redis did not let us in in time") from None
            except OSError as error:
                raise RedisConnectionError(str(error)) from error
        answer = stream.send(parts)
        timer = stream.loop.call_later(self._timeout_s, self._late, stream, answer, True)
        try:
            return await answer
        finally:
            timer.cancel()

    def _late(self, stream: "_Stream", answer: "asyncio.Future[Any]", is_first: bool) -> None:
        if answer.done():
            return
        if is_first:
            # A process that was held up itself finds its timers due before it has read what lies in the socket: look once more.
            stream.loop.call_later(GRACE_S, self._late, stream, answer, False)
            return
        answer.set_exception(RedisTimeoutError("Redis did not answer in time"))
        stream.close()

    def close(self) -> None:
        """Closes the connection; commands under way fail."""
        if self._stream is not None:
            self._stream.close()

    async def _open(self) -> "_Stream":
        async with self._opening:
            if self._stream is not None and not self._stream.is_closed:
                return self._stream
            loop = asyncio.get_running_loop()
            _, stream = await loop.create_connection(_Stream, self._host, self._port)
            try:
                for parts in self._greeting:
                    await stream.send(parts)
            except BaseException:
                stream.close()
                raise
            self._stream = stream
            return stream


class _Stream(asyncio.Protocol):
    """Bytes out, answers in, in order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(protocolError=RedisConnectionError, replyError=_reply_error)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self.loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.is_closed = False

    def send(self, parts: tuple[Part, ...]) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = self.loop.create_future()
        if self.is_closed or self._transport is None:
            answer.set_exception(RedisConnectionError("the connection is closed"))
            return answer
        self._waiting.append(answer)
        self._transport.write(hiredis.pack_command(cast(Any, parts)))
        return answer

    def close(self) -> None:
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                waiting = self._waiting.popleft()
                if waiting.done():  # its caller has left
                    continue
                if isinstance(answer, Exception):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        except (RedisConnectionError, IndexError):
            self.close()  # not Redis' protocol: connection_lost tells those who wait

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(RedisConnectionError("Redis closed the connection"))


def _reply_error(text: str) -> ResponseError:
    return NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)
