"""What gateways are told: the records of apps, routes, parameters and sessions, made from rows."""

import json
from dataclasses import dataclass
from datetime import datetime

import msgspec

from admin_api.outbox.repository import app_rows, living_tokens, param_rows, route_rows
from admin_api.tables.rows import Row
from openplatform.records import (
    AccessToken,
    ApiName,
    App,
    AppKey,
    BreakerRules,
    ConfigKind,
    Grant,
    Record,
    Route,
    SystemParam,
)
from openplatform.sql import AsyncConnection

LIVE_SECRETS = 2
"""The one in force and, while an app changes over, the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the catalogue, or one session: what a ConfigChange carries besides its version. body: None = removed."""

    kind: ConfigKind
    key: str
    body: bytes | None
    expire_at_ms: int | None = None


async def everything(connection: AsyncConnection, now: datetime) -> list[Entry]:
    """The whole catalogue and every living session."""
    return [
        *(app_entry(row) for row in await app_rows(connection)),
        *(route_entry(row) for row in await route_rows(connection)),
        *(param_entry(row) for row in await param_rows(connection)),
        *(session_entry(row) for row in await living_tokens(connection, now)),
    ]


def app_entry(row: Row) -> Entry:
    """row: app_info with customer_state, older_secrets, ip_allow and grants."""
    app = App(
        id=row["id"],
        app_key=AppKey(row["app_key"]),
        app_name=row["app_name"],
        customer_id=row["cus_id"],
        enabled=row["state"] == 1 and row["customer_state"] == 1,
        sealed_secrets=(row["app_secret"], *row["older_secrets"])[:LIVE_SECRETS],
        daily_limit=row["daily_limit"],
        minute_limit=row["minute_limit"],
        real_status_codes=row["real_status_codes"] == 1,
        md5_allowed=row["md5_allowed"] == 1,
        ip_allow=tuple(row["ip_allow"]),
        grants={
            grant["gateway_api_name"]: Grant(
                daily_limit=grant["daily_limit"], minute_limit=grant["minute_limit"], data_scope=grant["data_scope"]
            )
            for grant in row["grants"]
        },
    )
    return _entry("app", row["app_key"], app)


def route_entry(row: Row) -> Entry:
    """row: app_mapping."""
    route = Route(
        api_name=ApiName(row["gateway_api_name"]),
        service_id=row["service_id"],
        inside_api_url=row["inside_api_url"],
        enabled=row["state"] == 1,
        http_method=row["http_method"],
        needs_session=row["need_session"] == 1,
        idempotent=row["idempotents"] == 1,
        needs_fee=row["needfee"] == 1,
        timeout_ms=row["timeout_ms"],
        timestamp_window_s=row["timestamp_window_s"],
        list_items=json.loads(row["list_items"]),
        sensitive=tuple(json.loads(row["sensitive"])),
        description=row["description"],
        group=row["api_group"],
        request_schema=row["request_schema"],
        response_example=row["response_example"],
        is_open=row["is_open"] == 1,
        price_fen=row["price_fen"],
        cache_ttl_s=row["cache_ttl_s"],
        cache_epoch=row["cache_epoch"],
        limit_per_second=row["limit_per_second"],
        limit_per_minute=row["limit_per_minute"],
        limit_per_day=row["limit_per_day"],
        max_concurrency=row["max_concurrency"],
        breaker=None if row["breaker"] is None else msgspec.json.decode(row["breaker"], type=BreakerRules),
        fallback_body=row["fallback_body"],
        replay_guard=row["replay_guard"] == 1,
        deprecated=row["deprecated"] == 1,
        api_version=row["api_version"],
    )
    return _entry("route", row["gateway_api_name"], route)


def param_entry(row: Row) -> Entry:
    """row: api_systemparam."""
    return _entry("param", row["name"], system_param(row))


def system_param(row: Row) -> SystemParam:
    """What gateways are told of a system parameter. row: api_systemparam."""
    return SystemParam(
        name=row["name"],
        required=row["state"] == 1,
        value_type=row["value_type"],
        choices=tuple(json.loads(row["choices"] or "[]")),
        default_value=row["default_value"],
    )


def session_entry(row: Row) -> Entry:
    """row: user_token; a revoked one has no body."""
    expire_at_ms = _epoch_ms(row["expire_time"])
    if row["revoked_at"] is not None:
        return Entry("session", row["access_token"], None, expire_at_ms)
    token = AccessToken(
        app_id=row["app_id"],
        vender_id=row["user_id"],
        start_at_ms=_epoch_ms(row["start_time"]),
        expire_at_ms=expire_at_ms,
        scope=row["scope"],
    )
    return Entry("session", row["access_token"], msgspec.json.encode(token), expire_at_ms)


def _entry(kind: ConfigKind, key: str, record: Record) -> Entry:
    return Entry(kind, key, msgspec.json.encode(record))


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
