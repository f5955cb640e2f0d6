"""Where a page ended, as text that callers hand back unread.

A cursor holds a position and nothing else: whose orders are read is said by the call that brings it, so that one made up by somebody
shows nothing that the caller could not ask for anyway. It is checked all the same, and bound to the search that it came from.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

import msgspec

from openplatform.errors import OpenPlatformError
from openplatform.web import invalid
from order_service.repository import OrderFilter, Position

T = TypeVar("T")
Whole = Annotated[int, msgspec.Meta(ge=0, le=10**18 - 1)]
_SEARCH = msgspec.json.Decoder(tuple[Literal["s"], Whole, Whole, str])
_SYNC = msgspec.json.Decoder(tuple[Literal["i"], Whole, Whole | None, Whole | None])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a synchronisation is. after: number of the last change delivered; until: where this pass ends, None = a new pass
    begins; since: older changes are left out, None = none are."""

    after: int
    until: int | None = None
    since: datetime | None = None


def search_cursor(position: Position, wanted: OrderFilter) -> str:
    """The cursor of the page that follows."""
    return _written("s", _microseconds(position.modified), position.id, _fingerprint(wanted))


def search_position(cursor: str, wanted: OrderFilter) -> Position:
    """Raises ServiceRejected for a cursor that is none, or of a search with other conditions."""
    _, modified, row_id, fingerprint = _read(cursor, _SEARCH)
    if fingerprint != _fingerprint(wanted):
        raise invalid("cursor", "belongs to a search with other conditions: keep them all from page to page")
    return Position(_moment(modified), row_id)


def sync_cursor(progress: Progress) -> str:
    """The cursor of the page that follows, in this pass or the next."""
    since = None if progress.since is None else _microseconds(progress.since)
    return _written("i", progress.after, progress.until, since)


def sync_progress(cursor: str) -> Progress:
    """Raises ServiceRejected for a cursor that is none."""
    _, after, until, since = _read(cursor, _SYNC)
    return Progress(after, until, None if since is None else _moment(since))


def _written(*parts: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def _read(cursor: str, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return decoder.decode(raw)
    except (binascii.Error, ValueError):
        raise _not_ours() from None


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(microseconds: int) -> datetime:
    try:
        return _EPOCH + microseconds * _MICROSECOND
    except OverflowError:
        raise _not_ours() from None


def _not_ours() -> OpenPlatformError:
    return invalid("cursor", "is none of ours: give the next_cursor of the page before, unchanged")


def _fingerprint(wanted: OrderFilter) -> str:
    return hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
