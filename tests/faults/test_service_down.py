"""Rows U1, U2, U3, U8 and U10: a service is gone, hangs, or fails most of the time; breakers, deadlines and the retry budget."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.upstream.budget import LEAST, SHARE
from openplatform.records import BreakerRules
from tests.faults.behaviours import FLAPPING, after, never, says
from tests.faults.ledger import Entry, latency_ms, now
from tests.faults.load import Kind
from tests.faults.report import report
from tests.faults.times import LATE_S, times
from tests.faults.upstream import FakeService, http_answer, well
from tests.faults.world import FaultWorld, descriptors, open_fault_world, route, workers_of
from tests.servers import Redis
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHER = "open.other.get"
OPEN_S = BreakerRules().open_s if times().is_full else 1.0
WINDOW_S = BreakerRules().window_s if times().is_full else 2.0
"""A short fault must outweigh the good calls before it."""
RULES = BreakerRules(open_s=OPEN_S, window_s=WINDOW_S)
FLAPS = BreakerRules(open_s=OPEN_S)
"""With the whole window: a machine that stands still for two seconds must not make calls forgotten."""
NEVER_OPENS = BreakerRules(min_calls=10**9)
DEADLINE_MS = times().deadline_ms
ROOM_S = 10
"""For a busy machine."""
ROWS = ("refused", "slow", "hung", "flapping")


def method(row: str) -> str:
    """The API of the row's own service."""
    return f"open.{row}.get"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """Two gateway processes, a service for every row, and one that is always well."""
    rules = dict.fromkeys(ROWS, RULES) | {"flapping": FLAPS}
    routes = [route(method(row), row, breaker=rules[row], timeout_ms=DEADLINE_MS) for row in ROWS]
    routes.append(route(method("outage"), "outage", breaker=NEVER_OPENS))
    routes.append(route("open.write.post", "outage", breaker=NEVER_OPENS, http_method="POST", idempotent=False))
    async with open_fault_world(durable_redis, vhost, folder, routes=[*routes, route(OTHER, "other")]) as world:
        yield world


def not_forwarded(world: FaultWorld, row: str) -> list[Entry]:
    """Calls of the fault that were refused without asking the service."""
    ledger = world.ledger
    return [e for e in ledger.calls("fault", method=method(row)) if e.code == 15 and not ledger.seen[e.n]]


async def outage(
    world: FaultWorld, row: str, begin: Callable[[FakeService], object], end: Callable[[FakeService], object]
) -> tuple[float, list[int]]:
    """Load on the row's API and on a healthy one; seconds until the row's API is well again, descriptors at most."""
    service = world.services[row]
    load = world.begin(Kind(method(row)), Kind(OTHER))
    most = [0, 0]
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        if asyncio.iscoroutine(beginning := begin(service)):
            await beginning
        ends = now() + world.times.fault_s
        while now() < ends:
            most = [max(m, descriptors(pid)) for m, pid in zip(most, workers_of(world.gateway), strict=True)]
            await asyncio.sleep(0.1)
        await until(lambda: bool(not_forwarded(world, row)))  # a breaker has opened
        if asyncio.iscoroutine(ending := end(service)):
            await ending
        ended = load.enter("recovery")
        recovery_s = await well_again(world, row, ended)
    await world.records.settle()
    ledger, verdict = world.ledger, world.ledger.check()
    assert (verdict.lost, verdict.lost_logs) == (0, 0), ledger.codes()
    assert {entry.code for entry in ledger.calls(method=OTHER)} == {0}, ledger.codes(method=OTHER)
    assert {entry.code for entry in ledger.calls(method=method(row))} <= {0, 15}, ledger.codes(method=method(row))
    assert recovery_s < 2 * 1.2 * OPEN_S + ROOM_S
    assert max(entry.took_s for entry in ledger.calls(method=method(row))) < DEADLINE_MS / 1000 + LATE_S
    return recovery_s, most


async def well_again(world: FaultWorld, row: str, since: float) -> float:
    """Waits for a time without a bad call as long as a row has after its fault; seconds until it began. A machine that stands still
    for a second, which is all that these calls have, makes it begin anew."""
    ledger = world.ledger

    def bad_for_s() -> float:
        return ledger.recovery_s(since, lambda entry: entry.code != 0)

    def is_well() -> bool:
        well_since = since + bad_for_s()
        asked = any(entry.answered_at and entry.sent_at > well_since for entry in ledger.calls(method=method(row)))
        return asked and now() - well_since >= world.times.after_s

    await until(is_well)
    return bad_for_s()


def figures(world: FaultWorld, row: str) -> dict[str, object]:
    """What U1 to U3 report alike."""
    ledger, refused = world.ledger, not_forwarded(world, row)
    before, during = (latency_ms(ledger.calls(phase, method=OTHER)) for phase in ("before", "fault"))
    return {
        "refused_p50_ms": latency_ms(refused, 0.5),
        "refused_p99_ms": latency_ms(refused),
        "others_p99_before_ms": before,
        "others_p99_ms": during,
        "others_p99_change": f"{during / before - 1:+.0%}",
    }


async def test_u1_a_service_is_gone(world: FaultWorld) -> None:
    """U1: a service that refuses connections is an isp error, soon without asking it; other APIs do not notice; back within 2 pauses."""
    recovery_s, _ = await outage(world, "refused", FakeService.kill, FakeService.start)
    report("U1", **figures(world, "refused"), recovery_s=round(recovery_s, 1), open_s=OPEN_S)


def behaving(behaviour: Callable[..., object]) -> Callable[[FakeService], object]:
    """Sets a service's behaviour."""

    def turn(service: FakeService) -> None:
        service.behaviour = behaviour

    return turn


async def test_u2_a_service_takes_10_s(world: FaultWorld) -> None:
    """U2: calls end at the API's deadline, the breaker opens, and what waits is bounded."""
    recovery_s, most = await outage(world, "slow", behaving(after(10.0)), behaving(well))
    longest_s = max(entry.took_s for entry in world.ledger.calls(method=method("slow")))
    assert sum(most) < 400
    report(
        "U2", deadline_s=DEADLINE_MS / 1000, longest_s=round(longest_s, 2), **figures(world, "slow"),
        recovery_s=round(recovery_s, 1),
    )  # fmt: skip


async def test_u3_a_service_says_nothing_more(world: FaultWorld) -> None:
    """U3: connections on which nothing ever comes are given up at the deadline, and their descriptors with them."""
    base = [descriptors(pid) for pid in workers_of(world.gateway)]
    _, most = await outage(world, "hung", behaving(never), behaving(well))
    rest: list[int] = []

    def are_given_up() -> bool:
        # Kept connections of callers and of both services come and go by the dozen.
        rest[:] = [descriptors(pid) for pid in workers_of(world.gateway)]
        return all(left <= at_first + 60 for left, at_first in zip(rest, base, strict=True))

    await until(are_given_up)
    report("U3", descriptors=f"{max(base)} → {max(most)} → {max(rest)}", **figures(world, "hung"))


async def test_u8_a_service_flaps(world: FaultWorld) -> None:
    """U8: a service that fails four times of five is left alone after 25 calls of a process, though no five fail in a row."""
    world.services["flapping"].behaviour = FLAPPING
    load = world.begin(Kind(method("flapping")), concurrency=4, rate=50.0)
    load.phase = "fault"
    async with load.running():
        await asyncio.sleep(world.times.fault_s)
        await until(lambda: bool(not_forwarded(world, "flapping")))
    world.services["flapping"].behaviour = well
    await world.records.settle()
    refused = not_forwarded(world, "flapping")
    first = min(entry.sent_at for entry in refused)
    seen = sum(bool(world.ledger.seen[entry.n]) for entry in world.ledger.calls() if entry.sent_at < first)
    # Of two processes the one that opened first; the other may have had as many.
    assert seen <= 2 * 25
    report("U8", calls_until_open=seen, processes=2, refused=len(refused))


async def test_u10_full_outage(world: FaultWorld) -> None:
    """U10: with everything failing a service sees at most 1.2 times the calls, and each write once."""
    busy = says(http_answer(b"{}", status=503), then_closes=False)
    world.services["outage"].behaviour = busy
    load = world.begin(Kind(method("outage")), Kind("open.write.post"), Kind(OTHER))
    load.phase = "fault"
    async with load.running():
        await asyncio.sleep(world.times.fault_s)
        # Of fewer calls the least number of retries would be a larger share.
        await until(lambda: len(world.ledger.calls(method=method("outage"))) >= 100)
    world.services["outage"].behaviour = well
    await world.records.settle()
    ledger = world.ledger
    seen = {
        name: [ledger.seen[e.n] for e in ledger.calls(method=name)] for name in (method("outage"), "open.write.post")
    }
    hits, calls = sum(seen[method("outage")]), len(seen[method("outage")])
    assert {entry.code for entry in ledger.calls(method=method("outage"))} == {15}, ledger.codes()
    assert {entry.code for entry in ledger.calls(method=OTHER)} == {0}, ledger.codes(method=OTHER)
    assert hits <= 1.2 * calls
    retries = hits - sum(map(bool, seen[method("outage")]))
    assert retries <= SHARE * calls + 2 * LEAST
    assert max(seen["open.write.post"]) <= 1
    verdict = ledger.check()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
    report("U10", calls=calls, hits=hits, retries=retries, most_of_a_write=max(seen["open.write.post"]))
