"""Folders of spools: each process locks one and may take over what a dead process has left in another."""

import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from gateway.spool.segment import SUFFIX

log = logging.getLogger(__name__)

MAX_FOLDERS = 4096
"""Far more than processes of one machine; a bound so that a root that refuses every lock is noticed."""


class SpoolFolder:
    """A numbered folder below the root, locked for as long as the process lives, however it ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._root = path.parent
        self._lock = lock

    @classmethod
    def claim(cls, root: Path) -> "SpoolFolder":
        """The first that nobody has locked; a process that replaces a dead one mostly finds that one's. Raises OSError."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(MAX_FOLDERS):
            path = root / str(number)
            path.mkdir(mode=0o700, exist_ok=True)
            if (lock := _lock(path)) is not None:
                return cls(path, lock)
        raise OSError(f"all of {MAX_FOLDERS} folders in {root} are locked")

    def left(self) -> list[Path]:
        """Segments that lie here, oldest first: ask before writing the first of one's own."""
        return _segments(self.path)

    def take_over(self) -> Iterator[Path]:
        """Moves segments here out of folders that nobody has locked, and says where they are now. Raises OSError."""
        for other in sorted(self._root.iterdir()):
            if other == self.path or not other.is_dir() or not _segments(other):
                continue
            if (lock := _lock(other)) is None:
                continue
            try:
                for path in _segments(other):
                    target = self.path / path.name
                    while target.exists():  # made in the same nanosecond as one of ours
                        target = target.with_name(f"{int(target.stem) + 1:020d}{SUFFIX}")
                    path.rename(target)
                    yield target
                log.warning("took over the call logs that a dead process left in %s", other)
            finally:
                os.close(lock)

    def close(self) -> None:
        """Gives the folder up: another process may have it."""
        os.close(self._lock)


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and path.stem.isdecimal())


def _lock(folder: Path) -> int | None:
    """The open lock, or None if somebody has it."""
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock
