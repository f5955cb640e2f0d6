"""The segments of one process: written at one end, read at the other, deleted when confirmed, bounded by dropping the oldest."""

import logging
import os
import struct
from bisect import insort
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.spool.segment import Batch, Segment

log = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
RENEW_BYTES = 1024 * 1024
"""A segment of which everything is confirmed makes way for a new one from this size on: that much is sent again after a kill -9."""


class SpoolStore:
    """max_bytes bounds the folder: past it the oldest segment goes. dropped: reason → records that were lost here.

    One event loop's, nothing here waits; what is slow is returned by `chores`, for a thread.
    """

    def __init__(self, folder: Path, *, max_bytes: int, dropped: Callable[[str, int], None]) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // 4)
        self._dropped = dropped
        self._segments: list[Segment] = []  # of which something is not confirmed, or that is written; oldest first
        self._active: Segment | None = None
        self._is_unsynced = False
        self._sealed: list[int] = []  # written files to be synced and closed
        self._done: list[Path] = []  # files to be deleted
        self._has_new_names = False
        self.bytes = 0
        self.entries = 0
        """Records that are not confirmed yet."""
        self.unsent = 0
        """Those of them that are not under way either."""

    def append(self, data: bytes, records: int) -> None:
        """Writes frames, whole, at the end. Raises OSError: nothing was written then."""
        while self._segments and self.bytes + len(data) > self._max_bytes:
            self._drop(self._segments[0], "spool_full")
        active = self._active
        if active is not None and active.size + len(data) > self._segment_bytes and active.size:
            self._seal()
            active = None
        if active is None:
            active = self._active = Segment.create(self._folder)
            self._segments.append(active)
            self._has_new_names = True
        try:
            active.append(data, records)
        except OSError:
            self._seal()  # when it is confirmed it can go, and its room is free
            raise
        self.bytes += len(data)
        self.entries += records
        self.unsent += records
        self._is_unsynced = True

    def adopt(self, segment: Segment) -> None:
        """Takes in what was left by a process that is gone."""
        insort(self._segments, segment, key=lambda one: one.path.name)
        self.bytes += segment.size
        self.entries += segment.records
        self.unsent += segment.records
        if segment.is_done:
            self._forget(segment)

    def take(self, max_records: int, max_plain_bytes: int) -> Batch | None:
        """The oldest that was not taken yet; None = nothing. A segment that cannot be read is dropped."""
        for segment in tuple(self._segments):
            try:
                batch = segment.take(max_records, max_plain_bytes)
            except (OSError, ValueError, struct.error) as error:
                log.error("call logs are lost, the spool cannot be read: %s", error)
                self._drop(segment, "unreadable")
                continue
            if batch is not None:
                self.unsent -= batch.records
                return batch
        return None

    def settle(self, segment: Segment, records: int) -> None:
        """So many of the segment's records need not be kept any more."""
        segment.settled += records
        if segment.is_dropped:
            return
        self.entries -= records
        if segment.is_done and segment is self._active and segment.size >= RENEW_BYTES:
            self._seal()
        elif segment.is_done and not segment.is_written:
            self._forget(segment)

    def oldest_ms(self) -> int | None:
        """When the oldest record that was not taken was written, epoch ms; None = there is none, or it cannot be read."""
        with suppress(OSError, ValueError):
            for segment in self._segments:
                if (oldest := segment.oldest_ms()) is not None:
                    return oldest
        return None

    def chores(self) -> Callable[[], None] | None:
        """What there is to sync and to delete, to be run in a thread; None = nothing. It raises OSError."""
        sealed, self._sealed = self._sealed, []
        done, self._done = self._done, []
        if self._is_unsynced and self._active is not None:
            sealed.append(self._active.duplicate())
        self._is_unsynced = False
        new_names, self._has_new_names = self._has_new_names, False
        if not (sealed or done or new_names):
            return None
        return lambda: _sync_and_delete(sealed, done, self._folder if new_names else None)

    def close(self) -> None:
        """Ends the writing; what is not confirmed stays on disk."""
        if self._active is not None:
            self._seal()
        if (chores := self.chores()) is not None:
            chores()
        for segment in self._segments:
            segment.close()

    def _seal(self) -> None:
        active, self._active = self._active, None
        assert active is not None
        self._sealed.append(active.seal())
        if active.is_done:
            self._forget(active)

    def _drop(self, segment: Segment, reason: str) -> None:
        """What is under way stays under way: only what nobody has taken is lost."""
        lost = segment.records - segment.taken
        self._dropped(reason, lost)
        self.unsent -= lost
        self.entries -= segment.records - segment.settled
        segment.is_dropped = True
        if segment is self._active:
            self._active = None
            self._sealed.append(segment.seal())
        self._forget(segment)

    def _forget(self, segment: Segment) -> None:
        self._segments.remove(segment)
        segment.close()
        self.bytes -= segment.size
        self._done.append(segment.path)


def _sync_and_delete(written: list[int], done: list[Path], folder: Path | None) -> None:
    for path in done:
        path.unlink(missing_ok=True)
    try:
        if folder is not None:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            written.append(descriptor)
        for descriptor in written:
            os.fsync(descriptor)
    finally:
        for descriptor in written:
            os.close(descriptor)
