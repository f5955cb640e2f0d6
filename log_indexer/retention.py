"""Forgets call logs past their retention, whole days at a time, and keeps the store's templates in place."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from openplatform.errors import OpenPlatformError, StoreRejected
from openplatform.ports import CallLogStore, Clock

log = logging.getLogger(__name__)

EVERY_S = 3600.0
"""A day's logs go at most an hour late; several indexers doing it change nothing, since a day can go only once."""
AGAIN_S = 60.0


async def drop_old_logs(store: CallLogStore, clock: Clock, *, keep_days: int) -> int:
    """Drops the days before the last keep_days, today (UTC) not counted; returns how many went."""
    oldest_kept = datetime.fromtimestamp(clock.now(), UTC).date() - timedelta(days=keep_days)
    dropped = await store.drop_before(oldest_kept)
    if dropped:
        log.info("dropped %d days of call logs before %s", dropped, oldest_kept)
    return dropped


async def keep_in_order(store: CallLogStore, clock: Clock, *, keep_days: int) -> None:
    """Once an hour, for ever. Templates are written again as well: without them a new day's index would accept anything."""
    while True:
        wait_s = EVERY_S
        try:
            await store.prepare()
            await drop_old_logs(store, clock, keep_days=keep_days)
        except (OpenPlatformError, StoreRejected) as error:
            log.warning("old call logs are not dropped now, next try in %d s: %s", AGAIN_S, error)
            wait_s = AGAIN_S
        await asyncio.sleep(wait_s)
