"""`pailou dlq`: call logs that no store takes, listed, shown, and sent again once their cause is gone."""

import json
import sys
import time
from collections import Counter
from typing import Annotated, Any

import typer
from rich.table import Table

from pailou.platform import Demo, Platform, as_operator
from pailou.progress import working
from pailou.terminal import local_time, out, talk

dlq = typer.Typer(
    help="Dead letters: call logs that no store takes. The admin API is PAILOU_ADMIN_URL, the operator PAILOU_ADMIN_TOKEN.",
    no_args_is_help=True,
)
AT_ONCE = 200
MOST = 1_000
Reason = Annotated[str, typer.Option("--reason", help="Only those whose reason has this in it.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@dlq.command("list")
def list_letters(
    reason: Reason = "",
    limit: Annotated[int, typer.Option(help="The oldest so many.", min=1, max=MOST)] = 50,
    as_json: AsJson = False,
    demo: Demo = False,
) -> None:
    """Lists them, oldest first. Nothing is taken away by looking."""
    with as_operator(demo, command="dlq") as platform:
        page = platform.ask("GET", "/dead-letters", params={"reason": reason, "limit": limit})
    if as_json:
        out.print(json.dumps(page, ensure_ascii=False))
        return
    if page["letters"]:
        table = Table(box=None, pad_edge=False)
        for heading in ("id", "since", "bytes", "reason", "begins"):
            table.add_column(
                heading, justify="right" if heading == "bytes" else "left", overflow="ellipsis", no_wrap=True
            )
        for letter in page["letters"]:
            table.add_row(
                letter["id"], local_time(letter["dead_at_ms"]), str(letter["bytes"]), letter["reason"], letter["preview"]
            )  # fmt: skip
        out.print(table, soft_wrap=False)
    _say_how_many(page, reason)


@dlq.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: AsJson = False,
    demo: Demo = False,
) -> None:
    """Shows one as a whole: why it lies there on standard error, its text on standard output."""
    with as_operator(demo, command="dlq") as platform:
        letter = platform.ask("GET", f"/dead-letters/{letter_id}")
    if as_json:
        out.print(json.dumps(letter, ensure_ascii=False))
        return
    talk.print(f"{local_time(letter['dead_at_ms'])}, {letter['bytes']} bytes: {letter['reason']}", markup=False)
    out.print(letter["text"])


@dlq.command()
def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="These; none = as --reason or --all says.")
    ] = None,
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which would be sent again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    demo: Demo = False,
) -> None:
    """Sends them into the queue again. What still fits nowhere comes back; what was stored meanwhile is stored once."""
    if not (ids or reason or everything):
        raise typer.BadParameter("say which: IDs, --reason TEXT or --all")
    wanted: dict[str, Any] = {"ids": ids or [], "reason": reason, "before_ms": int(time.time() * 1000)}
    with as_operator(demo, command="dlq") as platform:
        page = platform.ask("GET", "/dead-letters", params={"reason": reason, "limit": MOST})
        meant = [letter for letter in page["letters"] if not ids or letter["id"] in ids]
        _say_which(meant, page)
        if not dry_run and meant:
            _ask_whether(yes, len(meant))
            replayed = _send(platform, wanted, page["total"], known=len(meant))
        else:
            replayed = 0
    if as_json:
        out.print(json.dumps({"meant": len(meant), "replayed": replayed, "dry_run": dry_run}))
    elif not dry_run:
        talk.print(f"{replayed:,} sent again. `pailou dlq list` shows what comes back.", markup=False)


def _send(platform: Platform, wanted: dict[str, Any], total: int, *, known: int) -> int:
    with working("sent again", known if known < MOST else None) as work:
        # At most as many as there were: what comes back at once, because it still fits nowhere, is not sent a second time.
        while work.done < total:
            count = min(AT_ONCE, total - work.done)
            done = platform.ask("POST", "/dead-letters/replay", {**wanted, "limit": count})["replayed"]
            work.advance(done)
            if done < count:
                break
        return work.done


def _ask_whether(yes: bool, count: int) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is nobody to ask: give --yes")
    typer.confirm(f"Send {count:,}{'+' if count == MOST else ''} again?", abort=True, err=True)


def _say_which(meant: list[dict[str, Any]], page: dict[str, Any]) -> None:
    reasons = Counter(letter["reason"] for letter in meant)
    for reason, count in reasons.most_common(20):
        talk.print(f"{count:>7,}  {reason}", markup=False)
    more = "+" if len(page["letters"]) == MOST else ""
    talk.print(f"{len(meant):,}{more} of {page['total']:,} dead letters are meant.", markup=False)


def _say_how_many(page: dict[str, Any], reason: str) -> None:
    shown, total, looked_at = len(page["letters"]), page["total"], page["looked_at"]
    if not total:
        talk.print("No dead letters: every call log was stored.")
        return
    which = f" with {reason!r} in the reason" if reason else ""
    beyond = f"; only the oldest {looked_at:,} were looked at" if looked_at < total else ""
    talk.print(f"{shown:,}{which}, of {total:,} dead letters{beyond}.", markup=False)
