"""The record of what operators change: who, from where, which row, before and after; never a secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from admin_api.security.operators import Operator
from admin_api.security.repository import add_audit_rows
from admin_api.tables.rows import SECRET_COLUMNS
from openplatform.sql import AsyncConnection

MASKED = "***"

Values = Mapping[str, Any]


async def record_change(
    connection: AsyncConnection,
    operator: Operator,
    now: datetime,
    *,
    action: str,
    table: str,
    row_id: object,
    before: Values | None = None,
    after: Values | None = None,
) -> None:
    """Writes what was done in the same transaction: of an edit only the columns that differ."""
    await add_audit_rows(connection, [audit_row(operator, now, action, table, row_id, before, after)])


def audit_row(
    operator: Operator,
    now: datetime,
    action: str,
    table: str,
    row_id: object,
    before: Values | None,
    after: Values | None,
) -> dict[str, Any]:
    """The row that tells of one change."""
    if before is not None and after is not None:
        names = [name for name in after if name not in before or before[name] != after[name]]
        before, after = {n: before.get(n) for n in names}, {n: after[n] for n in names}
    return {
        "create_time": now,
        "user_id": operator.user_id,
        "who": operator.email,
        "remote_ip": operator.remote_ip,
        "request_id": operator.request_id,
        "action": action,
        "table_name": table,
        "row_id": str(row_id),
        "before": _to_json(before),
        "after": _to_json(after),
    }


def _to_json(values: Values | None) -> str | None:
    if values is None:
        return None
    return orjson.dumps(
        {n: MASKED if n in SECRET_COLUMNS and v else v for n, v in values.items()}, default=str
    ).decode()
