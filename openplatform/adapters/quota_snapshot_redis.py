"""The admission counters as a whole: read for safe keeping, and put back into a Redis that lost them, before gateways trust it.

A sentinel says that the counters are true: without it the admission script decides nothing, and gateways do as if Redis were
down. It holds Redis' run id, so that a Redis that came back with older data of its own is noticed too.
"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import ResponseError

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import (
    ADMISSION_SENTINEL,
    API_QUOTA_PREFIX,
    APP_QUOTA_PREFIX,
    COUNTED_RECENTLY,
    GRANT_QUOTA_PREFIX,
)
from openplatform.records import CounterState, CounterStates

CHUNK = 500
COUNTED_EVERY_S = 10
"""How fine the script keeps the time at which a counter counted last."""
KEPT_S = 172_800
"""As long as the counters themselves."""
_PREFIXES = {"app": APP_QUOTA_PREFIX, "api": API_QUOTA_PREFIX, "app-api": GRANT_QUOTA_PREFIX}

# KEYS: counters. ARGV per counter: day, used, last, sum. What is newer or more in Redis stays. All calls of the last 61 s go into
# one bucket, that of the newest second: a window may fall short by them and never admits them twice.
_MERGE = """
for i, key in ipairs(KEYS) do
  local day, used, last, sum = ARGV[i * 4 - 3], tonumber(ARGV[i * 4 - 2]), tonumber(ARGV[i * 4 - 1]), tonumber(ARGV[i * 4])
  local row = redis.call('HMGET', key, 'day', 'used', 'last')
  local stored_day, stored_used, stored_last = row[1] or '', tonumber(row[2]) or 0, tonumber(row[3]) or 0
  if stored_day < day or (stored_day == day and stored_used < used) then
    redis.call('HSET', key, 'day', day, 'used', used)
  end
  if stored_last < last then
    for s = 0, 60 do redis.call('HDEL', key, tostring(s)) end
    redis.call('HSET', key, 'last', last, 'sum', sum, tostring(last % 61), sum)
  end
  redis.call('EXPIRE', key, 172800)
end
"""


class RedisQuotaSnapshot:
    """Plays QuotaSnapshot over Redis or fakeredis."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._merge_script = client.register_script(_MERGE)

    async def is_complete(self) -> bool:
        with redis_errors():
            sentinel: Any = await self._client.get(ADMISSION_SENTINEL)
            return sentinel is not None and sentinel.decode().partition(" ")[0] == await self._run_id()

    async def changed(self, since_s: int) -> CounterStates:
        with redis_errors():
            now, _ = await self._client.time()
            await self._client.zremrangebyscore(COUNTED_RECENTLY, "-inf", int(now) - KEPT_S)
            since = max(0, since_s - 2 * COUNTED_EVERY_S)
            keys: Any = await self._client.zrange(COUNTED_RECENTLY, str(since), "+inf", byscore=True)
            states: list[CounterState] = []
            for chunk in _chunks(keys):
                async with self._client.pipeline(transaction=False) as pipe:
                    for key in chunk:
                        pipe.hmget(key, "day", "used", "last", "sum")
                    rows = await pipe.execute()
                states += [_state(key, row) for key, row in zip(chunk, rows, strict=True) if row[0] is not None]
        return CounterStates(taken_at_s=int(now), states=tuple(states))

    async def restore(self, states: Sequence[CounterState]) -> None:
        with redis_errors():
            for chunk in _chunks(states):
                keys = [_PREFIXES[s.kind] + s.name for s in chunk]
                args = [arg for s in chunk for arg in (s.day, s.day_used, s.last_s, s.minute_used)]
                await self._merge_script(keys=keys, args=args)
            await self._client.set(ADMISSION_SENTINEL, f"{await self._run_id()} {secrets.token_hex(8)}")

    async def _run_id(self) -> str:
        try:
            return str((await self._client.info("server")).get("run_id", "-"))
        except ResponseError:  # the in-process server has no INFO, and never comes back with older data
            return "-"


def _state(key: bytes, row: Sequence[bytes | None]) -> CounterState:
    name = key.decode()
    # The longest prefix that fits: `app-api:` and `app:` do not begin each other.
    kind = next(kind for kind, prefix in _PREFIXES.items() if name.startswith(prefix))
    day, used, last, total = row
    return CounterState(
        kind=kind,  # type: ignore[arg-type]  # a key of _PREFIXES
        name=name.removeprefix(_PREFIXES[kind]),
        day=(day or b"").decode(),
        day_used=int(used or 0),
        last_s=int(last or 0),
        minute_used=int(total or 0),
    )


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
