"""One changed app among 100,000: when it is in force, and how long the loop that answers calls stands still for it."""

import asyncio
import base64
import gc
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from statistics import median

import msgspec

from benchmarks.catalogue import Catalogue
from gateway.catalog import Catalog
from openplatform.adapters.catalog_redis import RedisCatalogReader, RedisCatalogWriter
from openplatform.adapters.redis_client import open_redis
from openplatform.records import ConfigChange
from openplatform.sealing import Seal

_TICK_S = 0.0005


@dataclass(frozen=True)
class ChangeFigures:
    """Times in ms: of `changes` changes, from publishing to in force; and the longest pause of the loop meanwhile, beside the
    longest while nothing changed (the machine's own)."""

    changes: int
    in_force_ms: float
    worst_in_force_ms: float
    pause_ms: float
    idle_pause_ms: float


async def measure_changes(catalogue: Catalogue, redis_url: str, *, changes: int = 50) -> ChangeFigures:
    """A gateway's catalogue in this process, following a Redis that holds this Catalogue."""
    kid, _, key = catalogue.master_key.partition(":")
    async with open_redis(redis_url, None) as client:
        catalog = Catalog(RedisCatalogReader(client), Seal({kid: base64.b64decode(key)}))
        await catalog.refresh(lambda _: None)
        gc.collect()
        gc.freeze()
        following = asyncio.create_task(catalog.follow(lambda _: None))
        await asyncio.sleep(0.5)
        idle_pause_s = await _longest_pause(asyncio.sleep(3))
        took: list[float] = []

        async def change() -> None:
            writer = RedisCatalogWriter(client)
            entry = next(iter(catalog.apps.values())).app
            for number in range(1, changes + 1):
                app = msgspec.structs.replace(entry, daily_limit=number)
                body = msgspec.json.encode(app)
                started = time.monotonic()
                await writer.publish([ConfigChange(kind="app", key=app.app_key, version=10**9 + number, body=body)])
                while catalog.apps[app.app_key].app.daily_limit != number:  # noqa: ASYNC110  # nothing announces it here
                    await asyncio.sleep(0.001)
                took.append((time.monotonic() - started) * 1000)

        pause_s = await _longest_pause(change())
        following.cancel()
    return ChangeFigures(changes, median(took), max(took), pause_s * 1000, idle_pause_s * 1000)


async def _longest_pause(work: Awaitable[None]) -> float:
    """Seconds: how much later than asked the loop came back to a ticking task while the work was done."""
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            before = time.monotonic()
            await asyncio.sleep(_TICK_S)
            worst = max(worst, time.monotonic() - before - _TICK_S)

    ticking = asyncio.create_task(tick())
    await work
    ticking.cancel()
    return worst
