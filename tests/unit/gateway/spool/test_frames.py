"""The spool's format: whatever a crash leaves of a segment gives exactly the frames that were whole."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.spool.frames import HEAD_BYTES, frame, next_frame, whole_frames
from gateway.spool.segment import inspect

BODIES = st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 500), st.integers(0, 2**63)), max_size=8)
Bodies = list[tuple[bytes, int, int]]


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
    assert [(whole[one.start : one.end], one.records, one.written_ms) for one in found] == bodies[: len(found)]


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


def test_a_head_says_where_its_body_ends() -> None:
    """Readers find the next frame by the head alone."""
    one = next_frame(b"xx" + frame(b"body", 3, 7), 2)
    assert one == (2 + HEAD_BYTES, 2 + HEAD_BYTES + 4, 3, 7)


def test_a_file_left_by_a_crash_is_cut_at_its_last_whole_frame(tmp_path: Path) -> None:
    """The torn tail is gone from disk, too; the records before it are counted and can be read."""
    path = tmp_path / f"{1:020d}.spool"
    path.write_bytes(frame(b"a\n", 1, 1) + frame(b"b\nc\n", 2, 2) + frame(b"torn\n", 1, 3)[:-1])
    segment = inspect(path)
    assert segment.records == 3
    assert path.stat().st_size == segment.size
    batch = segment.take(500, 1 << 20)
    assert batch is not None
    assert (batch.body, batch.records, batch.oldest_ms) == (b"a\nb\nc\n", 3, 1)
    assert segment.take(500, 1 << 20) is None
