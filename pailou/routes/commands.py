"""The commands export, validate, diff and import: arguments in, files and answers out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pailou.platform import Demo, PlatformRefused, as_operator
from pailou.terminal import out, talk

if TYPE_CHECKING:  # what these need takes half a second to import: only the commands that use it pay
    from pailou.routes.difference import Difference
    from pailou.routes.table import Table
    from pailou.routes.yaml_text import Document, Mistake

DIFFERS = 1
_STYLES = {"+": "green", "-": "red", "@": "cyan", "~": "bold", " ": ""}

routes = typer.Typer(
    help="The route table as a file. The admin API is PAILOU_ADMIN_URL, the operator PAILOU_ADMIN_TOKEN.",
    no_args_is_help=True,
)
File = Annotated[Path, typer.Argument(help="The YAML file.", exists=True, dir_okay=False, allow_dash=True)]
Prune = Annotated[bool, typer.Option("--prune", help="Delete the APIs that the file does not name, and their grants.")]


@routes.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; none = standard output.")
    ] = None,
    demo: Demo = False,
) -> None:
    """Writes the route table that is in force."""
    from pailou.routes.platform import read_table
    from pailou.routes.table import to_text

    with as_operator(demo, command="routes") as platform:
        table, _ = read_table(platform)
    text = to_text(table)
    if output is None:
        sys.stdout.write(text)
        return
    output.write_text(text, encoding="utf-8")
    talk.print(f"{output}: {len(table)} APIs", markup=False)


@routes.command()
def validate(file: File) -> None:
    """Says whether a file could be imported, and where not. Asks no server."""
    table, _ = _read(file)
    talk.print(f"{file}: {len(table)} APIs, nothing wrong", markup=False)


@routes.command()
def diff(
    file: File,
    prune: Prune = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 when there is a difference.")] = False,
    demo: Demo = False,
) -> None:
    """Shows what an import of the file would change."""
    from pailou.routes.difference import compare
    from pailou.routes.platform import read_table

    wanted, _ = _read(file)
    with as_operator(demo, command="routes") as platform:
        before, _ = read_table(platform)
    difference = compare(before, wanted, prune=prune)
    _show(difference)
    if exit_code and not difference.is_empty:
        raise typer.Exit(DIFFERS)


@routes.command(name="import")
def import_table(
    file: File,
    prune: Prune = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    demo: Demo = False,
) -> None:
    """Makes the platform's route table what the file says: shows the difference, asks, then all of it or nothing."""
    from pailou.routes.difference import compare
    from pailou.routes.platform import change_table, read_table

    wanted, document = _read(file)
    with as_operator(demo, command="routes") as platform:
        before, etag = read_table(platform)
        difference = compare(before, wanted, prune=prune)
        _show(difference)
        if difference.is_empty:
            return
        if not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter("there is nobody to ask: give --yes")
            typer.confirm("Bring this into force?", abort=True, err=True)
        try:
            change_table(platform, difference, etag)
        except PlatformRefused as error:
            _report_file(file, _mistakes_of(error, difference, document))
            raise
    talk.print(f"In force within a second: {difference.summary()}.")


def _read(file: Path) -> tuple["Table", "Document"]:
    from pailou.routes.table import parse
    from pailou.routes.yaml_text import FileInvalid, Mistake

    try:
        return parse(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        _report_file(file, [Mistake(1, 1, f"is no UTF-8: {error}")])
    except FileInvalid as error:
        _report_file(file, error.mistakes)
    raise typer.Exit(1)


def _report_file(file: Path, mistakes: list["Mistake"]) -> None:
    for mistake in mistakes:
        talk.print(f"{file}:{mistake.line}:{mistake.column}: {mistake.message}", markup=False, style="red")


def _mistakes_of(error: PlatformRefused, difference: "Difference", document: "Document") -> list["Mistake"]:
    """What admin_api found wrong, at its places in the file."""
    from pailou.routes.table import mistake_at

    put = sorted(difference.added | difference.changed)
    found = []
    for each in error.problem.get("errors", ()):
        section, place, *path = [*str(each["field"]).split("."), "", ""]
        if section == "put" and place.isdigit() and int(place) < len(put):
            found.append(mistake_at(document, put[int(place)], tuple(p for p in path if p), str(each["message"])))
    return found


def _show(difference: "Difference") -> None:
    for sign, line in difference.lines():
        out.print(Text(line, style=_STYLES[sign]))
    if difference.kept:
        names = ", ".join(difference.kept)
        talk.print(f"Not in the file, and kept without --prune: {names}", markup=False)
    talk.print("No difference." if difference.is_empty else f"{difference.summary()}.")
