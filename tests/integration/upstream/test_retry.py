"""When a call is sent again, and what its caller is told when it is not."""

import asyncio
import gc
import time
import weakref

import pytest

from gateway.upstream import UpstreamBounds
from openplatform.errors import OpenPlatformError
from tests.integration.upstream.scripted_service import (
    GET,
    POST,
    answer,
    answering,
    reset,
    running,
    saying,
    slowly,
    upstreams_to,
)
from tests.waiting import until

UNKNOWN = "remote-result-unknown"
BROKEN = "isp.top-remote-connection-error"
UNAVAILABLE = "isp.top-remote-service-unavailable"


async def sub_code_of(upstreams, *, idempotent: bool, timeout_s: float = 30.0) -> str:
    with pytest.raises(OpenPlatformError) as caught:
        await upstreams.call("svc", POST, b"{}", timeout_s=timeout_s, idempotent=idempotent)
    return caught.value.sub_code


async def earn_retries(upstreams, calls: int) -> None:
    """Calls that go well, one after the other: a tenth of them may be repeated later."""
    for _ in range(calls):
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)


async def nothing_stays(upstreams) -> None:
    """No connection and no call in flight, as soon as what was given up has heard of it."""
    members = upstreams._services.balancers()[0].members
    await until(lambda: all((member.pool.size, member.in_flight) == (0, 0) for member in members))


async def test_a_write_whose_connection_breaks_is_never_repeated() -> None:
    """Reset after the request's bytes: the service sees the call once, its caller hears that the result is unknown."""
    for then in ("reset", "close"):
        async with (
            running(saying(then=then), answering(answer())) as [broken, good],
            upstreams_to(broken.address) as upstreams,
        ):
            assert await sub_code_of(upstreams, idempotent=False) == UNKNOWN
            assert (len(broken.requests), len(good.requests)) == (1, 0)


async def test_a_write_without_an_answer_is_unknown_and_not_too_late() -> None:
    """A timeout of a call that changes something does not invite a repetition."""
    async with running(saying(then="hang")) as [service], upstreams_to(service.address) as upstreams:
        assert await sub_code_of(upstreams, idempotent=False, timeout_s=0.1) == UNKNOWN


async def test_an_idempotent_call_goes_to_another_instance() -> None:
    """Reset, closed, busy: one more attempt, elsewhere, and the caller notices nothing."""
    for trouble in (saying(then="reset"), saying(then="close"), answering(answer(b"no", 503))):
        for _ in range(4):  # the first instance is chosen at random
            async with (
                running(trouble, answering(answer())) as [bad, good],
                upstreams_to(bad.address, good.address) as upstreams,
            ):
                said = await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
                assert said.status == 200
                assert said.attempts == len(bad.requests) + 1
                assert len(good.requests) == 1


async def test_an_idempotent_call_is_sent_twice_at_most() -> None:
    """Three broken instances: two are asked."""
    async with (
        running(*[saying(then="reset")] * 3) as services,
        upstreams_to(*(s.address for s in services)) as upstreams,
    ):
        assert await sub_code_of(upstreams, idempotent=True) == BROKEN
        assert sum(len(s.requests) for s in services) == 2


async def test_a_busy_answer_is_passed_on_when_nobody_does_better() -> None:
    """503 from both: the answer is 503, after two attempts; a write's 503 is passed on after one."""
    async with (
        running(*[answering(answer(b"no", 503))] * 2) as services,
        upstreams_to(*(s.address for s in services)) as upstreams,
    ):
        said = await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        assert (said.status, said.attempts) == (503, 2)
        said = await upstreams.call("svc", POST, b"{}", timeout_s=30, idempotent=False)
        assert (said.status, said.attempts) == (503, 1)


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_refused_connection_costs_nothing(idempotent: bool) -> None:
    """No byte has left, so any call goes on to the next instance; all refused is a connection error."""
    async with running(answering(answer()), answering(answer())) as [gone, good]:
        await gone.stop()
        for _ in range(6):
            async with upstreams_to(gone.address, good.address) as upstreams:
                said = await upstreams.call("svc", POST, b"{}", timeout_s=30, idempotent=idempotent)
                assert (said.status, said.attempts) == (200, 1)
        async with upstreams_to(gone.address) as upstreams:
            assert await sub_code_of(upstreams, idempotent=idempotent) == BROKEN


async def test_a_full_instance_leads_to_another() -> None:
    """A pool at its bound is passed over while another instance has room, writes included."""
    bounds = UpstreamBounds(max_connections=3)
    conversation = saying(0.1, answer(), then="hang")
    async with (
        running(conversation, conversation) as services,
        upstreams_to(*(s.address for s in services), bounds=bounds) as upstreams,
    ):
        calls = [upstreams.call("svc", POST, b"{}", timeout_s=30, idempotent=False) for _ in range(7)]
        said = await asyncio.gather(*calls, return_exceptions=True)
        refused = [s for s in said if isinstance(s, OpenPlatformError)]
        assert [r.sub_code for r in refused] == [UNAVAILABLE]


async def test_a_stale_connection_is_replaced_for_calls_that_may_be_repeated() -> None:
    """A kept connection that dies under the request without an answer: a fresh one for an idempotent call, unknown for a write."""

    async def converse(service, reader, writer):
        await service.read_request(reader)
        writer.write(answer())
        await service.read_request(reader)
        reset(writer)

    async with running(converse) as [service], upstreams_to(service.address) as upstreams:
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        said = await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        assert (said.status, said.attempts, service.connections) == (200, 2, 2)
        assert await sub_code_of(upstreams, idempotent=False) == UNKNOWN
        assert len(service.requests) == 4


async def test_all_kept_connections_stale_at_once_lose_no_idempotent_call() -> None:
    """A service that restarts cuts every kept connection in the same moment."""
    async with running(answering(answer()), answering(answer())) as services:
        first = services[0]
        async with upstreams_to(*(s.address for s in services)) as upstreams:
            await asyncio.gather(*(upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True) for _ in range(30)))
            port = int(first.address.rpartition(":")[2])
            calls = [
                asyncio.create_task(upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)) for _ in range(30)
            ]
            await asyncio.sleep(0)
            await first.stop()
            await first.start(port)
            assert {(await call).status for call in calls} == {200}


async def test_two_instances_one_stopped_lose_no_idempotent_call() -> None:
    """Under a steady stream of calls one instance goes away, and comes back."""
    async with running(answering(answer()), answering(answer())) as services:
        one, other = services
        port = int(one.address.rpartition(":")[2])
        async with upstreams_to(one.address, other.address) as upstreams:
            await earn_retries(upstreams, 200)
            statuses: list[int] = []

            async def caller() -> None:
                for _ in range(100):
                    said = await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
                    statuses.append(said.status)
                    await asyncio.sleep(0.002)

            callers = [asyncio.create_task(caller()) for _ in range(8)]
            await asyncio.sleep(0.05)
            await one.stop()
            await asyncio.sleep(0.1)
            await one.start(port)
            await asyncio.gather(*callers)
            assert statuses == [200] * 800
            assert len(one.requests) > 0


async def test_a_hung_instance_costs_half_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """After half of the deadline another instance is asked as well; a few such calls set the hung one aside."""
    monkeypatch.setattr("gateway.upstream.balancer.FAILURES_IN_A_ROW", 2)  # not five: each costs two seconds here
    hangs = asyncio.Event()

    async def converse(service, reader, writer):
        while await service.read_request(reader) is not None and not hangs.is_set():
            writer.write(answer())
        await reader.read()

    async with (
        running(converse, answering(answer())) as [hung, good],
        upstreams_to(hung.address, good.address) as upstreams,
    ):
        await earn_retries(upstreams, 100)
        hangs.set()
        hung.requests.clear()
        for _ in range(20):
            said = await upstreams.call("svc", GET, b"", timeout_s=4, idempotent=True)
            assert said.status == 200
        assert len(hung.requests) <= 2


async def test_a_slow_answer_still_counts_after_another_instance_was_asked() -> None:
    """Two instances that both need three quarters of the deadline lose no call."""
    slow = saying(3.0, answer(b'{"slow":1}'), then="hang")
    async with running(slow, slow) as services, upstreams_to(*(s.address for s in services)) as upstreams:
        said = await upstreams.call("svc", GET, b"", timeout_s=4, idempotent=True)
        assert (said.body, said.attempts) == (b'{"slow":1}', 2)


async def test_a_second_asking_that_fails_does_not_end_the_first() -> None:
    """The other instance refuses, resets or is busy: the slow answer is still taken."""
    for trouble in (saying(then="reset"), answering(answer(b"no", 503))):
        async with (
            running(slowly(2.5, answer()), trouble) as [slow, bad],
            upstreams_to(slow.address, bad.address) as upstreams,
        ):
            # Together: the first goes to either of them, the second to the other one.
            calls = [upstreams.call("svc", GET, b"", timeout_s=4, idempotent=True) for _ in range(3)]
            assert {said.status for said in await asyncio.gather(*calls)} == {200}


async def test_all_instances_hung_end_at_the_deadline() -> None:
    """The deadline covers every attempt together, and no connection stays behind."""
    async with (
        running(saying(then="hang"), saying(then="hang")) as services,
        upstreams_to(*(s.address for s in services)) as upstreams,
    ):
        for _ in range(3):
            started = time.monotonic()
            assert await sub_code_of(upstreams, idempotent=True, timeout_s=0.2) == "isp.top-remote-connection-timeout"
            assert 0.15 < time.monotonic() - started < 5  # each alone would hang for ever
        await nothing_stays(upstreams)


async def test_cancelling_a_call_in_any_phase_leaves_nothing_behind() -> None:
    """Whenever the caller leaves, connections and counts go back to nothing."""
    async with (
        running(saying(then="hang"), saying(then="hang")) as services,
        upstreams_to(*(s.address for s in services)) as upstreams,
    ):
        for after_s in (0.0, 0.01, 0.05, 1.6, 1.8):  # the last two beside a second asking
            call = asyncio.create_task(upstreams.call("svc", GET, b"", timeout_s=3, idempotent=True))
            await asyncio.sleep(after_s)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await nothing_stays(upstreams)


async def test_a_failed_call_leaves_nothing_to_the_collector() -> None:
    """A service that is down fails a thousand calls a second: each is forgotten when its caller is told, without a search for cycles."""
    for idempotent in (False, True):
        async with (
            running(*[saying(then="reset")] * 2) as services,
            upstreams_to(*(s.address for s in services)) as upstreams,
        ):
            gc.disable()
            try:
                left = [await _failure_of(upstreams, idempotent=idempotent) for _ in range(3)]
                # A broken connection is dropped when the next call looks for one: it holds the last failure until then.
                assert [failure() for failure in left[:-1]] == [None] * 2
            finally:
                gc.enable()


async def _failure_of(upstreams, *, idempotent: bool) -> weakref.ref[BaseException]:
    try:
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=idempotent)
    except OpenPlatformError as error:
        error.__traceback__ = None  # as the pipeline does
        assert error.__cause__ is not None
        return weakref.ref(error.__cause__)
    raise AssertionError("it did not fail")
