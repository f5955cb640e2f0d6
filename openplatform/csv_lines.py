"""CSV as spreadsheets open it without harm: RFC 4180 lines, UTF-8 with a byte order mark, no cell that becomes a formula."""

import csv
import io
from collections.abc import Iterable

MEDIA_TYPE = "text/csv; charset=utf-8"
BOM = "\ufeff"
"""Before the first line: Excel takes the text for UTF-8 then."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""OWASP ASVS 1.2.10: a cell that begins like this is computed, or sent, by spreadsheets."""


def csv_line(cells: Iterable[object]) -> str:
    """One line with its end. None is an empty cell; numbers stay numbers; a text that would be a formula begins with `'`."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return line.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value
