"""The order of a log search, and its cursor: where the page before ended, as opaque text that both log stores write and read alike."""

import base64
import binascii

import msgspec

from openplatform.errors import StoreRejected
from openplatform.records import CallLog, LogSort

MAX_TOTAL = 10_000
"""Hits are counted up to here: counting on would make the cost of a search grow with the number of hits."""
MAX_GROUPS = 1_000
"""Rows of one table of statistics; nobody reads more, and each has its percentiles."""

ORDERED_BY: dict[str, tuple[str, ...]] = {
    "time": ("receiveTime", "requestId"),
    "ms": ("platformRepTime", "receiveTime", "requestId"),
}
"""The fields of a record that each order compares, first one first."""

Position = tuple[int | str, ...]


def fields_of(sort: LogSort) -> tuple[tuple[str, ...], bool]:
    """The fields that the order compares, and whether it is a falling one."""
    return ORDERED_BY[sort.removeprefix("-")], sort.startswith("-")


def cursor_after(log: CallLog, sort: LogSort) -> str:
    """The cursor of the page that follows this record."""
    fields, _ = fields_of(sort)
    position = msgspec.json.encode((sort, *(getattr(log, field) for field in fields)))
    return base64.urlsafe_b64encode(position).decode().rstrip("=")


def position_of(cursor: str, sort: LogSort) -> Position:
    """The compared fields of the last record of the page before. Raises StoreRejected when it was made by nobody of us, or for
    another order."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of, *position = msgspec.json.decode(raw, type=tuple[str | int, ...])
    except (binascii.Error, ValueError) as error:
        raise StoreRejected("the cursor cannot be read") from error
    if of != sort:
        raise StoreRejected("the cursor was not made for this order")
    *numbers, request_id = position or [0]
    fits = (
        len(position) == len(fields_of(sort)[0])
        and all(isinstance(number, int) and -(2**63) <= number < 2**63 for number in numbers)
        and isinstance(request_id, str)
        and len(request_id) <= 512
    )
    if not fits:
        raise StoreRejected("the cursor cannot be read")
    return tuple(position)
