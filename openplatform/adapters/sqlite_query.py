"""A log search and its histogram in SQL for the SQLite log store; values are always bound, never written into the text."""

from openplatform.adapters.call_log_cursor import MAX_TOTAL, fields_of, position_of
from openplatform.adapters.sqlite_schema import packed_range
from openplatform.adapters.sqlite_text import match_expression
from openplatform.records import LogConditions, LogQuery

Value = str | int | bytes

_COLUMNS = {"receiveTime": "receive_ms", "platformRepTime": "response_ms", "requestId": "request_id"}


def where(conditions: LogConditions) -> tuple[str, list[Value]]:
    """The conditions, and the values to bind."""
    clauses, values = ["receive_ms >= ? AND receive_ms < ?"], list[Value]((conditions.from_ms, conditions.to_ms))
    if conditions.app_keys:
        clauses.append(f"app_key IN ({', '.join('?' * len(conditions.app_keys))})")
        values += conditions.app_keys
    equals: dict[str, Value | None] = {
        "api_name = ?": conditions.api_name,
        "vender_id = ?": conditions.vender_id,
        "request_id = ?": conditions.request_id,
        "response_ms >= ?": conditions.min_ms,
        "response_ms <= ?": conditions.max_ms,
    }
    for clause, value in equals.items():
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if conditions.remote_ip is not None:
        clauses.append("remote_ip BETWEEN ? AND ?")
        values += packed_range(conditions.remote_ip)
    if conditions.error == "any":
        clauses.append("error_code <> '0'")
    elif conditions.error is not None and ":" in conditions.error:
        clauses.append("error_code = ?")
        values.append(conditions.error)
    elif conditions.error is not None:  # `;` follows `:` in ASCII: the range holds whatever begins with `code:`
        clauses.append("(error_code = ? OR (error_code >= ? AND error_code < ?))")
        values += (conditions.error, conditions.error + ":", conditions.error + ";")
    if conditions.keywords:
        expression = match_expression(conditions.keywords)
        if expression is None:
            clauses.append("0")
        else:
            clauses.append("row_id IN (SELECT rowid FROM call_log_text WHERE call_log_text MATCH ?)")
            values.append(expression)
    return " AND ".join(clauses), values


def page_sql(query: LogQuery) -> tuple[str, list[Value]]:
    """The records of one page in its order, and one more: it tells whether there is another page."""
    clause, values = where(query)
    fields, is_falling = fields_of(query.sort)
    columns = [_COLUMNS[field] for field in fields]
    if query.cursor is not None:
        clause += f" AND ({', '.join(columns)}) {'<' if is_falling else '>'} ({', '.join('?' * len(columns))})"
        values += position_of(query.cursor, query.sort)
    order = ", ".join(f"{column} {'DESC' if is_falling else 'ASC'}" for column in columns)
    page = f"SELECT row_id FROM call_log WHERE {clause} ORDER BY {order} LIMIT ?"  # noqa: S608  # bound values only
    records = f"SELECT record FROM ({page}) AS page CROSS JOIN call_log_record USING (row_id)"  # noqa: S608
    return records, [*values, query.size + 1]


def total_sql(conditions: LogConditions, most: int | None = MAX_TOTAL + 1) -> tuple[str, list[Value]]:
    """The number of hits, counted up to most; None = all."""
    clause, values = where(conditions)
    limit = "" if most is None else f"LIMIT {most}"
    return f"SELECT COUNT(*) FROM (SELECT 1 FROM call_log WHERE {clause} {limit})", values  # noqa: S608


def histogram_sql(conditions: LogConditions, interval_ms: int, offset_ms: int) -> tuple[str, list[Value]]:
    """(start_ms, calls, errors) of each interval that has calls, oldest first."""
    clause, values = where(conditions)
    return (
        f"SELECT {interval_start(interval_ms, offset_ms)} AS start_ms, COUNT(*), SUM(error_code <> '0') "  # noqa: S608
        f"FROM call_log WHERE {clause} GROUP BY start_ms ORDER BY start_ms",
        values,
    )


def interval_start(interval_ms: int, offset_ms: int) -> str:
    """The SQL expression of the beginning of the interval that a record falls into; times are positive."""
    shift = offset_ms % interval_ms
    return f"(receive_ms + {shift:d}) / {interval_ms:d} * {interval_ms:d} - {shift:d}"
