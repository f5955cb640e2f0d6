"""Queue → store: takes batches, indexes several in one bulk, repeats what must be repeated, and only then acknowledges.

Nothing is acknowledged before the store has confirmed each record of it, so an indexer may die at any time: what it held comes
again, and records that were stored already are duplicates that change nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress

from log_indexer.backoff import Backoff
from log_indexer.batch import Batch
from log_indexer.metrics import IndexerMetrics
from log_indexer.progress import Progress
from log_indexer.settings import HOLD_S
from openplatform.errors import PlatformUnavailable, StoreRejected
from openplatform.lifetime import running
from openplatform.ports import CallLogConsumer, CallLogStore, Clock
from openplatform.records import CallLog, IndexVerdict

log = logging.getLogger(__name__)

MAX_BULK_RECORDS = 2_000
"""Half of what eight messages of 500 hold: one bulk is formed while another is stored."""
MAX_BULK_BATCHES = 4
"""Half of the prefetch, so that small messages do not wait for a lingering bulk that cannot grow."""
LINGER_S = 0.2
"""How long a bulk waits for more: at a few calls per second it saves requests, and nobody notices the delay."""
BULKS_AT_ONCE = 2
MOST_FAULTS = 3
"""A batch on which we ourselves fail at its third delivery is put aside: it would come again for ever, and hold up what follows."""
_FINISH_S = 10.0
_DRAIN_S = 10.0
_RESULTS = {"created": "created", "duplicate": "duplicate", "retry": "retried"}
"""Verdict → metric; what is refused counts once it lies in the dead letters."""


class LogIndexing:
    """The consumer's work; `run` until `stop`.

    queue, store: the two ends; progress, metrics: what others may know about it; backoff: makes the waits of one bulk;
    linger_s: how long a bulk waits for more; hold_s: a batch that cannot be stored for so long is given back, and comes again at
    once: a broker takes the channel of a consumer that keeps a message too long; drains: take all that waits before stopping,
    since the queue does not outlive this process; when_settled: hears of each batch that is done with.
    """

    def __init__(
        self,
        queue: CallLogConsumer,
        store: CallLogStore,
        clock: Clock,
        progress: Progress,
        metrics: IndexerMetrics,
        *,
        backoff: Callable[[], Backoff] = Backoff,
        linger_s: float = LINGER_S,
        hold_s: float = HOLD_S,
        drains: bool = False,
        when_settled: Callable[[Batch], None] | None = None,
    ) -> None:
        self._queue = queue
        self._store = store
        self._clock = clock
        self._progress = progress
        self._metrics = metrics
        self._backoff = backoff
        self._after_faults, self._after_unsettled, self._after_outage = backoff(), backoff(), backoff()
        self._linger_s = linger_s
        self._hold_s = hold_s
        self._drains = drains
        self._when_settled = when_settled
        self._taken: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._bulks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(BULKS_AT_ONCE)
        self._store_answers = True
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Indexes until `stop` was called. Cancelled, it gives back what is not stored."""
        try:
            await self._prepare()
            async with running(self._take(), name="take call logs from the queue"):
                while batches := await self._next_bulk():
                    bulk = asyncio.create_task(self._index(batches), name="store call logs")
                    self._bulks.add(bulk)
                    bulk.add_done_callback(self._bulks.discard)
                if self._bulks:
                    await asyncio.wait(self._bulks, timeout=_FINISH_S)
        finally:
            self._stopped.set()
            for bulk in self._bulks:
                bulk.cancel()
            await asyncio.gather(*self._bulks, return_exceptions=True)

    async def stop(self) -> None:
        """Returns when the bulks under way are finished, at most 10 s later; what else was taken goes back to the queue."""
        if self._drains:
            await self._drain()
        self._stopping.set()
        self._taken.put_nowait(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S + 1):
                await self._stopped.wait()

    async def _drain(self) -> None:
        ends = self._clock.monotonic() + _DRAIN_S
        while self._clock.monotonic() < ends and self._store_answers:
            if not await self._queue.depth() and not self._progress.batches:
                return
            await asyncio.sleep(0.02)

    async def _prepare(self) -> None:
        backoff = self._backoff()
        while not self._stopping.is_set():
            try:
                store = self._progress.store = await self._store.prepare()
                self._metrics.uses(store)
                log.info("log store: %s", store)
                self._store_works()
                return
            except (PlatformUnavailable, StoreRejected) as error:
                self._store_failed(error)
                await self._pause(backoff)
            except Exception:  # a fault of ours must not end indexing before it began, in a process that looks well
                log.exception("the log store could not be prepared")
                await self._pause(backoff)

    async def _take(self) -> None:
        while True:
            try:
                async with aclosing(self._queue.deliveries()) as deliveries:
                    async for delivery in deliveries:
                        batch = Batch(delivery, taken_at=self._clock.monotonic())
                        self._progress.taken(batch)
                        self._taken.put_nowait(batch)
            except Exception:  # a fault of ours must not end indexing; the queue gives everything again
                log.exception("taking call logs from the queue failed")
                await self._pause(self._after_faults)

    async def _next_bulk(self) -> list[Batch]:
        """Batches for one bulk, at least one; [] when stopping."""
        if self._stopping.is_set() or (first := await self._taken.get()) is None:
            return []
        batches, count = [first], len(first.records)
        if first.delivery.times_before:  # perhaps we ourselves fail on it: alone, it takes nobody with it
            return batches
        try:
            async with asyncio.timeout(self._linger_s):
                while count < MAX_BULK_RECORDS and len(batches) < MAX_BULK_BATCHES:
                    batch = await self._taken.get()
                    if batch is None:  # `stop` was called: this bulk is the last
                        break
                    batches.append(batch)
                    count += len(batch.records)
        except TimeoutError:
            pass
        return batches

    async def _index(self, batches: list[Batch]) -> None:
        try:
            await self._store_all(batches)
        except Exception as error:  # a fault of ours: a pause, so that it does not become a hot loop, and again
            log.exception("indexing %d batches failed", len(batches))
            await self._pause(self._after_faults)
            await self._give_back([batch for batch in batches if not await self._given_up(batch, error)])
        else:
            self._after_faults.reset()

    async def _store_all(self, batches: list[Batch]) -> None:
        open_records = [(batch, record) for batch in batches for record in batch.records]
        for batch in [batch for batch in batches if batch.is_done]:  # nothing in it was a record
            batches.remove(batch)
            await self._settle(batch)
        backoff = self._backoff()
        while open_records:
            open_records = await self._store_once(open_records, backoff)
            for batch in [batch for batch in batches if batch.is_done]:
                batches.remove(batch)
                await self._settle(batch)
            held_s = max((self._clock.monotonic() - batch.taken_at for batch in batches), default=0.0)
            if open_records and (self._stopping.is_set() or held_s > self._hold_s):
                log.warning("%d batches could not be stored for %d s and go back to the queue", len(batches), held_s)
                await self._give_back(batches)
                return

    async def _store_once(
        self, open_records: list[tuple[Batch, CallLog]], backoff: Backoff
    ) -> list[tuple[Batch, CallLog]]:
        """One bulk, and the wait that must follow it; what remains is to be sent again.

        When the store did not answer at all, that wait is spent with the bulk's slot held: a store that is down is asked by so
        many bulks only, and taking from the queue comes to rest by itself. Otherwise others go on meanwhile.
        """
        async with self._slots:
            now_ms = int(self._clock.now() * 1000)
            records = [record for _, record in open_records]
            for record in records:
                record.createTime = now_ms
            try:
                verdicts = await self._store.add(records)
            except PlatformUnavailable as error:
                self._metrics.outages.inc()
                self._store_failed(error)
                await self._pause(self._after_outage)
                return open_records
        self._after_outage.reset()
        self._store_works()
        counts = dict.fromkeys(("created", "duplicate", "refused", "retry"), 0)
        for (batch, record), verdict in zip(open_records, verdicts, strict=True):
            batch.judged(record, verdict)
            counts[verdict.outcome] += 1
        again = [pair for pair, verdict in zip(open_records, verdicts, strict=True) if verdict.outcome == "retry"]
        self._note_block(verdicts, stored=len(again) < len(open_records))
        if len(again) < len(open_records):
            self._progress.indexed_up_to(max(record.receiveTime for record in records))
            backoff.reset()
        self._count(counts)
        if again:
            await self._pause(backoff)
        return again

    async def _pause(self, backoff: Backoff) -> None:
        """Waits as long as the backoff says, or until `stop` is called."""
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff.next_s()):
                await self._stopping.wait()

    async def _settle(self, batch: Batch) -> None:
        dead = batch.dead
        try:
            await batch.settle()
        except PlatformUnavailable as error:
            log.info("a batch that is stored was not acknowledged and comes again: %s", error.sub_msg)
            if dead:  # a broker with an alarm takes no dead letters, but delivers on
                await self._pause(self._after_unsettled)
            await self._give_back([batch])
            return
        if dead:
            self._after_unsettled.reset()
            self._metrics.docs.labels("deadletter").inc(dead)
        self._progress.settled(batch)
        if self._when_settled is not None:
            self._when_settled(batch)

    async def _given_up(self, batch: Batch, error: Exception) -> bool:
        """Puts a batch aside whose handling has failed too often; whether it did."""
        if batch.delivery.times_before + 1 < MOST_FAULTS:
            return False
        try:
            await batch.give_up(f"a fault of the indexer's: {type(error).__name__}: {error}")
        except PlatformUnavailable:
            return False
        self._metrics.docs.labels("deadletter").inc(len(batch.records) + batch.dead)
        self._progress.settled(batch)
        return True

    async def _give_back(self, batches: list[Batch]) -> None:
        for batch in batches:
            self._metrics.unsettled.inc()
            await batch.give_back()
            self._progress.settled(batch)

    def _count(self, counts: dict[str, int]) -> None:
        for outcome, result in _RESULTS.items():
            self._metrics.docs.labels(result).inc(counts[outcome])

    def _note_block(self, verdicts: Sequence[IndexVerdict], *, stored: bool) -> None:
        """An alarm of its own: waiting does not help here, somebody must make room."""
        reason = next((verdict.reason for verdict in verdicts if verdict.is_blocked), "")
        if reason and not self._progress.blocked:
            log.error("the log store takes no writes, indexing waits until somebody makes room: %s", reason)
        if not reason and stored and self._progress.blocked:
            log.info("the log store takes writes again")
        if reason or stored:
            self._progress.blocked = reason
            self._metrics.blocked.set(bool(reason))

    def _store_failed(self, error: Exception) -> None:
        if self._store_answers:
            log.warning("the log store does not work; indexing waits for it: %s", error)
        self._store_answers = False

    def _store_works(self) -> None:
        if not self._store_answers:
            log.info("the log store works again")
        self._store_answers = True
