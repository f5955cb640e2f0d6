"""Call logs and statistics as files: lines of JSON on their way into CSV, with the apps' names and the platform's time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from admin_api.analytics.service.search import Analytics
from openplatform.csv_lines import BOM, csv_line
from openplatform.records import CallLog, CallStats

_FIELDS = tuple(
    field for field in CallLog.__struct_fields__ if field not in ("receiveTime", "createTime", "requestContent")
)
_HEAD = ("receiveTime", "app_name", *_FIELDS, "createTime", "requestContent")
_STATS = ("calls", "errors", "limited", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms", "mean_service_ms")

_decode = msgspec.json.Decoder(CallLog).decode


async def csv_of_logs(chunks: AsyncIterator[bytes], analytics: Analytics, zone: ZoneInfo) -> AsyncIterator[str]:
    """The CSV of an export's lines, as they come; its names are the record's own."""
    names: dict[str, str] = {}
    yield BOM + csv_line(_HEAD)
    async for lines in _whole_lines(chunks):
        logs = [_decode(line) for line in lines]
        if unknown := {log.appkey for log in logs} - names.keys():
            names |= dict.fromkeys(unknown, "") | await analytics.app_names(sorted(unknown))
        yield "".join(csv_line(_cells(log, names[log.appkey], zone)) for log in logs)


def csv_of_stats(rows: Sequence[CallStats], by: str, names: dict[str, str], zone: ZoneInfo) -> str:
    """The CSV of a table of statistics; names: of apps, by key."""
    head = (by, "app_name", *_STATS) if by == "app" else (by, *_STATS)

    def cells(row: CallStats) -> list[object]:
        key = _iso(int(row.key), zone) if by == "time" else row.key
        figures = [getattr(row, name) for name in _STATS]
        rounded = [round(figure, 1) if isinstance(figure, float) else figure for figure in figures]
        return [key, *([names.get(row.key, "")] if by == "app" else []), *rounded]

    return BOM + "".join(csv_line(line) for line in (head, *(cells(row) for row in rows)))


async def _whole_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """The complete lines of each chunk; a record is never cut in two. Its sender ends the last line."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield lines


def _cells(log: CallLog, app_name: str, zone: ZoneInfo) -> list[object]:
    return [
        _iso(log.receiveTime, zone),
        app_name,
        *(getattr(log, field) for field in _FIELDS),
        _iso(log.createTime, zone) if log.createTime else "",
        log.requestContent,
    ]


def _iso(ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="milliseconds")
