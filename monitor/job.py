"""What runs by itself in every monitor: the tick once a minute, and the sender of mails."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from monitor.service.delivery import Delivery
from monitor.service.watch import Result, Watch
from openplatform.errors import PlatformUnavailable
from openplatform.jobs import end

log = logging.getLogger(__name__)

MISFIRE_S = 30
"""A tick this late still falls into its minute; a later one is left out, and the next one catches up."""
POLL_S = 5.0
"""How soon a new mail leaves; one indexed query per monitor."""
STOP_S = 12.0
"""How long a stopping monitor lets mails in transit arrive: the mailer's deadline and a little."""


@asynccontextmanager
async def running_jobs(watch: Watch, delivery: Delivery, *, every_s: int = 60, delay_s: int) -> AsyncIterator[None]:
    """Ticks `delay_s` after the end of every window (of every minute) and sends due mails, while inside.

    At the end a running tick is cancelled (its transaction rolls back, its lock is given back), mails in transit are awaited.
    """
    ticks = _Ticks(watch)
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_job(
        ticks.run,
        tick_trigger(every_s, delay_s),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=min(MISFIRE_S, every_s),
    )
    scheduler.start()
    stopping = asyncio.Event()
    sender = asyncio.create_task(send_on(delivery, stopping, min(POLL_S, every_s)), name="mail sender")
    try:
        yield
    finally:
        scheduler.pause()
        await ticks.stop()
        stopping.set()
        await asyncio.wait({sender}, timeout=STOP_S)
        await end(sender)
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # it ends in the loop's next turn


def tick_trigger(every_s: int, delay_s: int) -> IntervalTrigger:
    """`delay_s` after every multiple of `every_s` since the epoch: for 60, at that second of every minute."""
    epoch = datetime.fromtimestamp(0, UTC)
    return IntervalTrigger(seconds=every_s, start_date=epoch + timedelta(seconds=delay_s), timezone=UTC)


async def send_on(delivery: Delivery, stopping: asyncio.Event, poll_s: float = POLL_S) -> None:
    """Sends due mails every 5 s until told to stop; outlives whatever happens to one round."""
    while not stopping.is_set():
        try:
            await delivery.send_due()
        except PlatformUnavailable as error:
            log.warning("the mail sender waits: %s", error.sub_msg)
        except Exception:
            log.exception("the mail sender failed once")
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), poll_s)


class _Ticks:
    """Runs ticks for the scheduler, which would neither wait for a running one at its end nor take its cancellation as normal."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._tick: asyncio.Task[Result] | None = None
        self._run: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self._run = asyncio.current_task()
        self._tick = asyncio.create_task(self._watch.tick(), name="monitor tick")
        await asyncio.wait({self._tick})

    async def stop(self) -> None:
        if self._tick is not None and self._run is not None:
            await end(self._tick)
            await asyncio.wait({self._run})
