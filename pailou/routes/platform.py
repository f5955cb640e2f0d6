"""The route table in force, at the admin API."""

from typing import Any

from pailou.platform import Platform
from pailou.routes.difference import Difference
from pailou.routes.table import NAME, Fields, Table, table_of


def read_table(platform: Platform) -> tuple[Table, str]:
    """The table and its etag. Raises PlatformRefused."""
    answer = platform.ask("GET", "/mappings/table")
    return table_of(answer["mappings"]), str(answer["etag"])


def change_table(platform: Platform, difference: Difference, etag: str) -> dict[str, Any]:
    """Brings the difference into force, all of it or nothing. etag: of the table that was compared. Raises PlatformRefused."""
    put: list[Fields] = [{NAME: n, **fields} for n, fields in sorted((difference.added | difference.changed).items())]
    return platform.ask("POST", "/mappings/import", {"based_on": etag, "put": put, "remove": list(difference.removed)})
