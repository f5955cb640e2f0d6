"""Call logs into one `_bulk` request, and its answer item by item: what was stored, what was there, what never fits, what to repeat.

This is the hot loop of log_indexer (its budget is 12 µs of CPU per record), so records become bytes once and nothing is built
that is not sent.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from openplatform.records import CallLog, IndexVerdict

DAY_MS = 86_400_000
MAX_ID_BYTES = 512
"""Elasticsearch's own bound of an `_id`; a longer one makes it refuse the whole request, batch-mates included."""
MAX_BODY_BYTES = 1_000_000
"""Of one request: 2,000 records of 500 bytes. Larger ones are no cheaper, and hold the event loop while they are written."""
_LAST_MS = 253_402_300_799_999  # 9999-12-31: the last day that a daily index has a name for

CREATED = IndexVerdict(outcome="created")
DUPLICATE = IndexVerdict(outcome="duplicate")

_encoder = msgspec.json.Encoder()


def index_name(prefix: str, received_ms: int) -> str:
    """The daily index, in UTC, of a record received then: never that of the time of indexing, since ids are unique per index."""
    return _index_of_day(prefix, received_ms // DAY_MS)


@lru_cache(maxsize=256)
def _index_of_day(prefix: str, day: int) -> str:
    return f"{prefix}-{time.strftime('%Y.%m.%d', time.gmtime(day * 86_400))}"


@lru_cache(maxsize=256)
def _action_head(prefix: str, day: int) -> bytes:
    return b'{"create":{"_index":"%s","_id":' % _index_of_day(prefix, day).encode()


def bulk_lines(prefix: str, record: CallLog) -> bytes | str:
    """The two lines of a record, or why it can never be sent."""
    day = record.receiveTime // DAY_MS
    if not 0 <= record.receiveTime <= _LAST_MS:
        return "receiveTime is no time of an index"
    try:
        identity, source = _encoder.encode(record.requestId), _encoder.encode(record)
    except ValueError as error:  # a lone surrogate
        return f"not encodable: {error}"
    if not 2 < len(identity) <= MAX_ID_BYTES + 2 and not 0 < len(record.requestId.encode()) <= MAX_ID_BYTES:
        return f"requestId must have 1 to {MAX_ID_BYTES} bytes"
    return b"%b%b}}\n%b\n" % (_action_head(prefix, day), identity, source)


def bodies(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The lines in groups of at most MAX_BODY_BYTES; a record above that stands alone."""
    group: list[bytes] = []
    size = 0
    for line in lines:
        if group and size + len(line) > MAX_BODY_BYTES:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group


def read_verdicts(answer: Mapping[str, Any], count: int) -> list[IndexVerdict]:
    """One verdict per item of a `_bulk` answer that was filtered to errors, statuses, types and reasons."""
    items = answer.get("items", ())
    if len(items) != count:
        return [IndexVerdict(outcome="retry", reason="the answer has another number of items")] * count
    if not answer["errors"]:
        return [CREATED] * count
    return [classify(made["status"], made.get("error")) for made in (item["create"] for item in items)]


def classify(status: int, error: Mapping[str, str] | None = None) -> IndexVerdict:
    """201 stored · 409 was there · 429, 5xx, a missing or blocked index: later · the rest never fits."""
    if status in (200, 201):
        return CREATED
    if status == 409:
        return DUPLICATE
    kind = (error or {}).get("type", "")
    reason = f"{kind}: {(error or {}).get('reason', '')}"[:500]
    if kind == "cluster_block_exception":  # 429 at the flood stage of its disk, 403 with a block that somebody has set
        return IndexVerdict(outcome="retry", reason=reason, is_blocked=True)
    if status in (404, 429) or status >= 500:
        return IndexVerdict(outcome="retry", reason=reason)
    return IndexVerdict(outcome="refused", reason=reason)
