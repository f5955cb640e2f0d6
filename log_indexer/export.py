"""Any number of records as a stream of lines: page after page out of the store, never more than one page in memory."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError, PlatformUnavailable
from openplatform.ports import CallLogStore
from openplatform.records import LogConditions, LogPage, LogQuery

MEDIA_TYPE = "application/x-ndjson"
TOTAL_HEADER = "X-Total-Count"
PAGE_SIZE = 1_000
"""Half a megabyte: small enough to leave the event loop to others, large enough that the store's cost per page does not count."""
_TRIES = 4
_PAUSE_S = 0.5
"""Before a page is asked for again, twice as long each time: 3.5 s in all, a store's usual hiccup."""

_encode = msgspec.json.Encoder().encode


async def exported(store: CallLogStore, conditions: LogConditions) -> AsyncIterator[bytes]:
    """All records that fit, newest first, one JSON object per line, a page per chunk.

    Pages follow by cursor: what arrives meanwhile neither repeats nor hides a record. Raises PlatformUnavailable in the middle when the
    store stays away: the stream breaks off then, and cannot be taken for a complete one.
    """
    query = LogQuery(**msgspec.structs.asdict(conditions), size=PAGE_SIZE, wants_total=False)
    while True:
        page = await _page(store, query)
        if page.hits:
            yield b"".join(_encode(hit.log) + b"\n" for hit in page.hits)
        if page.cursor is None:
            return
        query = msgspec.structs.replace(query, cursor=page.cursor)


async def _page(store: CallLogStore, query: LogQuery) -> LogPage:
    failure: OpenPlatformError | None = None
    for attempt in range(_TRIES):
        if failure is not None:
            await asyncio.sleep(_PAUSE_S * 2 ** (attempt - 1))
        try:
            page = await store.search(query)
            if not page.is_partial:
                return page
            failure = PLATFORM_UNAVAILABLE("a page of the export took too long")
        except PlatformUnavailable as error:
            failure = error
    raise failure or PLATFORM_UNAVAILABLE()
