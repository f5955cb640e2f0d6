"""Statistics of call logs out of SQLite: rows of (group, response time, calls with it), and percentiles over them."""

from collections.abc import Iterable, Sequence

from openplatform.adapters.call_log_cursor import MAX_GROUPS
from openplatform.adapters.sqlite_query import Value, interval_start, where
from openplatform.records import CallStats, StatsQuery, StatsTable

_GROUPED_BY = {
    "api": "api_name",
    "app": "app_key",
    "vender": "COALESCE(vender_id, '')",
    "error": "error_code",
}

StatsRow = tuple[str | int, int, int, int, int, int | None, int]
"""group, ms, calls, errors, limited calls, sum of service ms, calls that reached a service"""


def stats_sql(query: StatsQuery) -> tuple[str, list[Value]]:
    """StatsRows, ordered by group and ms."""
    clause, values = where(query)
    group = interval_start(query.interval_ms, query.offset_ms) if query.by == "time" else _GROUPED_BY[query.by]
    return (
        f"SELECT {group} AS key, response_ms, COUNT(*), SUM(error_code <> '0'), "  # noqa: S608  # bound values only
        "SUM(error_code = '7' OR (error_code >= '7:' AND error_code < '7;')), SUM(service_ms), COUNT(service_ms) "
        f"FROM call_log WHERE {clause} GROUP BY key, response_ms ORDER BY key, response_ms",
        values,
    )


def stats_of(rows: Iterable[StatsRow], by: str) -> StatsTable:
    """The table out of stats_sql's rows."""
    by_key: dict[str | int, list[StatsRow]] = {}
    for row in rows:
        by_key.setdefault(row[0], []).append(row)
    stats = [_one(str(key), group) for key, group in by_key.items()]
    if by == "time":
        return StatsTable(stats=tuple(stats[-MAX_GROUPS:]), others=sum(row.calls for row in stats[:-MAX_GROUPS]))
    stats.sort(key=lambda row: (-row.calls, row.key))
    return StatsTable(stats=tuple(stats[:MAX_GROUPS]), others=sum(row.calls for row in stats[MAX_GROUPS:]))


def _one(key: str, rows: Sequence[StatsRow]) -> CallStats:
    calls = sum(row[2] for row in rows)
    served = sum(row[6] for row in rows)
    times = [(row[1], row[2]) for row in rows]
    return CallStats(
        key=key,
        calls=calls,
        errors=sum(row[3] for row in rows),
        limited=sum(row[4] for row in rows),
        mean_ms=sum(ms * count for ms, count in times) / calls,
        p50_ms=percentile(times, 0.50),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
        max_ms=times[-1][0],
        mean_service_ms=sum(row[5] or 0 for row in rows) / served if served else None,
    )


def percentile(times: Sequence[tuple[int, int]], share: float) -> float:
    """The exact percentile, interpolated between neighbours, of (value, how often) in rising order; share from 0 to 1."""
    rank = share * (sum(count for _, count in times) - 1)
    low, high = _at(times, int(rank)), _at(times, int(rank) + (rank > int(rank)))
    return low + (high - low) * (rank - int(rank))


def _at(times: Sequence[tuple[int, int]], position: int) -> int:
    for value, count in times:
        if position < count:
            return value
        position -= count
    return times[-1][0]
