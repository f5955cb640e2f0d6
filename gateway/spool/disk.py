"""The spool's disk as one process sees it: its folder, what keeps it in order, what happens when it cannot be written."""

import asyncio
import errno
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.spool.folder import SpoolFolder
from gateway.spool.segment import inspect
from gateway.spool.store import SpoolStore
from openplatform.jobs import running
from openplatform.log_frames import frame

log = logging.getLogger(__name__)

SYNC_EVERY_S = 0.2
"""What a power failure may take."""
LOOK_EVERY_S = 5.0
"""How often a process looks for what dead ones have left, and for a folder if it has none."""
TRY_EVERY_S = 1.0
"""How often a disk that could not be written is tried again."""


class SpoolDisk:
    """root: where processes have their folders; max_bytes: of this process's; dropped: hears reason and number of lost records."""

    def __init__(self, root: Path, *, max_bytes: int, dropped: Callable[[str, int], None]) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._dropped = dropped
        self._folder: SpoolFolder | None = None
        self._left: list[Path] = []
        self._try_at = 0.0
        self.store: SpoolStore | None = None
        """None until there is a folder."""
        self.trouble = ""
        """Why it cannot be written, in the system's words; "" = it can."""
        self.trouble_code = ""
        """The same as an errno's name, such as ENOSPC; "" = it has none."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Syncs, deletes and takes over what dead processes left while the block runs."""
        self._claim()
        try:
            async with running(self._keep_house(), name="spool"), running(self._take_over(), name="left call logs"):
                yield
        finally:
            if self.store is not None and self._folder is not None:
                try:
                    self.store.close()
                except OSError as error:
                    self._complain(error)
                self._folder.close()

    def append(self, body: bytes, records: int, written_ms: int) -> bool:
        """Writes a turn's records as one frame; False: it cannot be written."""
        if self.store is None or (self.trouble and time.monotonic() < self._try_at):
            return False
        try:
            self.store.append(frame(body, records, written_ms), records)
        except OSError as error:
            self._complain(error)
            return False
        except Exception:  # a fault of ours must not cost a record: it goes on in memory, as it is
            log.exception("call logs wait in memory: they could not be packed")
            return False
        if self.trouble:
            log.warning("the spool of call logs can be written again")
            self.trouble = self.trouble_code = ""
        return True

    def _claim(self) -> None:
        try:
            self._folder = SpoolFolder.claim(self._root)
            self._left = self._folder.left()
        except OSError as error:
            self._complain(error)
        else:
            self.store = SpoolStore(self._folder.path, max_bytes=self._max_bytes, dropped=self._dropped)

    def _complain(self, error: OSError) -> None:
        self._try_at = time.monotonic() + TRY_EVERY_S
        if not self.trouble:
            log.error("call logs wait in memory: the spool in %s cannot be written: %s", self._root, error)
        self.trouble = error.strerror or str(error)
        self.trouble_code = errno.errorcode.get(error.errno or 0, "")

    async def _take_over(self) -> None:
        """What this folder's last process has left, then what is left in folders without one."""
        while True:
            if self.store is None:
                self._claim()
            if self.store is not None and self._folder is not None:
                try:
                    left, self._left = self._left, []
                    left += await asyncio.to_thread(list, self._folder.take_over())
                    for path in left:
                        self.store.adopt(await asyncio.to_thread(inspect, path))
                except OSError as error:
                    log.error("call logs of a process that is gone cannot be taken over: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            if self.store is not None and (chores := self.store.chores()) is not None:
                try:
                    await asyncio.to_thread(chores)
                except OSError as error:
                    self._complain(error)
