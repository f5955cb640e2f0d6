"""Old days are dropped by the clock, and the job outlives a store that is down."""

import asyncio
from datetime import UTC, date, datetime

from log_indexer.retention import drop_old_logs, keep_in_order
from openplatform.errors import PLATFORM_UNAVAILABLE
from tests.unit.log_indexer.parts import HandClock, ScriptedStore


async def test_today_and_the_days_of_the_retention_stay() -> None:
    """30 days besides today: on 15 June everything before 16 May goes, just before midnight UTC and just after."""
    store = ScriptedStore()
    for moment in (datetime(2025, 6, 15, tzinfo=UTC), datetime(2025, 6, 15, 23, 59, 59, tzinfo=UTC)):
        assert await drop_old_logs(store, HandClock(moment.timestamp()), keep_days=30) == 1
    assert store.dropped_before == [date(2025, 5, 16)] * 2


async def test_the_job_writes_templates_again_and_drops() -> None:
    """A template that somebody deleted is there again within the hour."""
    store = ScriptedStore()
    job = asyncio.create_task(keep_in_order(store, HandClock(), keep_days=1))
    while not store.dropped_before:
        await asyncio.sleep(0)
    job.cancel()
    assert store.prepared == 1


async def test_the_job_outlives_a_store_that_is_down() -> None:
    """It tries again later instead of ending."""

    class Down(ScriptedStore):
        async def prepare(self) -> str:
            await super().prepare()
            raise PLATFORM_UNAVAILABLE("elasticsearch: ConnectionError")

    store = Down()
    job = asyncio.create_task(keep_in_order(store, HandClock(), keep_days=1))
    while not store.prepared:
        await asyncio.sleep(0)
    assert not (await asyncio.wait([job], timeout=0.05))[0]
    job.cancel()
