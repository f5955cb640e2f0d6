"""Writes the table of docs/errors.md from openplatform.errors: `scripts/errors-table`; a test holds the two together."""

from openplatform.errors import ERROR_TABLE, ErrorKind
from tests.architecture.tree import ROOT

PAGE = ROOT / "docs/errors.md"
BEGIN, END = "<!-- begin of the table: scripts/errors-table writes it -->\n", "<!-- end of the table -->\n"
HEAD = (
    "| code | msg | sub_code | when | sub_msg: what to change | class | repeat | real status |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def row(kind: ErrorKind) -> str:
    """One line of the table."""
    cells = (
        str(kind.code),
        kind.msg,
        f"`{kind.sub_code}`" if kind.sub_code else "",
        kind.when,
        kind.sub_msg or "the service's own",
        kind.error.__name__,
        "yes" if kind.sub_code.startswith("isp.") else "no",
        str(kind.http_status),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def table() -> str:
    """The whole table, with its marks."""
    return BEGIN + HEAD + "".join(map(row, ERROR_TABLE)) + END


def main() -> None:
    """Replaces the table in the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + table() + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
