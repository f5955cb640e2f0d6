"""Breakers, bulkheads and fallbacks of a running gateway, with a service that is well, ill or hangs, by path."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from gateway.filters.invoke_service import InvokeService
from gateway.guards import Gate
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.records import BreakerRules
from openplatform.web import JsonAnswer, SystemClock, service_app
from tests.gateway_world import INTERNAL_KEY, World, open_world
from tests.serving import serving
from tests.unit.gateway.filters.calls import a_call
from tests.waiting import until

UNAVAILABLE = (15, "isp.top-remote-service-unavailable")
OPEN = {"state": "open", "cause": "calls", "calls": 20, "failed": 20, "slow": 0}
ILL, WELL, HANGING = "open.ill.get", "open.well.get", "open.hanging.get"
DOORS = pytest.mark.parametrize("door", ["lane", "asgi"])


@dataclass
class MoodyService:
    """mood: path → `ill` (500), `hang` (until `let_go` is set) or what else is well; calls: path → how many came."""

    mood: dict[str, str] = field(default_factory=lambda: {"/ill": "ill", "/hanging": "hang"})
    calls: dict[str, int] = field(default_factory=dict)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.calls[path] = self.calls.get(path, 0) + 1
        mood = self.mood.get(path)
        if mood == "hang":
            await self.let_go.wait()
        return Response("broken", 500) if mood == "ill" else JsonAnswer({"path": path})


@asynccontextmanager
async def open_moody(door: str = "lane", **settings: object) -> AsyncIterator[tuple[World, MoodyService]]:
    """A world whose routes lead to one moody service, with breakers that stay open for longer than any test."""
    settings = {"breaker": BreakerRules(window_s=300, open_s=60), **settings}
    moody = MoodyService()
    http = service_app([HttpRoute("/{path}", moody.answer)], internal_keys=[INTERNAL_KEY])
    async with serving(http) as port:
        addresses = {"moody-service": (f"127.0.0.1:{port}",)}
        async with open_world(door=door, service_addresses=addresses, **settings) as world:
            for api_name in (ILL, WELL, HANGING):
                await put(world, api_name)
            yield world, moody
            moody.let_go.set()


async def put(world: World, api_name: str, **fields: object) -> None:
    url = "/" + api_name.split(".")[1]
    await world.put_route(api_name, url, **{"service_id": "moody-service", "timeout_ms": 20_000, **fields})


async def call(world: World, api_name: str) -> httpx.Response:
    return await world.call(world.signed(api_name))


def gate(world: World, name: str) -> Gate:
    return next(gate for _, _, gate in world.resources.guards.gates() if gate.name == name)


async def test_a_gateway_says_which_configuration_it_has_and_whom_it_holds_back() -> None:
    """A change of the catalogue makes it say both; operators compare the version with the one that the changed route needs."""
    async with open_moody() as (world, _):
        for _ in range(20):
            await call(world, ILL)
        await put(world, WELL, description="changed")
        needed = await world.writer.version_of("route", WELL)
        directory = RedisServiceDirectory(world.redis, SystemClock())
        figures: dict[str, object] = {}
        async with asyncio.timeout(60):
            while figures.get("config_version") != needed:
                await asyncio.sleep(0.01)
                figures = dict((await directory.reports("gateway"))[0].figures)
        assert figures["breakers"] == {f"api {ILL}": OPEN}


@DOORS
async def test_an_ill_api_is_left_alone_and_the_others_are_not(door: str) -> None:
    """20 calls reach the service, the rest are refused at once with Retry-After; its other API answers every call."""
    async with open_moody(door) as (world, moody):
        answers = []
        for _ in range(30):
            answers.append(await call(world, ILL))
            assert "error_response" not in (await call(world, WELL)).json()
        assert moody.calls == {"/ill": 20, "/well": 30}
        errors = [answer.json()["error_response"] for answer in answers]
        assert {(error["code"], error["sub_code"]) for error in errors} == {UNAVAILABLE}
        assert all("retry-after" not in answer.headers for answer in answers[:20])
        assert all(1 <= int(answer.headers["retry-after"]) <= 80 for answer in answers[20:])
        logs = [log for log in await world.logs() if log.apiName == ILL]
        assert [log.serviceTime is None for log in logs] == [False] * 20 + [True] * 10


@DOORS
async def test_what_is_open_can_be_seen(door: str) -> None:
    """/metrics has a line per API and service, /readyz names what is not closed and stays ready."""
    async with open_moody(door) as (world, _):
        for _ in range(25):
            await call(world, ILL)
        metrics = (await world.http.get(f"http://127.0.0.1:{world.port}/metrics")).text
        assert 'pailou_breaker_state{api="open.ill.get",service="moody-service"} 2.0' in metrics
        assert 'pailou_breaker_state{api="",service="moody-service"} 0.0' in metrics
        assert 'pailou_breaker_opened_total{api="open.ill.get",service="moody-service"} 1.0' in metrics
        assert 'pailou_breaker_refused_total{api="open.ill.get",service="moody-service"} 5.0' in metrics
        assert 'pailou_bulkhead_rejected_total{api="open.ill.get",service="moody-service"} 0.0' in metrics
        ready = await world.http.get(f"http://127.0.0.1:{world.port}/readyz")
        assert ready.status_code == 200
        reasons = ready.json()["checks"]["breakers_not_closed"]
        assert reasons == {"api open.ill.get": OPEN}


@DOORS
async def test_the_fallback_body_answers_while_the_breaker_is_open(door: str) -> None:
    """In the API's envelope, marked; a failure of the service itself is still an error."""
    async with open_moody(door) as (world, moody):
        await put(world, ILL, fallback_body='{"total": 0, "note": "later"}')
        failed = [await call(world, ILL) for _ in range(20)]
        assert all("error_response" in answer.json() and "x-fallback" not in answer.headers for answer in failed)
        answer = await call(world, ILL)
        assert answer.headers["x-fallback"] == "body"
        body = answer.json()["open_ill_get_response"]
        assert (body["total"], body["note"]) == (0, "later")
        assert moody.calls == {"/ill": 20}


async def test_of_a_hundred_callers_three_probe_and_close_it() -> None:
    """The pause is over, the service is well again: 3 of 100 callers reach it; after them everyone does."""
    async with open_moody() as (world, moody):
        await put(world, ILL, breaker=BreakerRules(window_s=300, open_s=0.1))
        for _ in range(20):
            await call(world, ILL)
        moody.mood["/ill"] = "hang"
        await asyncio.sleep(0.2)  # longer than any pause
        callers = [asyncio.create_task(call(world, ILL)) for _ in range(100)]
        await until(lambda: sum(caller.done() for caller in callers) == 97 and moody.calls == {"/ill": 23})
        moody.let_go.set()
        answers = await asyncio.gather(*callers)
        assert sum("error_response" not in answer.json() for answer in answers) == 3
        moody.mood["/ill"] = "well"
        for _ in range(10):
            assert "error_response" not in (await call(world, ILL)).json()
        assert moody.calls == {"/ill": 33}


async def test_an_open_breaker_survives_a_change_of_its_route() -> None:
    """Another description, another version of the catalogue: still nothing reaches the service."""
    async with open_moody() as (world, moody):
        for _ in range(20):
            await call(world, ILL)
        await put(world, ILL, description="another")
        await world.put_app("9999")
        assert await world.error(world.signed(ILL)) == UNAVAILABLE
        assert moody.calls == {"/ill": 20}


@DOORS
async def test_a_hanging_api_fills_its_own_bulkhead_only(door: str) -> None:
    """8 calls, room for 5: 3 are refused at once, and 50 calls of another API all answered meanwhile."""
    async with open_moody(door) as (world, moody):
        await put(world, HANGING, max_concurrency=5)
        callers = [asyncio.create_task(call(world, HANGING)) for _ in range(8)]
        await until(lambda: sum(caller.done() for caller in callers) == 3)
        refused = [caller.result() for caller in callers if caller.done()]
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert {answer.json()["error_response"]["sub_msg"] for answer in refused} == {
            "too many calls of this api are under way"
        }
        others = await asyncio.gather(*(call(world, WELL) for _ in range(50)))
        assert all("error_response" not in answer.json() for answer in others)

        moody.let_go.set()
        answers = await asyncio.gather(*callers)
        assert sum("error_response" not in answer.json() for answer in answers) == 5
        assert (gate(world, HANGING).in_flight, gate(world, "moody-service").in_flight) == (0, 0)
        assert world.resources.guards.not_closed() == {}


async def test_calls_that_are_given_up_open_nothing_and_make_room() -> None:
    """Cancelled in mid-call, 30 times: no breaker has noticed, and the bulkhead is as empty as before."""
    async with open_moody() as (world, moody):
        await put(world, HANGING, max_concurrency=30)
        invoke = InvokeService(
            world.resources.upstreams, world.resources.guards, world.resources.metrics, internal_key=INTERNAL_KEY
        )
        catalog = world.resources.catalog
        calls = [
            asyncio.create_task(invoke(a_call(app=catalog.apps["1023"], route=catalog.routes[HANGING])))
            for _ in range(30)
        ]
        await until(lambda: moody.calls.get("/hanging") == 30)
        assert await world.error(world.signed(HANGING)) == UNAVAILABLE
        for given_up in calls:
            given_up.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (gate(world, HANGING).in_flight, gate(world, "moody-service").in_flight) == (0, 0)
        assert world.resources.guards.not_closed() == {}
        moody.let_go.set()
        assert "error_response" not in (await call(world, HANGING)).json()
