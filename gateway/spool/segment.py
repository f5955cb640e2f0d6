"""One file of the spool: appended to by the process that made it, read from the front, deleted when all of it is confirmed."""

import errno
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from openplatform.log_frames import HEAD_BYTES, front, next_frame, whole_frames

log = logging.getLogger(__name__)

SUFFIX = ".spool"
READ_BYTES = 128 * 1024
"""At once: 500 records of the usual kind take half of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A message of so many records, the oldest written at oldest_ms (epoch): frames from `segment`, or, None, NDJSON from memory."""

    body: bytes
    records: int
    oldest_ms: int
    segment: "Segment | None"


class Segment:
    """size: bytes of whole frames; records: in them; taken, settled: how many of these are, or were, on their way.

    Names are the time of their making in ns, so that the oldest comes first whoever made it.
    """

    __slots__ = ("_reader", "_taken_to", "_writer", "is_dropped", "path", "records", "settled", "size", "taken")

    def __init__(self, path: Path, *, size: int = 0, records: int = 0, writer: int = -1) -> None:
        self.path = path
        self.size = size
        self.records = records
        self.taken = 0
        self.settled = 0
        self.is_dropped = False
        self._taken_to = 0
        self._writer = writer
        self._reader = -1

    @classmethod
    def create(cls, folder: Path) -> "Segment":
        """An empty one, to be written. Raises OSError."""
        name = time.time_ns()
        while True:
            path = folder / f"{name:020d}{SUFFIX}"
            try:
                writer = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                name += 1
                continue
            return cls(path, writer=writer)

    @property
    def is_written(self) -> bool:
        """It still grows."""
        return self._writer >= 0

    @property
    def is_done(self) -> bool:
        """Nothing in it waits any more, nor is under way."""
        return self.settled == self.records

    def append(self, data: bytes, records: int) -> None:
        """Writes frames, all of them or none. Raises OSError."""
        written = os.write(self._writer, data)
        if written != len(data):
            try:
                while written < len(data):  # mostly to hear why: the next one fails if the disk is full
                    written += os.write(self._writer, data[written:])
            except OSError:
                os.ftruncate(self._writer, self.size)
                raise
        self.size += len(data)
        self.records += records

    def seal(self) -> int:
        """Nothing more is appended; the open file is now the caller's, to sync and close."""
        writer, self._writer = self._writer, -1
        return writer

    def duplicate(self) -> int:
        """Another descriptor of the file that is written, to sync it beside the writing."""
        return os.dup(self._writer)

    def take(self, max_records: int, max_plain_bytes: int) -> Batch | None:
        """Whole frames from the front, at least one; None = all are taken. Raises OSError or ValueError for a file that cannot be
        read."""
        left = self.size - self._taken_to
        if not left:
            return None
        data = self._read(min(left, READ_BYTES))
        first = next_frame(data)
        if first.end > len(data):
            data = self._read(first.end)
        end, records = front(data, max_records=max_records, max_plain_bytes=max_plain_bytes)
        self._taken_to += end
        self.taken += records
        if self._taken_to == self.size and not self.is_written:
            self.close()
        return Batch(data[:end], records, first.written_ms, self)

    def oldest_ms(self) -> int | None:
        """When the oldest frame that is not taken was written, epoch ms. Raises OSError."""
        if self._taken_to == self.size:
            return None
        return next_frame(self._read(HEAD_BYTES)).written_ms

    def close(self) -> None:
        """Closes what it has open."""
        for descriptor in (self._reader, self._writer):
            if descriptor >= 0:
                os.close(descriptor)
        self._reader = self._writer = -1

    def _read(self, size: int) -> bytes:
        if self._writer >= 0:
            descriptor = self._writer
        else:
            if self._reader < 0:
                self._reader = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                if sys.platform == "linux":  # the loop must not wait for a disk later
                    os.posix_fadvise(self._reader, 0, 0, os.POSIX_FADV_WILLNEED)
            descriptor = self._reader
        data = os.pread(descriptor, size, self._taken_to)
        if len(data) != size:
            raise OSError(errno.EIO, "the file is shorter than it was", str(self.path))
        return data


def inspect(path: Path) -> Segment:
    """A segment that a dead process has left, for reading; what is behind its last whole frame is cut off. Raises OSError."""
    data = path.read_bytes()
    found = whole_frames(data)
    size = found[-1].end if found else 0
    if size != len(data):
        log.warning("%s: %d bytes behind its last whole frame are cut off", path, len(data) - size)
        os.truncate(path, size)
    return Segment(path, size=size, records=sum(one.records for one in found))
