"""The way of call logs out of the process: encoded once per turn of the loop, on disk, sent from there until confirmed."""

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from gateway.delivery import BATCH_RECORDS, Delivery
from gateway.spool.disk import SpoolDisk
from gateway.spool.memory import MemoryStore
from gateway.spool.segment import Batch
from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable
from openplatform.jobs import running
from openplatform.records import CallLog

log = logging.getLogger(__name__)

BATCH_BYTES = 1024 * 1024
"""The bound of a message's NDJSON in the usual case; a turn of 500 large records may make a larger one."""


class LogSpool:
    """Takes the record of every call and sends it; nothing here waits for a broker.

    send: as Delivery's, for a batch's message; root: where processes have their folders, None = memory only (the all-in-one, whose
    queue is in memory, too); max_bytes: of this process's folder; max_records: kept in memory while the disk cannot be written;
    flush_s: how long a record waits for its batch to fill.
    """

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], *, root: Path | None, max_bytes: int, max_records: int, flush_s: float
    ) -> None:  # fmt: skip
        self._encode = msgspec.json.Encoder().encode_lines
        self._turn: list[CallLog] = []
        self.offer: Callable[[CallLog], None] = self._turn.append
        """Takes a record; never waits, never fails. A Python function in between would be a part of what each record costs."""
        self._memory = MemoryStore(max_records=max_records, dropped=self._drop)
        self._disk = None if root is None else SpoolDisk(root, max_bytes=max_bytes, dropped=self._drop)
        self._under_way: dict[Batch, None] = {}
        self.dropped: Counter[str] = Counter()
        """Reason → records that were lost."""
        self.published = 0
        self._send = send
        self.delivery: Delivery[Batch] = Delivery(self, self._deliver, what="call logs", flush_s=flush_s)

    @property
    def waiting(self) -> int:
        """Records that the broker has not confirmed yet."""
        return self._on_disk + self._not_on_disk

    @property
    def bytes(self) -> int:
        """Of this process's segments on disk."""
        return 0 if self._disk is None or self._disk.store is None else self._disk.store.bytes

    @property
    def trouble(self) -> str:
        """Why the disk is not used; "" = it is, or is not meant to be."""
        return "" if self._disk is None else self._disk.trouble

    @property
    def trouble_code(self) -> str:
        """The same as an errno's name, such as ENOSPC; "" = it has none."""
        return "" if self._disk is None else self._disk.trouble_code

    def oldest_age_s(self) -> float:
        """Age of the oldest record that the broker has not confirmed; 0 when there is none."""
        times: list[int | None] = [batch.oldest_ms for batch in self._under_way]
        times.append(self._memory.oldest_ms())
        if self._disk is not None and self._disk.store is not None:
            times.append(self._disk.store.oldest_ms())
        known = [ms for ms in times if ms is not None]
        return max(0.0, time.time() - min(known) / 1000) if known else 0.0

    def write_turn(self) -> None:
        """Makes the records offered since the last time safe from this process's death: to be called before answers leave."""
        turn = self._turn
        while turn:
            records = turn[:BATCH_RECORDS]
            del turn[:BATCH_RECORDS]
            self._write(records)

    @asynccontextmanager
    async def open(self, *, flush_s: float) -> AsyncIterator[None]:
        """Sends while the block runs; at its end tries for flush_s to send the rest. What is on disk stays there otherwise."""
        async with AsyncExitStack() as stack:
            if self._disk is not None:
                await stack.enter_async_context(self._disk.open())
            stack.push_async_callback(self._flush, flush_s)
            await stack.enter_async_context(running(self.delivery.run(), name="call logs"))
            yield

    # --- as the delivery's source

    def take(self) -> Batch | None:
        self.write_turn()  # of calls that nobody waited for any more
        batch = self._memory.take(BATCH_RECORDS)  # first: what is there does not survive the process
        if batch is None and self._disk is not None and self._disk.store is not None:
            batch = self._disk.store.take(BATCH_RECORDS, BATCH_BYTES)
        if batch is not None:
            self._under_way[batch] = None
        return batch

    def settle(self, batch: Batch, *, is_confirmed: bool) -> None:
        # Confirmed it always is: `_deliver` lets nothing end a batch's way otherwise.
        del self._under_way[batch]
        if batch.segment is not None and self._disk is not None and self._disk.store is not None:
            self._disk.store.settle(batch.segment, batch.records)
        self.published += batch.records

    # --- inside

    def _write(self, records: list[CallLog]) -> None:
        now_ms = time.time_ns() // 1_000_000
        try:
            body = self._encode(records)
        except Exception:  # answers are about to leave: whatever is wrong with one record is that record's
            records = [record for record in records if self._has_json(record)]
            body = self._encode(records)
        if records and (self._disk is None or not self._disk.append(body, len(records), now_ms)):
            self._memory.append(body, len(records), now_ms)
        store = None if self._disk is None else self._disk.store
        if self._memory.unsent + (0 if store is None else store.unsent) >= BATCH_RECORDS:
            self.delivery.hurry()

    @property
    def _on_disk(self) -> int:
        return 0 if self._disk is None or self._disk.store is None else self._disk.store.entries

    @property
    def _not_on_disk(self) -> int:
        sent = sum(batch.records for batch in self._under_way if batch.segment is None or batch.segment.is_dropped)
        return len(self._turn) + self._memory.unsent + sent

    def _drop(self, reason: str, records: int) -> None:
        self.dropped[reason] += records

    def _has_json(self, record: CallLog) -> bool:
        """Half a character in one record must not cost the others of its turn."""
        try:
            self._encode([record])
        except Exception:
            log.exception("the record of call %s has no JSON form", record.requestId)
            self._drop("no_json", 1)
            return False
        return True

    async def _deliver(self, batch: Batch) -> None:
        try:
            await self._send(batch.body)
        except PlatformUnavailable:
            raise
        except Exception as error:
            # Bytes that were JSON when they were written can be no reason: whatever it is, it is the way that is at fault.
            log.exception("call logs could not be sent")
            raise PLATFORM_UNAVAILABLE(f"a fault of the way: {type(error).__name__}") from error

    async def _flush(self, timeout_s: float) -> None:
        await self.delivery.flush(timeout_s=timeout_s)
        if kept := self._on_disk:
            log.warning("%d call logs stay in the spool: the next gateway process sends them", kept)
        if lost := self._not_on_disk:
            log.error("%d call logs are lost: neither the disk nor the broker took them before the stop", lost)
