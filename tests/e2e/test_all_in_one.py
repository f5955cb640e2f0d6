"""`pailou dev` as a stranger meets it: the printed curl, where its call shows up, and what a kill leaves."""

import json
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from openplatform.env import environment
from openplatform.signed_call import sign_call
from tests.collector import Collector, Seen
from tests.noon import ZONE

ROOT = Path(__file__).parents[2]
OWN = {"PYTHONPATH": str(ROOT), "PAILOU_TIME_ZONE": ZONE.key}
READY_S = 120.0
SEEN_S = 60.0
"""How long a call may take into the log search: far more than it does, so that a busy machine fails nothing."""


class AllInOne:
    """One run of the command in a folder; `words` is what it printed."""

    def __init__(self, folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.output = folder / "output"
        clean = {name: value for name, value in environment().items() if not name.startswith("PAILOU_")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pailou", "dev", *arguments],
                cwd=folder, env=clean | OWN | dict(environ or {}), stdout=output, stderr=output,
            )  # fmt: skip
        self.operator = httpx.Client(trust_env=False, timeout=60)

    @property
    def words(self) -> str:
        return self.output.read_text()

    @property
    def demo(self) -> dict[str, Any]:
        return json.loads((self.folder / "var/demo.json").read_text())

    def ready(self) -> "AllInOne":
        """Waits until it says that it is ready, and signs in as the printed operator."""
        self.wait(lambda: "A fresh one at any time" in self.words or self.process.poll() is not None, READY_S)
        assert self.process.poll() is None, self.words
        credentials = {"email": self.demo["admin_email"], "password": self.demo["admin_password"]}
        self.operator.base_url = f"{self.demo['admin_url']}api/v1"
        signed_in = self.ask("POST", "/login", json=credentials)
        assert not signed_in["must_change_password"]
        self.operator.headers["Authorization"] = f"Bearer {signed_in['token']}"
        return self

    def wait(self, condition: Callable[[], object], within_s: float = SEEN_S) -> None:
        ends = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < ends, self.words
            time.sleep(0.05)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The admin API's answer."""
        answer = self.operator.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def call(self, method: str, **params: str) -> dict[str, Any]:
        """A signed call as the demo's app; what stands inside the answer's root."""
        demo = self.demo
        call = sign_call(
            url=demo["gateway_url"], app_key=demo["app_key"], secret=demo["app_secret"], method=method,
            params={"session": demo["session"], **params}, now=datetime.now(UTC),
        )  # fmt: skip
        answer = httpx.post(call.url, data=call.params, trust_env=False, timeout=60).json()
        [(root, inside)] = answer.items()
        assert root == method.replace(".", "_") + "_response", answer
        return inside

    def serves(self, method: str, **params: str) -> bool:
        """Whether a call goes well: a change has reached Redis when its answer comes, and the gateway a moment later."""
        try:
            self.call(method, **params)
        except AssertionError:
            return False
        return True

    def calls_today(self) -> dict[str, int]:
        return {row["api_name"]: row["calls"] for row in self.ask("GET", "/rank")["items"]}

    def logged(self, request_id: str) -> list[dict[str, Any]]:
        return self.ask("GET", "/logs", params={"request_id": request_id, **last_days(1)})["items"]

    def end(self, how: signal.Signals) -> int:
        self.operator.close()
        self.process.send_signal(how)
        return self.process.wait(120)


def last_days(days: int) -> dict[str, str]:
    now = datetime.now(UTC) + timedelta(minutes=1)
    return {"from": (now - timedelta(days=days)).isoformat(), "to": now.isoformat()}


@pytest.fixture
def all_in_one(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., AllInOne]]:
    """Call it: the next run in the same folder and on the same ports; killed after the test if it still runs."""
    ports = ["--gateway-port", str(free_port()), "--admin-port", str(free_port())]
    made: list[AllInOne] = []

    def start(*arguments: str, environ: Mapping[str, str] | None = None) -> AllInOne:
        made.append(AllInOne(tmp_path, *(arguments or ports), environ=environ))
        return made[-1]

    yield start
    for run in made:
        run.operator.close()
        run.process.kill()
        run.process.wait()


def test_a_pasted_curl_brings_an_order_and_is_seen_everywhere(all_in_one: Callable[..., AllInOne]) -> None:
    """The printed curl answers with an order; the call is in the log search, the statistics and today's top ten, also after
    Ctrl-C, which ends with 0, and a new start."""
    run = all_in_one().ready()
    [printed] = [line for line in run.words.splitlines() if line.startswith("curl ")]
    pasted = subprocess.run(["bash", "-c", printed], capture_output=True, text=True, check=True)
    answer = json.loads(pasted.stdout)["open_order_get_response"]
    assert str(answer["order"]["order_id"]) in printed
    assert answer["order"]["vender_id"] == run.demo["vender_id"]
    assert answer["order"]["items"]["item"]

    run.wait(lambda: run.logged(answer["request_id"]))
    [record] = run.logged(answer["request_id"])
    assert (record["apiName"], record["errorCode"], record["app_name"]) == ("open.order.get", "0", "云帆ERP")
    assert run.demo["session"] not in json.dumps(record)
    recent = {"from": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(), "to": last_days(1)["to"]}
    [row] = [row for row in run.ask("GET", "/stats", params=recent)["items"] if row["key"] == "open.order.get"]
    assert (row["calls"], row["errors"]) == (1, 0)
    assert run.calls_today() == {"open.order.get": 1}

    assert run.end(signal.SIGINT) == 0
    again = all_in_one().ready()
    assert again.calls_today() == {"open.order.get": 1}
    assert [row["requestId"] for row in again.logged(answer["request_id"])] == [answer["request_id"]]
    assert again.end(signal.SIGTERM) == 0


def test_the_demo_shows_every_part_of_the_platform(all_in_one: Callable[..., AllInOne]) -> None:
    """demo.json is private and its examples work twice, one cached, one guarded against replays; customers, apps, roles, menus, orders
    and a day of logs are there; a fresh call can be signed by the command that is printed."""
    run = all_in_one().ready()
    assert stat.S_IMODE((run.folder / "var/demo.json").stat().st_mode) == 0o600
    assert run.demo["gateway_url"].endswith("/router/rest")
    for _ in range(2):
        for name, api in run.demo["apis"].items():
            assert run.call(name, **api["example"])["request_id"]
        time.sleep(1)  # a timestamp counts seconds: the guarded one is signed anew then
    _, cached = (run.call("open.warehouse.get", w_id="1")["request_id"] for _ in range(2))
    run.wait(lambda: run.logged(cached))
    assert run.logged(cached)[0]["cached"]
    assert run.call("open.order.search")["total_results"] == 120
    assert run.call("open.warehouse.search")["total_results"] == 3  # the two that were there, and the example's

    # open.order.search has a price: each of its three calls is in the ledger, and the books are right.
    ledger = lambda: [row["delta"] for row in run.ask("GET", "/ledger")["items"] if row["reason"] == "call"]  # noqa: E731
    run.wait(lambda: ledger() == [-2, -2, -2])
    checked = subprocess.run(
        [sys.executable, "-m", "pailou", "ledger", "check"], cwd=ROOT, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "PAILOU_ADMIN_DATABASE_URL": f"sqlite+aiosqlite:///{run.folder}/var/db/admin.sqlite3"},
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 customers, 5 ledger rows, 0 wrong" in checked.stdout

    assert run.ask("GET", "/customers")["total"] == 2
    apps = run.ask("GET", "/apps")["items"]
    assert [app["state"] for app in sorted(apps, key=lambda app: app["app_key"])] == [1, 1, 0]
    assert len(run.ask("GET", "/roles")["items"]) == 3
    assert run.ask("GET", "/me")["menus"]
    assert run.ask("GET", "/logs", params=last_days(1))["total"] > 1_500

    [printed] = [line for line in run.words.splitlines() if "A fresh one at any time" in line]
    fresh = shlex.split(printed.partition(":")[2])
    signed = subprocess.run(
        [sys.executable, "-m", "pailou", *fresh[fresh.index("sign") :], "--quiet"],
        cwd=run.folder, env=environment() | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    pasted = subprocess.run(["bash", "-c", signed.stdout], capture_output=True, text=True, check=True)
    assert "open_order_get_response" in json.loads(pasted.stdout)


def test_a_kill_loses_no_order_no_stock_and_no_operators_change(all_in_one: Callable[..., AllInOne]) -> None:
    """Killed with -9 right after the answers, the next start has the cancelled order, the held stock and the operator's change, in
    force; calls and counters older than a second are there too."""
    run = all_in_one().ready()
    early = run.call("open.warehouse.search")["request_id"]
    run.wait(lambda: run.logged(early))
    saved = run.folder / "var/redis.snapshot"
    run.wait(lambda: saved.exists() and b"open.warehouse.search" in saved.read_bytes())
    examples = {name: api["example"] for name, api in run.demo["apis"].items()}
    [stock] = run.call("open.stock.get", product_ids="10001", warehouse_sn="KM001")["stocks"]["stock"]
    held = json.loads(examples["open.stock.lock"]["items"])[0]["cnt"]
    [app] = [app for app in run.ask("GET", "/apps")["items"] if app["app_key"] == run.demo["app_key"]]
    run.call("open.order.cancel", **examples["open.order.cancel"])
    run.call("open.stock.lock", **examples["open.stock.lock"])
    run.ask("PATCH", f"/apps/{app['id']}", json={"version": app["version"], "daily_limit": 0})
    run.end(signal.SIGKILL)

    again = all_in_one().ready()
    assert again.logged(early)
    assert again.calls_today()["open.warehouse.search"] == 1
    [app] = [app for app in again.ask("GET", "/apps")["items"] if app["app_key"] == again.demo["app_key"]]
    assert app["daily_limit"] == 0
    with pytest.raises(AssertionError, match="limited-by-app-access-count"):
        again.call("open.order.get", **examples["open.order.get"])
    again.ask("PATCH", f"/apps/{app['id']}", json={"version": app["version"], "daily_limit": 1_000})
    order_id = examples["open.order.cancel"]["order_id"]
    again.wait(lambda: again.serves("open.order.get", order_id=order_id))
    order = again.call("open.order.get", order_id=order_id)["order"]
    assert order["state"] == 6
    [after] = again.call("open.stock.get", product_ids="10001", warehouse_sn="KM001")["stocks"]["stock"]
    released = sum(item["num"] for item in order["items"]["item"] if item["sku_id"] == 10001)
    assert after["lock_cnt"] == stock["lock_cnt"] + held - released


def test_one_trace_from_the_door_to_the_index(all_in_one: Callable[..., AllInOne]) -> None:
    """With a collector named, a call's spans of gateway, order_service, warehouse_service and log_indexer are one trace, the record's."""
    with Collector() as collector:
        run = all_in_one(environ={"PAILOU_OTLP_URL": collector.url, "PAILOU_TRACE_RATIO": "1"}).ready()
        answer = run.call("open.order.cancel", **run.demo["apis"]["open.order.cancel"]["example"])
        run.wait(lambda: run.logged(answer["request_id"]))
        trace_id = run.logged(answer["request_id"])[0]["traceId"]

        def parts() -> dict[str, Seen]:
            return {
                s.service: s for s in collector.spans if s.trace_id == trace_id and s.kind in ("server", "consumer")
            }

        run.wait(lambda: {"gateway", "order-service", "warehouse-service", "log-indexer"} <= set(parts()))
        by_service = parts()
        run.wait(lambda: any(s.trace_id == trace_id and s.kind == "client" for s in collector.spans))
        client = next(s for s in collector.spans if s.trace_id == trace_id and s.kind == "client")
        assert by_service["gateway"].parent == ""
        assert by_service["log-indexer"].parent == client.parent == by_service["gateway"].span_id
        assert by_service["order-service"].parent == client.span_id
        assert by_service["warehouse-service"].parent == by_service["order-service"].span_id
        assert run.end(signal.SIGTERM) == 0


def test_what_stands_in_the_way_is_named(all_in_one: Callable[..., AllInOne], free_port: Callable[[], int]) -> None:
    """A second run in the same folder, and a port that is taken, end with 78 and say what to do; no trace."""
    run = all_in_one().ready()
    gateway_port = str(httpx.URL(run.demo["gateway_url"]).port)
    output = run.output.rename(run.folder / "output of the first")
    second = all_in_one()
    assert second.process.wait(120) == 78
    assert "PAILOU_VAR_DIR" in second.words
    run.end(signal.SIGKILL)

    with socket.create_server(("127.0.0.1", int(gateway_port))):
        third = all_in_one("--gateway-port", gateway_port, "--admin-port", str(free_port()))
        assert third.process.wait(120) == 78
        assert "--gateway-port" in third.words
    for words in (second.words, third.words, output.read_text()):
        assert "Traceback" not in words
