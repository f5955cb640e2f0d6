"""Promises of a process's life: background jobs, registration, draining."""

import asyncio
import logging

import httpx
import pytest
from starlette.applications import Starlette

from openplatform import lifetime
from openplatform.lifetime import Draining, registered, running
from openplatform.records import Instance
from openplatform.web import health_routes

INSTANCE = Instance(service_id="order-service", host="127.0.0.1", port=9001)


class SeenDirectory:
    """A directory that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.beaten_thrice = asyncio.Event()

    async def beat(self, instance: Instance) -> None:
        self.told.append("beat")
        if len(self.told) == 3:
            self.beaten_thrice.set()

    async def leave(self, instance: Instance) -> None:
        self.told.append("leave")

    async def instances(self, service_id: str) -> list[Instance]:
        return []


@pytest.fixture
def draining(monkeypatch: pytest.MonkeyPatch) -> Draining:
    fresh = Draining()
    monkeypatch.setattr("openplatform.lifetime.draining", fresh)
    monkeypatch.setattr("openplatform.web.draining", fresh)
    return fresh


async def test_an_instance_is_registered_while_the_block_runs() -> None:
    """Inside the block the instance beats, at its end it leaves, and beats no more afterwards."""
    directory = SeenDirectory()
    async with registered(directory, INSTANCE):
        await asyncio.sleep(0)
        assert directory.told == ["beat"]
    assert directory.told == ["beat", "leave"]


async def test_beats_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The beat is repeated as long as the block runs."""
    monkeypatch.setattr(lifetime, "HEARTBEAT_S", 0.001)
    directory = SeenDirectory()
    async with registered(directory, INSTANCE):
        await directory.beaten_thrice.wait()
    assert directory.told[-1] == "leave"


async def test_news_is_told_at_once() -> None:
    """Who has something to say does not wait for the next beat, and the beats go on afterwards."""
    directory, news = SeenDirectory(), asyncio.Event()
    async with registered(directory, INSTANCE, news=news):
        while not directory.beaten_thrice.is_set():
            news.set()
            await asyncio.sleep(0)
    assert directory.told[:3] == ["beat"] * 3 and directory.told[-1] == "leave"


async def test_a_draining_process_leaves_the_directory_at_once(draining: Draining) -> None:
    """When the process begins to drain, its instances leave although the block goes on."""
    directory = SeenDirectory()
    async with registered(directory, INSTANCE):
        await asyncio.sleep(0)
        draining.begin()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert directory.told == ["beat", "leave"]
    assert directory.told == ["beat", "leave"]


async def test_readyz_refuses_while_draining(draining: Draining) -> None:
    """/readyz turns 503 when draining begins; /healthz stays 200."""
    app = httpx.ASGITransport(Starlette(routes=health_routes({})))
    async with httpx.AsyncClient(transport=app, base_url="http://service") as client:
        assert (await client.get("/readyz")).status_code == 200
        draining.begin()
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"process": "stopping"}
        assert (await client.get("/healthz")).status_code == 200


async def test_a_failing_job_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """A background job that fails is logged with its name when it happens, and the block goes on."""

    async def fail() -> None:
        raise ValueError("odd")

    with caplog.at_level(logging.ERROR):
        async with running(fail(), name="the odd job") as job:
            await asyncio.wait({job})
            await asyncio.sleep(0)
            assert "the odd job" in caplog.text
