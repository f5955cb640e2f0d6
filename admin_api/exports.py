"""Lists as CSV, as a stream: any number of rows, none of them held in memory, no cell that a spreadsheet would compute."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from admin_api.tables.listing import RowStream
from admin_api.tables.rows import Row
from openplatform.csv_lines import BOM, MEDIA_TYPE, csv_line

Language = Literal["zh", "en"]
Columns = Sequence[tuple[str, str]]
"""Of each column its name in the rows, which is its English heading, and its Chinese heading."""

CSV_ANSWER: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {
        200: {
            "description": "CSV (RFC 4180, UTF-8 with BOM). X-Total-Count: how many rows are to come.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
}
"""What a route that exports passes on to its router."""


class Export(BaseModel):
    """lang: of the headings."""

    lang: Language = "zh"


async def exported(
    stream: RowStream,
    columns: Columns,
    *,
    name: str,
    lang: Language,
    zone: ZoneInfo,
    extra: Mapping[str, Any] | None = None,
) -> StreamingResponse:
    """The answer. Raises PlatformUnavailable while nothing is sent yet; a database that is lost later cuts the connection.

    extra: column → function of a row, for what no column holds.
    """
    total = await stream.count()
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Total-Count": str(total)}
    return StreamingResponse(_lines(stream, columns, lang, zone, extra or {}), media_type=MEDIA_TYPE, headers=headers)


async def _lines(
    stream: RowStream, columns: Columns, lang: Language, zone: ZoneInfo, extra: Mapping[str, Any]
) -> AsyncIterator[str]:
    yield BOM + csv_line(heading if lang == "zh" else field for field, heading in columns)
    async for rows in stream.chunks():
        yield "".join(csv_line(_cell(row, field, zone, extra) for field, _ in columns) for row in rows)


def _cell(row: Row, field: str, zone: ZoneInfo, extra: Mapping[str, Any]) -> object:
    value = extra[field](row) if field in extra else row[field]
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return value
