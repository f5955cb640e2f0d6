"""The gateway's world, fresh for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway_world import World, open_world


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A gateway over in-process stores, a service behind it, one app, one session, three routes.

    `@pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)` runs a test through both doors.
    """
    async with open_world(door=getattr(request, "param", "lane")) as opened:
        yield opened
