"""The runner: order, one error end, one log end, whatever happens."""

import asyncio
import time

import pytest

from gateway.call import Call, Filter
from gateway.pipeline import Pipeline
from openplatform.errors import INVALID_METHOD, UNKNOWN_ERROR


def call() -> Call:
    return Call(
        request_id="r1", http_method="POST", query=b"", content_type="", body=b"", remote_ip="127.0.0.1",
        received_at=time.time(), started=time.monotonic(),
    )  # fmt: skip


def pipeline(*steps: Filter, seen: list[str]) -> Pipeline:
    return Pipeline(
        pre=steps,
        routing=[lambda call: seen.append("routing")],
        post=[lambda call: seen.append("post")],
        error=lambda call: seen.append(f"error {call.error.code}"),
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
