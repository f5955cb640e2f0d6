"""The gateway's world, fresh for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway_world import World, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A gateway over in-process stores, a service behind it, one app, one session, three routes."""
    async with open_world() as opened:
        yield opened
