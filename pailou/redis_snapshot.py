"""The all-in-one's in-process Redis on disk: what no database could rebuild, saved every second and at the end.

Saved are the admission counters, the rankings and the locks' fencing numbers. The catalogue and the sessions are not: after a
start admin_api writes them anew from its database, so that no change that reached the database is ever missing. Heartbeats and
locks belong to processes that are gone.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fakeredis
import msgspec

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_keys import (
    API_QUOTA_PREFIX,
    APP_QUOTA_PREFIX,
    FENCE_PREFIX,
    GRANT_QUOTA_PREFIX,
    RANK_PREFIX,
)
from openplatform.lifetime import running

log = logging.getLogger(__name__)

SAVE_EVERY_S = 1.0
"""What a process killed without warning may lose."""
COST_SHARE = 20
"""Saving waits at least this many times as long as the last save took: at most 5 % of the process, however many keys."""
KEPT = (APP_QUOTA_PREFIX, API_QUOTA_PREFIX, GRANT_QUOTA_PREFIX, RANK_PREFIX, FENCE_PREFIX)


class Entry(msgspec.Struct, array_like=True):
    """One key: its type's value in plain form, and when it expires, epoch ms, -1 = never."""

    key: bytes
    value: bytes | dict[bytes, bytes] | list[tuple[bytes, float]]
    expire_at_ms: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Entry])


def dump(client: fakeredis.FakeRedis) -> bytes:
    """All kept keys at one moment: nothing else runs in between, since the client is synchronous and the loop is one thread."""
    entries = []
    for prefix in KEPT:
        for key in sorted(client.scan_iter(match=f"{prefix}*", count=10_000)):
            value = _value(client, key)
            if value is not None:
                entries.append(Entry(key, value, int(client.pexpiretime(key))))
    return _ENCODER.encode(entries)


def restore(client: Any, snapshot: bytes, *, now_ms: float) -> int:
    """Writes the keys of a snapshot that have not expired; returns how many. Raises msgspec.DecodeError for a damaged one."""
    entries = [entry for entry in _DECODER.decode(snapshot) if entry.expire_at_ms < 0 or entry.expire_at_ms > now_ms]
    for entry in entries:
        if isinstance(entry.value, bytes):
            client.set(entry.key, entry.value)
        elif isinstance(entry.value, dict):
            client.hset(entry.key, mapping=entry.value)
        else:
            client.zadd(entry.key, dict(entry.value))
        if entry.expire_at_ms >= 0:
            client.pexpireat(entry.key, entry.expire_at_ms)
    return len(entries)


@asynccontextmanager
async def kept_on_disk(embedded: Embedded, path: Path) -> AsyncIterator[None]:
    """Restores the file into the in-process Redis, saves it every second while the block runs, and once more at the end."""
    client = fakeredis.FakeRedis(server=embedded.redis_server)
    _load(client, path)
    saver = _Saver(client, path)
    async with running(saver.run(), name="Redis snapshot"):
        yield
    await saver.save()
    client.close()


class _Saver:
    def __init__(self, client: fakeredis.FakeRedis, path: Path) -> None:
        self._client = client
        self._path = path
        self._saved = b""
        self._writing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        while True:
            began = time.perf_counter()
            try:
                await self.save()
            except OSError as error:
                log.error("the in-process Redis cannot be saved to %s: %s", self._path, error)
            await asyncio.sleep(max(SAVE_EVERY_S, COST_SHARE * (time.perf_counter() - began)))

    async def save(self) -> None:
        if self._writing is not None:  # one that was cancelled here goes on in its thread
            await asyncio.wait({self._writing})
        snapshot = dump(self._client)
        if snapshot != self._saved:
            self._writing = asyncio.create_task(asyncio.to_thread(_write, self._path, snapshot))
            await asyncio.shield(self._writing)
            self._saved = snapshot


def _value(client: Any, key: bytes) -> bytes | dict[bytes, bytes] | list[tuple[bytes, float]] | None:
    kind = client.type(key)
    if kind == b"hash":
        return dict(client.hgetall(key))
    if kind == b"zset":
        return [(member, float(score)) for member, score in client.zrange(key, 0, -1, withscores=True)]
    if kind == b"string":
        return bytes(client.get(key))
    if kind != b"none":
        log.error("%r is a %r, which is not saved", key, kind)
    return None


def _load(client: fakeredis.FakeRedis, path: Path) -> None:
    try:
        count = restore(client, path.read_bytes(), now_ms=time.time() * 1000)
    except FileNotFoundError:
        return
    except msgspec.DecodeError as error:
        log.error("%s cannot be read, today's counters begin at zero: %s", path, error)
        return
    log.info("%d counters restored from %s", count, path)


def _write(path: Path, snapshot: bytes) -> None:
    """Whole or not at all: a reader finds the old file or the new one."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(snapshot)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
