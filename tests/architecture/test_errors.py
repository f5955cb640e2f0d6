"""The error table: in the code, and the same in the documentation."""

import re

from openplatform.errors import ERROR_TABLE
from tests.architecture.errors_table import PAGE, table


def test_documentation_shows_the_table_of_the_code() -> None:
    """docs/errors.md holds every row as openplatform.errors has it; `scripts/errors-table` writes it there."""
    assert table() in PAGE.read_text(encoding="utf-8"), "run scripts/errors-table"


def test_rows_say_when_and_what_to_do() -> None:
    """Each row says when it happens, and what the caller should change or, for a service's own error, who says it."""
    assert [kind.sub_code or kind.msg for kind in ERROR_TABLE if not kind.when] == []
    assert [kind.msg for kind in ERROR_TABLE if not kind.sub_msg] == ["Remote service error"]


def test_codes_are_what_clients_can_read() -> None:
    """Codes stay below 256; one code has one msg; no two rows are the same to a caller."""
    assert all(0 < kind.code < 256 for kind in ERROR_TABLE)
    assert len({kind.code for kind in ERROR_TABLE}) == len({(kind.code, kind.msg) for kind in ERROR_TABLE})
    assert len({(kind.code, kind.sub_code) for kind in ERROR_TABLE}) == len(ERROR_TABLE)


def test_what_may_succeed_later_is_ours() -> None:
    """SDKs repeat a call when sub_code begins with `isp.`: those rows, and no others, are of classes that may succeed later.

    A write that was sent and not answered is the exception: repeating it could do it twice.
    """
    isp = {kind.sub_code for kind in ERROR_TABLE if kind.sub_code.startswith("isp.")}
    retryable = {kind.sub_code for kind in ERROR_TABLE if kind.error.retryable}
    assert retryable - isp == {"remote-result-unknown"}
    assert isp <= retryable
    assert all(re.fullmatch(r"[a-z0-9.:{}_-]*", kind.sub_code) for kind in ERROR_TABLE)
