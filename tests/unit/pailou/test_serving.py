"""Promises of the platform's server: how it listens and how it stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from openplatform.errors import SettingsError
from openplatform.lifetime import Draining
from pailou import serving as serving_module
from pailou.serving import DrainingServer, ServiceConfig, bind, port_of, serving

Message = dict[str, Any]


@pytest.fixture(autouse=True)
def draining(monkeypatch: pytest.MonkeyPatch) -> Draining:
    fresh = Draining()
    monkeypatch.setattr("pailou.serving.draining", fresh)
    return fresh


class SlowApp:
    """Answers when told to; keeps its lifespan's shutdown waiting when told to."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.answer = asyncio.Event()
        self.closed = False
        self.close_takes_s = 0.0

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await asyncio.sleep(self.close_takes_s)
            self.closed = True
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.called.set()
        if scope["path"] == "/slow":
            await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def config(app: SlowApp, *, drain_s: float = 0.0, lifespan: str = "on") -> ServiceConfig:
    return ServiceConfig(app, service="test", drain_s=drain_s, quiet=True, lifespan=lifespan)


async def test_a_call_in_flight_is_finished() -> None:
    """A server that is told to stop still answers the call that it has, and accepts no other."""
    app, bound = SlowApp(), bind("127.0.0.1", 0, option="")
    url = f"http://127.0.0.1:{port_of(bound)}"
    async with httpx.AsyncClient() as client, serving(app, bound, service="test") as server:
        call = asyncio.create_task(client.get(f"{url}/slow"))
        await app.called.wait()
        server.stop()
        while server.servers[0].is_serving():
            await asyncio.sleep(0.01)
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/other")
        app.answer.set()
        assert (await call).text == "ok"


async def test_while_draining_calls_are_served_and_connections_closed(draining: Draining) -> None:
    """For drain_s after the wish to stop, new calls are answered, each with `Connection: close`, and the process says so."""
    app, bound = SlowApp(), bind("127.0.0.1", 0, option="")
    server = DrainingServer(config(app, drain_s=30.0))
    begun = asyncio.Event()
    with draining.heard_by(begun.set):
        task = asyncio.create_task(server.serve(sockets=[bound]))
        await server.accepting.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}") as client:
            assert "connection" not in (await client.get("/")).headers
            server.stop()
            await begun.wait()
            await asyncio.sleep(0)
            answer = await client.get("/")
            assert (answer.text, answer.headers["connection"]) == ("ok", "close")
        server.stop(at_once=True)
        await task


async def test_a_connection_that_came_last_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request is on the way when the server stops accepting: it is no idle connection, and a rolling restart refuses nobody."""
    monkeypatch.setattr(serving_module, "ARRIVING_S", 60.0)
    app, bound = SlowApp(), bind("127.0.0.1", 0, option="")
    async with serving(app, bound, service="test") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(bound))
        while not server.server_state.connections:
            await asyncio.sleep(0.01)
        server.stop()
        while server.servers[0].is_serving():
            await asyncio.sleep(0.01)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer


async def test_the_application_closes_after_the_calls() -> None:
    """The application's shutdown runs to its end before the server is done."""
    app, bound = SlowApp(), bind("127.0.0.1", 0, option="")
    server = DrainingServer(config(app), owns_process=False)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    await server.accepting.wait()
    server.stop()
    await task
    assert app.closed


async def test_an_application_that_does_not_close_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A shutdown that takes longer than its bound is given up, and the log says so."""
    monkeypatch.setattr(serving_module, "FLUSH_S", 0.01)
    app, bound = SlowApp(), bind("127.0.0.1", 0, option="")
    app.close_takes_s = 60
    server = DrainingServer(config(app), owns_process=False)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    await server.accepting.wait()
    server.stop()
    with caplog.at_level(logging.ERROR):
        await task
    assert not app.closed
    assert "did not close" in caplog.text


async def test_one_server_of_several_does_not_drain_the_process(draining: Draining) -> None:
    """A server that shares its process stops alone: the process's other services stay ready."""
    async with serving(SlowApp(), bind("127.0.0.1", 0, option=""), service="test"):
        pass
    assert not draining.began


def test_a_taken_port_names_the_option() -> None:
    """Binding a port that is in use says which one, and what chooses another."""
    taken = bind("127.0.0.1", 0, option="")
    taken.listen()
    with taken, pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port_of(taken)}.*--gateway-port"):
        bind("127.0.0.1", port_of(taken), option="--gateway-port")
