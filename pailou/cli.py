"""The command line: reads arguments, prints answers, turns every end into an exit status.

0 done · 1 failed · 2 wrong usage · 3 the platform said no, or nothing · 4 done in part · 78 wrong or missing settings · 130 interrupted.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from openplatform import __version__
from openplatform.env import Env
from openplatform.errors import SettingsError
from pailou.dead_letters import dlq
from pailou.logs.commands import logs
from pailou.routes.commands import routes
from pailou.terminal import demo_file, out, talk

WRONG_SETTINGS = 78
"""EX_CONFIG of sysexits.h."""

app = typer.Typer(
    name="pailou",
    help="An open platform: signed HTTP APIs, exact limits, lossless call logs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
db = typer.Typer(help="The services' databases.", no_args_is_help=True)
app.add_typer(db, name="db")
ledger = typer.Typer(help="The customers' money.", no_args_is_help=True)
app.add_typer(ledger, name="ledger")
app.add_typer(routes, name="routes")
app.add_typer(dlq, name="dlq")
app.add_typer(logs, name="logs")


ServiceName = Literal["gateway", "admin", "indexer", "monitor", "orders", "warehouse"]
SignMethod = Literal["md5", "hmac", "hmac-sha256"]


class _Options:
    """What `main` needs to know of the arguments."""

    debug = False


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an unexpected failure.")] = False,
) -> None:
    _Options.debug = debug


@app.command()
def dev(
    reset: Annotated[bool, typer.Option("--reset", help="Delete the data of earlier runs first.")] = False,
    gateway_port: Annotated[
        int | None, typer.Option(help="Port of the gateway (PAILOU_GATEWAY_PORT, 8000).", min=0, max=65535)
    ] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port of the console (PAILOU_ADMIN_PORT, 8001).", min=0, max=65535)
    ] = None,
    demo: Annotated[bool, typer.Option(" /--no-demo", help="Do not make demo data.")] = True,
) -> None:
    """The whole platform in this process, with demo data: no servers needed. Ctrl-C stops it, data stays in var/."""
    from pailou.dev import run_dev  # half of the platform's start time is imports: only this command pays for all

    raise typer.Exit(run_dev(reset=reset, gateway_port=gateway_port, admin_port=admin_port, with_demo=demo))


@app.command()
def serve(
    service: Annotated[ServiceName, typer.Argument(help="Which service.")],
    workers: Annotated[int, typer.Option(help="Processes on its port.", min=1, max=256)] = 1,
) -> None:
    """One service, over the servers that the environment names (see .env.example). SIGTERM drains and stops it."""
    from pailou.services import serve as run

    raise typer.Exit(run(service, workers))


@db.command()
def upgrade(
    names: Annotated[
        list[str] | None, typer.Argument(help="admin, orders, warehouse, monitor; none = all whose URL is set.")
    ] = None,
) -> None:
    """Brings databases to their newest version."""
    from pailou.databases import upgrade as run
    from pailou.databases import urls_of

    try:
        urls = urls_of(names or [])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAMES") from None
    for name, url in urls.items():
        run(name, url)
        out.print(f"{name}: up to date")


@ledger.command("check")
def check_ledger(
    demo: Annotated[bool, typer.Option("--demo", help="The ledger of `pailou dev`, in var/.")] = False,
) -> None:
    """Proves every balance: the sum of its ledger rows, each following from the one before, and what Redis says of it.

    Reads PAILOU_ADMIN_DATABASE_URL and, if it is set, PAILOU_REDIS_URL. Amounts are fen. Ends with 1 when a balance is wrong.
    """
    from pailou.ledger import check_ledger as run

    checked = run(demo=demo)
    wrong = [one for one in checked if one.faults]
    out.print(f"{'customer':>10}  {'money, fen':>14}  {'rows':>9}  {'to spend, fen':>14}  ", "differences", sep="")
    for one in checked:
        spendable = "-" if one.state is None else one.state.money_fen - one.state.pending_fen
        proof, faults = one.proof, "; ".join(one.faults) or "none"
        out.print(f"{proof.customer_id:>10}  {proof.money_fen:>14}  {proof.rows:>9}  {spendable:>14}  {faults}")
    out.print(f"{len(checked)} customers, {sum(one.proof.rows for one in checked)} ledger rows, {len(wrong)} wrong")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def sign(
    method: Annotated[str | None, typer.Argument(help="The API's name, e.g. open.order.get")] = None,
    params: Annotated[
        list[str] | None, typer.Argument(help="name=value: business parameters, session=…, other system parameters.")
    ] = None,
    app_key: Annotated[str | None, typer.Option(help="The app (PAILOU_APP_KEY).")] = None,
    sign_method: Annotated[SignMethod, typer.Option(help="How to sign.")] = "hmac-sha256",
    url: Annotated[str | None, typer.Option(help="The gateway (PAILOU_GATEWAY_URL).")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="As the demo app of `pailou dev`, from var/demo.json.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the curl line.")] = False,
    explain: Annotated[
        str | None,
        typer.Option(
            help="Sign nothing: say what is wrong with this failing request: URL, curl command, body, file, or - = stdin."
        ),
    ] = None,
) -> None:
    """Signs a call: shows the string that is signed, the signature, and a curl that sends it. --explain finds what is wrong with one.

    The app's secret comes from PAILOU_APP_SECRET (or …_FILE), is asked for, or read from standard input; never an argument.
    """
    from openplatform.signed_call import sign_call
    from pailou.sign import parse_params

    if explain is not None:
        from pailou.explain import explain_request

        raise typer.Exit(explain_request(explain, demo=demo, as_json=as_json))
    if method is None:
        raise typer.BadParameter("name the API to call, or give --explain a failing request", param_hint="METHOD")

    try:
        given = parse_params(params or [])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PARAMS") from None
    env = Env(service="pailou sign")
    if demo:
        known = demo_file(Path(env.text("VAR_DIR", "var")))
        given.setdefault("session", known["session"])
        app_key, secret, url = known["app_key"], known["app_secret"], url or known["gateway_url"]
    else:
        app_key = app_key or env.text("APP_KEY", why="the app that calls, or --app-key")
        url = url or env.text("GATEWAY_URL", "http://127.0.0.1:8000/router/rest")
        secret = env.text("APP_SECRET", "")
        env.finish()
        secret = secret or _ask_for_secret()
    call = sign_call(
        url=url,
        app_key=app_key,
        secret=secret,
        method=method,
        params=given,
        sign_method=sign_method,
        now=datetime.now(UTC),
    )
    if as_json:
        shown = {"text": call.text, "sign": call.sign, "params": call.params, "url": call.url, "curl": call.curl}
        out.print(json.dumps(shown, ensure_ascii=False))
        return
    if not quiet:
        around = ", with the secret before and after it" if call.sign_method == "md5" else ""
        talk.print(f"[bold]Signed text[/] ({call.sign_method}{around})")
        talk.print(call.text, markup=False)
        talk.print(f"[bold]Signature[/]\n{call.sign}\n[bold]Call[/], good for ten minutes")
    out.print(call.curl)


@app.command()
def reindex(
    since: Annotated[str, typer.Option("--from", help="First day, 2026-11-22; none = the oldest.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last day; none = today.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also days whose mapping is the template's.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which days would be moved.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was interrupted.")] = False,
    checkpoint: Annotated[Path, typer.Option(help="The file that says how far it is.", dir_okay=False)] = Path(
        "pailou-reindex.json"
    ),
) -> None:
    """Moves days of call logs into indices with the template of today, while search and indexing go on.

    PAILOU_ELASTICSEARCH_URL names the store. A day is replaced only when its new index holds as many records; until then the old one
    is searched.
    """
    from pailou.logs.reindexing import reindex as run

    for option, day in (("--from", since), ("--to", until)):
        if day and not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            raise typer.BadParameter(f"{day!r} is no day: say 2026-11-22", param_hint=option)
    if not (yes or dry_run or sys.stdin.isatty()):
        raise typer.BadParameter("there is nobody to ask: give --yes")
    raise typer.Exit(run((since, until), checkpoint, everything=everything, dry_run=dry_run, yes=yes, resume=resume))


@app.command()
def version() -> None:
    """The version."""
    out.print(f"pailou {__version__}")


def main() -> None:
    """Runs the command and ends the process."""
    try:
        app()
    except SettingsError as error:
        talk.print(str(error), markup=False, style="red")
        sys.exit(WRONG_SETTINGS)
    except Exception as error:
        if _Options.debug:
            raise
        logging.getLogger(__name__).debug("failed", exc_info=True)
        talk.print(f"{type(error).__name__}: {error}", markup=False, style="red")
        talk.print("`pailou --debug …` shows where it happened.")
        sys.exit(1)


def _ask_for_secret() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("The app's secret", hide_input=True, err=True))
    secret = sys.stdin.readline().strip()
    if not secret:
        raise SettingsError("the app's secret is missing: set PAILOU_APP_SECRET or give it on standard input")
    return secret
