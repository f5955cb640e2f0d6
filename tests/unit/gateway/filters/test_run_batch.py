"""Routing of a batch: what each call of it starts with, and what is left when nobody waits any more."""

import asyncio

import pytest

from gateway.call import Batch, Call
from gateway.filters.run_batch import RunBatch
from tests.unit.gateway.filters.calls import NOW, app_entry
from tests.unit.gateway.filters.catalogs import a_catalog
from tests.waiting import until


def a_batch(body: bytes, **params: str) -> Batch:
    """A batch as it stands after its signature was found right."""
    batch = Batch(
        request_id="id1", http_method="POST", query=b"", content_type="text/plain", body=body, remote_ip="10.0.0.1",
        received_at=NOW, started=99.9, accepts_gzip=True,
    )  # fmt: skip
    batch.separator = b"--"
    batch.app = app_entry()
    batch.as_json = True
    batch.params = {"app_key": "1023", "sign": "AB", **params}
    return batch


async def test_each_call_starts_with_what_the_batch_said() -> None:
    """System parameters and those that operators require, not the query's others; a sign and a request id of its place."""
    seen: list[Call] = []

    async def run(call: Call) -> None:
        seen.append(call)
        await asyncio.sleep(0.001 if call.body == b"a=1" else 0)
        call.answer = b"<" + call.body + b">"

    batch = a_batch(b"#PUBLIC#session=s--a=1--N", zone="7", other="x")
    await RunBatch(run, await a_catalog(required=("zone",)), max_calls=2, max_params=9)(batch)
    assert batch.answer == b"<a=1>--<N>"
    assert (batch.carries, [call.request_id for call in seen]) == (2, ["id1-1", "id1-2"])
    assert seen[1].params == {"app_key": "1023", "sign": "AB-2", "zone": "7", "session": "s"}
    assert all(call.app is batch.app and call.as_json and not call.accepts_gzip and not call.carries for call in seen)


async def test_a_caller_that_leaves_ends_its_calls() -> None:
    """Each of them is cancelled, and thereby leaves its record; the batch leaves none."""
    begun: list[str] = []
    ended: list[str] = []

    async def run(call: Call) -> None:
        begun.append(call.request_id)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(call.request_id)

    batch = a_batch(b"N--N")
    running = asyncio.create_task(RunBatch(run, await a_catalog(), max_calls=9, max_params=9)(batch))
    await until(lambda: len(begun) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (sorted(ended), batch.carries) == (["id1-1", "id1-2"], 2)
