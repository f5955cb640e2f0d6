"""Answers of services in Redis: each under the hash of what was asked, beside it who is asking for it anew."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import NoScriptError

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import CACHE_PREFIX
from openplatform.adapters.redis_wire import RedisWire
from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable
from openplatform.ports import Clock
from openplatform.records import CacheFind

STORE_REST_S = 1.0
"""After a failure nothing is asked for this long: a cache that is away must not cost each call its time budget."""

# KEYS: the answer, who asks; ARGV: stale ms, who, hold ms. How long an answer lives tells its age: no process's clock counts.
_LOOK = """
local body = redis.call('GET', KEYS[1])
if body and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then return {body, 1, 0} end
local is_ours = redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3])
return {body or '', 0, is_ours and 1 or 0}
"""
# ARGV: who, life ms, the answer, '' = none came.
_KEEP = """
if ARGV[3] ~= '' then redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 0
"""


class RedisResponseCache:
    """Plays ResponseCache over Redis or fakeredis. client: with a time budget for the hot path; wire: a faster way to the same
    Redis, best one of its own: an answer of 256 KiB should not stand before the limits of other calls."""

    def __init__(self, client: RedisClient, clock: Clock, *, wire: RedisWire | None = None) -> None:
        self._command: Callable[..., Awaitable[Any]] = wire.command if wire else client.execute_command
        self._clock = clock
        self._resting_until = 0.0

    async def look(self, key: str, *, by: str, stale_s: int, hold_ms: int) -> CacheFind:
        body, is_fresh, is_ours = await self._script(_LOOK, key, stale_s * 1000, by, hold_ms)
        return CacheFind(body=body, is_fresh=bool(is_fresh), is_ours=bool(is_ours))

    async def keep(self, key: str, body: bytes, *, by: str, ttl_s: int, stale_s: int) -> None:
        await self._script(_KEEP, key, by, (ttl_s + stale_s) * 1000, body)

    async def leave(self, key: str, *, by: str) -> None:
        await self._script(_KEEP, key, by, 0, b"")

    async def _script(self, script: str, key: str, *arguments: str | int | bytes) -> Any:
        if self._clock.monotonic() < self._resting_until:
            raise PLATFORM_UNAVAILABLE("redis: resting after a failure")
        keys = (f"{CACHE_PREFIX}{{{key}}}:answer", f"{CACHE_PREFIX}{{{key}}}:asked")
        sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            with redis_errors():
                try:
                    return await self._command("EVALSHA", sha, 2, *keys, *arguments)
                except NoScriptError:
                    return await self._command("EVAL", script, 2, *keys, *arguments)
        except PlatformUnavailable:
            self._resting_until = self._clock.monotonic() + STORE_REST_S
            raise
