"""`pailou dev`: the all-in-one as a command, from the bound ports to the last saved counter."""

import asyncio
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.console import Console

from openplatform.env import Env, environment
from openplatform.lifetime import draining
from openplatform.logs import set_up_logging
from openplatform.signed_call import sign_call
from pailou.app import Doors, Platform, open_platform
from pailou.demo.apis import EXAMPLES
from pailou.demo.seed import DemoFile, write_demo_file
from pailou.serving import bind
from pailou.var_folder import ADMIN_EMAIL, LocalSecrets, VarFolder

INHERITED = (
    "PAILOU_TIME_ZONE", "PAILOU_GATEWAY_HOST", "PAILOU_ADMIN_HOST", "PAILOU_DEFAULT_MINUTE_LIMIT",
    "PAILOU_OTLP_URL", "PAILOU_TRACE_RATIO", "PAILOU_MONITOR_EVERY_S", "PAILOU_MONITOR_DELAY_S",
)  # fmt: skip
"""What the user's environment may still say to the services; stores, secrets and addresses are the all-in-one's own."""
FIRST_CALL = "open.order.get"


def run_dev(*, reset: bool, gateway_port: int | None, admin_port: int | None, with_demo: bool) -> int:
    """Runs until Ctrl-C or SIGTERM; the exit status. Options win over the environment. Raises SettingsError."""
    env = Env(service="pailou dev")
    folder = VarFolder(Path(env.text("VAR_DIR", "var")))
    ports = env.integer("GATEWAY_PORT", 8000, high=65535), env.integer("ADMIN_PORT", 8001, high=65535)
    hosts = env.text("GATEWAY_HOST", "127.0.0.1"), env.text("ADMIN_HOST", "127.0.0.1")
    env.finish()
    set_up_logging("pailou", "WARNING")
    with folder.held():
        if reset:
            folder.reset()
        known = folder.load_secrets()
        doors = Doors(
            bind(hosts[0], ports[0] if gateway_port is None else gateway_port, option="--gateway-port"),
            bind(hosts[1], ports[1] if admin_port is None else admin_port, option="--admin-port"),
        )
        uvloop.run(_run(folder, known, doors, with_demo=with_demo))
    return 0


async def _run(folder: VarFolder, known: LocalSecrets, doors: Doors, *, with_demo: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    stop = asyncio.Event()
    running: list[Platform] = []

    def on_signal() -> None:
        if stop.is_set():
            for platform in running:
                platform.stop(at_once=True)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup a closed terminal is to be survived; the others stop also what a script started in the background.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal)
    console.print("Starting …", style="dim")
    inherited = {name: value for name, value in environment().items() if name in INHERITED}
    async with open_platform(folder, known, doors, inherited, with_demo=with_demo) as platform:
        running.append(platform)
        _greet(console, folder, known, platform, with_demo=with_demo)
        await stop.wait()
        draining.begin()
        console.print("\nStopping …", style="dim")


def _greet(console: Console, folder: VarFolder, known: LocalSecrets, platform: Platform, *, with_demo: bool) -> None:
    console.print("\n[bold]Pailou is ready.[/]  Ctrl-C stops it; its data stays in", f"{folder.path}/\n")
    console.print(f"  Console   {platform.admin_url}")
    console.print(f"            {ADMIN_EMAIL}   {known.admin_password}   [dim](kept in {folder.secrets})[/]")
    console.print(f"  Gateway   {platform.gateway_url}\n")
    if not with_demo:
        folder.demo.unlink(missing_ok=True)
        return
    demo = write_demo_file(
        folder.demo,
        known,
        gateway_url=platform.gateway_url,
        admin_url=platform.admin_url,
        admin_email=ADMIN_EMAIL,
    )
    console.print("  A signed call, good for ten minutes:\n")
    console.print(_first_call(demo), markup=False)
    example = " ".join(f"{name}={value}" for name, value in EXAMPLES[FIRST_CALL].items())
    console.print(f"\n  A fresh one at any time:  {_command()} sign --demo {FIRST_CALL} {example}")
    console.print(f"  [dim]Keys, session and an example of every API: {folder.demo}[/]\n")


def _command() -> str:
    """How this very command is called from here."""
    if shutil.which("pailou"):
        return "pailou"
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return f"{python} -m pailou"


def _first_call(demo: DemoFile) -> str:
    call = sign_call(
        url=demo.gateway_url,
        app_key=demo.app_key,
        secret=demo.app_secret,
        method=FIRST_CALL,
        params={**EXAMPLES[FIRST_CALL], "session": demo.session},
        now=datetime.now(UTC),
    )
    return call.curl
