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


class LogQuery(Record, frozen=True, kw_only=True):
    """Conditions of a log search, all combined by AND; None or () = not asked. Times are epoch ms, from inclusive, to exclusive.

    app_keys: any of them; error: an exact errorCode, or a bare code that also matches `code:…`, or `any` = every call that
    ended in an error; keywords: words or phrases that must all occur in requestContent; cursor: what the page before returned.
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
    size: int = 20
    cursor: str | None = None


class LogHit(Record, frozen=True, kw_only=True):
    """A found record; highlight: HTML-escaped requestContent fragments with `<em>` around matches, None without keywords."""

    log: CallLog
    highlight: str | None = None


class LogPage(Record, frozen=True, kw_only=True):
    """One page, newest first. total counts up to 10,000; total_is_capped says there are more; cursor None = the last page."""

    hits: tuple[LogHit, ...]
    total: int
    total_is_capped: bool
    cursor: str | None


class ApiStats(Record, frozen=True, kw_only=True):
    """Statistics of one API over a range: numbers of calls and errors, response times in ms."""

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
    """What a log store says of itself. store: name and version; analyzer: of the request's content; finds: what that means."""

    store: str
    analyzer: str
    finds: str

    def __str__(self) -> str:
        return f"{self.store}, requestContent analysed by {self.analyzer} ({self.finds})"
