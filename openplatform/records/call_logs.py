"""Call logs: the record of each call, and searching and counting them."""

from typing import Literal

import msgspec

from openplatform.records.record import Record


class CallLog(msgspec.Struct, gc=False):
    """One call's log record; the names are fixed by the data model and stand in the index as they are.

    platformRepTime, serviceTime: ms; receiveTime: epoch ms when the gateway received the call; createTime: epoch ms when it
    was indexed, 0 before; venderId: None when no session was established; errorCode: "0" or `code` or `code:sub_code`.
    """

    requestId: str  # noqa: N815
    appkey: str
    servIP: str  # noqa: N815
    venderId: int | None  # noqa: N815
    remoteIp: str  # noqa: N815
    apiName: str  # noqa: N815
    platformRepTime: int  # noqa: N815
    requestContent: str  # noqa: N815
    errorCode: str  # noqa: N815
    receiveTime: int  # noqa: N815
    createTime: int = 0  # noqa: N815
    serviceTime: int | None = None  # noqa: N815
    httpMethod: str = ""  # noqa: N815
    responseBytes: int = 0  # noqa: N815
    cached: bool = False
    gatewayNode: str = ""  # noqa: N815
    attempts: int = 0
    traceId: str | None = None  # noqa: N815
    truncated: bool = False


LogSort = Literal["-time", "time", "-ms", "ms"]
"""How hits are ordered: by receiveTime or by platformRepTime, `-` = falling; ties by receiveTime, then requestId, the same way."""


class LogConditions(Record, frozen=True, kw_only=True):
    """Which calls are meant, all combined by AND; None or () = not asked. Times are epoch ms, from inclusive, to exclusive.

    app_keys: any of them; error: an exact errorCode, or a bare code that also matches `code:…`, or `any` = every call that
    ended in an error; remote_ip: an address or a network such as `10.0.0.0/8`; keywords: words or phrases that must all occur
    in requestContent.
    """

    from_ms: int
    to_ms: int
    app_keys: tuple[str, ...] = ()
    api_name: str | None = None
    vender_id: int | None = None
    error: str | None = None
    remote_ip: str | None = None
    request_id: str | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    keywords: tuple[str, ...] = ()


class LogQuery(LogConditions, frozen=True, kw_only=True):
    """One page of the calls that are meant. cursor: what the page before returned, for the same order; without wants_total no hits
    are counted, and the page's total is 0."""

    sort: LogSort = "-time"
    size: int = 20
    cursor: str | None = None
    wants_total: bool = True


class LogHit(Record, frozen=True, kw_only=True):
    """A found record; highlight: HTML-escaped requestContent fragments with `<em>` around matches, None without keywords."""

    log: CallLog
    highlight: str | None = None


class LogPage(Record, frozen=True, kw_only=True):
    """One page in the order asked for. total counts up to 10,000; total_is_capped says there are more; cursor None = the last page.

    is_partial: time ran out, this is what was found until then. indexed_to_ms: every call received before then can be found,
    None = not known.
    """

    hits: tuple[LogHit, ...]
    total: int
    total_is_capped: bool
    cursor: str | None
    is_partial: bool = False
    indexed_to_ms: int | None = None


class TimeBucket(Record, frozen=True, kw_only=True):
    """How many calls were received in an interval that begins at start_ms, and how many of them ended in an error."""

    start_ms: int
    calls: int
    errors: int


class Histogram(Record, frozen=True, kw_only=True):
    """Calls over time, oldest first, intervals without calls left out; is_partial: time ran out, the counts are too low."""

    interval_ms: int
    buckets: tuple[TimeBucket, ...]
    is_partial: bool = False


StatsBy = Literal["api", "app", "vender", "error", "time"]


class StatsQuery(LogConditions, frozen=True, kw_only=True):
    """Statistics of the calls that are meant, one row for each API, app_key, vender_id, errorCode, or interval of time.

    interval_ms, offset_ms: for `time`: the length of an interval, and by how much the clock that intervals are aligned to is ahead
    of UTC (so that days begin at midnight).
    """

    by: StatsBy = "api"
    interval_ms: int = 60_000
    offset_ms: int = 0


class CallStats(Record, frozen=True, kw_only=True):
    """Statistics of one group of calls; times in ms.

    key: the API's name, the app_key, the vender_id ("" = none), the errorCode, or the interval's beginning in epoch ms; limited: calls
    that a limit refused; mean_service_ms: over the calls that reached a service, None = none did.
    """

    key: str
    calls: int
    errors: int
    limited: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    mean_service_ms: float | None = None


class StatsTable(Record, frozen=True, kw_only=True):
    """The 1,000 groups with the most calls, most first (intervals of time: oldest first); others: calls of the groups beyond."""

    stats: tuple[CallStats, ...]
    others: int = 0


class ApiStats(Record, frozen=True, kw_only=True, rename={"api_name": "key"}):
    """What the monitor reads of an API's CallStats."""

    api_name: str
    calls: int
    errors: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_service_ms: float | None = None


class IndexVerdict(Record, frozen=True, kw_only=True):
    """What became of one record of a batch: created, duplicate (was there already), refused (never fits), retry (later).

    is_blocked: to be repeated, but in vain until somebody makes room or lifts the block.
    """

    outcome: Literal["created", "duplicate", "refused", "retry"]
    reason: str = ""
    is_blocked: bool = False


class StoreInUse(Record, frozen=True, kw_only=True):
    """What a log store says of itself. store: name and version; analyzer: of the request's content; finds: what that means for
    Chinese, `characters` or `ik-words`."""

    store: str
    analyzer: str
    finds: str

    def __str__(self) -> str:
        finds = {"characters": "Chinese by character, keywords as phrases", "ik-words": "words of the IK plugin"}
        return f"{self.store}, requestContent analysed by {self.analyzer} ({finds.get(self.finds, self.finds)})"
