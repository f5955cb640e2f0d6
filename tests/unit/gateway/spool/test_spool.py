"""Call logs on their way out: on disk at the turn's end, sent until confirmed, found again, bounded, counted."""

import asyncio
import errno
import os
from pathlib import Path

import msgspec
import pytest

from gateway.delivery import BATCH_RECORDS, BATCHES_UNDER_WAY
from gateway.spool import store as store_module
from openplatform.log_frames import frame, plain, whole_frames
from openplatform.records import CallLog
from tests.unit.gateway.spool.spooling import Broker, files, offer, opened, record, until


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 40 records each."""
    monkeypatch.setattr(store_module, "SEGMENT_BYTES", 10_000)
    monkeypatch.setattr(store_module, "RENEW_BYTES", 5_000)


def ids_on_disk(root: Path) -> list[int]:
    """Request ids of all records in the spool's files."""
    decoder = msgspec.json.Decoder(CallLog)
    found: list[int] = []
    for path in files(root):
        found += [int(log.requestId) for log in decoder.decode_lines(plain(path.read_bytes()))]
    return found


async def test_a_turn_is_on_disk_when_it_is_written(tmp_path: Path) -> None:
    """After write_turn, and before anything else runs, a kill -9 finds every record of the turn in a file, in one frame."""
    async with opened(Broker(is_down=True), tmp_path) as spool:
        offer(spool, 1, 2, 3)
        (path,) = files(tmp_path)
        assert ids_on_disk(tmp_path) == [1, 2, 3]
        assert len(whole_frames(path.read_bytes())) == 1
        assert (spool.waiting, spool.bytes) == (3, path.stat().st_size)


async def test_everything_arrives_and_nothing_stays(tmp_path: Path, small_segments: None) -> None:
    """5,000 records in turns of many sizes arrive once each in messages of at most 500, and the spool is empty behind them."""
    broker = Broker()
    async with opened(broker, tmp_path) as spool:
        n = 0
        while n < 5000:
            turn = range(n, min(5000, n + 1 + n % 700))
            offer(spool, *turn)
            n = turn.stop
            await asyncio.sleep(0)
        await until(lambda: not spool.waiting)
        assert (spool.published, sum(spool.dropped.values())) == (5000, 0)
    assert sorted(broker.got) == list(range(5000))
    assert max(broker.batches) <= BATCH_RECORDS
    assert files(tmp_path) == []


async def test_what_was_left_is_sent_after_a_start(tmp_path: Path) -> None:
    """Records that a stopped process could not send are sent by the next one, beside its own."""
    async with opened(Broker(is_down=True), tmp_path) as spool:
        offer(spool, *range(10))
    assert len(files(tmp_path)) == 1
    broker = Broker()
    async with opened(broker, tmp_path) as spool:
        offer(spool, 10, 11)
        await until(lambda: len(broker.got) == 12)
        await until(lambda: not spool.waiting)
    assert sorted(broker.got) == list(range(12))
    assert files(tmp_path) == []


async def test_a_dead_process_s_folder_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes one goes and leaves records; the other one, which lives, sends them. A living one's are left alone."""
    monkeypatch.setattr("gateway.spool.disk.LOOK_EVERY_S", 0.02)
    broker = Broker()
    async with opened(broker, tmp_path) as first:
        async with opened(Broker(is_down=True), tmp_path) as second:
            offer(second, 1, 2)
            offer(first, 3)
            await until(lambda: broker.got == [3])
            await asyncio.sleep(0.1)  # several looks: the folder is locked
            assert broker.got == [3]
            assert second.waiting == 2
        await until(lambda: len(broker.got) == 3)
        await until(lambda: not first.waiting)
    assert sorted(broker.got) == [1, 2, 3]
    assert files(tmp_path) == []


async def test_a_broker_that_is_down_costs_memory_for_batches_under_way_only(tmp_path: Path) -> None:
    """20,000 records wait: eight batches of 500 are in memory, everything is on disk; when the broker is back all of it comes."""
    broker = Broker(is_down=True)
    async with opened(broker, tmp_path) as spool:
        for n in range(0, 20_000, 100):
            offer(spool, *range(n, n + 100))
        await until(lambda: spool.delivery.failed_attempts >= BATCHES_UNDER_WAY)
        assert sum(batch.records for batch in spool._under_way) == BATCHES_UNDER_WAY * BATCH_RECORDS
        assert spool.waiting == 20_000
        assert spool.oldest_age_s() > 0
        broker.is_down = False
        await until(lambda: not spool.waiting)
        assert spool.oldest_age_s() == 0
    assert sorted(broker.got) == list(range(20_000))


async def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path, small_segments: None) -> None:
    """Past its bound whole segments go, the oldest first; sent plus dropped is exactly what was offered."""
    broker = Broker(is_down=True)
    async with opened(broker, tmp_path, max_bytes=50_000) as spool:
        for n in range(0, 2000, 10):
            offer(spool, *range(n, n + 10))
            await asyncio.sleep(0)
        assert spool.bytes <= 50_000
        lost = spool.dropped["spool_full"]
        assert spool.waiting + lost == 2000
        broker.is_down = False
        await until(lambda: not spool.waiting)
        assert len(broker.got) == len(set(broker.got)) == 2000 - spool.dropped["spool_full"] == 2000 - lost
        assert set(range(1900, 2000)) <= set(broker.got)
        assert lost > 1000
    assert files(tmp_path) == []


async def test_large_records_make_smaller_messages(tmp_path: Path) -> None:
    """A message holds about a megabyte, however large its records are."""
    broker = Broker()
    async with opened(broker, tmp_path) as spool:
        for n in range(600):
            spool.offer(record(n, "x" * 8192))
            spool.write_turn()
        await until(lambda: not spool.waiting)
    assert sorted(broker.got) == list(range(600))
    assert broker.most_bytes <= 1024 * 1024


async def test_a_record_without_json_costs_only_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Half a character in one record of a turn is said and counted; the others of the turn are sent."""
    broker = Broker()
    async with opened(broker, tmp_path) as spool:
        spool.offer(record(1))
        spool.offer(record(2, "\ud800"))
        offer(spool, 3)
        await until(lambda: not spool.waiting)
        assert spool.dropped == {"no_json": 1}
    assert broker.got == [1, 3]
    assert "the record of call 2 has no JSON form" in caplog.text


async def test_a_disk_that_is_full_costs_nothing_while_memory_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Writing fails, in the middle of a frame, too: records go on in memory, what is too much there is counted; when the disk is
    free again it is used, and nothing that was on it before is lost."""
    monkeypatch.setattr("gateway.spool.disk.TRY_EVERY_S", 0.0)
    broker = Broker(is_down=True)
    async with opened(broker, tmp_path, max_records=100) as spool:
        offer(spool, *range(10))
        real_write, is_full = os.write, True

        def write(descriptor: int, data: bytes) -> int:
            if is_full and len(data) <= 50:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_write(descriptor, data[:50] if is_full else data)

        monkeypatch.setattr("gateway.spool.segment.os.write", write)
        for n in range(10, 200, 10):
            offer(spool, *range(n, n + 10))
        assert (spool.trouble, spool.trouble_code) == ("No space left on device", "ENOSPC")
        assert caplog.text.count("cannot be written") == 1
        assert spool.waiting + spool.dropped["buffer_full"] == 200
        is_full = False
        offer(spool, 200)
        assert (spool.trouble, spool.trouble_code) == ("", "")
        broker.is_down = False
        await until(lambda: not spool.waiting)
    assert len(broker.got) == len(set(broker.got)) == 201 - spool.dropped["buffer_full"]
    assert set(range(10)) | {200} <= set(broker.got)
    assert files(tmp_path) == []


async def test_a_packer_that_fails_costs_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be packed waits in memory and arrives, as it is; the next turn is on disk again."""
    broker, faults = Broker(is_down=True), iter([RuntimeError("no memory")])

    def failing(ndjson: bytes, records: int, written_ms: int) -> bytes:
        for fault in faults:
            raise fault
        return frame(ndjson, records, written_ms)

    monkeypatch.setattr("gateway.spool.disk.frame", failing)
    async with opened(broker, tmp_path) as spool:
        offer(spool, 1, 2)
        offer(spool, 3)
        assert ids_on_disk(tmp_path) == [3]
        broker.is_down = False
        await until(lambda: not spool.waiting)
    assert sorted(broker.got) == [1, 2, 3]
    assert not spool.dropped


async def test_a_fault_of_the_way_costs_no_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the driver raises, a bug of its own included, the batch is sent again, and the log has the trace."""
    broker = Broker()
    real, faults = broker.publish, iter([KeyError("half a frame"), StopAsyncIteration()])

    async def publish(batch: bytes) -> None:
        for fault in faults:
            raise fault
        await real(batch)

    broker.publish = publish  # type: ignore[method-assign]
    async with opened(broker, tmp_path) as spool:
        offer(spool, 1, 2)
        await until(lambda: not spool.waiting)
    assert (broker.got, sum(spool.dropped.values())) == ([1, 2], 0)
    assert "KeyError: 'half a frame'" in caplog.text


async def test_a_file_that_is_damaged_meanwhile_is_counted_and_the_others_go_on(
    tmp_path: Path, small_segments: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A segment that somebody cuts off while it waits is given up, said and counted; those before and behind it arrive."""
    broker = Broker(is_down=True)
    async with opened(broker, tmp_path) as spool:
        for n in range(2000):
            offer(spool, n)
        await until(lambda: spool.delivery.failed_attempts >= BATCHES_UNDER_WAY)
        victim = files(tmp_path)[-3]
        os.truncate(victim, 100)
        broker.is_down = False
        await until(lambda: not spool.waiting)
    assert "the spool cannot be read" in caplog.text
    assert 0 < spool.dropped["unreadable"] == 2000 - len(broker.got) < 100
    assert files(tmp_path) == []
