"""The end of a turn of the event loop: what the turn answered leaves together, after what must be safe before it leaves.

An answer that is written at once wakes its caller at once, and pays for that alone; many of them in a row find the other side
awake. And what has to be on disk before any answer leaves is written once for all of them.
"""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

MAX_HELD_BYTES = 256 * 1024
"""Past it a turn's answers leave at once: memory stays bounded, and a transport can say that its caller does not read."""


class TurnEnd:
    """Holds what one event loop's connections write until its turn ends. One per process.

    before_leaving: called in their order, each time answers leave, before the first byte of them does. A call's record was
    handed to its log before its answer is held here: a log that writes all it was handed, when it is called, has the records
    of these answers written before they leave. Such a function must not wait and must not raise: answers leave even so. It is
    not called in turns that answer nothing.
    """

    __slots__ = ("_held", "_held_bytes", "_loop", "before_leaving")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.before_leaving: list[Callable[[], None]] = []
        self._loop = loop
        self._held: list[tuple[asyncio.WriteTransport, bytes | None]] = []  # None: the connection closes
        self._held_bytes = 0

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Writes when the turn ends, after all that was held before; to a connection that has closed meanwhile, nothing."""
        held = self._held
        if not held:
            self._loop.call_soon(self.flush)
        held.append((transport, data))
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self.flush()

    def close(self, transport: asyncio.WriteTransport) -> None:
        """Closes the connection after what was written to it."""
        if self._held:
            self._held.append((transport, None))
        else:
            transport.close()

    def flush(self) -> None:
        """Lets leave what is held, now; for what cannot wait, and for the process's end."""
        held = self._held
        if not held:
            return
        for prepare in self.before_leaving:
            try:
                prepare()
            except Exception:
                log.exception("answers leave unprepared")
        self._held = []
        self._held_bytes = 0
        for transport, data in held:
            try:
                if data is None:
                    transport.close()
                elif not transport.is_closing():
                    transport.write(data)
            except Exception:  # one caller's trouble must not cost the others their answers
                log.exception("an answer could not be written")
