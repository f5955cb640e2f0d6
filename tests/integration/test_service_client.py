"""How our services call each other: a service that fails is left alone for a while, a business refusal is no failure."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openplatform.errors import ServiceRejected, UpstreamFailed
from openplatform.service_client import open_service_client
from tests.integration.upstream.scripted_service import FixedDirectory
from tests.serving import serving

KEY = "0123456789abcdef"


class Service:
    """answers: path → what it answers; hanging: how many calls wait until `let_go`."""

    def __init__(self) -> None:
        self.answers = {
            "/well": Response(b'{"ok":1}'),
            "/ill": Response(b"broken", 500),
            "/no": Response(b'{"sub_code":"isv.no","sub_msg":"no"}', 404),
        }
        self.calls = 0
        self.hanging = 0
        self.let_go = asyncio.Event()

    async def answer(self, request: Request) -> Response:
        self.calls += 1
        if request.url.path == "/hang":
            self.hanging += 1
            await self.let_go.wait()
        return self.answers[request.url.path]

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path}", self.answer)])


async def test_a_service_that_fails_is_left_alone() -> None:
    """20 failures, then refusals that cost nothing and say when to come back; other services are asked as before."""
    ill, well = Service(), Service()
    async with serving(ill.app()) as one, serving(well.app()) as other:
        directory = FixedDirectory({"ill": [f"127.0.0.1:{one}"], "well": [f"127.0.0.1:{other}"]})
        async with open_service_client(directory, internal_key=KEY) as client:
            failures: list[UpstreamFailed] = []
            for _ in range(30):
                with pytest.raises(UpstreamFailed) as caught:
                    await client.get("ill", "/ill")
                failures.append(caught.value)
                assert await client.get("well", "/well") == {"ok": 1}
    assert (ill.calls, well.calls) == (20, 30)
    assert [failure.retry_after_s is None for failure in failures] == [True] * 20 + [False] * 10


async def test_a_refusal_for_business_reasons_is_no_failure() -> None:
    """However often the service says no."""
    service = Service()
    async with serving(service.app()) as port:
        directory = FixedDirectory({"svc": [f"127.0.0.1:{port}"]})
        async with open_service_client(directory, internal_key=KEY) as client:
            for _ in range(30):
                with pytest.raises(ServiceRejected):
                    await client.get("svc", "/no")
            assert await client.get("svc", "/well") == {"ok": 1}


async def test_callers_that_leave_are_no_failure() -> None:
    """30 of them cancelled in mid-call: the service is still asked."""
    service = Service()
    async with serving(service.app()) as port:
        directory = FixedDirectory({"svc": [f"127.0.0.1:{port}"]})
        async with open_service_client(directory, internal_key=KEY) as client:
            callers = [asyncio.create_task(client.get("svc", "/hang", deadline_s=20)) for _ in range(30)]
            async with asyncio.timeout(30):
                while service.hanging < 30:
                    await asyncio.sleep(0.01)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
            service.let_go.set()
            assert await client.get("svc", "/well") == {"ok": 1}


async def test_redirects_are_not_followed() -> None:
    """Between our own services too."""
    service, elsewhere = Service(), Service()
    async with serving(service.app()) as port, serving(elsewhere.app()) as other:
        service.answers["/well"] = Response(b"{}", 302, {"Location": f"http://127.0.0.1:{other}/well"})
        directory = FixedDirectory({"svc": [f"127.0.0.1:{port}"]})
        async with open_service_client(directory, internal_key=KEY) as client:
            with pytest.raises(UpstreamFailed):
                await client.get("svc", "/well")
    assert elsewhere.calls == 0
