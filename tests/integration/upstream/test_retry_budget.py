"""What a service sees while all of it is down: not many more requests than there are calls, and of writes not one more."""

import asyncio

import pytest

from gateway.upstream import UpstreamAnswer, Upstreams
from openplatform.errors import OpenPlatformError
from tests.integration.upstream.scripted_service import GET, POST, answer, answering, running, saying, upstreams_to

CALLS = 200
OUTAGES = {
    "busy": answering(answer(b"no", 503)),
    "resets": saying(then="reset"),
    "hangs": saying(then="hang"),
}


async def outcome(
    upstreams: Upstreams, *, idempotent: bool, timeout_s: float = 30.0
) -> UpstreamAnswer | OpenPlatformError:
    head, body = (GET, b"") if idempotent else (POST, b"{}")
    try:
        return await upstreams.call("svc", head, body, timeout_s=timeout_s, idempotent=idempotent)
    except OpenPlatformError as error:
        return error


def time_of(outage: str) -> dict[str, float]:
    """What is past its deadline is not sent or repeated, and a busy machine is slow to say that a service is down."""
    return {"timeout_s": 4.0} if outage == "hangs" else {}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_in_a_full_outage_a_tenth_is_repeated(outage: str) -> None:
    """200 idempotent calls, two instances, both down: at most 220 requests, every call ends badly."""
    async with (
        running(OUTAGES[outage], OUTAGES[outage]) as services,
        upstreams_to(*(s.address for s in services)) as upstreams,
    ):
        ends = await asyncio.gather(*(outcome(upstreams, idempotent=True, **time_of(outage)) for _ in range(CALLS)))
        assert all(isinstance(end, OpenPlatformError) or end.status == 503 for end in ends)
        seen = sum(len(service.requests) for service in services)
        budget = upstreams.budgets()["svc"]
        assert 0 < budget.retries <= CALLS * 0.1 + 1 and budget.refused > 0
        assert seen <= CALLS + budget.retries  # a busy machine sends some so late that their deadline is over


@pytest.mark.parametrize("outage", OUTAGES)
async def test_in_a_full_outage_no_write_is_repeated(outage: str) -> None:
    """200 calls that are not idempotent: exactly 200 requests."""
    async with (
        running(OUTAGES[outage], OUTAGES[outage]) as services,
        upstreams_to(*(s.address for s in services)) as upstreams,
    ):
        await asyncio.gather(*(outcome(upstreams, idempotent=False, **time_of(outage)) for _ in range(CALLS)))
        assert sum(len(service.requests) for service in services) == CALLS
        assert upstreams.budgets()["svc"].retries == 0


async def test_kept_connections_that_die_together_are_all_replaced_and_counted() -> None:
    """40 kept connections cut in one moment: every call is answered, and the budget is spent for a while."""

    async def converse(service, reader, writer):
        await service.read_request(reader)
        writer.write(answer())
        await service.read_request(reader)

    async with running(converse) as [service], upstreams_to(service.address) as upstreams:
        for _ in range(2):
            ends = await asyncio.gather(*(outcome(upstreams, idempotent=True) for _ in range(40)))
            assert {getattr(end, "status", 0) for end in ends} == {200}
        assert upstreams.budgets()["svc"].retries == 40
        assert not upstreams.budgets()["svc"].take(asyncio.get_running_loop().time())


async def test_a_refused_connection_is_no_retry() -> None:
    """One of two instances is gone: its calls go to the other and the budget is as it was."""
    async with running(answering(answer()), answering(answer())) as [gone, good]:
        await gone.stop()
        async with upstreams_to(gone.address, good.address) as upstreams:
            ends = await asyncio.gather(*(outcome(upstreams, idempotent=True) for _ in range(50)))
            assert {getattr(end, "status", 0) for end in ends} == {200}
            assert upstreams.budgets()["svc"].retries == 0
