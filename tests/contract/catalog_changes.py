"""Changes of the catalogue as operators make them, and a gateway that follows them."""

import itertools

import msgspec

from openplatform.adapters.catalog_redis import RedisCatalogReader
from openplatform.records import (
    AccessToken,
    ApiName,
    App,
    AppKey,
    CatalogUpdate,
    ConfigChange,
    Record,
    Route,
    SystemParam,
)

FAR_MS = 4_000_000_000_000


def app(key: str, *, daily_limit: int = 1) -> App:
    return App(
        id=1,
        app_key=AppKey(key),
        app_name="应用",
        customer_id=1,
        enabled=True,
        sealed_secrets=("s",),
        daily_limit=daily_limit,
    )


def route(name: str) -> Route:
    return Route(api_name=ApiName(name), service_id="order-service", inside_api_url="/orders", enabled=True)


def app_change(key: str, version: int, *, daily_limit: int = 1) -> ConfigChange:
    return ConfigChange(
        kind="app", key=key, version=version, body=msgspec.json.encode(app(key, daily_limit=daily_limit))
    )


def route_change(name: str, version: int) -> ConfigChange:
    return ConfigChange(kind="route", key=name, version=version, body=msgspec.json.encode(route(name)))


def param_change(name: str, version: int) -> ConfigChange:
    body = msgspec.json.encode(SystemParam(name=name, required=True))
    return ConfigChange(kind="param", key=name, version=version, body=body)


def session_change(token_hash: str, version: int, *, vender_id: int = 7, expire_at_ms: int = FAR_MS) -> ConfigChange:
    body = msgspec.json.encode(AccessToken(app_id=1, vender_id=vender_id, start_at_ms=0, expire_at_ms=expire_at_ms))
    return ConfigChange(kind="session", key=token_hash, version=version, body=body, expire_at_ms=expire_at_ms)


def removal(change: ConfigChange, version: int) -> ConfigChange:
    return msgspec.structs.replace(change, version=version, body=None)


class Follower:
    """A gateway's memory of the catalogue, kept true by fetching."""

    def __init__(self, reader: RedisCatalogReader) -> None:
        self.reader = reader
        self.epoch: str | None = None
        self.version = 0
        self.records: dict[str, Record] = {}

    async def follow(self) -> CatalogUpdate | None:
        update = await self.reader.fetch(epoch=self.epoch, version=self.version)
        if update is not None:
            self.epoch, self.version = update.epoch, update.version
            if update.full:
                self.records = {}
            for name, record in itertools.chain(update.apps.items(), update.routes.items(), update.params.items()):
                if record is None:
                    self.records.pop(name, None)
                else:
                    self.records[name] = record
        return update
