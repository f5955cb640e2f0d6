"""Plays LeaderLock over Redis: which of many monitors (or indexers) does a job. For efficiency: correctness never hangs on it.

A lock is a key with its owner's random token and an expiry. Taking, renewing and giving back are one script each, never
repeated: a late answer must not renew or delete what has become another's.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import FENCE_PREFIX, LOCK_PREFIX
from openplatform.errors import PlatformUnavailable
from openplatform.lifetime import running
from openplatform.ports import Clock, Lease

log = logging.getLogger(__name__)

LIFETIME_S = 30.0
"""How long a dead owner keeps others out."""
RENEW_EVERY_S = 10.0
"""A third of the lifetime: two renewals may be lost to a slow machine before the lease runs out."""

_TAKE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('INCR', KEYS[2])
end
return 0
"""
_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class RedisLease:
    """One acquisition. valid_until: monotonic seconds, counted from before the command was sent, so never later than in Redis."""

    def __init__(self, clock: Clock, fencing: int, valid_until: float) -> None:
        self.fencing = fencing
        self._clock = clock
        self._valid_until = valid_until

    def is_held(self) -> bool:
        return self._clock.monotonic() < self._valid_until

    def prolong(self, valid_until: float) -> None:
        self._valid_until = valid_until

    def lose(self) -> None:
        self._valid_until = float("-inf")


class RedisLeaderLock:
    """Over Redis or fakeredis. `hold` raises PlatformUnavailable when Redis cannot be asked; the block then never ran."""

    def __init__(
        self,
        client: RedisClient,
        clock: Clock,
        *,
        lifetime_s: float = LIFETIME_S,
        renew_every_s: float = RENEW_EVERY_S,
    ) -> None:
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._renew_every_s = renew_every_s
        self._take = client.register_script(_TAKE)
        self._renew = client.register_script(_RENEW)
        self._give_back = client.register_script(_GIVE_BACK)

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Lease | None]:
        # One tag for both keys: on a cluster they must live on one node.
        lock, fence = f"{LOCK_PREFIX}{{{name}}}", f"{FENCE_PREFIX}{{{name}}}"
        token = secrets.token_hex(16)
        asked_at = self._clock.monotonic()
        with redis_errors():
            fencing = int(await self._take(keys=[lock, fence], args=[token, self._lifetime_ms]))
        if fencing == 0:
            yield None
            return
        lease = RedisLease(self._clock, fencing, asked_at + self._lifetime_s)
        try:
            async with running(self._keep(lease, lock, token), name=f"renew lock {name}"):
                yield lease
        finally:
            lease.lose()
            with suppress(PlatformUnavailable), redis_errors():  # it runs out by itself
                await self._give_back(keys=[lock], args=[token])

    async def _keep(self, lease: RedisLease, lock: str, token: str) -> None:
        while True:
            await asyncio.sleep(self._renew_every_s)
            asked_at = self._clock.monotonic()
            try:
                with redis_errors():
                    renewed = bool(await self._renew(keys=[lock], args=[token, self._lifetime_ms]))
            except PlatformUnavailable as error:
                log.warning("the lock %s cannot be renewed: %s", lock, error.sub_msg)
                renewed = False
            if not renewed:
                lease.lose()
                return
            lease.prolong(asked_at + self._lifetime_s)

    @property
    def _lifetime_ms(self) -> int:
        return int(self._lifetime_s * 1000)
