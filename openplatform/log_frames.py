"""Call logs as they lie in the gateway's spool and pass through the queue: frames, one after the other, each a turn's records.

A frame is a skippable frame of the LZ4 format, our head, and after it an LZ4 frame of NDJSON. So a message or a whole file of the
spool is what `lz4 -dc` reads, and of what was written nothing has to be made anew to be sent. Source: lz4_Frame_format.md, 1.6.
"""

import struct
import zlib
from typing import NamedTuple

import lz4.frame

_MAGIC = 0x184D2A50
_HEAD = struct.Struct("<IIIIIIQ")
"""Magic, bytes that follow it here, CRC-32 of the rest and of the body, then the rest: bytes of the body, bytes of its NDJSON, records
in it, when it was written in epoch ms."""
_REST = struct.Struct("<IIIQ")
_START = _HEAD.pack(_MAGIC, 4 + _REST.size, 0, 0, 0, 0, 0)[:8]
HEAD_BYTES = _HEAD.size

_WORTH_BYTES = 2048
"""Two or three records have too little in common to be worth the time: smaller ones are stored as they are."""
_AS_IT_IS = lz4.frame.compress(b"", store_size=False)[:7], struct.Struct("<I").pack, bytes(4)
"""The LZ4 frame's head, a block's length, its end mark."""
MAX_PLAIN_BYTES = 64 * 1024 * 1024
"""NDJSON of one message; 500 records of the largest size are a third of it. Nobody's memory is a stranger's to fill."""


class Frame(NamedTuple):
    """Where a frame's body stands in what was read, its NDJSON's bytes, its records, when it was written, in epoch ms."""

    start: int
    end: int
    plain_bytes: int
    records: int
    written_ms: int


def frame(ndjson: bytes, records: int, written_ms: int) -> bytes:
    """A frame around NDJSON."""
    if len(ndjson) < _WORTH_BYTES:
        head, length, end = _AS_IT_IS
        body = b"".join((head, length(len(ndjson) | 1 << 31), ndjson, end)) if ndjson else head + end
    else:
        body = lz4.frame.compress(ndjson)  # with its size: readers need not guess how much room it takes
    rest = _REST.pack(len(body), len(ndjson), records, written_ms)
    return b"".join((_START, zlib.crc32(body, zlib.crc32(rest)).to_bytes(4, "little"), rest, body))


def next_frame(data: bytes, at: int = 0) -> Frame:
    """The frame that begins there, by its head; its body may end past the end of the data.

    Raises struct.error for half a head, ValueError for bytes that are none.
    """
    magic, _, _, size, plain_bytes, records, written_ms = _HEAD.unpack_from(data, at)
    if magic != _MAGIC:
        raise ValueError("this is no frame of call logs")
    start = at + HEAD_BYTES
    return Frame(start, start + size, plain_bytes, records, written_ms)


def front(data: bytes, *, max_records: int, max_plain_bytes: int) -> tuple[int, int]:
    """Where the frames at the front end that are whole and, if there are several, together within the bounds; records in them."""
    records = plain_bytes = at = 0
    # A turn that answers one call makes a frame of one record: this loop is a part of what each record costs.
    while at + HEAD_BYTES <= len(data):
        _, _, _, size, more_bytes, more, _ = _HEAD.unpack_from(data, at)
        end = at + HEAD_BYTES + size
        plain_bytes += more_bytes
        if end > len(data) or (at and (records + more > max_records or plain_bytes > max_plain_bytes)):
            break
        at = end
        records += more
    return at, records


def whole_frames(data: bytes) -> list[Frame]:
    """The frames up to the first that is not whole or whose checksum is wrong: a crash leaves the last one torn."""
    found: list[Frame] = []
    at = 0
    view = memoryview(data)
    while at + HEAD_BYTES <= len(data) and data.startswith(_START, at):
        one = next_frame(data, at)
        checked_from = one.start - _REST.size
        claimed = int.from_bytes(view[checked_from - 4 : checked_from], "little")
        if one.end > len(data) or zlib.crc32(view[checked_from : one.end]) != claimed:
            break
        found.append(one)
        at = one.end
    return found


def is_packed(message: bytes) -> bool:
    """Whether it begins as frames do; any other message is NDJSON."""
    return message.startswith(_START)


def plain(message: bytes) -> bytes:
    """The NDJSON in a message of whole frames; one that is not packed comes back as it is.

    Raises ValueError for frames that are cut off, are more than MAX_PLAIN_BYTES, or do not hold what their heads say.
    """
    if not is_packed(message):
        return message
    found: list[bytes] = []
    at = plain_bytes = 0
    view = memoryview(message)
    try:
        while at < len(message):
            one = next_frame(message, at)
            plain_bytes += one.plain_bytes
            if one.end > len(message) or plain_bytes > MAX_PLAIN_BYTES:
                raise ValueError("a frame of call logs is cut off or too large")
            # LZ4 can make 255 bytes of one: no more of them than the head has said.
            reader = lz4.frame.LZ4FrameDecompressor()
            ndjson = reader.decompress(view[one.start : one.end], max_length=one.plain_bytes)
            if not reader.eof or len(ndjson) != one.plain_bytes:
                raise ValueError("a frame of call logs does not hold what its head says")
            found.append(ndjson)
            at = one.end
    except (RuntimeError, struct.error) as error:  # what the two libraries say of broken bytes
        raise ValueError(f"a frame of call logs is broken: {error}") from error
    return found[0] if len(found) == 1 else b"".join(found)
