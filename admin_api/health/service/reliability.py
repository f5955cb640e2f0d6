"""When the faults of docs/reliability.md were last made and measured: read from the page that `make faults` writes."""

import re
from datetime import date
from functools import cache
from pathlib import Path

from admin_api.tables.shapes import View

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
_ROW = re.compile(r"^\| [A-Z]+\d+ \|.*\| (\d{4}-\d\d-\d\d)? ?\|$", re.MULTILINE)


class FaultsMeasured(View):
    """rows: faults that the page lists; measured: those that were made; oldest, newest: the days when their figures were taken."""

    rows: int
    measured: int
    oldest: date
    newest: date


@cache
def faults_measured() -> FaultsMeasured | None:
    """Of the version that runs; None = it was installed without the page, or nothing was measured."""
    try:
        rows = _ROW.findall(PAGE.read_text())
    except OSError:
        return None
    days = sorted(date.fromisoformat(day) for day in rows if day)
    return FaultsMeasured(rows=len(rows), measured=len(days), oldest=days[0], newest=days[-1]) if days else None
