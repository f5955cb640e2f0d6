"""Waiting for what must come true."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_S = 120.0
"""Longer than a loaded machine needs for anything: it ends a test that would never end, and is no promise."""


async def until(holds: Callable[[], bool | Awaitable[bool]], *, within_s: float = PATIENCE_S) -> None:
    """Returns when the condition holds; TimeoutError when it does not come true."""
    async with asyncio.timeout(within_s):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.05)
