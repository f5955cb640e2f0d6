"""An admin_api of one test's own, in this process, whose clock the test turns."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from admin_api.settings import AdminSettings
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from tests.admin_world import MASTER_KEYS, ZONE, World, open_world
from tests.serving import serving
from tests.waiting import PATIENCE_S


class OwnAdmin:
    """url, and an operator to sign in as; both work like the shared platform for a Reader."""

    def __init__(self, url: str, world: World, embedded: Embedded, email: str, password: str) -> None:
        self.url = url
        self.email = email
        self.password = password
        self.demo: dict[str, Any] = {}
        self._world = world
        self._embedded = embedded

    def answer_from_redis(self, is_up: bool) -> None:
        """Redis goes away, or comes back."""
        self._embedded.redis_server.connected = is_up

    def turn(self, seconds: float) -> None:
        """The clock goes forward."""
        self._world.clock.ahead_s += seconds


@contextmanager
def own_admin(folder: Path, *perms: str, password: str, database_url: str = "") -> Iterator[OwnAdmin]:
    """Runs in a thread with an event loop of its own: the browser's calls block this one. database_url: "" = SQLite in the folder."""
    url = database_url or f"sqlite+aiosqlite:///{folder}/admin.db"
    settings = AdminSettings(
        database_url=url, redis_url="memory://", rabbitmq_url="memory://", internal_keys=("key-of-the-browser-tests",),
        master_keys=MASTER_KEYS, time_zone=ZONE,
    )  # fmt: skip
    ready, opened = threading.Event(), []
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def run() -> None:
        await asyncio.to_thread(upgrade, url, "admin_api")
        embedded = Embedded()
        # A database of the test's own is one that goes away: how soon that is noticed is the product's.
        opening = open_world(settings, embedded, is_patient=not database_url)
        async with opening as world, serving(world.app) as port:
            operator = await world.operator(*perms)
            opened.append(OwnAdmin(f"http://127.0.0.1:{port}", world, embedded, operator.email, password))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield opened[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)
        loop.close()
