"""Statistics of call logs out of SQLite. It hands over whole columns as JSON, which are grouped here: its GROUP BY sorts, and
sorting by group and response time costs twice what all of this does."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import orjson

from openplatform.adapters.call_log_cursor import MAX_GROUPS
from openplatform.adapters.sqlite_query import Value, interval_start, where
from openplatform.records import CallStats, StatsQuery, StatsTable

_GROUPED_BY = {
    "api": "api_name",
    "app": "app_key",
    "vender": "COALESCE(vender_id, '')",
    "error": "error_code",
}
_LIMITED = "error_code >= '7' AND error_code < '7;' AND (error_code = '7' OR error_code >= '7:')"
"""Most calls end in `0`, so that the first comparison is their last."""

Key = str | int
StatsColumns = tuple[str, str, str, str, str]
"""JSON arrays: of each call its group, ms and service ms or null; then the groups of failed calls, and those of limited ones."""


def stats_sql(query: StatsQuery) -> tuple[str, list[Value]]:
    """One row, the StatsColumns."""
    clause, values = where(query)
    group = interval_start(query.interval_ms, query.offset_ms) if query.by == "time" else _GROUPED_BY[query.by]
    return (
        f"SELECT json_group_array({group}), json_group_array(response_ms), json_group_array(service_ms), "  # noqa: S608
        f"json_group_array({group}) FILTER (WHERE error_code <> '0'), json_group_array({group}) FILTER (WHERE {_LIMITED}) "
        f"FROM call_log WHERE {clause}",
        values,
    )


def stats_of(columns: StatsColumns, by: str) -> StatsTable:
    """The table out of stats_sql's row."""
    keys, times, services, failed, limited = map(orjson.loads, columns)
    groups: dict[Key, tuple[list[int], list[int | None]]] = defaultdict(lambda: ([], []))
    for key, ms, service_ms in zip(keys, times, services, strict=True):
        group = groups[key]
        group[0].append(ms)
        group[1].append(service_ms)
    errors, limits = Counter[Key](failed), Counter[Key](limited)
    stats = [_one(key, *group, errors[key], limits[key]) for key, group in groups.items()]
    if by == "time":
        stats.sort(key=lambda row: int(row.key))
        return StatsTable(stats=tuple(stats[-MAX_GROUPS:]), others=sum(row.calls for row in stats[:-MAX_GROUPS]))
    stats.sort(key=lambda row: (-row.calls, row.key))
    return StatsTable(stats=tuple(stats[:MAX_GROUPS]), others=sum(row.calls for row in stats[MAX_GROUPS:]))


def _one(key: Key, all_ms: Sequence[int], all_service_ms: Iterable[int | None], errors: int, limited: int) -> CallStats:
    times = sorted(Counter(all_ms).items())
    service_ms = [ms for ms in all_service_ms if ms is not None]
    return CallStats(
        key=str(key),
        calls=len(all_ms),
        errors=errors,
        limited=limited,
        mean_ms=sum(all_ms) / len(all_ms),
        p50_ms=percentile(times, 0.50),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
        max_ms=times[-1][0],
        mean_service_ms=sum(service_ms) / len(service_ms) if service_ms else None,
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
