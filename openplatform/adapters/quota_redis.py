"""QuotaCounter over Redis: one atomic script admits many waiting calls at once.

All calls that wait while a script is under way go together in the next one, each with its own verdict: at a hundred concurrent
callers that is one round trip and one encoding for dozens of calls. A script is never repeated: an answer that was lost counts as
spent, so that the counter may under-admit and never over-admits.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
from redis.exceptions import NoScriptError

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import APP_QUOTA_PREFIX, RANK_PREFIX
from openplatform.adapters.redis_wire import RedisWire
from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError
from openplatform.ports import Clock
from openplatform.records import QuotaRequest, QuotaUse, QuotaVerdict

log = logging.getLogger(__name__)

# Why 61 buckets: with 60 one-second buckets, one 60.0-s window was seen to admit twice the limit; with 61 exactly the limit.
# A window is seconds now-60 … now; `last` never goes back, so that a Redis clock that steps back opens no second window.
SCRIPT = """
local ask = cjson.decode(ARGV[1])
local wall = tonumber(redis.call('TIME')[1])
local days, states, ranks, verdicts = ask.days, {}, {}, {}
local nd = #days

local function day_of(now)
  for i = 1, nd do
    if now < days[i][2] then return i end
  end
  return nd
end

local function load(i)
  local key = KEYS[nd + i]
  local row = redis.call('HMGET', key, 'day', 'used', 'last', 'sum')
  local last = tonumber(row[3]) or 0
  local now = math.max(wall, last)
  local d = day_of(now)
  local st = {key = key, now = now, d = d, used = 0, sum = tonumber(row[4]) or 0, added = 0, moved = false}
  if row[1] == days[d][3] then st.used = tonumber(row[2]) or 0 end
  if now > last and st.sum > 0 then
    st.moved = true
    if now - last >= 61 then
      redis.call('DEL', key)
      st.sum = 0
    else
      local fields = {}
      for s = last - 60, now - 61 do fields[#fields + 1] = tostring(s % 61) end
      local counts = redis.call('HMGET', key, unpack(fields))
      for j = 1, #fields do st.sum = st.sum - (tonumber(counts[j]) or 0) end
      redis.call('HDEL', key, unpack(fields))
    end
  end
  states[i] = st
  return st
end

local function minute_wait(st, limit)
  if limit < 1 then return 60 end
  if not st.window then
    st.window = {}
    local fields = {}
    for s = st.now - 60, st.now do fields[#fields + 1] = tostring(s % 61) end
    local counts = redis.call('HMGET', st.key, unpack(fields))
    for j = 1, 61 do st.window[j] = tonumber(counts[j]) or 0 end
  end
  local left = st.sum - limit
  for j = 1, 60 do
    left = left - st.window[j]
    if left < 0 then return j end
  end
  return 61
end

for n, call in ipairs(ask.calls) do
  local st = states[call[1]] or load(call[1])
  local day, minute, reset = call[2], call[3], days[st.d][2] - st.now
  if day >= 0 and st.used >= day then
    verdicts[n] = {1, reset, st.used, st.sum, reset}
  elseif minute >= 0 and st.sum >= minute then
    verdicts[n] = {2, minute_wait(st, minute), st.used, st.sum, reset}
  else
    st.used, st.sum, st.added = st.used + 1, st.sum + 1, st.added + 1
    local rank = ranks[st.d] or {}
    rank[call[4]] = (rank[call[4]] or 0) + 1
    ranks[st.d] = rank
    verdicts[n] = {0, 0, st.used, st.sum, reset}
  end
end

for _, st in pairs(states) do
  if st.added > 0 then redis.call('HINCRBY', st.key, tostring(st.now % 61), st.added) end
  if st.added > 0 or st.moved then
    redis.call('HSET', st.key, 'day', days[st.d][3], 'used', st.used, 'last', st.now, 'sum', st.sum)
    redis.call('EXPIRE', st.key, 172800)
  end
end
for d, rank in pairs(ranks) do
  for api, calls in pairs(rank) do redis.call('ZINCRBY', KEYS[d], calls, ask.apis[api]) end
  redis.call('EXPIRE', KEYS[d], 2678400)
end
return cjson.encode(verdicts)
"""
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

MAX_BATCH = 500
"""A script blocks Redis for about 2 µs a call: 500 keep every other client's wait near a millisecond."""
STORE_REST_S = 1.0
"""After a failure calls are refused at once for this long, so that they do not queue up behind a hung Redis."""

_RULES: tuple[Literal["", "day", "minute"], ...] = ("", "day", "minute")


class RedisQuotaCounter:
    """Exact limits over any number of processes.

    zone: the platform's, whose calendar days are counted; client: with a time budget for the hot path; wire: a faster way to the
    same Redis for the script. Redis' own clock decides.
    """

    def __init__(self, client: RedisClient, clock: Clock, zone: ZoneInfo, *, wire: RedisWire | None = None) -> None:
        self._client = client
        self._command: Callable[..., Awaitable[Any]] = wire.command if wire else client.execute_command
        self._clock = clock
        self._zone = zone
        self._days = _Days(zone)
        self._waiting: list[tuple[QuotaRequest, asyncio.Future[QuotaVerdict]]] = []
        self._sender: asyncio.Task[None] | None = None
        self._resting_until = 0.0

    def admit(self, request: QuotaRequest) -> asyncio.Future[QuotaVerdict]:
        """Queues the call; the verdict comes with the next script. Fails with PlatformUnavailable when Redis does not answer."""
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[QuotaVerdict] = loop.create_future()
        self._waiting.append((request, verdict))
        if self._sender is None:
            self._sender = loop.create_task(self._send_all())
        return verdict

    async def used(self, app_keys: Sequence[str]) -> Sequence[QuotaUse]:
        if not app_keys:
            return []
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.time()
                for app_key in app_keys:
                    pipe.hgetall(APP_QUOTA_PREFIX + app_key)
                (seconds, _), *rows = await pipe.execute()
        days = self._days.around(int(seconds))
        return [_use(row, int(seconds), days) for row in rows]

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._send(batch)
        finally:
            self._sender = None

    async def _send(self, batch: list[tuple[QuotaRequest, "asyncio.Future[QuotaVerdict]"]]) -> None:
        try:
            if self._clock.monotonic() < self._resting_until:
                raise PLATFORM_UNAVAILABLE("redis: resting after a failure")
            rows = await self._decide([request for request, _ in batch])
        except Exception as error:  # whatever it is, nobody may be left waiting
            if not isinstance(error, OpenPlatformError):
                log.exception("the limits could not be decided")
            if self._clock.monotonic() >= self._resting_until:
                self._resting_until = self._clock.monotonic() + STORE_REST_S
            for _, verdict in batch:
                if not verdict.done():
                    verdict.set_exception(error)
            return
        for (_, verdict), (rule, wait, day_used, minute_used, reset) in zip(batch, rows, strict=True):
            if not verdict.done():  # done already when its caller has left
                verdict.set_result(
                    QuotaVerdict(
                        admitted=rule == 0,
                        rule=_RULES[rule],
                        retry_after_s=wait,
                        day_used=day_used,
                        minute_used=minute_used,
                        day_reset_s=reset,
                    )
                )

    async def _decide(self, requests: list[QuotaRequest]) -> list[list[int]]:
        apps: dict[str, int] = {}
        apis: dict[str, int] = {}
        calls = [
            (
                apps.setdefault(r.app_key, len(apps) + 1),
                -1 if r.daily_limit is None else r.daily_limit,
                -1 if r.minute_limit is None else r.minute_limit,
                apis.setdefault(r.api_name, len(apis) + 1),
            )
            for r in requests
        ]
        days = self._days.around(int(self._clock.now()))
        keys = [RANK_PREFIX + name for _, _, name in days]
        keys += [APP_QUOTA_PREFIX + app_key for app_key in apps]
        ask = orjson.dumps({"days": days, "calls": calls, "apis": list(apis)})
        with redis_errors():
            try:
                answer = await self._command("EVALSHA", SCRIPT_SHA, len(keys), *keys, ask)
            except NoScriptError:  # nothing ran: loading it and asking once more counts nothing twice
                answer = await self._command("EVAL", SCRIPT, len(keys), *keys, ask)
        rows: list[list[int]] = orjson.loads(answer)
        return rows


class _Days:
    """The calendar days around a moment, remembered until the moment leaves them: [start, end, yyyymmdd], epoch seconds."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._known: list[tuple[int, int, str]] = []

    def around(self, now_s: int) -> list[tuple[int, int, str]]:
        """Yesterday, today, tomorrow: the process's clock may be off by hours, the script takes the day that Redis' clock is in."""
        if not (self._known and self._known[1][0] <= now_s < self._known[1][1]):
            today = datetime.fromtimestamp(now_s, self._zone).date()
            starts = [self._start(today + timedelta(days=n)) for n in (-1, 0, 1, 2)]
            names = [(today + timedelta(days=n)).strftime("%Y%m%d") for n in (-1, 0, 1)]
            self._known = list(zip(starts[:-1], starts[1:], names, strict=True))
        return self._known

    def _start(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())


def _use(row: dict[bytes, bytes], now_s: int, days: list[tuple[int, int, str]]) -> QuotaUse:
    last = int(row.get(b"last", 0))
    now_s = max(now_s, last)
    _, end, name = next((d for d in days if now_s < d[1]), days[-1])
    in_window = [s for s in range(now_s - 60, last + 1) if s > last - 61]
    return QuotaUse(
        day_used=int(row.get(b"used", 0)) if row.get(b"day") == name.encode() else 0,
        minute_used=sum(int(row.get(str(s % 61).encode(), 0)) for s in in_window),
        day_reset_s=end - now_s,
    )
