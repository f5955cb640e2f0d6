"""The table of fault rows is complete: what it lists is tested, and what is tested it lists."""

import ast
import re
from pathlib import Path

from tests.faults.table import PAGE, ROWS, filled


def test_every_row_has_its_tests() -> None:
    """Each row has at least one test with its id in the name, and each such test its row."""
    tested = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and (
                found := re.match(r"test_([a-z]\d+)_", node.name)
            ):
                tested.add(found[1].upper())
    assert tested == set(ROWS)


def test_the_page_shows_the_rows() -> None:
    """docs/reliability.md holds the table as `make faults` would write it, with figures for each row that has run."""
    page = PAGE.read_text()
    assert filled(page, {}) == page
