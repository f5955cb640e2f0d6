"""/rank, /logs and /stats."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Query
from pydantic import BeforeValidator, ConfigDict, Field, IPvAnyAddress, model_validator

from admin_api.analytics.service import Analytics
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.shapes import Body, Moment, Search, View
from openplatform.ports import ApiRanking, Clock
from openplatform.records import LogHit, LogQuery

MAX_RANGE_MS = 31 * 86_400_000
TOP = 10


def _moment(value: object) -> object:
    """Epoch milliseconds as well as ISO 8601."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 14:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    return value


When = Annotated[Moment, BeforeValidator(_moment), Field(description="ISO 8601 with an offset, or epoch milliseconds")]


class Ranked(View):
    """share: of all ten, 0 to 1."""

    api_name: str
    calls: int
    share: float


class Ranking(View):
    """The day's ten most called APIs, by accepted calls."""

    day: date
    items: list[Ranked]


class TimeRange(Body):
    """from inclusive, to exclusive; at most 31 days."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[When, Field(alias="from")]
    to: When

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not 0 < self.to_ms - self.from_ms <= MAX_RANGE_MS:
            raise ValueError("`to` must be after `from`, by at most 31 days")
        return self

    @property
    def from_ms(self) -> int:
        return int(self.from_.timestamp() * 1000)

    @property
    def to_ms(self) -> int:
        return int(self.to.timestamp() * 1000)


class LogSearch(TimeRange):
    """All conditions together. q: words, and "phrases in quotes", that all occur in the request's content; error: a code,
    `code:sub_code`, or `any`; app: in the app's name; cursor: of the page before."""

    app_key: Annotated[list[Search], Field(max_length=100)] = []
    app: Search | None = None
    api_name: Search | None = None
    vender_id: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    error: Search | None = None
    remote_ip: IPvAnyAddress | None = None
    request_id: Search | None = None
    min_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None
    max_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None
    q: Annotated[str, Field(max_length=500)] | None = None
    size: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class StatsRange(TimeRange):
    """api_name: of this API only."""

    api_name: Search | None = None


class LogRow(View):
    """A call's record, the names as they are stored. receiveTime, createTime: epoch ms; app_name: "" when the app is gone.
    highlight: HTML-escaped content with `<em>` around matches, null without keywords."""

    model_config = ConfigDict(extra="allow")

    requestId: str  # noqa: N815
    appkey: str
    app_name: str
    apiName: str  # noqa: N815
    venderId: int | None  # noqa: N815
    remoteIp: str  # noqa: N815
    errorCode: str  # noqa: N815
    platformRepTime: int  # noqa: N815
    receiveTime: int  # noqa: N815
    requestContent: str  # noqa: N815
    highlight: str | None = None


class LogRows(View):
    """total counts to 10,000; total_is_capped: there are more. cursor: for the next page, null = this was the last."""

    items: list[LogRow]
    total: int
    total_is_capped: bool
    cursor: str | None


class StatsRow(View):
    """One API: calls, errors, response times in ms."""

    api_name: str
    calls: int
    errors: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_service_ms: float | None


def analytics_routes(analytics: Analytics, ranking: ApiRanking, clock: Clock, zone: ZoneInfo) -> APIRouter:
    """The routes of ranking, logs and statistics."""
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/rank", tags=["今日排行"], openapi_extra=needs("gw:rank:view"))
    async def top_ten(
        day: Annotated[date, Query(description="of the platform's zone, kept 30 days")] | None = None,
    ) -> Ranking:
        day = day or datetime.fromtimestamp(clock.now(), zone).date()
        top = await ranking.top(day, TOP)
        total = sum(calls for _, calls in top) or 1
        return Ranking(day=day, items=[Ranked(api_name=n, calls=c, share=round(c / total, 4)) for n, c in top])

    @router.get("/logs", tags=["日志搜索"], openapi_extra=needs("log:search"))
    async def search_logs(search: Annotated[LogSearch, Query()]) -> LogRows:
        page, names = await analytics.search(_query(search), app_name=search.app)
        items = [_row(hit, names) for hit in page.hits]
        return LogRows(items=items, total=page.total, total_is_capped=page.total_is_capped, cursor=page.cursor)

    @router.get("/logs/{request_id}", tags=["日志搜索"], openapi_extra=needs("log:view"))
    async def get_log(request_id: Search) -> LogRow:
        now_ms = int(clock.now() * 1000)
        last_month = LogQuery(
            from_ms=now_ms - MAX_RANGE_MS + 60_000, to_ms=now_ms + 60_000, request_id=request_id, size=1
        )
        page, names = await analytics.search(last_month)
        if not page.hits:
            raise Problem(404, "not-found", "no call of the last 31 days has this request id", "最近31天内没有该请求")
        return _row(page.hits[0], names)

    @router.get("/stats", tags=["API统计"], openapi_extra=needs("stat:view"))
    async def statistics(asked: Annotated[StatsRange, Query()]) -> list[StatsRow]:
        found = await analytics.stats(from_ms=asked.from_ms, to_ms=asked.to_ms, api_name=asked.api_name)
        return [StatsRow(**msgspec.structs.asdict(row)) for row in found]

    return router


def _query(search: LogSearch) -> LogQuery:
    return LogQuery(
        from_ms=search.from_ms,
        to_ms=search.to_ms,
        app_keys=tuple(search.app_key),
        api_name=search.api_name,
        vender_id=search.vender_id,
        error=search.error,
        remote_ip=None if search.remote_ip is None else str(search.remote_ip),
        request_id=search.request_id,
        min_ms=search.min_ms,
        max_ms=search.max_ms,
        keywords=(search.q,) if search.q and search.q.strip() else (),
        size=search.size,
        cursor=search.cursor,
    )


def _row(hit: LogHit, names: dict[str, str]) -> LogRow:
    record: dict[str, Any] = msgspec.structs.asdict(hit.log)
    return LogRow(**record, app_name=names.get(hit.log.appkey, ""), highlight=hit.highlight)
