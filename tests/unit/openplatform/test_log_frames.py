"""Frames of call logs: whatever a crash leaves of a file gives those that were whole, and a message gives back what was written."""

from contextlib import suppress
from pathlib import Path

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.spool.segment import inspect
from openplatform.log_frames import HEAD_BYTES, MAX_PLAIN_BYTES, frame, front, next_frame, plain, whole_frames

Bodies = list[tuple[bytes, int, int]]
TEXTS = st.binary(max_size=300) | st.binary(max_size=60).map(lambda text: text * 100)
"""Stored as they are, and packed."""
BODIES: st.SearchStrategy[Bodies] = st.lists(st.tuples(TEXTS, st.integers(0, 500), st.integers(0, 2**63)), max_size=8)


def ends_of(frames: list[bytes]) -> list[int]:
    """Where each of them ends when they stand one after the other."""
    return [sum(len(one) for one in frames[: n + 1]) for n in range(len(frames))]


@given(BODIES, st.data())
def test_any_prefix_gives_the_whole_frames(bodies: Bodies, data: st.DataObject) -> None:
    """A file that was cut anywhere yields the frames before the cut, each as it was written, and nothing else."""
    frames = [frame(*one) for one in bodies]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))
    found = whole_frames(whole[:cut])
    assert len(found) == sum(end <= cut for end in ends_of(frames))
    texts = [plain(whole[one.start - HEAD_BYTES : one.end]) for one in found]
    assert [(text, one.records, one.written_ms) for text, one in zip(texts, found, strict=True)] == bodies[: len(found)]


@given(BODIES.filter(bool), st.data())
def test_a_torn_tail_is_no_frame(bodies: Bodies, data: st.DataObject) -> None:
    """Rubbish in place of a frame's bytes, as a power failure leaves it, ends the file there: no byte of it becomes a record."""
    frames = [frame(*one) for one in bodies]
    whole = bytearray(b"".join(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    hit = next(n for n, end in enumerate(ends_of(frames)) if at < end)
    assert len(whole_frames(bytes(whole))) == hit


@given(BODIES, st.binary(max_size=40))
def test_what_is_behind_the_last_frame_does_not_change_those_before(bodies: Bodies, rubbish: bytes) -> None:
    """Frames are found in front of anything."""
    whole = b"".join(frame(*one) for one in bodies)
    assert len(whole_frames(whole + rubbish)) >= len(bodies)
    assert whole_frames(whole + rubbish)[: len(bodies)] == whole_frames(whole)


@given(BODIES)
def test_a_message_gives_back_what_was_written(bodies: Bodies) -> None:
    """Frames one after the other are the NDJSON of all of them; NDJSON that was never packed is itself."""
    text = b"".join(body for body, _, _ in bodies)
    assert plain(b"".join(frame(*one) for one in bodies)) == text
    assert plain(b'{"a":1}\n' + text) == b'{"a":1}\n' + text


@given(BODIES.filter(bool), st.data())
def test_a_broken_message_is_said_to_be_broken(bodies: Bodies, data: st.DataObject) -> None:
    """Cut or changed bytes behind its start give other NDJSON or a ValueError, never another error and never more than was said."""
    whole = bytearray(b"".join(frame(*one) for one in bodies))
    at = data.draw(st.integers(8, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    for message in (bytes(whole), bytes(whole[:at])):
        with suppress(ValueError):
            assert len(plain(message)) <= MAX_PLAIN_BYTES


def test_a_message_that_would_fill_memory_is_refused() -> None:
    """Neither a head that says less than LZ4 makes of the body nor one that says more than is allowed is believed."""
    honest = frame(bytes(1_000_000), 1, 1)
    for claimed in (10, MAX_PLAIN_BYTES + 1):
        forged = honest[:16] + claimed.to_bytes(4, "little") + honest[20:]
        with pytest.raises(ValueError, match=r"too large|does not hold"):
            plain(forged)


def test_the_front_of_a_file_is_taken_within_bounds() -> None:
    """Whole frames only, at least one, and no more than fit; the rest is for the next message."""
    one, two, three = (frame(b"x" * 100 * n, n, 7) for n in (1, 2, 3))
    data = one + two + three
    wide = {"max_records": 500, "max_plain_bytes": 10_000}
    assert front(data, **wide) == (len(data), 6)
    assert front(data[:-1], **wide) == (len(one + two), 3)
    assert front(data, max_records=5, max_plain_bytes=10_000) == (len(one + two), 3)
    assert front(data, max_records=500, max_plain_bytes=299) == (len(one), 1)
    assert front(three, max_records=1, max_plain_bytes=1) == (len(three), 3)


def test_a_head_says_where_its_body_ends() -> None:
    """Readers find the next frame by the head alone, and rubbish is none."""
    made = frame(b"body", 3, 7)
    assert next_frame(b"xx" + made, 2) == (2 + HEAD_BYTES, 2 + len(made), 4, 3, 7)
    with pytest.raises(ValueError, match="no frame"):
        next_frame(b"x" * 100)


def test_anybodys_lz4_reads_it(tmp_path: Path) -> None:
    """A file of frames is a file of the LZ4 format: a reader that knows nothing of our heads finds the NDJSON in it."""
    path = tmp_path / "1.spool"
    path.write_bytes(frame(b"a\n", 1, 1) + frame(b"b\n" * 2000, 2000, 2) + frame(b"c\n", 1, 3))
    with lz4.frame.open(path) as file:
        assert file.read() == b"a\n" + b"b\n" * 2000 + b"c\n"


def test_a_file_left_by_a_crash_is_cut_at_its_last_whole_frame(tmp_path: Path) -> None:
    """The torn tail is gone from disk, too; the records before it are counted and can be read."""
    path = tmp_path / f"{1:020d}.spool"
    path.write_bytes(frame(b"a\n", 1, 1) + frame(b"b\nc\n", 2, 2) + frame(b"torn\n", 1, 3)[:-1])
    segment = inspect(path)
    assert segment.records == 3
    assert path.stat().st_size == segment.size
    batch = segment.take(500, 1 << 20)
    assert batch is not None
    assert (plain(batch.body), batch.records, batch.oldest_ms) == (b"a\nb\nc\n", 3, 1)
    assert segment.take(500, 1 << 20) is None
