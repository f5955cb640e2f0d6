"""A spool in a folder, and a broker that does as it is told: what the tests of the spool share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from gateway.spool import LogSpool
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.log_frames import plain
from openplatform.records import CallLog

NOBODY = 0.0
"""A flush at the end that does not wait."""


def record(n: int, content: str = "") -> CallLog:
    """The record of call `n`; by itself its content has nothing in common with the others', so that packing keeps it long."""
    content = content or "中" + sha256(b"%d" % n).hexdigest()
    return CallLog(
        requestId=str(n), appkey="a", servIP="127.0.0.1", venderId=None, remoteIp="127.0.0.1", apiName="open.a.get",
        platformRepTime=1, requestContent=content, errorCode="0", receiveTime=1,
    )  # fmt: skip


class Broker:
    """is_down: nothing is confirmed; got: request ids in the order of their arrival; batches: how many came in each message."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.got: list[int] = []
        self.batches: list[int] = []
        self.most_bytes = 0

    async def publish(self, batch: bytes) -> None:
        await asyncio.sleep(0)
        if self.is_down:
            raise PLATFORM_UNAVAILABLE()
        logs = msgspec.json.Decoder(CallLog).decode_lines(ndjson := plain(batch))
        self.got += [int(log.requestId) for log in logs]
        self.batches.append(len(logs))
        self.most_bytes = max(self.most_bytes, len(ndjson))


def spool_of(broker: Broker, root: Path | None, *, max_bytes: int = 1 << 30, max_records: int = 50_000) -> LogSpool:
    """One that looks for batches every millisecond."""
    return LogSpool(broker.publish, root=root, max_bytes=max_bytes, max_records=max_records, flush_s=0.001)


@asynccontextmanager
async def opened(broker: Broker, root: Path | None, **bounds: int) -> AsyncIterator[LogSpool]:
    """It ends without waiting for a broker that is down."""
    spool = spool_of(broker, root, **bounds)
    async with spool.open(flush_s=NOBODY):
        yield spool


async def until(is_so: Callable[[], bool]) -> None:
    """Waits for it."""
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.005)


def offer(spool: LogSpool, *numbers: int) -> None:
    """One turn's calls."""
    for n in numbers:
        spool.offer(record(n))
    spool.write_turn()


def files(root: Path) -> list[Path]:
    """Segments on disk."""
    return sorted(root.glob("*/*.spool"))
