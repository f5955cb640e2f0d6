"""CSV lines: what a spreadsheet reads back is the text, never a formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from openplatform.csv_lines import csv_line


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1))
def test_every_text_comes_back_and_none_begins_like_a_formula(cells: list[str]) -> None:
    """RFC 4180 both ways, with `'` before what a spreadsheet would compute."""
    line = csv_line(cells)
    assert line.endswith("\r\n")
    (read,) = csv.reader(io.StringIO(line, newline=""), strict=True)
    for cell, was in zip(read, cells, strict=True):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell.removeprefix("'") == was.removeprefix("'")


def test_numbers_and_nothing_stay_what_they_are() -> None:
    """A negative number is no formula, and None no text."""
    assert csv_line([-5, 1.5, None, True, "-5"]) == "-5,1.5,,True,'-5\r\n"
