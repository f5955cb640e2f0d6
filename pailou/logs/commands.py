"""The commands search, tail and export: arguments in, records and files out."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from openplatform.csv_lines import csv_line
from pailou.logs.asked import (
    Api,
    App,
    AppKey,
    Asked,
    Error,
    From,
    Ip,
    MaxMs,
    MinMs,
    To,
    Vender,
    Words,
    asked,
)
from pailou.logs.following import Following
from pailou.platform import Demo, Platform, as_operator
from pailou.terminal import out, talk

logs = typer.Typer(
    help="Call logs. The admin API is PAILOU_ADMIN_URL, the operator PAILOU_ADMIN_TOKEN.", no_args_is_help=True
)
PAGE = 100
_NEEDS = {"request": 160, "app": 130}
"""Columns that narrower terminals do not show: the request id, by which all the rest is found, stays whole."""
_HEAD = ("received", "app", "api", "ms", "error", "request id", "request")
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object per line, for programs.")]


@logs.command()
def search(
    words: Words = None,
    since: From = "1h",
    before: To = "now",
    app: App = "",
    app_key: AppKey = None,
    api: Api = "",
    vender: Vender = None,
    error: Error = "",
    ip: Ip = "",
    min_ms: MinMs = None,
    max_ms: MaxMs = None,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for spreadsheets.")] = False,
    demo: Demo = False,
) -> None:
    """Finds calls, newest first; all conditions together."""
    wanted = asked(words, since, before, app, app_key, api, vender, error, ip, min_ms, max_ms)
    with as_operator(demo, command="logs") as platform:
        rows, said = _found(platform, wanted, limit)
    if as_csv:
        sys.stdout.write("".join(map(csv_line, (_HEAD, *map(_cells, rows)))))
    else:
        _show(rows, as_json=as_json)
    talk.print(said, markup=False)


@logs.command()
def tail(
    words: Words = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="The last so many first.", min=0, max=1000)] = 20,
    app: App = "",
    app_key: AppKey = None,
    api: Api = "",
    vender: Vender = None,
    error: Error = "",
    ip: Ip = "",
    min_ms: MinMs = None,
    max_ms: MaxMs = None,
    as_json: AsJson = False,
    demo: Demo = False,
) -> None:
    """Shows the newest calls, oldest of them first; with -f also those that come."""
    wanted = asked(words, "1d", "now", app, app_key, api, vender, error, ip, min_ms, max_ms)
    with as_operator(demo, command="logs") as platform:
        rows, _ = _found(platform, wanted, lines) if lines else ([], "")
        _show(rows[::-1], as_json=as_json, plain=True)
        if not follow:
            return
        following = Following(rows, now_ms=lambda: int(time.time() * 1000))
        while True:
            time.sleep(following.pause_s)
            found, _ = _found(platform, following.next(wanted), 1000)
            _show(following.new(found), as_json=as_json, plain=True)


@logs.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", dir_okay=False)],
    words: Words = None,
    since: From = "1d",
    before: To = "now",
    app: App = "",
    app_key: AppKey = None,
    api: Api = "",
    vender: Vender = None,
    error: Error = "",
    ip: Ip = "",
    min_ms: MinMs = None,
    max_ms: MaxMs = None,
    form: Annotated[Literal["csv", "ndjson"], typer.Option("--format", help="What is written.")] = "ndjson",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an ndjson export that broke off.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    demo: Demo = False,
) -> None:
    """Writes any number of calls into a file, newest first. A file of this name is whole; what broke off ends in .part."""
    from pailou.logs.exporting import Export

    if resume and form == "csv":
        raise typer.BadParameter("only --format ndjson can be resumed", param_hint="--resume")
    wanted = asked(words, since, before, app, app_key, api, vender, error, ip, min_ms, max_ms)
    work = Export(output, form)
    if resume:
        wanted = work.rest_of(wanted)
    with as_operator(demo, command="logs") as platform:
        work.run(platform, wanted, quiet=quiet)


def _found(platform: Platform, wanted: Asked, limit: int) -> tuple[list[dict[str, Any]], str]:
    """Up to so many, newest first, and a sentence about how many there are."""
    rows: list[dict[str, Any]] = []
    cursor, total, capped = None, 0, False
    while len(rows) < limit:
        page = platform.ask("GET", "/logs", params=wanted.params(size=min(PAGE, limit - len(rows)), cursor=cursor))
        if cursor is None:
            total, capped = page["total"], page["total_is_capped"]
        rows += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            break
    more = f"more than {total:,}; narrow the time or add conditions" if capped else f"{total:,}"
    return (
        rows,
        f"{len(rows):,} shown, of {more}."
        if rows
        else "No calls. Look further back with --from 1d, or at fewer conditions.",
    )


def _show(rows: list[dict[str, Any]], *, as_json: bool, plain: bool = False) -> None:
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    elif plain or not out.is_terminal:
        for row in rows:
            out.print("  ".join(_cells(row)))
    elif rows:
        # Not a table of rich's: it takes space from every column, where only the last can do with less.
        shown = [n for n, heading in enumerate(_HEAD) if out.width >= _NEEDS.get(heading, 0)]
        lines = [_HEAD, *map(_cells, rows)]
        widths = [max(cell_len(line[n]) for line in lines) for n in shown]
        styles = ["bold", *("" if row["errorCode"] == "0" else "red" for row in rows)]
        for line, style in zip(lines, styles, strict=True):
            cells = [set_cell_size(line[n], width) for n, width in zip(shown, widths, strict=True)]
            text = Text("  ".join(cells), style=style)
            text.truncate(out.width, overflow="ellipsis")
            out.print(text, no_wrap=True)


def _cells(row: dict[str, Any]) -> list[str]:
    received = datetime.fromtimestamp(row["receiveTime"] / 1000).astimezone()
    return [
        received.isoformat(" ", "milliseconds"), row["app_name"] or row["appkey"], row["apiName"],
        str(row["platformRepTime"]), row["errorCode"], row["requestId"], row["requestContent"],
    ]  # fmt: skip
