"""`python -m benchmarks.console_lists`: how quickly lists of console and JSON API come at 10,000 apps, and what a page weighs."""

import gzip
import http.client
import json
import os
import re
import tempfile
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, get_args
from urllib.parse import unquote, urlencode

import typer
from rich.console import Console
from rich.table import Table

from admin_api.access.repository.logs import AuditListing, LoginListing
from admin_api.access.repository.roles import RoleListing
from admin_api.access.repository.users import UserListing
from admin_api.alerts.service.shapes import AlertListing, MailListing, RuleListing, SilenceListing
from admin_api.apis.repository import MappingListing, ParamListing
from admin_api.apps.repository.apps import AppListing
from admin_api.apps.repository.customers import CustomerListing
from admin_api.apps.repository.grants import GrantListing
from admin_api.apps.repository.limits import GrantLimitListing, NetworkListing
from admin_api.apps.repository.tokens import TokenListing
from admin_api.billing.repository.recharges import RechargeListing
from admin_api.tables.listing import Listing
from benchmarks import machine, profile
from benchmarks.console_world import Admin, start_admin
from benchmarks.profiled import START
from tests.servers.pool import ServerPool

console = Console(highlight=False, width=140)
SIZES = (20, 100)
MANY = 1000
"""Rows of a bulk action, as many as may be named by id."""


@dataclass(frozen=True)
class Questions:
    """A list: its page and its twin of the JSON API ("" = none), how it sorts, what narrows it, and how many pages of 100 it has."""

    page: str
    twin: str
    model: type[Listing]
    search: dict[str, str]
    pages: int = 1

    def urls(self, path: str) -> list[str]:
        """Both sizes: sorted by each column either way, with the search, and the last full page."""
        sorts = get_args(self.model.model_fields["sort"].annotation) if "sort" in self.model.model_fields else ()
        asked: list[dict[str, str | int]] = [{}, *({"sort": sort} for sort in sorts), dict(self.search)]
        asked += [{"page": self.pages}] if self.pages > 1 else []
        return [f"{path}?{urlencode({'size': size, **query})}" for query, size in product(asked, SIZES)]


LISTS = (
    Questions("/apps", "/apps", AppListing, {"q": "云帆 77"}, 100),
    Questions("/mappings", "/mappings", MappingListing, {"q": "number77"}, 10),
    Questions("/tokens", "/tokens", TokenListing, {"state": "live", "app_key": "23000077"}, 1000),
    Questions("/customers", "/customers", CustomerListing, {"q": "云帆7"}, 10),
    Questions("/recharges", "/recharges", RechargeListing, {"state": "1"}, 100),
    Questions("/limits", "/limits/apps", AppListing, {"q": "云帆 77"}, 100),
    Questions("/limits/apis", "/limits/apis", MappingListing, {"q": "number77"}, 10),
    Questions("/limits/grants", "/limits/grants", GrantLimitListing, {"q": "number77"}, 160),
    Questions("/limits/networks", "/limits/networks", NetworkListing, {"q": "10.77"}, 100),
    Questions("/apps/77/grants", "/apps/77/grants", GrantListing, {}),
    Questions("/sysparams", "/sysparams", ParamListing, {}),
    Questions("/sys/users", "/users", UserListing, {"q": "op77"}, 3),
    Questions("/sys/roles", "/roles", RoleListing, {}),
    Questions("/sys/audit", "/audit", AuditListing, {"who": "op77"}, 1000),
    Questions("/sys/logins", "/logins", LoginListing, {"email": "op77"}, 1000),
    Questions("/alerts/rules", "/alert-rules", RuleListing, {"q": "number77"}, 10),
    Questions("/alerts", "/alerts", AlertListing, {"q": "number77"}, 1000),
    Questions("/alerts/silences", "/alert-silences", SilenceListing, {"state": "in_force"}, 100),
    Questions("/alerts/mails", "/alert-mails", MailListing, {"state": "bad"}, 1000),
)


@dataclass
class Measured:
    """ms: URL → times of its answers; weight: bytes of the heaviest answer as gzip makes it."""

    path: str
    ms: dict[str, list[float]] = field(default_factory=dict)
    cpu_ms: float = 0.0
    store_cpu_ms: float = 0.0
    weight: int = 0

    def slowest(self) -> tuple[float, str]:
        """Median of the URL that takes longest."""
        return max((median(times), url) for url, times in self.ms.items())

    def percentile(self, percent: int) -> float:
        """Of all URLs."""
        return quantiles([ms for times in self.ms.values() for ms in times], n=100, method="inclusive")[percent - 1]


class Reader:
    """Asks over one connection, as a browser does."""

    def __init__(self, admin: Admin, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", admin.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip", "Accept-Language": "zh-CN"}

    def get(self, path: str) -> bytes:
        """The body as it was sent. Ends the program for anything but 200: its time would say nothing."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body[:500]!r}")
        return body

    def switch(self, ids: list[int], state: int) -> float:
        """Seconds until the answer that names what became of each app."""
        body = json.dumps({"ids": ids, "state": state})
        began = time.perf_counter()
        self._connection.request(
            "POST", "/api/v1/apps/state", body, self._headers | {"Content-Type": "application/json"}
        )
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200 or len(told["changed"]) + len(told["unchanged"]) != len(ids):
            raise SystemExit(f"not all were switched: {told}")
        return time.perf_counter() - began

    def measure(self, path: str, urls: list[str], rounds: int, pids: tuple[int, ...], store_pid: int) -> Measured:
        """pids: whose CPU is counted as ours."""
        found = Measured(path, {url: [] for url in urls})
        for url in urls:
            body = self.get(url)
            found.weight = max(found.weight, len(body if body[:2] == b"\x1f\x8b" else gzip.compress(body, 6)))
        before, store_before = machine.used_by(*pids), machine.used_by(store_pid)
        for _, url in product(range(rounds), urls):
            began = time.perf_counter()
            self.get(url)
            found.ms[url].append((time.perf_counter() - began) * 1000)
        asked = rounds * len(urls)
        found.cpu_ms = (machine.used_by(*pids).cpu_us - before.cpu_us) / asked / 1000
        found.store_cpu_ms = (machine.used_by(store_pid).cpu_us - store_before.cpu_us) / asked / 1000
        return found

    def assets(self, path: str) -> int:
        """Bytes of the styles, scripts and icons that the page loads, gzipped; charts are promised apart."""
        body = self.get(path)
        page = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
        files = {url.partition("#")[0] for url in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)}
        return sum(len(self.get(file)) for file in files if "chart" not in file)


def main(
    rounds: Annotated[int, typer.Option(help="How often each URL is asked.", min=2, max=500)] = 20,
    only: Annotated[str, typer.Option(help="One list, by its path.")] = "",
    profiled: Annotated[bool, typer.Option("--profile", help="Instead: where the time of a list goes.")] = False,
) -> None:
    """Fills a MariaDB, starts admin_api and the monitor over it, and asks every list: both sizes, each order, a search, the last page.

    p50 and p95 are over all URLs of a list; beside them its slowest URL with its median; CPU is the mean per answer,
    the monitor's with admin_api's.
    """
    pool = ServerPool()
    profile_to = Path(tempfile.gettempdir()) / f"pailou-admin-{os.getpid()}.collapsed" if profiled else None
    try:
        admin, monitor, mariadb = start_admin(pool, profile_to=profile_to)
        reader = Reader(admin, admin.sign_in())
        if profile_to is not None:
            os.kill(admin.pid, START)
        assets = reader.assets("/apps")
        table = Table(title=f"lists of admin_api, {machine.name()}", title_justify="left")
        for heading in ("list", "p50 ms", "p95 ms", "slowest", "its p50 ms", "CPU ms", "MariaDB CPU ms", "kB gzipped"):
            table.add_column(heading, justify="left" if heading in ("list", "slowest") else "right")
        for asked in LISTS:
            for path in (asked.page, f"/api/v1{asked.twin}"):
                if only and only != asked.page:
                    continue
                found = reader.measure(path, asked.urls(path), rounds, (admin.pid, monitor.pid), mariadb.pid)
                slowest, url = found.slowest()
                weight = found.weight + (0 if path.startswith("/api") else assets)
                table.add_row(
                    path, f"{found.percentile(50):.0f}", f"{found.percentile(95):.0f}", unquote(url.partition("?")[2]),
                    f"{slowest:.0f}", f"{found.cpu_ms:.0f}", f"{found.store_cpu_ms:.0f}", f"{weight / 1000:.0f}",
                )  # fmt: skip
        console.print(table)
        console.print(f"of a page's weight {assets / 1000:.0f} kB are styles, scripts and icons, which a browser keeps")
        if not only:
            took_s = [reader.switch(list(range(1, MANY + 1)), state) for state in (0, 1, 0, 1, 0)]
            console.print(
                f"{MANY:,} apps switched at once and reported one by one: {median(took_s):.1f} s, worst {max(took_s):.1f} s"
            )
        if profile_to is not None:
            admin.stop()
            profile.show(profile.read(profile_to), 100.0, console)
    finally:
        pool.close()


if __name__ == "__main__":
    typer.run(main)
