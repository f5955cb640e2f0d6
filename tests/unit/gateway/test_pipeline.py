"""The runner: order, one error end, one log end, whatever happens."""

import asyncio
import time

import pytest

from gateway.call import Call, Filter
from gateway.pipeline import Pipeline
from openplatform.errors import INVALID_METHOD, PLATFORM_UNAVAILABLE, UNKNOWN_ERROR


def call() -> Call:
    return Call(
        request_id="r1", http_method="POST", query=b"", content_type="", body=b"", remote_ip="127.0.0.1",
        received_at=time.time(), started=time.monotonic(),
    )  # fmt: skip


def pipeline(*steps: Filter, seen: list[str], mending: tuple[Filter, ...] = ()) -> Pipeline:
    return Pipeline(
        pre=steps,
        routing=[lambda call: seen.append("routing")],
        post=[lambda call: seen.append("post")],
        error=[*mending, lambda call: seen.append(f"error {call.error.code}")],
        finish=[lambda call: seen.append("finish")],
    )


async def test_stages_run_in_order() -> None:
    """Those that wait are waited for; the error end is not touched."""
    seen: list[str] = []

    async def waits(call: Call) -> None:
        await asyncio.sleep(0)
        seen.append("waited")

    await pipeline(lambda call: seen.append("first"), waits, seen=seen).run(call())
    assert seen == ["first", "waited", "routing", "post", "finish"]


async def test_a_rejection_ends_the_call() -> None:
    """No later stage runs; error, then finish."""
    seen: list[str] = []

    def rejects(call: Call) -> None:
        raise INVALID_METHOD()

    await pipeline(rejects, seen=seen).run(call())
    assert seen == ["error 22", "finish"]


async def test_a_bug_is_error_10_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets code 10, the process log the traceback under the request id."""
    seen: list[str] = []
    await pipeline(lambda call: 1 / 0, seen=seen).run(call())
    assert seen == ["error 10", "finish"]
    assert "r1" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_cancelled_call_still_leaves_its_record() -> None:
    """Cancellation goes on, after finish has run."""
    seen: list[str] = []

    async def hangs(call: Call) -> None:
        await asyncio.sleep(60)

    running = asyncio.create_task(pipeline(hangs, seen=seen).run(call()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert seen == [f"error {UNKNOWN_ERROR.code}", "finish"]


async def test_stages_can_be_timed() -> None:
    """A call with stamps gets one for each stage that ran, in microseconds."""
    timed = call()
    timed.stamps = []

    async def waits(call: Call) -> None:
        await asyncio.sleep(0)

    await pipeline(waits, seen=[]).run(timed)
    assert [name for name, us in timed.stamps if us >= 0] == ["function"] * 3


def rejects(call: Call) -> None:
    raise INVALID_METHOD()


async def test_an_error_stage_may_find_an_answer() -> None:
    """It takes the error away: post follows, the error's own answer does not."""
    seen: list[str] = []

    async def mends(call: Call) -> None:
        await asyncio.sleep(0)
        call.error = None

    await pipeline(rejects, seen=seen, mending=(lambda call: seen.append("looked"), mends)).run(call())
    assert seen == ["looked", "post", "finish"]


@pytest.mark.parametrize("fault", [PLATFORM_UNAVAILABLE(), ZeroDivisionError()])
async def test_an_error_stage_that_fails_changes_nothing(fault: Exception) -> None:
    """What ended the call first is what its caller is told."""
    seen: list[str] = []

    async def fails(call: Call) -> None:
        raise fault

    await pipeline(rejects, seen=seen, mending=(fails,)).run(call())
    assert seen == ["error 22", "finish"]


async def test_a_caller_that_leaves_during_an_error_stage_leaves_a_record() -> None:
    """Cancellation goes on to the server, after finish."""
    seen: list[str] = []

    async def waits(call: Call) -> None:
        await asyncio.sleep(60)

    running = asyncio.create_task(pipeline(rejects, seen=seen, mending=(waits,)).run(call()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert seen == ["error 10", "finish"]
