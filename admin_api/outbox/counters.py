"""Admission counters on their way out of Redis and back: kept in SQL every 10 s, put back into a Redis that lost them."""

import asyncio
import logging
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from admin_api.tables.counters import quota_counter
from openplatform.errors import PlatformUnavailable
from openplatform.ports import QuotaSnapshot
from openplatform.records import CounterState
from openplatform.sql import AsyncConnection, Database

log = logging.getLogger(__name__)

KEEP_EVERY_S = 10.0
"""What a Redis that lost its data may let through a second time, at most: what was admitted since the last time."""
KEPT_S = 2 * 86_400
"""As long as the counters live in Redis."""
_FORGET_EVERY = 360
"""Passes, an hour of them."""
_ROWS = 500  # SQLite takes 32,766 values in one statement


class CounterKeeping:
    """Keeps what Redis counts. Any number of processes may: they write the same."""

    def __init__(self, database: Database, counters: QuotaSnapshot) -> None:
        self._database = database
        self._counters = counters
        self._since_s = 0
        self._passes = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.keep()
            except PlatformUnavailable as error:
                log.info("the counters were not kept this time: %s", error.sub_msg)
            except Exception:  # the job goes on whatever happened
                log.exception("keeping the counters failed")
            await asyncio.sleep(KEEP_EVERY_S)

    async def keep(self) -> int:
        """Writes what counted since the last time; how many. Nothing of counters that are not complete."""
        if not await self._counters.is_complete():
            return 0
        found = await self._counters.changed(self._since_s)
        if not await self._counters.is_complete():  # lost meanwhile: what was read may be a beginning, not a sum
            return 0
        async with self._database.begin() as connection:
            for start in range(0, len(found.states), _ROWS):
                await _write(connection, found.states[start : start + _ROWS])
            if self._passes % _FORGET_EVERY == 0:
                old = quota_counter.c.last_s < found.taken_at_s - KEPT_S
                await connection.execute(sa.delete(quota_counter).where(old))
        self._passes += 1
        self._since_s = found.taken_at_s
        return len(found.states)


async def kept_counters(connection: AsyncConnection) -> list[CounterState]:
    """Everything that is kept."""
    rows = (await connection.execute(sa.select(quota_counter))).mappings()
    return [CounterState(**{str(name): value for name, value in row.items()}) for row in rows]


async def _write(connection: AsyncConnection, states: Sequence[CounterState]) -> None:
    rows = [
        {
            "kind": state.kind,
            "name": state.name,
            "day": state.day,
            "day_used": state.day_used,
            "last_s": state.last_s,
            "minute_used": state.minute_used,
        }
        for state in states
    ]
    moved = ("day", "day_used", "last_s", "minute_used")
    if connection.dialect.name == "sqlite":
        lite = sqlite.insert(quota_counter).values(rows)
        await connection.execute(
            lite.on_conflict_do_update(index_elements=["kind", "name"], set_={n: lite.excluded[n] for n in moved})
        )
    else:
        other = mysql.insert(quota_counter).values(rows)
        await connection.execute(other.on_duplicate_key_update({n: other.inserted[n] for n in moved}))
