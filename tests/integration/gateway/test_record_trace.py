"""Traces of the gateway: whose trace a call belongs to, what goes out to services, what the collector is told."""

import asyncio
import ipaddress
from collections.abc import Callable, Iterator

import pytest

from tests.batching import post_batch
from tests.collector import Collector, Seen
from tests.gateway_world import SESSION, World, open_world

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


async def arrived(collector: Collector, condition: Callable[[Seen], bool]) -> Seen:
    """The first span that is so, as soon as it has come."""
    async with asyncio.timeout(60):
        while not (found := [span for span in collector.spans if condition(span)]):
            await asyncio.sleep(0.05)
    return found[0]


async def traceparent_out(world: World, *, said: str = "", method: str = "open.echo.get") -> str | None:
    """What the service was sent for a call, which came with this header unless it is empty."""
    await world.http.post(world.url, data=world.signed(method), headers={"traceparent": said} if said else {})
    return world.seen[-1][1].get("traceparent")


@pytest.mark.parametrize("door", ["lane", "asgi"])
async def test_a_trusted_callers_trace_goes_on(collector: Collector, door: str) -> None:
    """One trace: the caller's span, the gateway's below it with the stages below that, and the service below its client span; the
    call's record has the trace's id; what the caller sent as parameters is nowhere in it."""
    async with open_world(door=door, otlp_url=collector.url, trace_ratio=0.0, trusted_proxies=LOOPBACK) as world:
        out = await traceparent_out(world, said=f"00-{TRACE}-{CALLER}-01")
        own = await arrived(collector, lambda span: span.kind == "server")
        client = await arrived(collector, lambda span: span.kind == "client")
        (record,) = await world.logs()
    assert (own.service, own.name, own.trace_id, own.parent) == ("gateway", "open.echo.get", TRACE, CALLER)
    assert own.attributes["http.route"] == "open.echo.get"
    assert own.attributes["http.response.status_code"] == 200
    assert own.attributes["pailou.request_id"] == record.requestId
    assert (client.name, client.trace_id, client.parent) == ("InvokeService", TRACE, own.span_id)
    assert out == f"00-{TRACE}-{client.span_id}-01"
    stages = [span for span in collector.spans if span.kind == "internal"]
    assert {span.parent for span in stages} == {own.span_id}
    assert {"VerifySign", "LimitCalls"} <= {span.name for span in stages}
    assert sum(span.nanoseconds for span in [*stages, client]) <= own.nanoseconds
    assert record.traceId == TRACE
    assert SESSION not in repr(collector.spans)
    assert collector.paths == {"/v1/traces"}


async def test_nobody_else_says_whose_trace_it_is(collector: Collector) -> None:
    """A caller that is not trusted gets a trace of the gateway's own making; one that writes nonsense too."""
    async with open_world(otlp_url=collector.url, trace_ratio=1.0) as world:
        out = await traceparent_out(world, said=f"00-{TRACE}-{CALLER}-01")
    assert out is not None
    assert TRACE not in out
    async with open_world(otlp_url=collector.url, trace_ratio=1.0, trusted_proxies=LOOPBACK) as world:
        for wrong in (
            f"00-{'0' * 32}-{CALLER}-01",
            f"ff-{TRACE}-{CALLER}-01",
            f"00-{TRACE}-{CALLER}-01-more",
            "x" * 5000,
        ):
            out = await traceparent_out(world, said=wrong)
            assert out is not None
            assert TRACE not in out


async def test_a_call_that_is_not_sampled(collector: Collector) -> None:
    """The service is told so, the record has no trace, and the collector hears nothing."""
    async with open_world(otlp_url=collector.url, trace_ratio=0.0, trusted_proxies=LOOPBACK) as world:
        chance = await traceparent_out(world)
        told = await traceparent_out(world, said=f"00-{TRACE}-{CALLER}-00")
        assert chance is not None and told is not None
        assert (chance[-3:], told[:36], told[-3:]) == ("-00", f"00-{TRACE}-", "-00")
        assert [record.traceId for record in await world.logs()] == [None, None]
    assert collector.spans == []


async def test_without_a_collector_a_trusted_trace_is_handed_on() -> None:
    """As it came, since the gateway adds no span; calls without one get none, and so does everybody when nobody is trusted."""
    said = f"00-{TRACE}-{CALLER}-01"
    async with open_world(trusted_proxies=LOOPBACK) as world:
        assert await traceparent_out(world, said=said) == said
        assert await traceparent_out(world) is None
        assert [record.traceId for record in await world.logs()] == [TRACE, None]
    async with open_world() as world:
        assert world.resources.traces is None
        assert await traceparent_out(world, said=said) is None


async def test_an_error_shows(collector: Collector) -> None:
    """The span of a call that ended with an error says so, with its code."""
    async with open_world(otlp_url=collector.url, trace_ratio=1.0) as world:
        await world.call({**world.signed(), "sign": "0" * 32})
        span = await arrived(collector, lambda span: span.kind == "server")
    assert span.is_error
    assert span.attributes["pailou.error_code"].startswith("25")


async def test_the_calls_of_a_batch_hang_on_it(collector: Collector) -> None:
    """Each call of a batch has a span of its own below the batch's."""
    async with open_world(otlp_url=collector.url, trace_ratio=1.0) as world:
        await post_batch(world, [{"method": "open.echo.get"}] * 2, {"session": SESSION})
        batch = await arrived(collector, lambda span: span.name == "batch")
        records = {record.traceId for record in await world.logs()}
    parts = [span for span in collector.spans if span.name == "open.echo.get" and span.kind == "server"]
    assert [(part.trace_id, part.parent) for part in parts] == [(batch.trace_id, batch.span_id)] * 2
    assert records == {batch.trace_id}


async def test_a_collector_that_is_away_harms_nobody() -> None:
    """Calls are answered, and the stop does not wait for it."""
    async with open_world(otlp_url="http://127.0.0.1:9", trace_ratio=1.0) as world:
        assert await traceparent_out(world) is not None
