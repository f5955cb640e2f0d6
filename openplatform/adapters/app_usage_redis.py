"""Plays the monitor's AppUsage over Redis or fakeredis: the counters that moved, each with its app's limit out of the catalogue."""

from typing import Any

import msgspec

from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import CATALOG_PREFIX
from openplatform.records import AppUse, AppUses, CounterState

CHUNK = 500


class _Limit(msgspec.Struct):
    """The two fields of an app's entry that are wanted here."""

    app_name: str
    daily_limit: int


_LIMITS = msgspec.json.Decoder(_Limit)


class RedisAppUsage:
    """Reads only. Apps that the catalogue does not know (any more), or whose entry cannot be read, are left out."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._counters = RedisQuotaSnapshot(client)

    async def moved(self, since_s: int) -> AppUses:
        counted = await self._counters.changed(since_s)
        states = [state for state in counted.states if state.kind == "app"]
        uses: list[AppUse] = []
        for start in range(0, len(states), CHUNK):
            uses += await self._with_limits(states[start : start + CHUNK])
        return AppUses(taken_at_s=counted.taken_at_s, uses=tuple(uses))

    async def _with_limits(self, states: list[CounterState]) -> list[AppUse]:
        with redis_errors():
            rows: Any = await self._client.hmget(f"{CATALOG_PREFIX}app", [state.name for state in states])
        found = []
        for state, row in zip(states, rows, strict=True):
            try:
                app = None if row is None else _LIMITS.decode(row)
            except msgspec.DecodeError:
                continue  # gateways refuse the whole change and say so
            if app is not None:
                found.append(
                    AppUse(
                        app_key=state.name,
                        app_name=app.app_name,
                        day=state.day,
                        day_used=state.day_used,
                        daily_limit=app.daily_limit,
                    )
                )
        return found
