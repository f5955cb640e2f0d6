"""What a segment of the spool holds: frames, one after the other, each with its length and checksum, and nothing else."""

import struct
import zlib
from typing import NamedTuple

_REST = struct.Struct("<IIQ")  # bytes of the body, records in it, when it was written in epoch ms
_SUM = struct.Struct("<I")  # CRC-32 of that and of the body
_UNCHECKED = struct.Struct("<4xIIQ")
HEAD_BYTES = _UNCHECKED.size


class Frame(NamedTuple):
    """Where a frame's body stands in what was read, how many records it has, and when it was written, in epoch ms."""

    start: int
    end: int
    records: int
    written_ms: int


def frame(body: bytes, records: int, written_ms: int) -> bytes:
    """A frame around NDJSON."""
    rest = _REST.pack(len(body), records, written_ms)
    return _SUM.pack(zlib.crc32(body, zlib.crc32(rest))) + rest + body


def next_frame(data: bytes, at: int) -> Frame:
    """The frame that begins there, by its head; its body may end past the end of the data. Raises struct.error for half a head."""
    size, records, written_ms = _UNCHECKED.unpack_from(data, at)
    return Frame(at + HEAD_BYTES, at + HEAD_BYTES + size, records, written_ms)


def first_bodies(data: bytes, max_records: int) -> tuple[list[bytes], int, int]:
    """The bodies of the frames at the front that are whole, at least the first one's; the records in them, together at most
    max_records if there are several; where the next frame begins."""
    bodies: list[bytes] = []
    records = at = 0
    # A turn that answers one call makes a frame of one record: this loop is a part of what each record costs.
    while at + HEAD_BYTES <= len(data):
        size, more, _ = _UNCHECKED.unpack_from(data, at)
        start = at + HEAD_BYTES
        if start + size > len(data) or (bodies and records + more > max_records):
            break
        at = start + size
        bodies.append(data[start:at])
        records += more
    return bodies, records, at


def whole_frames(data: bytes) -> list[Frame]:
    """The frames up to the first that is not whole or whose checksum is wrong: a crash leaves the last one torn."""
    found: list[Frame] = []
    at = 0
    view = memoryview(data)
    while at + HEAD_BYTES <= len(data):
        one = next_frame(data, at)
        if one.end > len(data) or zlib.crc32(view[at + _SUM.size : one.end]) != _SUM.unpack_from(data, at)[0]:
            break
        found.append(one)
        at = one.end
    return found
