"""The cursor of a log search: where the page before ended, as opaque text that both log stores write and read alike."""

import base64
import binascii

import msgspec

from openplatform.errors import StoreRejected
from openplatform.records import CallLog

MAX_TOTAL = 10_000
"""Hits are counted up to here: counting on would make the cost of a search grow with the number of hits."""

_POSITION = msgspec.json.Decoder(tuple[int, str])


def cursor_after(log: CallLog) -> str:
    """The cursor of the page that follows this record."""
    position = msgspec.json.encode((log.receiveTime, log.requestId))
    return base64.urlsafe_b64encode(position).decode().rstrip("=")


def position_of(cursor: str) -> tuple[int, str]:
    """(receiveTime, requestId) of the last record of the page before. Raises StoreRejected when it was made by nobody of us."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        received_ms, request_id = _POSITION.decode(raw)
    except (binascii.Error, ValueError) as error:
        raise StoreRejected("the cursor cannot be read") from error
    if not 0 <= received_ms < 2**53 or len(request_id) > 512:
        raise StoreRejected("the cursor cannot be read")
    return received_ms, request_id
