"""What the gateway takes from a service: no redirects, no codings that nobody asked for, no address outside the networks."""

import gzip
import ipaddress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from tests.gateway_world import World, open_world
from tests.serving import serving

PARSE_ERROR = (15, "isp.top-parse-error")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(world: World, status: int) -> None:
    """Where it points to hears nothing, and the caller gets an error."""
    heard: list[str] = []

    async def elsewhere(request: Request) -> Response:
        heard.append(request.url.path)
        return Response(b'{"leaked": 1}')

    async with serving(Starlette(routes=[HttpRoute("/{path:path}", elsewhere)])) as port:
        world.answers["/echo"] = Response(b"{}", status, {"Location": f"http://127.0.0.1:{port}/admin"})
        assert await world.error(world.signed()) == PARSE_ERROR
    assert heard == [] and len(world.seen) == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_a_coded_answer_is_refused_and_not_unpacked(world: World, coding: str) -> None:
    """Identity was asked for: 30 MB in 30 kB are never unpacked."""
    bomb = gzip.compress(b'{"a":"' + b"0" * 30_000_000 + b'"}')
    world.answers["/echo"] = Response(bomb, headers={"Content-Encoding": coding})
    assert await world.error(world.signed()) == PARSE_ERROR


async def test_identity_may_be_said(world: World) -> None:
    """It is what was asked for."""
    world.answers["/echo"] = Response(b'{"a":1}', headers={"Content-Encoding": "identity"})
    assert (await world.call(world.signed())).json()["open_echo_get_response"]["a"] == 1


async def test_a_service_that_registers_itself_elsewhere_is_not_called() -> None:
    """The directory names an address outside the service's networks: nothing is sent, the fault is not the caller's."""
    own = {"echo-service": (ipaddress.ip_network("10.0.0.0/8"),)}
    async with open_world(service_addresses={"echo-service": ("localhost:1",)}, networks_of_services=own) as world:
        assert await world.error(world.signed()) == (15, "isp.top-remote-connection-error")
