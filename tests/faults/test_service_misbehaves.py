"""Rows U4, U5, U6, U7 and U9: a service answers with rubbish, too much, drop by drop, elsewhere, or not after all."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from openplatform.lifetime import running
from tests.faults.behaviours import DRIPS, GARBAGE, HUGE, SECRET_TEXT, gzip_bomb, in_turn, resets, says
from tests.faults.ledger import Ledger, latency_ms, now
from tests.faults.load import Kind, Load
from tests.faults.report import report
from tests.faults.times import LATE_S, times
from tests.faults.upstream import Behaviour, fake_service, http_answer
from tests.faults.world import FaultWorld, memory_mb, open_fault_world, route, workers_of
from tests.servers import Redis
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHER = "open.other.get"
VICTIMS = [*GARBAGE, *HUGE, "bomb", *(name for name, _ in DRIPS), "redirect", "reset"]


def method(victim: str) -> str:
    """The API of the service that misbehaves in this way."""
    return f"open.{victim}.get"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """Two gateway processes, and a service of its own for every way to fail, so that no breaker of one row is open in another."""
    routes = [route(method(name), name, idempotent=name != "reset", timeout_ms=times().deadline_ms) for name in VICTIMS]
    async with open_fault_world(durable_redis, vhost, folder, routes=[*routes, route(OTHER, "other")]) as world:
        yield world


async def misbehaving(world: FaultWorld, behaviours: Mapping[str, Behaviour], *, concurrency: int = 50) -> Load:
    """Load on the victims and on a healthy API, before, while and after the victims' services behave so."""
    kinds = [Kind(method(name)) for name in behaviours]
    load = world.begin(*kinds, Kind(OTHER, share=len(kinds)), concurrency=concurrency)
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        for name, behaviour in behaviours.items():
            world.services[name].behaviour = behaviour
        await asyncio.sleep(world.times.fault_s)
        await until(lambda: all(errors_of(world.ledger, name) for name in behaviours))
    await world.records.settle()
    verdict = world.ledger.check()
    assert (verdict.lost, verdict.lost_logs) == (0, 0), world.ledger.codes()
    assert {entry.code for entry in world.ledger.calls(method=OTHER)} == {0}, world.ledger.codes(method=OTHER)
    return load


def errors_of(ledger: Ledger, name: str, *, late_s: float = 0.3) -> set[int | None]:
    """Codes of the victim's calls that were sent when its service had surely begun to misbehave."""
    began = min((entry.sent_at for entry in ledger.calls("fault")), default=0.0)
    calls = ledger.calls("fault", method=method(name))
    return {e.code for e in calls if e.sent_at > began + late_s and e.answered_at}


async def test_u4_rubbish(world: FaultWorld) -> None:
    """U4: a broken status line, body, chunk, charset or JSON is the one isp error, shows nothing of itself, and hurts nobody else."""
    await misbehaving(world, GARBAGE)
    ledger = world.ledger
    for name in GARBAGE:
        assert errors_of(ledger, name) == {15}, (name, ledger.codes("fault", method=method(name)))
    assert not [entry for entry in ledger.calls() if SECRET_TEXT in entry.answer or b"Traceback" in entry.answer]
    subs = {entry.sub_code for entry in ledger.calls("fault") if entry.code == 15}
    assert all(sub.startswith("isp.") for sub in subs), subs
    report("U4", answers=len(ledger.calls("fault")), crashes=0, sub_codes=" ".join(sorted(subs)))


async def test_u5_too_much(world: FaultWorld) -> None:
    """U5: an answer of 1 GB, with its length said or not, and a gzip bomb are cut at the bound; memory stays."""
    behaviours = {**HUGE, "bomb": await asyncio.to_thread(gzip_bomb)}
    base = [memory_mb(pid) for pid in workers_of(world.gateway)]
    most = list(base)

    async def watch() -> None:
        while True:
            most[:] = [max(m, memory_mb(pid)) for m, pid in zip(most, workers_of(world.gateway), strict=True)]
            await asyncio.sleep(0.1)

    async with running(watch()):
        await misbehaving(world, behaviours, concurrency=4)
    for name in behaviours:
        assert errors_of(world.ledger, name) == {15}, (name, world.ledger.codes("fault", method=method(name)))
    grown = max(m - b for m, b in zip(most, base, strict=True))
    assert grown < 64 + 16
    report("U5", callers_at_once=4, rss_grown_mb=round(grown, 1), p99_ms=latency_ms(world.ledger.calls("fault")))


async def test_u6_drop_by_drop(world: FaultWorld) -> None:
    """U6: headers or a body that come byte by byte end at the API's deadline, not at the last byte."""
    await misbehaving(world, dict(DRIPS))
    for name, _ in DRIPS:
        assert errors_of(world.ledger, name) == {15}, (name, world.ledger.codes("fault", method=method(name)))
    longest_s = max(entry.took_s for name, _ in DRIPS for entry in world.ledger.calls(method=method(name)))
    deadline_s = world.times.deadline_ms / 1000
    assert longest_s < deadline_s + LATE_S
    report("U6", deadline_s=deadline_s, longest_s=round(longest_s, 2))


async def test_u7_elsewhere(world: FaultWorld) -> None:
    """U7: a redirect to the metadata address or to one of our own ports is an isp error, and nobody connects there."""
    async with fake_service(Ledger()) as sink:
        targets = [b"http://169.254.169.254/latest/meta-data", b"http://127.0.0.1:%d/api/v1/users" % sink.port]
        answers = [http_answer(b"{}", status=302, headers=b"Location: " + target + b"\r\n") for target in targets]
        await misbehaving(world, {"redirect": in_turn(*(says(answer, then_closes=False) for answer in answers))})
        assert errors_of(world.ledger, "redirect") == {15}, world.ledger.codes("fault")
        assert sink.requests == sink.connections == 0
    report("U7", redirects=sum(e.code == 15 for e in world.ledger.calls("fault")), connects_elsewhere=0)


async def test_u9_reset_after_the_request(world: FaultWorld) -> None:
    """U9: a write whose connection broke is never repeated, and its caller hears that the result is unknown."""
    began = now()
    await misbehaving(world, {"reset": resets})
    ledger = world.ledger
    assert errors_of(ledger, "reset") == {15}, ledger.codes("fault")
    assert "remote-result-unknown" in {entry.sub_code for entry in ledger.calls("fault")}, ledger.codes("fault")
    seen = [ledger.seen[entry.n] for entry in ledger.calls(method=method("reset")) if entry.sent_at >= began]
    assert max(seen) == 1
    report("U9", writes=len(seen), seen_more_than_once=sum(times > 1 for times in seen))
