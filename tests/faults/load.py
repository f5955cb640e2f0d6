"""The load driver: signed calls at a steady rate over kept connections, each entered into the ledger with what came of it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from openplatform.protocol import encode_query
from openplatform.protocol.timestamps import GMT8
from openplatform.signing import SigningKey, canonical_text
from tests.faults.ledger import Entry, Ledger, now
from tests.faults.times import CONCURRENCY, RATE
from tests.gateway_world import SECRET

PATIENCE_S = 20.0
"""A caller's own: longer than any deadline of the platform, so that what never comes shows as lost."""
_numbers = itertools.count(1)


@dataclass
class Kind:
    """One sort of call in the mix. share: weight among the others; secret: what it is signed with; clock_shift_s: how far its
    timestamps are ahead; padding: characters of a parameter that makes its record larger."""

    method: str = "open.echo.get"
    app_key: str = "caller"
    session: str | None = None
    share: int = 1
    secret: str = SECRET
    clock_shift_s: float = 0.0
    padding: int = 0


class Connection:
    """A caller's kept connection to one of the addresses, opened when needed, the next address each time.

    A connection that says `Connection: close`, or that has broken while idle, is replaced; a call is never sent twice.
    """

    def __init__(self, ports: Callable[[], Sequence[int]], turn: "itertools.count[int]") -> None:
        self._ports = ports
        self._turn = turn
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def exchange(self, body: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError or IncompleteReadError."""
        if self._writer is None or self._writer.is_closing() or self._reader is None or self._reader.at_eof():
            self.close()
            ports = self._ports()
            port = ports[next(self._turn) % len(ports)]
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._writer.write(
            b"POST /router/rest HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        lines = head.split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        answer = await self._reader.readexactly(length)
        if b"connection: close" in lines:
            self.close()
        return int(head[9:12]), answer

    def close(self) -> None:
        if self._writer is not None:
            with suppress(Exception):
                self._writer.transport.abort()
        self._reader = self._writer = None


@dataclass
class Load:
    """Calls of several kinds, in the proportion of their shares, on gateways at these ports."""

    ports: Sequence[int]
    ledger: Ledger
    kinds: Sequence[Kind] = (Kind(),)
    rate: float = RATE
    concurrency: int = CONCURRENCY
    phase: str = "before"
    began: dict[str, float] = field(default_factory=dict)
    waiting: int = 0

    def enter(self, phase: str) -> float:
        """Calls sent from now on belong to the phase; the moment."""
        self.phase = phase
        self.began[phase] = now()
        return self.began[phase]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """Calls while the block runs; at its end waits for the answers that are due."""
        self.enter(self.phase)
        stopping = asyncio.Event()
        turn, slots = itertools.count(), itertools.count()
        mix = itertools.cycle([kind for kind in self.kinds for _ in range(kind.share)])
        started = now()
        tasks = [
            asyncio.create_task(self._caller(Connection(lambda: self.ports, turn), mix, slots, started, stopping))
            for _ in range(self.concurrency)
        ]
        try:
            yield self
        finally:
            stopping.set()
            await asyncio.gather(*tasks)

    async def _caller(
        self, connection: Connection, mix: "itertools.cycle[Kind]", slots: "itertools.count[int]", started: float,
        stopping: asyncio.Event,
    ) -> None:  # fmt: skip
        try:
            while not stopping.is_set():
                # Each call has its moment; one that found all callers waiting goes as soon as one is free.
                await asyncio.sleep(max(0.0, started + next(slots) / self.rate - now()))
                if not stopping.is_set():
                    await self.call(connection, next(mix))
        finally:
            connection.close()

    async def call(self, connection: Connection, kind: Kind) -> Entry:
        """One call, entered into the ledger."""
        n = f"n{next(_numbers)}"
        body = signed_body(kind, n)
        entry = self.ledger.entries[n] = Entry(n, kind.method, kind.app_key, self.phase, now())
        self.waiting += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, answer = await connection.exchange(body)
        except TimeoutError:
            entry.failure = "timeout"
            connection.close()
        except ConnectionRefusedError:
            entry.failure = "refused"
        except (OSError, asyncio.IncompleteReadError):
            entry.failure = "reset"
            connection.close()
        else:
            _read(entry, status, answer)
        finally:
            self.waiting -= 1
            entry.answered_at = now()
        return entry


def signed_body(kind: Kind, n: str) -> bytes:
    """The call's form: `n` is its id, which the service and the record see too."""
    params = {
        "method": kind.method, "app_key": kind.app_key, "v": "2.0", "format": "json", "sign_method": "hmac-sha256",
        "timestamp": (datetime.now(GMT8) + timedelta(seconds=kind.clock_shift_s)).strftime("%Y-%m-%d %H:%M:%S"), "n": n,
    }  # fmt: skip
    if kind.padding:
        params["padding"] = "x" * kind.padding
    if kind.session is not None:
        params["session"] = kind.session
    sign = SigningKey(kind.secret).sign(canonical_text(params), "hmac-sha256")
    return encode_query({**params, "sign": sign}).encode()


def _read(entry: Entry, status: int, answer: bytes) -> None:
    if status != 200:
        entry.failure = f"status {status}"
        return
    (root, content), *_ = orjson.loads(answer).items()
    entry.request_id = content["request_id"]
    if root == "error_response":
        entry.code, entry.sub_code = content["code"], content.get("sub_code", "")
        entry.answer = answer
    else:
        entry.code = 0
