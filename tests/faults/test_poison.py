"""Rows P1, P2 and P3: a catalogue that cannot be right, a master key that is not, a secret that changes under load."""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from openplatform.records import Record
from openplatform.sealing import Seal
from tests.faults.ledger import latency_ms, now
from tests.faults.load import Kind
from tests.faults.report import report
from tests.faults.world import FaultWorld, app, open_fault_world, route
from tests.gateway_world import SECRET
from tests.processes import ROOT
from tests.servers import Redis, free_port
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHER_KEY = b"another master key of 32 bytes!!"
NEW_SECRET = "a secret that came later"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """One gateway process, whose /metrics are all that there is."""
    async with open_fault_world(durable_redis, vhost, folder, workers=1) as world:
        yield world


def unreadable() -> Record:
    """An app whose secret was sealed with a key that no gateway has."""
    blob = Seal({"k1": OTHER_KEY}).seal(SECRET, "app_info|poison")
    return msgspec.structs.replace(app("poison", number=9), sealed_secrets=(blob,))


POISON: dict[str, tuple[str, str, bytes]] = {
    "bad_json": ("route", "open.poison.get", b'{"api_name": "open.poison'),
    "unknown_version": ("route", "open.poison.get", b'{"v": 99, "everything": {"is": "different"}}'),
    "ssrf_url": (
        "route", "open.poison.get",
        msgspec.json.encode(route("open.poison.get", inside_api_url="http://169.254.169.254/latest")),
    ),
    "undecryptable": ("app", "poison", msgspec.json.encode(unreadable())),
}  # fmt: skip


@pytest.mark.parametrize("poison", POISON)
async def test_p1_poison_in_the_catalogue(world: FaultWorld, poison: str) -> None:
    """P1: a change that cannot be right is refused as a whole and counted, calls go on; its correction is in force at once."""
    kind, key, body = POISON[poison]
    refused = await world.metric("pailou_config_rejected(?:_total)?")
    load = world.begin()
    async with load.running():
        await asyncio.sleep(world.times.before_s / 2)
        began = load.enter("fault")
        bad = world.change(kind, key, body)
        beside = world.change("route", "open.beside.get", msgspec.json.encode(route("open.beside.get")))
        await world.writer.publish([bad, beside])
        async with asyncio.timeout(PATIENCE_S):
            while await world.metric("pailou_config_rejected(?:_total)?") == refused:
                await asyncio.sleep(0.02)
        visible_s = now() - began
        assert await world.code(Kind("open.beside.get")) == 22
        load.enter("after")
        await world.put(kind, key, None)
        async with asyncio.timeout(PATIENCE_S):
            while await world.code(Kind("open.beside.get")) != 0:
                await asyncio.sleep(0.02)
        await asyncio.sleep(world.times.before_s / 2)
    await world.put("route", "open.beside.get", None)
    await world.records.settle()
    ledger = world.ledger
    assert {entry.code for entry in ledger.calls(method="open.echo.get")} == {0}, ledger.codes()
    report("P1", **{f"{poison}_visible_s": round(visible_s, 2)})


@pytest.mark.parametrize("workers", [1, 2])
async def test_p2_wrong_master_key(world: FaultWorld, folder: Path, workers: int) -> None:
    """P2: a gateway whose master key does not open the catalogue's secrets does not start: status 78, and a line that says why."""
    port = free_port()
    environ = {
        **world.environ, "PATH": os.environ["PATH"], "PAILOU_GATEWAY_PORT": str(port),
        "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(OTHER_KEY).decode(),
    }  # fmt: skip
    command = [sys.executable, "-m", "pailou", "serve", "gateway", "--workers", str(workers)]
    began = now()
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 78, said
    assert "PAILOU_MASTER_KEYS does not fit the catalogue" in said
    assert "Traceback" not in said
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    report("P2", exit_status=ended.returncode, after_s=round(now() - began, 1))


async def test_p3_a_secret_is_rotated(world: FaultWorld) -> None:
    """P3: while old and new secret are both live, calls signed with either are good; once the old is gone, only the new."""
    caller = Kind()
    load = world.begin(caller, Kind(secret=NEW_SECRET, app_key="rotated"), Kind(app_key="rotated"))
    await world.put("app", "rotated", app("rotated", number=7, secrets=(NEW_SECRET, SECRET)))

    async def new_is_known(app_key: str) -> bool:
        return await world.code(Kind(secret=NEW_SECRET, app_key=app_key)) == 0

    await until(lambda: new_is_known("rotated"))
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        await world.put("app", "caller", app("caller", secrets=(NEW_SECRET, SECRET)))
        await until(lambda: new_is_known("caller"))
        await asyncio.sleep(world.times.fault_s / 2)
        caller.secret = NEW_SECRET
        await asyncio.sleep(world.times.fault_s / 2)
        await world.put("app", "caller", app("caller", secrets=(NEW_SECRET,)))
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    ledger, verdict = world.ledger, world.ledger.check()
    assert {entry.code for entry in ledger.calls()} == {0}, ledger.codes()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)

    async def old_is_gone() -> bool:
        return await world.code(Kind()) == 25

    await until(old_is_gone)
    report("P3", sign_errors=0, calls=len(ledger.calls()), p99_ms=latency_ms(ledger.calls("fault")))
