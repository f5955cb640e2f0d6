"""`pailou logs` over admin_api and a log_indexer: searched, followed, exported, resumed."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from log_indexer.app import Resources
from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from openplatform.adapters.embedded import Embedded
from tests.admin_world import World
from tests.contract.call_log_store.samples import record
from tests.integration.admin_api.indexing import asking, indexer_settings
from tests.serving import serving
from tests.shell import Shell, operator_environ
from tests.waiting import PATIENCE_S, until

COUNT = 1_200


@dataclass
class Terminal:
    """Somebody who may search and export, in front of 1,200 calls of the last 20 minutes."""

    shell: Shell
    indexer: Resources


@pytest.fixture
async def terminal(world: World, tmp_path: Path) -> AsyncIterator[Terminal]:
    settings = indexer_settings(tmp_path)
    async with open_indexer(settings, Embedded()) as resources:
        await resources.store.prepare()
        now_ms = int(time.time() * 1000)
        await resources.store.add([
            record(f"r{n:05}", receiveTime=now_ms - n * 1000, errorCode="27:expired" if n % 100 == 0 else "0",
                   requestContent=f"n={n} 收货人 张三" if n == 7 else f"n={n} =1+1", apiName="open.order.get")
            for n in range(COUNT)
        ])  # fmt: skip
        operator = await world.operator("log:search", "log:export")
        async with (
            serving(create_indexer(resources, settings)) as indexer_port,
            asking(world, f"127.0.0.1:{indexer_port}") as opened,
            serving(opened.app) as port,
        ):
            yield Terminal(Shell(tmp_path, operator_environ(operator, port), "logs"), resources)


async def test_calls_are_searched(terminal: Terminal) -> None:
    """All conditions together, for people, as JSON and as CSV; no result says what to do, a wrong time what a time is."""
    shell = terminal.shell
    found = await shell.pailou("search", "收货人 张三", "--from", "1h", "--json")
    assert [json.loads(line)["requestId"] for line in found.out.splitlines()] == ["r00007"]
    assert "1 shown, of 1." in found.said
    many = await shell.pailou("search", "--error", "any", "--api", "open.order.get", "--limit", "5")
    assert many.status == 0 and len(many.out.splitlines()) == 5 and "27:expired" in many.out
    assert "5 shown, of 12." in many.said
    paged = await shell.pailou("search", "--limit", "250", "--json")
    assert len({json.loads(line)["requestId"] for line in paged.out.splitlines()}) == 250
    head, first, *_ = (await shell.pailou("search", "--csv", "--limit", "2")).out.splitlines()
    assert head.startswith("received,app,api,ms,error,request id,request") and first.endswith("n=0 =1+1")
    none = await shell.pailou("search", "--from", "7d", "--to", "6d")
    assert (none.status, none.out) == (0, "") and "Look further back" in none.said
    for wrong in (["--from", "yesterday"], ["--from", "1m", "--to", "2m"]):
        assert (await shell.pailou("search", *wrong)).status == 2
    refused = await shell.pailou("search", "--ip", "nowhere")
    assert refused.status == 3 and "remote_ip" in refused.said
    assert (await shell.pailou("search", PAILOU_ADMIN_TOKEN="none")).status == 3


async def test_new_calls_are_followed(terminal: Terminal, tmp_path: Path) -> None:
    """The last ones first, then those that come, each once and in their order; Ctrl-C ends it with 130."""
    shell = terminal.shell
    last = await shell.pailou("tail", "-n", "3", "--json")
    assert [json.loads(line)["requestId"] for line in last.out.splitlines()] == ["r00002", "r00001", "r00000"]
    screen = tmp_path / "screen"
    command = [sys.executable, "-m", "pailou", "logs", "tail", "-f", "-n", "2", "--json"]
    with screen.open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=shell.environ, stdout=out, stderr=out)  # noqa: ASYNC220  # it returns at once

    def shown() -> list[str]:
        lines = screen.read_bytes().split(b"\n")[:-1]  # what comes after the last end of a line is not whole yet
        return [json.loads(line)["requestId"] for line in lines if line.startswith(b"{")]

    try:
        await until(lambda: shown() == ["r00001", "r00000"])
        for n in (1, 2):
            now_ms = int(time.time() * 1000)
            await terminal.indexer.store.add([record(f"new{n}", receiveTime=now_ms)])
            await until(lambda n=n: f"new{n}" in shown())
        assert shown() == ["r00001", "r00000", "new1", "new2"]
    finally:
        process.send_signal(signal.SIGINT)
        status = await asyncio.to_thread(process.wait, PATIENCE_S)
    assert status == 130


async def test_calls_are_exported_and_an_export_goes_on(terminal: Terminal, tmp_path: Path) -> None:
    """Whole under its name, broken off in .part; a resumed one has every record once; other forms cannot be resumed."""
    shell = terminal.shell
    done = await shell.pailou("export", "-o", "calls.ndjson")
    assert done.status == 0 and "1,200 lines" in done.said
    lines = (tmp_path / "calls.ndjson").read_bytes().splitlines(keepends=True)
    ids = [json.loads(line)["requestId"] for line in lines]
    assert ids == [f"r{n:05}" for n in range(COUNT)]
    (tmp_path / "rest.ndjson.part").write_bytes(b"".join(lines[:700]) + lines[700][:20])
    rest = await shell.pailou("export", "-o", "rest.ndjson", "--resume", "--from", "1d", "--to", "now")
    assert rest.status == 0, rest.said
    assert (tmp_path / "rest.ndjson").read_bytes() == b"".join(lines)
    assert not (tmp_path / "rest.ndjson.part").exists()
    assert (await shell.pailou("export", "-o", "none.ndjson", "--resume")).status == 78
    table = await shell.pailou("export", "-o", "calls.csv", "--format", "csv", "--error", "any", "-q")
    assert table.status == 0 and len((tmp_path / "calls.csv").read_text("utf-8-sig").splitlines()) == 13
    assert (await shell.pailou("export", "-o", "calls.csv", "--format", "csv", "--resume")).status == 2
    away = await shell.pailou("export", "-o", "away.ndjson", PAILOU_ADMIN_URL="http://127.0.0.1:1")
    assert away.status == 3 and not (tmp_path / "away.ndjson.part").exists()
