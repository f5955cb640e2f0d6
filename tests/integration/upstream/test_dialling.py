"""Addresses are looked at before each connect, names included; what may not be dialled hears nothing."""

import asyncio
import ipaddress
from collections.abc import Sequence

import pytest

from gateway.upstream import DialRules, Upstreams
from openplatform.errors import OpenPlatformError, SettingsError
from tests.integration.upstream.scripted_service import GET, FixedDirectory, answer, answering, running

BROKEN = "isp.top-remote-connection-error"


async def sub_code_of(upstreams: Upstreams) -> str:
    with pytest.raises(OpenPlatformError) as caught:
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
    assert caught.value.is_unsent
    return caught.value.sub_code


def upstreams_with(rules: DialRules, *addresses: str) -> Upstreams:
    return Upstreams(FixedDirectory({"svc": addresses}), rules=rules)


async def test_an_address_outside_the_networks_is_not_dialled(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the directory says: no connection, an error that may be repeated, one line in the log."""
    async with running(answering(answer())) as [service]:
        upstreams = upstreams_with(DialRules([ipaddress.ip_network("10.0.0.0/8")]), service.address)
        for _ in range(3):
            assert await sub_code_of(upstreams) == BROKEN
        assert service.connections == 0
        await upstreams.aclose()
    assert [record.message for record in caplog.records] == [
        f"{service.address} of svc is not dialled: outside PAILOU_SERVICE_NETWORKS, or never allowed"
    ]


async def test_a_port_of_a_store_is_not_dialled() -> None:
    """A directory that was written to by somebody else does not lead calls into Redis."""
    async with running(answering(answer())) as [store]:
        port = int(store.address.rpartition(":")[2])
        upstreams = upstreams_with(DialRules(closed_ports={port}), store.address)
        assert await sub_code_of(upstreams) == BROKEN
        assert store.connections == 0
        await upstreams.aclose()


async def test_another_instance_takes_the_call() -> None:
    """An address that may not be dialled is like one that is gone."""
    async with running(answering(answer())) as [service]:
        port = service.address.rpartition(":")[2]
        for _ in range(6):  # the first one asked is chosen at random
            upstreams = upstreams_with(DialRules(), service.address, f"169.254.169.254:{port}")
            assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).status == 200
            await upstreams.aclose()


async def test_a_name_is_resolved_by_the_system() -> None:
    """`localhost` is dialled like any name."""
    async with running(answering(answer())) as [service]:
        upstreams = upstreams_with(DialRules(), service.address.replace("127.0.0.1", "localhost"))
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)).status == 200
        await upstreams.aclose()


async def test_a_name_is_dialled_at_the_address_that_was_looked_at() -> None:
    """Of several addresses the permitted ones, in turn; a name that turns to metadata or vanishes later is not followed."""
    answers: list[Sequence[str]] = [
        ["169.254.169.254", "127.0.0.2", "127.0.0.1"],  # nobody listens at 127.0.0.2
        ["169.254.169.254"],
        [],
        ["127.0.0.1"],
    ]
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        await asyncio.sleep(0)
        return answers.pop(0)

    async with running(answering(answer(headers=b"Connection: close\r\n"))) as [service]:
        upstreams = upstreams_with(DialRules(resolve=resolve), f"orders.internal:{service.address.rpartition(':')[2]}")
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).status == 200
        assert await sub_code_of(upstreams) == BROKEN
        assert await sub_code_of(upstreams) == BROKEN
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).status == 200
        assert asked == ["orders.internal"] * 4
        assert service.connections == 2
        await upstreams.aclose()


async def test_a_fixed_address_that_may_not_be_dialled_stops_the_start() -> None:
    """Whoever wrote it down finds out at once."""
    for address in ("169.254.169.254:80", "8.8.8.8:80", "[::]:80"):
        with pytest.raises(SettingsError, match="PAILOU_SERVICE_NETWORKS"):
            Upstreams(FixedDirectory({}), pinned={"svc": [address]})
