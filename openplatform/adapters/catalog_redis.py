"""The configuration as gateways read it from Redis: everything once, then what changed, at each announcement and every few seconds."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Iterable
from typing import Any, TypeVar

import msgspec
from redis.exceptions import RedisError

from openplatform.adapters.catalog_writer_redis import CATALOG_FORMAT, CHUNK, SESSION_CHANGES_KEPT, RedisCatalogWriter
from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import (
    ANNOUNCE_CHANNEL,
    CATALOG_CHANGES,
    CATALOG_EPOCH,
    CATALOG_PREFIX,
    CATALOG_SESSION_CHANGES,
    CATALOG_VERSION,
)
from openplatform.errors import PLATFORM_UNAVAILABLE, CatalogInvalid
from openplatform.records import App, CatalogUpdate, Record, Route, SystemParam

__all__ = ["RedisCatalogReader", "RedisCatalogWriter"]

R = TypeVar("R", bound=Record)
log = logging.getLogger(__name__)

SILENCE_S = 5.0
"""A subscription that is silent this long is pinged; no answer within the same time means that it is dead."""
_BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)

_NAMED_BY = {"app": "app_key", "route": "api_name", "param": "name"}
_APPS = msgspec.json.Decoder(App)
_ROUTES = msgspec.json.Decoder(Route)
_PARAMS = msgspec.json.Decoder(SystemParam)


class RedisCatalogReader:
    """Plays CatalogReader over Redis or fakeredis. `fetch` raises CatalogInvalid when any record in the update cannot be read."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def fetch(self, *, epoch: str | None, version: int) -> CatalogUpdate | None:
        with redis_errors():
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.get(CATALOG_EPOCH)
                pipe.get(CATALOG_VERSION)
                pipe.zrange(CATALOG_CHANGES, f"({version}", "+inf", byscore=True)
                pipe.zrange(CATALOG_SESSION_CHANGES, f"({version}", "+inf", byscore=True)
                stored_epoch, stored_version, changed, sessions = await pipe.execute()
            if stored_epoch is None:
                raise PLATFORM_UNAVAILABLE("the catalogue is not complete yet")
            if not stored_epoch.startswith(CATALOG_FORMAT.encode()):
                raise PLATFORM_UNAVAILABLE("the catalogue is of another version: update and start admin_api first")
            found_epoch, latest = stored_epoch.decode(), int(stored_version or 0)
            # A lower number than we know: Redis came back with older data. One far higher: session changes were forgotten.
            if epoch != found_epoch or latest < version or latest - version >= SESSION_CHANGES_KEPT:
                return await self._everything(found_epoch, latest)
            if latest == version:
                return None
            return await self._changed(found_epoch, latest, changed, sessions)

    async def _everything(self, epoch: str, version: int) -> CatalogUpdate:
        apps = await self._all("app", _APPS)
        routes = await self._all("route", _ROUTES)
        params = await self._all("param", _PARAMS)
        if await self._client.get(CATALOG_EPOCH) != epoch.encode():
            raise PLATFORM_UNAVAILABLE("the catalogue is being written anew")
        return CatalogUpdate(
            epoch=epoch,
            version=version,
            full=True,
            apps=apps,
            routes=routes,
            params=params,
        )

    async def _all(self, kind: str, decoder: msgspec.json.Decoder[R]) -> dict[str, R | None]:
        """Decoded as they come: 100,000 rows beside their records would double what a gateway takes for good."""
        decoded: dict[str, R | None] = {}
        part: list[tuple[bytes, bytes]] = []
        async for row in self._client.hscan_iter(f"{CATALOG_PREFIX}{kind}", count=CHUNK):
            part.append(row)
            if len(part) >= CHUNK:
                decoded |= _decode(kind, decoder, part)
                part.clear()
        decoded |= _decode(kind, decoder, part)
        return decoded

    async def _changed(self, epoch: str, version: int, changed: list[bytes], sessions: list[bytes]) -> CatalogUpdate:
        return CatalogUpdate(
            epoch=epoch,
            version=version,
            full=False,
            apps=_decode("app", _APPS, await self._rows("app", changed)),
            routes=_decode("route", _ROUTES, await self._rows("route", changed)),
            params=_decode("param", _PARAMS, await self._rows("param", changed)),
            sessions=tuple(token_hash.decode() for token_hash in sessions),
        )

    async def _rows(self, kind: str, members: list[bytes]) -> list[tuple[bytes, bytes | None]]:
        prefix = f"{kind}:".encode()
        keys = [member.removeprefix(prefix) for member in members if member.startswith(prefix)]
        rows: list[tuple[bytes, bytes | None]] = []
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            bodies: Any = await self._client.hmget(f"{CATALOG_PREFIX}{kind}", part)
            rows += zip(part, bodies, strict=True)
        return rows

    async def announcements(self) -> AsyncGenerator[None, None]:
        failures = 0
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(ANNOUNCE_CHANNEL)
                    asked = False  # whether a ping waits for its answer
                    while True:
                        message = await subscription.get_message(timeout=SILENCE_S)
                        if message is None:
                            if asked:
                                raise TimeoutError("no answer to a ping")
                            await subscription.ping()
                            asked = True
                            continue
                        asked = False
                        news = message["type"] in ("subscribe", "message")
                        while message := await subscription.get_message():  # what has piled up is one piece of news
                            news = news or message["type"] == "message"
                        if news:
                            failures = 0
                            yield
            except (RedisError, OSError, TimeoutError) as error:
                pause = _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]
                failures += 1
                log.warning("announcements of changes are interrupted, next try in %.1f s: %s", pause, error)
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  # no secret


def _decode(
    kind: str, decoder: msgspec.json.Decoder[R], rows: Iterable[tuple[bytes, bytes | None]]
) -> dict[str, R | None]:
    """Raises CatalogInvalid naming every record that cannot be read."""
    decoded: dict[str, R | None] = {}
    broken: list[str] = []
    for key, body in rows:
        name = key.decode()
        try:
            record = None if body is None else decoder.decode(body)
        except msgspec.DecodeError as error:
            broken.append(f"{kind} {name}: {error}")
            continue
        if record is not None:
            own_name = getattr(record, _NAMED_BY[kind])
            if own_name != name:
                broken.append(f"{kind} {name}: calls itself {own_name}")
                continue
            name = own_name  # one string instead of two: of 100,000 records that is 7 MB
        decoded[name] = record
    if broken:
        raise CatalogInvalid("; ".join(broken))
    return decoded
