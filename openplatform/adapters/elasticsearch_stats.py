"""Statistics and histograms of call logs in Elasticsearch's aggregations, and what their answers mean."""

from collections.abc import Mapping
from typing import Any

from openplatform.adapters.call_log_cursor import MAX_GROUPS
from openplatform.adapters.elasticsearch_query import ended_in, matching
from openplatform.records import CallStats, Histogram, LogConditions, StatsQuery, StatsTable, TimeBucket

_GROUPED_BY = {"api": "apiName", "app": "appkey", "vender": "venderId", "error": "errorCode"}
_NO_VENDER = -1
"""Stands for a missing venderId, which no merchant has; without it such calls would be in no group."""
_SUCCESS, _LIMITED = "0", "7"
_FIGURES: dict[str, Any] = {
    # What is no success is an error, and the rest of these codes are limits: terms cost a fifth of what a filter for each does.
    # 50 of 1,000 groups are fewer buckets than a search may have.
    "codes": {
        "terms": {"field": "errorCode", "include": f"{_SUCCESS}|{_LIMITED}|{_LIMITED}:.*", "size": 50},
    },
    "times": {"stats": {"field": "platformRepTime"}},
    "percentiles": {"percentiles": {"field": "platformRepTime", "percents": [50, 95, 99]}},
    "service": {"avg": {"field": "serviceTime"}},
}


def stats_body(query: StatsQuery, analyzer: str) -> dict[str, Any]:
    """The keyword arguments of a search that answers statistics."""
    if query.by == "time":
        groups = _over_time(query.interval_ms, query.offset_ms)
    else:
        groups = {"terms": {"field": _GROUPED_BY[query.by], "size": MAX_GROUPS}}
        if query.by == "vender":
            groups["terms"]["missing"] = _NO_VENDER
    return _aggregation(query, analyzer, groups, _FIGURES)


def histogram_body(conditions: LogConditions, analyzer: str, interval_ms: int, offset_ms: int) -> dict[str, Any]:
    """The keyword arguments of a search that counts calls and errors over time."""
    return _aggregation(
        conditions, analyzer, _over_time(interval_ms, offset_ms), {"errors": {"filter": ended_in("any")}}
    )


def read_stats(answer: Mapping[str, Any], by: str) -> StatsTable:
    """The table out of the answer to stats_body."""
    groups = _groups(answer)
    rows = tuple(_row(bucket) for bucket in groups["buckets"])
    return StatsTable(stats=rows, others=groups.get("sum_other_doc_count", 0))


def read_histogram(answer: Mapping[str, Any], interval_ms: int) -> Histogram:
    """The histogram out of the answer to histogram_body."""
    buckets = tuple(
        TimeBucket(
            start_ms=int(bucket["key"]),
            calls=bucket["doc_count"],
            errors=bucket["errors"]["doc_count"],
        )
        for bucket in _groups(answer)["buckets"]
    )
    return Histogram(interval_ms=interval_ms, buckets=buckets, is_partial=bool(answer.get("timed_out")))


def _over_time(interval_ms: int, offset_ms: int) -> dict[str, Any]:
    return {
        "date_histogram": {
            "field": "receiveTime",
            "fixed_interval": f"{interval_ms}ms",
            "offset": f"{-(offset_ms % interval_ms)}ms",
            "min_doc_count": 1,
        }
    }


def _aggregation(
    conditions: LogConditions, analyzer: str, groups: dict[str, Any], figures: dict[str, Any]
) -> dict[str, Any]:
    return {
        "query": matching(conditions, analyzer),
        "size": 0,
        "track_total_hits": False,
        "aggs": {"groups": groups | {"aggs": figures}},
    }


def _groups(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    # Without any index there are no aggregations either.
    found: Mapping[str, Any] = answer.get("aggregations", {}).get("groups", {"buckets": ()})
    return found


def _row(bucket: Mapping[str, Any]) -> CallStats:
    percentiles, times = bucket["percentiles"]["values"], bucket["times"]
    calls_by_code = {code["key"]: code["doc_count"] for code in bucket["codes"]["buckets"]}
    successes = calls_by_code.pop(_SUCCESS, 0)
    return CallStats(
        key="" if bucket["key"] == _NO_VENDER else str(bucket["key"]),
        calls=bucket["doc_count"],
        errors=bucket["doc_count"] - successes,
        limited=sum(calls_by_code.values()) + bucket["codes"]["sum_other_doc_count"],
        mean_ms=times["avg"],
        p50_ms=percentiles["50.0"],
        p95_ms=percentiles["95.0"],
        p99_ms=percentiles["99.0"],
        max_ms=times["max"],
        mean_service_ms=bucket["service"]["value"],
    )
