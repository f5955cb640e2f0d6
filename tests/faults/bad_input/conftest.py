"""The gateway that all rows of a module are sent to."""

from collections.abc import AsyncIterator

import pytest_asyncio

from gateway.sessions import token_hash
from tests.gateway_world import World, open_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """Routes and apps that are good, disabled, of others; behind the gateway's own front, on a real socket."""
    async with open_world() as opened:
        await opened.put_route("open.disabled.get", "/echo", enabled=False)
        await opened.put_app("disabled", id=2, enabled=False)
        await opened.put_app("x" * 50, id=3)
        await opened.put_app("without-secret", id=4, secrets=())
        await opened.put_session("expired", ttl_s=0.001)
        await opened.put_session("foreign", app_id=99)
        await opened.put_session("revoked")
        await opened.put("session", token_hash("revoked"), None)
        yield opened
