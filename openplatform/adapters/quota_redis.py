"""QuotaCounter over Redis: one atomic script admits many waiting calls at once.

All calls that wait while a script is under way go together in the next one, each with its own verdict: at a hundred concurrent
callers that is one round trip and one encoding for dozens of calls. A script is never repeated: an answer that was lost counts as
spent, so that the counter may under-admit and never over-admits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from msgspec.structs import force_setattr
from redis.exceptions import NoScriptError

from openplatform.adapters.quota_redis_script import RULES, SCRIPT, SCRIPT_SHA, UNKNOWN_BALANCE
from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import (
    ADMISSION_SENTINEL,
    API_QUOTA_PREFIX,
    APP_QUOTA_PREFIX,
    BALANCE_PREFIX,
    COUNTED_RECENTLY,
    GRANT_QUOTA_PREFIX,
    PENDING_EXPIRY,
    PENDING_PREFIX,
    RANK_PREFIX,
)
from openplatform.adapters.redis_wire import RedisWire
from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError
from openplatform.ports import Clock
from openplatform.records import QuotaRequest, QuotaUse, QuotaVerdict, Reservation

log = logging.getLogger(__name__)

MAX_BATCH = 100
"""A script blocks Redis for 9 µs a call, 18 with limits of API and grant: 100 keep every other client's wait near 2 ms. More are no
cheaper each."""
STORE_REST_S = 1.0
"""After a failure calls are refused at once for this long, so that they do not queue up behind a hung Redis."""

_Waiting = tuple[QuotaRequest, Reservation | None, "asyncio.Future[QuotaVerdict]"]


# Marked as counted, so that the next snapshot outside Redis knows of it.
_RESET = """
local row = redis.call('HMGET', KEYS[1], 'day', 'used')
if row[1] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'used', 0)
redis.call('ZADD', KEYS[2], ARGV[2], KEYS[1])
return tonumber(row[2]) or 0
"""


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
        self._waiting: list[_Waiting] = []
        self._sender: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._resting_until = 0.0

    def admit(self, request: QuotaRequest, reservation: Reservation | None = None) -> "asyncio.Future[QuotaVerdict]":
        """Queues the call; the verdict comes with the next script. Fails with PlatformUnavailable when Redis does not answer."""
        if self._sender is None:  # get_running_loop() asks the kernel for the process's number: once a batch is enough
            self._loop = asyncio.get_running_loop()
            self._sender = self._loop.create_task(self._send_all())
        verdict: asyncio.Future[QuotaVerdict] = self._loop.create_future()
        self._waiting.append((request, reservation, verdict))
        return verdict

    async def used(self, app_keys: Sequence[str]) -> Sequence[QuotaUse]:
        return await self._read([APP_QUOTA_PREFIX + app_key for app_key in app_keys])

    async def used_at(self, grants: Sequence[tuple[str, str]]) -> Sequence[QuotaUse]:
        return await self._read([f"{GRANT_QUOTA_PREFIX}{app_key}:{api_name}" for app_key, api_name in grants])

    async def used_of(self, api_names: Sequence[str]) -> Sequence[QuotaUse]:
        return await self._read([API_QUOTA_PREFIX + api_name for api_name in api_names])

    async def _read(self, keys: Sequence[str]) -> list[QuotaUse]:
        if not keys:
            return []
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.time()
                for key in keys:
                    pipe.hgetall(key)
                (seconds, _), *rows = await pipe.execute()
        days = self._days.around(int(seconds))
        return [_use(row, int(seconds), days) for row in rows]

    async def reset_day(self, app_key: str) -> int:
        with redis_errors():
            seconds, _ = await self._client.time()
            *_, today = _day_at(int(seconds), self._days.around(int(seconds)))
            keys = [APP_QUOTA_PREFIX + app_key, COUNTED_RECENTLY]
            return int(await self._client.eval(_RESET, len(keys), *keys, today, seconds))

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._send(batch)
        finally:
            self._sender = None

    async def _send(self, batch: list[_Waiting]) -> None:
        try:
            if self._clock.monotonic() < self._resting_until:
                raise PLATFORM_UNAVAILABLE("redis: resting after a failure")
            rows = await self._decide(batch)
        except Exception as error:  # whatever it is, nobody may be left waiting
            if not isinstance(error, OpenPlatformError):
                log.exception("the limits could not be decided")
            if self._clock.monotonic() >= self._resting_until:
                self._resting_until = self._clock.monotonic() + STORE_REST_S
            for _, _, verdict in batch:
                if not verdict.done():
                    verdict.set_exception(error)
            return
        for (_, _, verdict), (rule, wait, day_used, minute_used, reset) in zip(batch, rows, strict=True):
            if verdict.done():  # its caller has left
                continue
            if rule == UNKNOWN_BALANCE:
                verdict.set_exception(PLATFORM_UNAVAILABLE("redis: the customer's balance is not known yet"))
                continue
            verdict.set_result(
                QuotaVerdict(
                    admitted=rule == 0,
                    rule=RULES[rule],
                    retry_after_s=wait,
                    day_used=day_used,
                    minute_used=minute_used,
                    day_reset_s=reset,
                )
            )

    async def _decide(self, batch: list[_Waiting]) -> list[list[int]]:
        days = self._days.around(int(self._clock.now()))
        keys, body = question(batch, days)
        ask = orjson.dumps(body)
        with redis_errors():
            try:
                answer = await self._command("EVALSHA", SCRIPT_SHA, len(keys), *keys, ask)
            except NoScriptError:  # nothing ran: loading it and asking once more counts nothing twice
                answer = await self._command("EVAL", SCRIPT, len(keys), *keys, ask)
        if not answer:
            raise PLATFORM_UNAVAILABLE("redis: the counters are not complete yet")
        rows: list[list[int]] = orjson.loads(answer)
        return rows


def question(batch: list[_Waiting], days: list[tuple[int, int, str]]) -> tuple[list[str], dict[str, Any]]:
    """KEYS and ARGV[1] of the script, as its module describes them."""
    counters: dict[str, int] = {}
    apis: dict[str, int] = {}
    kinds: list[list[int]] = []
    known: dict[int, int] = {}  # calls of one app to one API share their request: one look-up for each but the first
    calls: list[int] = []
    prices: list[tuple[int, Reservation]] = []
    for request, reservation, _ in batch:
        kind = known.get(id(request))
        if kind is None:
            kinds.append(_rules(request, counters, apis))
            kind = known[id(request)] = len(kinds)
        calls.append(kind)
        if reservation is not None:
            prices.append((len(calls), reservation))
    keys = [ADMISSION_SENTINEL, COUNTED_RECENTLY]
    keys += [RANK_PREFIX + name for _, _, name in days]
    keys += counters
    body: dict[str, Any] = {"days": days, "kinds": kinds, "calls": calls, "apis": list(apis)}
    if prices:
        keys.append(PENDING_EXPIRY)
        body["expiry"] = len(keys)
        balances: dict[int, int] = {}
        body["prices"] = rows = []
        for n, r in prices:
            at = balances.get(r.customer_id)
            if at is None:
                keys += (f"{BALANCE_PREFIX}{r.customer_id}", f"{PENDING_PREFIX}{r.customer_id}")
                at = balances[r.customer_id] = len(keys) - 1
            rows.append((n, at, r.price_fen, r.request_id, r.customer_id, r.hold_s))
    return keys, body


_Memo = tuple[str, str, str, tuple[int, ...]]


def _rules(r: QuotaRequest, counters: dict[str, int], apis: dict[str, int]) -> list[int]:
    # With 20,000 apps in turn nearly every call comes here: it is written for speed.
    app, api, grant, limits = r.memo or _memo(r)
    rules = [counters.setdefault(app, len(counters) + 1), apis.setdefault(r.api_name, len(apis) + 1), *limits]
    if len(limits) > 2:
        if api:
            rules[4] = counters.setdefault(api, len(counters) + 1)
        if grant:
            rules[8] = counters.setdefault(grant, len(counters) + 1)
    return rules


@lru_cache(maxsize=1024)
def _equal_limits(limits: tuple[int, ...]) -> tuple[int, ...]:
    """The same for all apps that are limited alike: there may be 100,000."""
    return limits


def _memo(r: QuotaRequest) -> _Memo:
    """Names of the counters, "" for one that is not needed, and the kind's limits, 0 where a counter's number goes."""
    app = APP_QUOTA_PREFIX + r.app_key
    api = API_QUOTA_PREFIX + r.api_name if r.counts_api else ""
    grant = f"{GRANT_QUOTA_PREFIX}{r.app_key}:{r.api_name}" if r.counts_grant else ""
    day, minute, *more = [
        -1 if limit is None else limit
        for limit in (
            r.daily_limit, r.minute_limit, r.api_second_limit, r.api_minute_limit, r.api_daily_limit, r.grant_daily_limit,
            r.grant_minute_limit,
        )
    ]  # fmt: skip
    limits = (day, minute, 0, *more[:3], 0, *more[3:]) if api or grant else (day, minute)
    memo = (app, api, grant, _equal_limits(limits))
    force_setattr(r, "memo", memo)
    return memo


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


def _day_at(now_s: int, days: list[tuple[int, int, str]]) -> tuple[int, int, str]:
    return next((d for d in days if now_s < d[1]), days[-1])


def _use(row: dict[bytes, bytes], now_s: int, days: list[tuple[int, int, str]]) -> QuotaUse:
    last = int(row.get(b"last", 0))
    now_s = max(now_s, last)
    _, end, name = _day_at(now_s, days)
    in_window = [s for s in range(now_s - 60, last + 1) if s > last - 61]
    return QuotaUse(
        day_used=int(row.get(b"used", 0)) if row.get(b"day") == name.encode() else 0,
        minute_used=sum(int(row.get(str(s % 61).encode(), 0)) for s in in_window),
        day_reset_s=end - now_s,
    )
