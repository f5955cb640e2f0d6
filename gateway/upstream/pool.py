"""The kept connections to one address: taken for one exchange, given back after it, bounded in number and in idle time."""

import asyncio
import logging
from contextlib import suppress

from gateway.known_heads import KnownHeads
from gateway.turn_end import TurnEnd
from gateway.upstream.answer import Said, UpstreamBounds
from gateway.upstream.connection import Connection
from gateway.upstream.dialling import DialRules
from gateway.upstream.failures import NotConnected

log = logging.getLogger(__name__)

_MAX_HEADS = 512
"""Bodies of some hundred lengths, times one date a second."""


class ConnectionPool:
    """Connections to host:port, as far as the rules permit them for the service. Used from one event loop only."""

    def __init__(
        self,
        host: str,
        port: int,
        bounds: UpstreamBounds,
        loop: asyncio.AbstractEventLoop,
        *,
        service_id: str = "",
        rules: DialRules | None = None,
    ) -> None:
        self.bounds = bounds
        self.heads: KnownHeads[Said] = KnownHeads(_MAX_HEADS)
        self.turn_end = TurnEnd(loop)
        self._host = host
        self._port = port
        self._loop = loop
        self._service_id = service_id
        self._rules = rules or DialRules()
        self._has_complained = False
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []  # the longest idle first; taken from the end, so that few stay warm
        self._dialling = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def size(self) -> int:
        """Connections open or being opened."""
        return len(self._all) + self._dialling

    @property
    def is_full(self) -> bool:
        return self.size >= self.bounds.max_connections

    @property
    def idle(self) -> int:
        return len(self._idle)

    def take(self, now: float) -> Connection | None:
        """A kept connection that looks alive, or None. now: loop time."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closing() and now - connection.idle_since < self.bounds.idle_s:
                return connection
            connection.close()
        return None

    async def dial(self, deadline: float) -> Connection:
        """A new connection; raises NotConnected. deadline: loop time."""
        if self.is_full:
            raise NotConnected(f"{self.bounds.max_connections} connections are in use", is_full=True)
        self._dialling += 1
        ends = min(deadline, self._loop.time() + self.bounds.connect_timeout_s)
        try:
            async with asyncio.timeout_at(ends):
                connection = await self._connect()
        except TimeoutError:
            raise NotConnected("no connection in time", is_late=ends == deadline) from None
        except OSError as error:
            raise NotConnected(f"no connection: {error}") from None
        finally:
            self._dialling -= 1
        self._all.add(connection)
        if connection.is_closing():  # accepted and dropped in the same moment
            self._all.discard(connection)
            raise NotConnected("the connection was closed at once")
        return connection

    async def _connect(self) -> Connection:
        """Tries the addresses that the host stands for, in turn; raises OSError."""
        addresses = await self._rules.addresses(self._service_id, self._host, self._port)
        if not addresses:
            if not self._has_complained:
                self._has_complained = True
                log.error(
                    "%s:%d of %s is not dialled: outside PAILOU_SERVICE_NETWORKS, or never allowed",
                    self._host, self._port, self._service_id,
                )  # fmt: skip
            raise PermissionError("the address may not be dialled")
        for address in addresses[:-1]:
            with suppress(OSError):
                return (await self._loop.create_connection(self._new, address, self._port))[1]
        return (await self._loop.create_connection(self._new, addresses[-1], self._port))[1]

    def _new(self) -> Connection:
        return Connection(self, self._loop)

    def give_back(self, connection: Connection) -> None:
        """Keeps a connection whose exchange is complete."""
        if self._is_closed:
            connection.close()
            return
        connection.idle_since = now = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_at(now + self.bounds.idle_s, self._close_idle)

    def forget(self, connection: Connection) -> None:
        """A connection has closed."""
        self._all.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)

    def close(self) -> None:
        """Closes what is idle now; what is in use closes when it is given back."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def abort(self) -> None:
        """Closes everything, exchanges under way included."""
        self.close()
        for connection in list(self._all):
            connection.close()

    def _close_idle(self) -> None:
        self._sweep = None
        oldest_allowed = self._loop.time() - self.bounds.idle_s + 0.0015  # uvloop's clock counts whole milliseconds
        expired = 0
        for connection in self._idle:
            if connection.idle_since > oldest_allowed:
                break
            expired += 1
        for connection in self._idle[:expired]:
            connection.close()
        del self._idle[:expired]
        if self._idle:
            self._sweep = self._loop.call_at(self._idle[0].idle_since + self.bounds.idle_s, self._close_idle)
