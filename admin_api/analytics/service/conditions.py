"""What operators may ask of call logs: conditions that all combine, checked and put into the log indexer's words."""

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from admin_api.tables.shapes import Body, Moment, Search
from openplatform.records import LogSort, StatsBy

MAX_RANGE_MS = 31 * 86_400_000

Param = tuple[str, str | int]
"""A name and value for the log indexer's query string."""


def _moment(value: object) -> object:
    """Epoch milliseconds as well as ISO 8601."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 14:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    return value


def _addresses(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False) if "/" in value else ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address, or a network such as 10.0.0.0/8") from None


When = Annotated[Moment, BeforeValidator(_moment), Field(description="ISO 8601 with an offset, or epoch milliseconds")]
Addresses = Annotated[
    Search, AfterValidator(_addresses), Field(description="an IP address, or a network such as 10.0.0.0/8")
]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]


class LogConditions(Body):
    """All together. from inclusive, to exclusive, at most 31 days; q: words, and "phrases in quotes", that all occur in the
    request's content; error: a code, `code:sub_code`, or `any`; app: in the app's name."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[When, Field(alias="from")]
    to: When
    app_key: Annotated[list[Search], Field(max_length=100)] = []
    app: Search | None = None
    api_name: Search | None = None
    vender_id: Annotated[int, Field(ge=0, lt=10**18)] | None = None
    error: Search | None = None
    remote_ip: Addresses | None = None
    request_id: Search | None = None
    min_ms: Milliseconds | None = None
    max_ms: Milliseconds | None = None
    q: Annotated[str, Field(max_length=500)] | None = None

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

    def params(self) -> list[Param]:
        """All but the apps, for the log indexer."""
        given = self.model_dump(include=set(_SENT), exclude_none=True)
        return [("from_ms", self.from_ms), ("to_ms", self.to_ms), *given.items()]


_SENT = ("api_name", "vender_id", "error", "remote_ip", "request_id", "min_ms", "max_ms", "q")


class LogSearch(LogConditions):
    """sort: by time or by response time, `-` = falling; cursor: of the page before, in the same order."""

    sort: LogSort = "-time"
    size: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None

    def page_params(self) -> list[Param]:
        """Which page of them, for the log indexer."""
        cursor: list[Param] = [] if self.cursor is None else [("cursor", self.cursor)]
        return [("sort", self.sort), ("size", self.size), *cursor]


StatsSort = Literal[
    "-calls", "calls", "-errors", "errors", "-error_rate", "error_rate", "-limited", "limited", "-mean_ms", "mean_ms",
    "-p50_ms", "p50_ms", "-p95_ms", "p95_ms", "-p99_ms", "p99_ms", "-max_ms", "max_ms", "-mean_service_ms", "mean_service_ms",
    "-key", "key",
]  # fmt: skip


class StatsSearch(LogConditions):
    """by: what calls are grouped by; sort: by a column, `-` = falling, not for `by=time`, which is in order of time."""

    by: StatsBy = "api"
    sort: StatsSort = "-calls"


def offset_ms(zone: ZoneInfo, moment: datetime) -> int:
    """By how much the zone's clock is ahead of UTC at that moment, within a day: where its days and hours begin."""
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds() * 1000) % 86_400_000 if offset is not None else 0
