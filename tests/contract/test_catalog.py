"""Promises of CatalogWriter and CatalogReader together: what admin_api writes is what gateways read."""

import asyncio

import pytest

from openplatform.adapters import catalog_writer_redis
from openplatform.adapters.catalog_redis import RedisCatalogReader, RedisCatalogWriter
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_keys import CATALOG_EPOCH, CATALOG_PREFIX
from openplatform.adapters.sessions_redis import RedisSessionStore
from openplatform.errors import CatalogInvalid, PlatformUnavailable
from openplatform.records import (
    AccessToken,
    ConfigChange,
    SystemParam,
    TokenHash,
)
from tests.contract.catalog_changes import (
    FAR_MS,
    Follower,
    app,
    app_change,
    param_change,
    removal,
    route,
    route_change,
    session_change,
)


@pytest.fixture
def writer(redis_client: RedisClient) -> RedisCatalogWriter:
    return RedisCatalogWriter(redis_client)


@pytest.fixture
def follower(redis_client: RedisClient) -> Follower:
    return Follower(RedisCatalogReader(redis_client))


@pytest.fixture
def sessions(redis_client: RedisClient) -> RedisSessionStore:
    return RedisSessionStore(redis_client)


async def test_an_unwritten_catalogue_is_unavailable(writer: RedisCatalogWriter, follower: Follower) -> None:
    """Until a whole catalogue was written, it is incomplete and cannot be fetched, even when single changes came."""
    await writer.publish([app_change("a", 1)])
    assert not await writer.is_complete()
    with pytest.raises(PlatformUnavailable):
        await follower.follow()


async def test_a_first_fetch_brings_everything(writer: RedisCatalogWriter, follower: Follower) -> None:
    """After `replace` a reader that knows nothing gets all apps, routes and parameters, and then nothing more."""
    await writer.replace([app_change("a", 1), route_change("open.a", 1), param_change("v", 1)])
    assert await writer.is_complete()
    update = await follower.follow()
    assert update is not None
    assert update.full
    assert follower.records == {
        "a": app("a"),
        "open.a": route("open.a"),
        "v": SystemParam(name="v", required=True),
    }
    assert await follower.follow() is None


async def test_later_fetches_bring_only_what_changed(writer: RedisCatalogWriter, follower: Follower) -> None:
    """A change, a removal and a session that changed reach a reader as such, the rest stays out."""
    await writer.replace([app_change("a", 1), app_change("b", 1), route_change("open.a", 1)])
    await follower.follow()
    await writer.publish([app_change("a", 2, daily_limit=9), removal(route_change("open.a", 1), 3)])
    await writer.publish([session_change("f" * 64, 4)])
    update = await follower.follow()
    assert update is not None
    assert not update.full
    assert update.apps == {"a": app("a", daily_limit=9)}
    assert update.routes == {"open.a": None}
    assert update.sessions == ("f" * 64,)
    assert follower.records == {"a": app("a", daily_limit=9), "b": app("b")}
    assert await follower.follow() is None


async def test_a_record_tells_which_version_has_it(writer: RedisCatalogWriter, follower: Follower) -> None:
    """A reader that has reached the version of a record's newest change has that change; other records' changes do not move it."""
    await writer.replace([app_change("a", 1), route_change("open.a", 1)])
    before = await follower.follow()
    await writer.publish([app_change("a", 2)])
    needed = await writer.version_of("app", "a")
    await writer.publish([route_change("open.a", 3)])
    after = await follower.follow()
    assert before is not None and after is not None
    assert before.version < needed <= after.version
    assert [await writer.version_of("app", key) for key in ("a", "nobody")] == [needed, 0]


async def test_an_older_or_repeated_change_does_nothing(writer: RedisCatalogWriter, follower: Follower) -> None:
    """A change whose version is not newer than the stored one is skipped, after a removal too."""
    await writer.replace([app_change("a", 5), app_change("b", 5)])
    await writer.publish([removal(app_change("b", 0), 6)])
    await follower.follow()
    await writer.publish(
        [app_change("a", 4, daily_limit=9), app_change("a", 5, daily_limit=9), app_change("b", 5), app_change("b", 6)]
    )
    assert await follower.follow() is None
    assert follower.records == {"a": app("a")}


async def test_changes_of_one_batch_apply_in_order(writer: RedisCatalogWriter, follower: Follower) -> None:
    """Of several changes of one key in one batch the last one holds."""
    await writer.replace([])
    await writer.publish([app_change("a", n, daily_limit=n) for n in range(1, 1200)])
    await follower.follow()
    assert follower.records == {"a": app("a", daily_limit=1199)}


async def test_replace_removes_what_is_not_named(
    writer: RedisCatalogWriter, follower: Follower, sessions: RedisSessionStore
) -> None:
    """After `replace` only the named records and sessions exist, and every reader starts anew."""
    await writer.replace([app_change("a", 1), route_change("open.a", 1), session_change("1" * 64, 1)])
    await writer.publish([app_change("b", 2), session_change("2" * 64, 3)])
    await follower.follow()
    await writer.replace([app_change("a", 1, daily_limit=3), session_change("1" * 64, 1)])
    update = await follower.follow()
    assert update is not None
    assert update.full
    assert follower.records == {"a": app("a", daily_limit=3)}
    assert await sessions.find(TokenHash("1" * 64)) is not None
    assert await sessions.find(TokenHash("2" * 64)) is None
    await writer.publish([app_change("b", 4)])
    await follower.follow()
    assert follower.records == {"a": app("a", daily_limit=3), "b": app("b")}


async def test_replace_keeps_what_is_newer_than_its_snapshot(writer: RedisCatalogWriter, follower: Follower) -> None:
    """A change that overtook the snapshot is not undone by it."""
    await writer.publish([app_change("a", 8, daily_limit=8)])
    await writer.replace([app_change("a", 7)])
    await follower.follow()
    assert follower.records == {"a": app("a", daily_limit=8)}


async def test_a_store_that_came_back_older_is_read_anew(
    writer: RedisCatalogWriter, follower: Follower, redis_client: RedisClient
) -> None:
    """When the store's version is below the reader's (it was restored from an older copy), everything is read again."""
    await writer.replace([app_change("a", 1)])
    await follower.follow()
    await redis_client.decr(f"{CATALOG_PREFIX}version")
    update = await follower.follow()
    assert update is not None
    assert update.full


async def test_a_reader_too_far_behind_reads_everything(
    writer: RedisCatalogWriter, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Session changes are kept bounded; who missed some of them gets a full update, by which all sessions are forgotten."""
    monkeypatch.setattr(catalog_writer_redis, "SESSION_CHANGES_KEPT", 10)
    monkeypatch.setattr("openplatform.adapters.catalog_redis.SESSION_CHANGES_KEPT", 10)
    await writer.replace([])
    await follower.follow()
    await writer.publish([session_change(f"{n:064}", n) for n in range(1, 8)])
    update = await follower.follow()
    assert update is not None
    assert not update.full
    assert len(update.sessions) == 7
    await writer.publish([session_change(f"{n:064}", n) for n in range(8, 30)])
    update = await follower.follow()
    assert update is not None
    assert update.full


async def test_an_invalid_record_refuses_the_whole_update(
    writer: RedisCatalogWriter, follower: Follower, redis_client: RedisClient
) -> None:
    """One record that cannot be read raises CatalogInvalid naming it, on a full fetch and on a change alike."""
    await writer.replace([app_change("a", 1)])
    await follower.follow()
    bad = ConfigChange(kind="route", key="open.bad", version=2, body=b'{"api_name": 1}')
    await writer.publish([bad, app_change("a", 3, daily_limit=3)])
    with pytest.raises(CatalogInvalid, match=r"route open\.bad"):
        await follower.follow()
    with pytest.raises(CatalogInvalid, match=r"route open\.bad"):
        await follower.reader.fetch(epoch=None, version=0)
    await writer.publish([route_change("open.bad", 4)])
    await follower.follow()
    assert follower.records["a"] == app("a", daily_limit=3)


async def test_announces_connection_and_changes(writer: RedisCatalogWriter, redis_client: RedisClient) -> None:
    """A subscription yields once when it stands, and again after a change or a replacement."""
    await writer.replace([])
    announcements = RedisCatalogReader(redis_client).announcements()
    await anext(announcements)
    news = asyncio.ensure_future(anext(announcements))
    await asyncio.sleep(0.05)
    assert not news.done()
    await writer.publish([app_change("a", 1)])
    await asyncio.wait_for(news, 60)
    await writer.replace([])
    await asyncio.wait_for(anext(announcements), 60)
    await announcements.aclose()


async def test_announcements_that_pile_up_are_one(writer: RedisCatalogWriter, redis_client: RedisClient) -> None:
    """What was announced while the reader was busy comes as one piece of news; a change that did nothing is none."""
    announcements = RedisCatalogReader(redis_client).announcements()
    await anext(announcements)
    for version in range(1, 20):
        await writer.publish([app_change("a", version)])
    await asyncio.sleep(0.5)  # all of them have come, or the last would be news of its own
    await asyncio.wait_for(anext(announcements), 60)
    await writer.publish([app_change("a", 3)])
    more = asyncio.ensure_future(anext(announcements))
    await asyncio.sleep(0.1)
    assert not more.done()
    more.cancel()
    await asyncio.gather(more, return_exceptions=True)


async def test_sessions_are_found_until_revoked(writer: RedisCatalogWriter, sessions: RedisSessionStore) -> None:
    """A published session is found with its fields; a revoked or unknown one is None."""
    token_hash = TokenHash("a" * 64)
    assert await sessions.find(token_hash) is None
    await writer.publish([session_change(token_hash, 1, vender_id=42)])
    found = await sessions.find(token_hash)
    assert found == AccessToken(app_id=1, vender_id=42, start_at_ms=0, expire_at_ms=FAR_MS)
    await writer.publish([removal(session_change(token_hash, 1), 2)])
    assert await sessions.find(token_hash) is None


async def test_a_late_relay_brings_no_revoked_session_back(
    writer: RedisCatalogWriter, sessions: RedisSessionStore
) -> None:
    """An older write of a session changes nothing after its revocation, nor after a newer write."""
    revoked, renewed = TokenHash("a" * 64), TokenHash("b" * 64)
    await writer.publish([removal(session_change(revoked, 0), 5), session_change(renewed, 5, vender_id=2)])
    await writer.publish([session_change(revoked, 4), session_change(renewed, 4, vender_id=1)])
    assert await sessions.find(revoked) is None
    found = await sessions.find(renewed)
    assert found is not None
    assert found.vender_id == 2


async def test_an_ended_session_is_found_for_another_day(
    writer: RedisCatalogWriter, sessions: RedisSessionStore, redis_client: RedisClient
) -> None:
    """A session that ended an hour ago can still be told from an unknown one; one that ended two days ago is gone."""
    seconds, _ = await redis_client.time()
    hour_ago, days_ago = (seconds - 3600) * 1000, (seconds - 2 * 86_400) * 1000
    await writer.publish([session_change("a" * 64, 1, expire_at_ms=hour_ago)])
    await writer.publish([session_change("b" * 64, 2, expire_at_ms=days_ago)])
    found = await sessions.find(TokenHash("a" * 64))
    assert found is not None
    assert found.expire_at_ms == hour_ago
    assert await sessions.find(TokenHash("b" * 64)) is None


async def test_an_unreadable_session_is_our_fault(sessions: RedisSessionStore, writer: RedisCatalogWriter) -> None:
    """A damaged session record is platform busy, never an unknown session."""
    await writer.publish([ConfigChange(kind="session", key="a" * 64, version=1, body=b"{", expire_at_ms=FAR_MS)])
    with pytest.raises(PlatformUnavailable):
        await sessions.find(TokenHash("a" * 64))


async def test_a_store_that_is_down_is_unavailable() -> None:
    """Without Redis every method raises PlatformUnavailable."""
    embedded = Embedded()
    async with open_redis("memory://", embedded) as client:
        embedded.redis_server.connected = False
        reader, writer, sessions = RedisCatalogReader(client), RedisCatalogWriter(client), RedisSessionStore(client)
        for attempt in (
            reader.fetch(epoch=None, version=0),
            writer.publish([app_change("a", 1)]),
            writer.publish([session_change("a" * 64, 1)]),
            writer.replace([]),
            writer.is_complete(),
            sessions.find(TokenHash("a" * 64)),
        ):
            with pytest.raises(PlatformUnavailable):
                await attempt


async def test_a_catalogue_of_another_form_is_none(redis_client: RedisClient) -> None:
    """What an older admin_api wrote would be misread: gateways wait until it has been written anew, which is asked for."""
    writer, reader = RedisCatalogWriter(redis_client), RedisCatalogReader(redis_client)
    await writer.replace([app_change("a", 1)])
    await redis_client.set(CATALOG_EPOCH, "0123456789abcdef")
    assert not await writer.is_complete()
    with pytest.raises(PlatformUnavailable):
        await reader.fetch(epoch=None, version=0)
    await writer.replace([app_change("a", 1)])
    assert await writer.is_complete()
    update = await reader.fetch(epoch=None, version=0)
    assert update is not None and set(update.apps) == {"a"}
