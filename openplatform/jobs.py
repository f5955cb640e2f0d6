"""Jobs beside a process's work: started, their faults told, ended for certain."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

log = logging.getLogger(__name__)

AGAIN_S = 3.0
"""When a cancellation is taken for lost. Sooner would interrupt what a job still does at its end: a lock is given back within
Redis' 2 s, a transaction rolled back."""


@asynccontextmanager
async def running(job: Coroutine[Any, Any, None], *, name: str | None = None) -> AsyncIterator[asyncio.Task[None]]:
    """Runs a coroutine beside the block and cancels it at the end; its failure is logged when it happens, never lost."""
    task = asyncio.create_task(job, name=name)
    task.add_done_callback(_report)
    try:
        yield task
    finally:
        await end(task)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancels the task until it has ended; its outcome stays with it.

    Once is not enough: before Python 3.12 asyncio.wait_for, which drivers read with, loses a cancellation that comes in the same
    turn of the loop as what it waits for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background job %s ended by a fault", task.get_name(), exc_info=error)
