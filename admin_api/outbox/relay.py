"""The relay: brings committed changes from the outbox to Redis, and everything anew when Redis lost its data."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from admin_api.outbox.counters import kept_counters
from admin_api.outbox.records import everything
from admin_api.outbox.repository import forget_sent, mark_sent, newer_than, newest_id, unsent
from admin_api.security.metrics import AdminMetrics
from admin_api.tables.rows import Row
from openplatform.errors import PlatformUnavailable
from openplatform.ports import CatalogWriter, Clock, QuotaSnapshot
from openplatform.records import ConfigChange
from openplatform.sql import Database, DatabaseAway

log = logging.getLogger(__name__)

POLL_S = 1.0
"""Finds what other admin instances left behind when they died; one's own changes wake the relay at once."""
COMPLETE_CHECK_S = 5.0
IN_FORCE_WAIT_S = 1.0
"""A change is promised to be in force within a second; an answer waits no longer for it."""
_BATCH = 500
_KEEP_SENT = timedelta(days=1)
_FORGET_EVERY_S = 3600.0


class Relay:
    """Pushes outbox rows in the order of their ids, which are the order of commits. Any number of relays may run at once.

    A row's id is its version: the writer ignores what is older than what it has, so that pushing twice changes nothing.
    """

    def __init__(
        self, database: Database, writer: CatalogWriter, counters: QuotaSnapshot, clock: Clock, metrics: AdminMetrics
    ) -> None:
        self._database = database
        self._writer = writer
        self._counters = counters
        self._clock = clock
        self._metrics = metrics
        self._awake = asyncio.Event()
        self._turn = asyncio.Condition()
        self._settled = 0  # every row up to this id is in Redis
        self.catalogue_version = 0
        """The number that the catalogue had when the last pass ended: a gateway that has reached it applies all that is settled."""
        self._failures = 0  # passes that failed, ever
        self._waits = False
        self._is_cut_off = False
        self._check_at = 0.0
        self._forget_at = 0.0

    @property
    def is_cut_off(self) -> bool:
        """Whether Redis could not be reached at the last pass, a second ago or less: counters cannot be read either, and changes wait."""
        return self._is_cut_off

    def wake(self) -> None:
        """There is something to push."""
        self._awake.set()

    async def in_force(self, outbox_id: int) -> bool:
        """True when the row has reached Redis; False when that failed or took longer than a second: it comes later then."""
        failures = self._failures
        try:
            async with asyncio.timeout(IN_FORCE_WAIT_S), self._turn:
                await self._turn.wait_for(lambda: self._settled >= outbox_id or self._failures > failures)
        except TimeoutError:
            return False
        return self._settled >= outbox_id

    async def run(self) -> None:
        """Relays until cancelled. A store that is down is logged once and tried again every second."""
        while True:
            self._awake.clear()
            try:
                await self.relay()
                if self._waits:
                    log.info("changes reach the gateways again")
                self._waits = self._is_cut_off = False
            except PlatformUnavailable as error:
                if not self._waits:
                    log.warning("changes wait for their way to the gateways: %s", error.sub_msg)
                self._waits, self._is_cut_off = True, not isinstance(error, DatabaseAway)
                self._failures += 1
            except Exception:  # whatever it is, the next change must still get its chance
                log.exception("the relay failed")
                self._failures += 1
            self._metrics.note_relay(version=self._settled, is_cut_off=self._waits)
            async with self._turn:
                self._turn.notify_all()
            try:
                async with asyncio.timeout(POLL_S):
                    await self._awake.wait()
            except TimeoutError:
                continue

    async def relay(self) -> None:
        """One pass: replaces the catalogue if it is incomplete, pushes all that is not sent, now and then forgets what was."""
        now = self._clock.monotonic()
        if now >= self._check_at:
            # The counters first: gateways that see the catalogue complete can count.
            if not await self._counters.is_complete():
                await self._restore_counters()
            if not await self._writer.is_complete():
                await self._replace()
            self._check_at = now + COMPLETE_CHECK_S
        async with self._database.read() as connection:
            newest = await newest_id(connection)
            rows = await unsent(connection, _BATCH)
        while rows:
            await self._push(rows)
            async with self._database.read() as connection:
                rows = await unsent(connection, _BATCH)
        self.catalogue_version = await self._writer.version()
        self._settled = newest
        if now >= self._forget_at:
            async with self._database.begin() as connection:
                await forget_sent(connection, self._now() - _KEEP_SENT)
            self._forget_at = now + _FORGET_EVERY_S

    async def _restore_counters(self) -> None:
        async with self._database.read() as connection:
            kept = await kept_counters(connection)
        await self._counters.restore(kept)
        log.info("%d admission counters were put into Redis: gateways may use them from now on", len(kept))

    async def _replace(self) -> None:
        # The version is read first: what the snapshot holds is at least that new. What other instances pushed meanwhile
        # may have been replaced by it, so everything later is pushed once more.
        async with self._database.read() as connection:
            newest = await newest_id(connection)
            entries = await everything(connection, self._now())
        log.info("writing the whole catalogue to Redis: %d entries at version %d", len(entries), newest)
        await self._writer.replace(
            [
                ConfigChange(kind=e.kind, key=e.key, version=newest, body=e.body, expire_at_ms=e.expire_at_ms)
                for e in entries
            ]
        )
        while True:
            async with self._database.read() as connection:
                rows = await newer_than(connection, newest, _BATCH)
            if not rows:
                return
            await self._push(rows)
            newest = rows[-1]["id"]

    async def _push(self, rows: Sequence[Row]) -> None:
        await self._writer.publish([_change(row) for row in rows])
        async with self._database.begin() as connection:
            await mark_sent(connection, [row["id"] for row in rows], self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _change(row: Row) -> ConfigChange:
    return ConfigChange(
        kind=row["kind"],
        key=row["key"],
        version=row["id"],
        body=None if row["body"] is None else row["body"].encode(),
        expire_at_ms=row["expire_at_ms"],
    )
