"""A log search and its statistics in SQL for the SQLite log store; values are always bound, never written into the text."""

import ipaddress
from collections.abc import Iterable, Sequence

from openplatform.adapters.call_log_cursor import MAX_TOTAL, position_of
from openplatform.adapters.sqlite_text import TOKENIZER, match_expression
from openplatform.errors import StoreRejected
from openplatform.records import ApiStats, LogQuery

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS call_log (
    row_id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    receive_ms INTEGER NOT NULL,
    app_key TEXT NOT NULL,
    api_name TEXT NOT NULL,
    vender_id INTEGER,
    error_code TEXT NOT NULL,
    remote_ip TEXT NOT NULL,
    response_ms INTEGER NOT NULL,
    service_ms INTEGER,
    record BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_call_log_receive_ms_request_id ON call_log (receive_ms, request_id);
CREATE INDEX IF NOT EXISTS ix_call_log_api_name_receive_ms ON call_log (api_name, receive_ms);
CREATE VIRTUAL TABLE IF NOT EXISTS call_log_text USING fts5 (content, tokenize = "{TOKENIZER}");
"""

STATS = """
SELECT api_name, response_ms, COUNT(*), SUM(error_code <> '0'), SUM(service_ms), COUNT(service_ms)
FROM call_log WHERE receive_ms >= ? AND receive_ms < ? AND (? IS NULL OR api_name = ?)
GROUP BY api_name, response_ms ORDER BY api_name, response_ms
"""

Value = str | int
StatsRow = tuple[str, int, int, int, int | None, int]


def where(query: LogQuery) -> tuple[str, list[Value]]:
    """The conditions of a query without its cursor, and the values to bind."""
    clauses, values = ["receive_ms >= ? AND receive_ms < ?"], list[Value]((query.from_ms, query.to_ms))
    if query.app_keys:
        clauses.append(f"app_key IN ({', '.join('?' * len(query.app_keys))})")
        values += query.app_keys
    equals: dict[str, Value | None] = {
        "api_name = ?": query.api_name,
        "vender_id = ?": query.vender_id,
        "remote_ip = ?": None if query.remote_ip is None else plain_address(query.remote_ip),
        "request_id = ?": query.request_id,
        "response_ms >= ?": query.min_ms,
        "response_ms <= ?": query.max_ms,
    }
    for clause, value in equals.items():
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if query.error == "any":
        clauses.append("error_code <> '0'")
    elif query.error is not None and ":" in query.error:
        clauses.append("error_code = ?")
        values.append(query.error)
    elif query.error is not None:  # `;` follows `:` in ASCII: the range holds whatever begins with `code:`
        clauses.append("(error_code = ? OR (error_code >= ? AND error_code < ?))")
        values += (query.error, query.error + ":", query.error + ";")
    if query.keywords:
        expression = match_expression(query.keywords)
        if expression is None:
            clauses.append("0")
        else:
            clauses.append("row_id IN (SELECT rowid FROM call_log_text WHERE call_log_text MATCH ?)")
            values.append(expression)
    return " AND ".join(clauses), values


def page_sql(query: LogQuery) -> tuple[str, list[Value]]:
    """The records of one page, newest first, and one more: it tells whether there is another page."""
    clause, values = where(query)
    if query.cursor is not None:
        clause += " AND (receive_ms, request_id) < (?, ?)"
        values += position_of(query.cursor)
    order = "ORDER BY receive_ms DESC, request_id DESC LIMIT ?"
    return f"SELECT record FROM call_log WHERE {clause} {order}", [*values, query.size + 1]  # noqa: S608  # bound values only


def total_sql(query: LogQuery) -> tuple[str, list[Value]]:
    """The number of hits, counted to one more than the cap."""
    clause, values = where(query)
    return f"SELECT COUNT(*) FROM (SELECT 1 FROM call_log WHERE {clause} LIMIT {MAX_TOTAL + 1})", values  # noqa: S608


def stats_of(rows: Iterable[StatsRow]) -> list[ApiStats]:
    """Statistics out of STATS' rows (API, ms, calls, errors, service ms, calls with one), which are ordered by API and ms."""
    by_api: dict[str, list[StatsRow]] = {}
    for row in rows:
        by_api.setdefault(row[0], []).append(row)
    found = [_one(api_name, group) for api_name, group in by_api.items()]
    return sorted(found, key=lambda stats: (-stats.calls, stats.api_name))


def _one(api_name: str, rows: Sequence[StatsRow]) -> ApiStats:
    calls = sum(row[2] for row in rows)
    served = sum(row[5] for row in rows)
    times = [(row[1], row[2]) for row in rows]
    return ApiStats(
        api_name=api_name,
        calls=calls,
        errors=sum(row[3] for row in rows),
        mean_ms=sum(ms * count for ms, count in times) / calls,
        p50_ms=percentile(times, 0.50),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
        mean_service_ms=sum(row[4] or 0 for row in rows) / served if served else None,
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


def plain_address(address: str) -> str:
    """An IP address in one spelling: shortest form, IPv4 inside IPv6 as IPv4. Raises StoreRejected."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise StoreRejected(f"{address[:50]!r} is no IP address") from error
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
