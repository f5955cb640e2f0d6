"""Promises of the in-process Redis on disk."""

import asyncio
import time
from pathlib import Path

import fakeredis
import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_keys import (
    APP_QUOTA_PREFIX,
    CATALOG_EPOCH,
    FENCE_PREFIX,
    INSTANCES_PREFIX,
    LOCK_PREFIX,
    RANK_PREFIX,
    SESSION_PREFIX,
)
from pailou.redis_snapshot import dump, kept_on_disk, restore
from tests.waiting import PATIENCE_S

DAY_MS = 86_400_000


def client_of(embedded: Embedded) -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis(server=embedded.redis_server)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "redis.snapshot"


async def test_counters_survive_a_restart(path: Path) -> None:
    """Admission counters, rankings and fencing numbers come back with their types, values and expiry times."""
    before = Embedded()
    async with kept_on_disk(before, path):
        client = client_of(before)
        client.hset(f"{APP_QUOTA_PREFIX}a", mapping={"day": "20260731", "used": 7})
        client.expire(f"{APP_QUOTA_PREFIX}a", 1000)
        client.zadd(f"{RANK_PREFIX}20260731", {"open.a": 3, "open.b": 2.5})
        client.set(f"{FENCE_PREFIX}{{monitor}}", 12)
        expiry = client.pexpiretime(f"{APP_QUOTA_PREFIX}a")
    after = Embedded()
    async with kept_on_disk(after, path):
        client = client_of(after)
        assert client.hgetall(f"{APP_QUOTA_PREFIX}a") == {b"day": b"20260731", b"used": b"7"}
        assert client.pexpiretime(f"{APP_QUOTA_PREFIX}a") == expiry
        assert client.zscore(f"{RANK_PREFIX}20260731", "open.b") == 2.5
        assert client.get(f"{FENCE_PREFIX}{{monitor}}") == b"12"
        assert client.ttl(f"{FENCE_PREFIX}{{monitor}}") == -1


async def test_what_the_database_rebuilds_or_belongs_to_dead_processes_is_left_out(path: Path) -> None:
    """Catalogue, sessions, heartbeats and locks are not saved: after a start they are made anew."""
    before = Embedded()
    async with kept_on_disk(before, path):
        client = client_of(before)
        for key in (CATALOG_EPOCH, f"{SESSION_PREFIX}x", f"{LOCK_PREFIX}{{monitor}}"):
            client.set(key, "1")
        client.zadd(f"{INSTANCES_PREFIX}order-service", {"x": 1})
    after = Embedded()
    async with kept_on_disk(after, path):
        assert client_of(after).keys("*") == []


async def test_saves_while_running(path: Path) -> None:
    """The file is written while the process runs, so that one that is killed finds its counters again."""
    embedded = Embedded()
    client_of(embedded).set(f"{FENCE_PREFIX}x", 1)
    async with kept_on_disk(embedded, path):
        snapshot = await asyncio.to_thread(_wait_for, path)
        assert restore(client_of(Embedded()), snapshot, now_ms=0) == 1


def _wait_for(path: Path) -> bytes:
    ends = time.monotonic() + PATIENCE_S
    while not path.exists() and time.monotonic() < ends:
        time.sleep(0.005)
    return path.read_bytes()


def test_expired_keys_are_not_restored() -> None:
    """A counter whose time ran out while nothing was running stays away."""
    source = client_of(Embedded())
    source.set(f"{FENCE_PREFIX}gone", 1)
    source.pexpireat(f"{FENCE_PREFIX}gone", int(source.time()[0] * 1000 + 60_000))
    snapshot = dump(source)
    target = client_of(Embedded())
    assert restore(target, snapshot, now_ms=source.time()[0] * 1000 + DAY_MS) == 0


@pytest.fixture
def damaged(path: Path) -> Path:
    path.write_bytes(b"\xc1 not a snapshot")
    return path


async def test_a_damaged_file_does_not_stop_the_start(damaged: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable file is said in the log, and the counters begin at zero."""
    embedded = Embedded()
    async with kept_on_disk(embedded, damaged):
        assert client_of(embedded).keys("*") == []
    assert "cannot be read" in caplog.text
