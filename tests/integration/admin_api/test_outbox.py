"""The way of a change to the gateways: never lost, never out of order, in force within a second."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from admin_api.apps.service.tokens import hash_token
from admin_api.outbox.relay import COMPLETE_CHECK_S, Relay
from admin_api.security.metrics import AdminMetrics
from admin_api.settings import AdminSettings
from admin_api.tables.platform import config_outbox
from openplatform.adapters.catalog_redis import RedisCatalogReader
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.lifetime import running
from openplatform.ports import CatalogWriter
from openplatform.records import ConfigChange, ConfigKind
from tests.admin_world import Caller, World, open_world
from tests.servers import Redis
from tests.servers.redis import flush
from tests.waiting import until

IN_FORCE = "x-in-force"
FAR = "2033-01-01T00:00:00Z"


class Notes:
    """A CatalogWriter that keeps what it is given, and fails while it is told to."""

    def __init__(self) -> None:
        self.published: list[ConfigChange] = []
        self.replaced: list[Sequence[ConfigChange]] = []
        self.is_down = False
        self.before_replacing = asyncio.Event()
        self.may_replace = asyncio.Event()
        self.may_replace.set()

    async def publish(self, changes: Sequence[ConfigChange]) -> None:
        self._answer()
        self.published += changes

    async def version(self) -> int:
        self._answer()
        return len(self.published)

    async def version_of(self, kind: ConfigKind, key: str) -> int:
        return max((n for n, each in enumerate(self.published, 1) if (each.kind, each.key) == (kind, key)), default=0)

    async def replace(self, changes: Sequence[ConfigChange]) -> None:
        self._answer()
        self.before_replacing.set()
        await self.may_replace.wait()
        self.replaced.append(changes)

    async def is_complete(self) -> bool:
        self._answer()
        return bool(self.replaced)

    def _answer(self) -> None:
        if self.is_down:
            raise PLATFORM_UNAVAILABLE("down")


def relay_of(world: World, writer: CatalogWriter) -> Relay:
    return Relay(world.database, writer, world.resources.counters, world.clock, AdminMetrics())


async def unsent(world: World) -> int:
    return len([row for row in await world.rows(config_outbox) if row["sent_time"] is None])


@pytest.fixture(params=["fakeredis", "redis"])
def redis_settings(request: pytest.FixtureRequest, settings: AdminSettings) -> tuple[AdminSettings, Embedded | None]:
    """admin_api over an empty in-process Redis and over a real one."""
    if request.param == "fakeredis":
        return settings, Embedded()
    return replace(settings, redis_url=request.getfixturevalue("clean_redis_url")), None


async def test_a_change_is_announced_to_gateways_within_a_second(
    redis_settings: tuple[AdminSettings, Embedded | None],
) -> None:
    """The answer says that it is in force; a gateway that listens is woken and fetches just what changed."""
    settings, embedded = redis_settings
    async with open_world(settings, embedded) as world, open_redis(settings.redis_url, embedded) as client:
        admin = await world.administrator()
        app = await admin.new_app()
        reader = RedisCatalogReader(client)
        announcements = reader.announcements()
        await anext(announcements)
        known = await reader.fetch(epoch=None, version=0)
        assert known is not None
        async with asyncio.timeout(30):
            answer = await admin.patch(f"/apps/{app['id']}", {"version": 1, "state": 0})
            await anext(announcements)
        assert answer.headers[IN_FORCE] == "true"
        news = await reader.fetch(epoch=known.epoch, version=known.version)
        assert news is not None
        assert (news.full, list(news.apps)) == (False, [app["app_key"]])
        assert news.apps[app["app_key"]].enabled is False  # type: ignore[union-attr]
        await announcements.aclose()


async def test_what_a_crash_left_behind_is_pushed_at_the_next_start(
    redis_settings: tuple[AdminSettings, Embedded | None],
) -> None:
    """Committed and not pushed: the answer says so, the next process's relay finishes it."""
    settings, embedded = redis_settings
    async with open_world(settings, embedded) as world:
        app = await (await world.administrator()).new_app(daily_limit=1)
    async with open_world(settings, embedded, with_relay=False) as dying:
        admin = await dying.administrator()
        answer = await admin.patch(f"/apps/{app['id']}", {"version": 1, "daily_limit": 2})
        assert (answer.status_code, answer.headers[IN_FORCE]) == (200, "false")
        assert await unsent(dying) == 1
        assert (await dying.catalogue()).apps[app["app_key"]].daily_limit == 1  # type: ignore[union-attr]
    async with open_world(settings, embedded) as next_one:

        async def pushed() -> bool:
            known = (await next_one.catalogue()).apps[app["app_key"]]
            return known is not None and known.daily_limit == 2

        async def noted() -> bool:
            return await unsent(next_one) == 0

        await until(pushed)
        await until(noted)


async def test_a_push_that_was_not_noted_is_pushed_again_without_harm(world: World, admin: Caller) -> None:
    """Killed between Redis and the note in the outbox: the old change comes again and loses against the newer one."""
    app = await admin.new_app(daily_limit=1)
    await admin.patch(f"/apps/{app['id']}", {"version": 1, "daily_limit": 2})
    async with world.database.begin() as connection:
        first = sa.select(sa.func.min(config_outbox.c.id)).where(config_outbox.c.key == app["app_key"])
        row_id = (await connection.execute(first)).scalar_one()
        await connection.execute(sa.update(config_outbox).where(config_outbox.c.id == row_id).values(sent_time=None))
    world.resources.relay.wake()

    async def noted() -> bool:
        return await unsent(world) == 0

    await until(noted)
    assert (await world.catalogue()).apps[app["app_key"]].daily_limit == 2  # type: ignore[union-attr]


async def test_while_redis_is_down_changes_are_kept_and_come_later(settings: AdminSettings, own_server: object) -> None:
    """The API goes on and says that the change waits; nobody has to start anything again."""
    server = own_server(Redis)  # type: ignore[operator]
    async with open_world(replace(settings, redis_url=server.url), None) as world:
        admin = await world.administrator()
        app = await admin.new_app(daily_limit=1)
        server.kill()
        answer = await admin.patch(f"/apps/{app['id']}", {"version": 1, "daily_limit": 2})
        assert (answer.status_code, answer.headers[IN_FORCE]) == (200, "false")
        shown = await admin.shown(f"/apps/{app['id']}")
        assert (shown["daily_limit"], shown["used_today"]) == (2, None)
        metrics = (await admin.http.get("/metrics")).text
        assert "pailou_config_relay_cut_off 1.0" in metrics
        await asyncio.to_thread(server.start)

        async def there() -> bool:
            return await unsent(world) == 0 and await world.resources.catalog_writer.is_complete()

        await until(there)
        assert (await world.catalogue()).apps[app["app_key"]].daily_limit == 2  # type: ignore[union-attr]


async def test_a_redis_that_lost_everything_gets_everything_again(
    settings: AdminSettings, clean_redis_url: str
) -> None:
    """Apps, routes, parameters and living sessions, within seconds and without a start; dead sessions stay away."""
    async with open_world(replace(settings, redis_url=clean_redis_url), None) as world:
        admin = await world.administrator()
        app, mapping = await admin.new_app(), await admin.new_mapping()
        live, dead = [await admin.made("/tokens", app_id=app["id"], user_id=1, expire_time=FAR) for _ in range(2)]
        await admin.post(f"/tokens/{dead['id']}/revoke")
        before = await world.catalogue()
        await asyncio.to_thread(flush, clean_redis_url)
        world.clock.ahead_s += COMPLETE_CHECK_S

        async def complete() -> bool:
            return await world.resources.catalog_writer.is_complete()

        await until(complete)
        after = await world.catalogue()
        assert (after.apps, after.routes, after.params) == (before.apps, before.routes, before.params)
        assert mapping["gateway_api_name"] in after.routes
        assert after.epoch != before.epoch
        assert await world.session(hash_token(live["access_token"])) is not None
        assert await world.session(hash_token(dead["access_token"])) is None


async def test_a_change_during_the_replacement_is_not_lost(settings: AdminSettings) -> None:
    """Another instance pushes while this one writes everything anew from an older snapshot: pushed once more after it."""
    async with open_world(settings, Embedded(), with_relay=False) as world:
        admin = await world.administrator()
        app = await admin.new_app(daily_limit=1)
        notes = Notes()
        notes.may_replace.clear()
        replacing = asyncio.create_task(relay_of(world, notes).relay())
        await notes.before_replacing.wait()
        await admin.patch(f"/apps/{app['id']}", {"version": 1, "daily_limit": 2})
        other = Notes()
        other.replaced.append(())
        await relay_of(world, other).relay()
        assert await unsent(world) == 0
        notes.may_replace.set()
        await replacing
        (snapshot,) = notes.replaced
        newest = [change for change in notes.published if change.key == app["app_key"]][-1]
        assert newest.version > max(change.version for change in snapshot)
        assert b'"daily_limit":2' in (newest.body or b"")


async def test_many_relays_at_once_do_no_harm(settings: AdminSettings, clean_redis_url: str) -> None:
    """Two instances, 40 changes through both: Redis has the last of each, nothing stays behind."""
    settings = replace(settings, redis_url=clean_redis_url)
    async with open_world(settings, None) as one, open_world(settings, None) as two:
        callers = [await one.administrator(), await two.administrator()]
        apps = [await callers[0].new_app(daily_limit=0) for _ in range(4)]

        async def edit(app: dict[str, object], n: int) -> None:
            answer = await callers[n % 2].patch(f"/apps/{app['id']}", {"version": n, "daily_limit": n})
            assert answer.status_code == 200, answer.text

        async def edit_all(app: dict[str, object]) -> None:
            for n in range(1, 11):
                await edit(app, n)

        await asyncio.gather(*(edit_all(app) for app in apps))

        async def quiet() -> bool:
            return await unsent(one) == 0

        await until(quiet)
        known = (await one.catalogue()).apps
        assert [known[app["app_key"]].daily_limit for app in apps] == [10] * 4  # type: ignore[union-attr]


async def test_a_customer_and_its_app_changed_at_once_end_as_the_database_says(world: World, admin: Caller) -> None:
    """Each record is read after what was committed before it: a disabled customer's app is never left enabled."""
    for _ in range(5):
        app = await admin.new_app(daily_limit=1)
        answers = await asyncio.gather(
            admin.patch(f"/customers/{app['cus_id']}", {"version": 1, "state": 0}),
            admin.patch(f"/apps/{app['id']}", {"version": 1, "daily_limit": 2}),
        )
        assert [a.status_code for a in answers] == [200, 200]
        last = [row for row in await world.rows(config_outbox) if row["key"] == app["app_key"]][-1]
        assert '"enabled":false' in last["body"]
        assert '"daily_limit":2' in last["body"]


async def test_rows_leave_in_the_order_of_their_ids_in_batches(settings: AdminSettings) -> None:
    """More rows than one batch holds, and a relay that was cut off begins again where it stopped."""
    async with open_world(settings, Embedded(), with_relay=False) as world:
        rows = [
            {"kind": "param", "key": f"p{n}", "body": None, "create_time": world.resources.changes.now()}
            for n in range(1200)
        ]
        notes = Notes()
        notes.replaced.append(())
        relay = relay_of(world, notes)
        notes.is_down = True
        async with world.database.begin() as connection:
            await connection.execute(sa.delete(config_outbox))
            await connection.execute(sa.insert(config_outbox), rows)
            newest = (await connection.execute(sa.select(sa.func.max(config_outbox.c.id)))).scalar_one()
        async with running(relay.run()):
            assert await relay.in_force(newest) is False
            notes.is_down = False
            relay.wake()

            async def settled() -> bool:
                relay.wake()
                return await relay.in_force(newest)

            await until(settled)
        versions = [change.version for change in notes.published]
        assert versions == sorted(versions)
        assert [change.key for change in notes.published] == [f"p{n}" for n in range(1200)]


async def test_sent_rows_are_forgotten_after_a_day_but_never_the_newest(world: World, admin: Caller) -> None:
    """So that no number is ever given twice."""
    await admin.new_app()
    await admin.new_app()
    newest = (await world.rows(config_outbox))[-1]["id"]
    world.clock.ahead_s += 25 * 3600
    notes = Notes()
    await relay_of(world, notes).relay()
    assert [row["id"] for row in await world.rows(config_outbox)] == [newest]
    app = await (await world.administrator()).new_app()
    assert (await world.rows(config_outbox))[-1]["id"] > newest
    assert app["id"]
