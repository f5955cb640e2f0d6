"""Where the instances of a service come from: the directory, its outages, and fixed addresses."""

import asyncio

import pytest

from gateway.upstream import Upstreams, open_upstreams
from openplatform.errors import OpenPlatformError, PlatformUnavailable, SettingsError
from tests.integration.upstream.scripted_service import GET, FixedDirectory, answer, answering, running
from tests.waiting import until


async def test_lists_come_from_the_directory_and_follow_it() -> None:
    """The first calls wait for one look-up together; later changes are taken over in the background."""
    async with running(answering(answer(b'{"n":1}')), answering(answer(b'{"n":2}'))) as [one, two]:
        directory = FixedDirectory({"svc": [one.address]})
        upstreams = Upstreams(directory)
        said = await asyncio.gather(*(upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True) for _ in range(5)))
        assert {s.body for s in said} == {b'{"n":1}'}
        assert directory.asked == 1
        directory.listed["svc"] = [two.address]
        await upstreams._services.refresh()
        said = [await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True) for _ in range(3)]
        assert {s.body for s in said} == {b'{"n":2}'}
        directory.listed["svc"] = []
        await upstreams._services.refresh()
        with pytest.raises(OpenPlatformError, match="no instance of svc is running"):
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        await upstreams.aclose()


async def test_the_last_known_list_stays_while_the_directory_is_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of the directory is logged once, and stops no call."""
    monkeypatch.setattr("gateway.upstream.services.REFRESH_S", 0.01)
    async with running(answering(answer())) as [service]:
        directory = FixedDirectory({"svc": [service.address]})
        async with open_upstreams(directory) as upstreams:
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
            directory.is_down = True
            asked = directory.asked
            await until(lambda: directory.asked > asked + 3)
            assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)).status == 200
            directory.is_down = False
            await until(lambda: len(caplog.records) > 1)
    assert [record.message for record in caplog.records] == [
        "the service directory is down, keeping the last known instances: the directory is down",
        "the service directory answers again",
    ]


async def test_a_new_service_cannot_be_looked_up_while_the_directory_is_down() -> None:
    """Our own fault is not blamed on the service or the caller, and the next call asks anew."""
    async with running(answering(answer())) as [service]:
        directory = FixedDirectory({"svc": [service.address]})
        directory.is_down = True
        upstreams = Upstreams(directory)
        with pytest.raises(PlatformUnavailable):
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        directory.is_down = False
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)).status == 200
        await upstreams.aclose()


async def test_pinned_addresses_win_over_the_directory() -> None:
    """A service with fixed addresses is never asked for; addresses that cannot be read stop the start."""
    async with running(answering(answer())) as [service]:
        directory = FixedDirectory({"svc": ["127.0.0.1:1"]})
        upstreams = Upstreams(directory, pinned={"svc": [service.address]})
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)).status == 200
        await upstreams._services.refresh()
        assert directory.asked == 0
        await upstreams.aclose()
    for wrong in ("localhost", ":80", "a:0", "a:b", "a:70000"):
        with pytest.raises(SettingsError, match="must read host:port"):
            Upstreams(directory, pinned={"svc": [wrong]})
