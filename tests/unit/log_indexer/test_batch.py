"""A batch of lines becomes records; what is none is put aside with a reason and does not hold up the rest."""

import msgspec
import pytest

from log_indexer.batch import MAX_RECORD_BYTES, Batch, decode_lines
from openplatform.log_frames import frame
from openplatform.records import IndexVerdict
from tests.unit.log_indexer.parts import Delivered, call_log, lines


def test_lines_become_records() -> None:
    """Every line is one record; empty lines and a missing last line break do no harm; unknown fields are passed over."""
    body = b"\n" + lines(call_log("r1"), call_log("r2", venderId=None)) + b'{"requestId":"r3",'
    body += msgspec.json.encode(call_log("r3", later="x"))[1:]
    records, bad = decode_lines(body)
    assert [record.requestId for record in records] == ["r1", "r2", "r3"]
    assert bad == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no json", "undecodable"),
        (b'{"requestId":"x"}', "missing required field"),
        (msgspec.json.encode(call_log("x", receiveTime="yesterday")), "receiveTime"),
        (b"[1,2]", "Expected `object`"),
        (b'{"requestId":"\xff"}', "undecodable"),
        (msgspec.json.encode(call_log("x", requestContent="x" * MAX_RECORD_BYTES)), "longer than"),
        (lines(call_log("x"))[:-2], "truncated"),
    ],
)
def test_a_line_that_is_no_record_is_put_aside(line: bytes, reason: str) -> None:
    """Its batch-mates before and after are records all the same."""
    records, bad = decode_lines(lines(call_log("r1")) + line + b"\n" + lines(call_log("r2")))
    assert [record.requestId for record in records] == ["r1", "r2"]
    assert [(text, reason in why) for text, why in bad] == [(line, True)]


def test_a_packed_message_is_its_lines() -> None:
    """Frames, as gateways send them, and plain lines are the same records; a message that cannot be unpacked is put aside, whole."""
    packed = frame(lines(call_log("r1")), 1, 1) + frame(lines(*(call_log(f"r{n}") for n in range(2, 20))), 18, 1)
    records, bad = decode_lines(packed)
    assert [record.requestId for record in records] == [f"r{n}" for n in range(1, 20)]
    assert bad == []
    records, bad = decode_lines(packed[:-1])
    assert records == []
    assert [(text, "cut off" in why) for text, why in bad] == [(packed[:-1], True)]


async def test_a_batch_is_done_when_every_record_is_judged() -> None:
    """Records to be sent again keep it open; it is then settled with its dead letters first."""
    delivery = Delivered(lines(call_log("r1"), call_log("r2"), call_log("r3")) + b"poison\n")
    batch = Batch(delivery, taken_at=0)
    first, second, third = batch.records
    batch.judged(first, IndexVerdict(outcome="created"))
    batch.judged(second, IndexVerdict(outcome="retry"))
    batch.judged(third, IndexVerdict(outcome="refused", reason="does not fit"))
    assert not batch.is_done
    batch.judged(second, IndexVerdict(outcome="duplicate"))
    assert batch.is_done
    await batch.settle()
    assert delivery.events == ["dead", "dead", "ack"]
    assert dict(delivery.dead)[lines(call_log("r3")).strip()] == "does not fit"
    assert b"poison" in dict(delivery.dead)


async def test_a_refused_record_is_kept_as_it_was_sent() -> None:
    """The dead letter can be sent again: the indexer's own time is taken out of it."""
    delivery = Delivered(lines(call_log("r1")))
    batch = Batch(delivery, taken_at=0)
    (record,) = batch.records
    record.createTime = 5
    batch.judged(record, IndexVerdict(outcome="refused", reason="x"))
    await batch.settle()
    assert delivery.dead == [(lines(call_log("r1")).strip(), "x")]


def test_an_empty_batch_is_done_at_once() -> None:
    """A message without a record holds nothing up."""
    batch = Batch(Delivered(b"\n\n"), taken_at=0)
    assert batch.is_done
    assert batch.oldest_ms is None


def test_a_batch_knows_its_oldest_record() -> None:
    """For the lag."""
    body = lines(call_log("r1", receiveTime=50), call_log("r2", receiveTime=20), call_log("r3", receiveTime=70))
    assert Batch(Delivered(body), taken_at=0).oldest_ms == 20
