"""/mappings: the public APIs and where they lead."""

import json
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from admin_api.apis.repository import MappingFilter, MappingListing, list_mappings, stream_mappings
from admin_api.apis.service.mappings import (
    DOCUMENTS,
    MappingDraft,
    MappingEdit,
    Method,
    create_mapping,
    delete_mapping,
    edit_mapping,
    purge_cache,
    switch_mappings,
)
from admin_api.exports import CSV_ANSWER, Export, exported
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.apis import app_mapping
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.selection import BulkResult, Selection
from admin_api.tables.shapes import Id, State, View
from openplatform.sql import Database


class MappingFields(View):
    """What operators say of a public API. request_schema, response_example: JSON objects; list_items: list name to item name."""

    gateway_api_name: str
    service_id: str
    inside_api_url: str
    http_method: Method
    state: int
    description: str
    idempotents: bool
    needfee: bool
    price_fen: int
    need_session: bool
    timeout_ms: int
    timestamp_window_s: int | None
    request_schema: dict[str, Any] | None
    response_example: dict[str, Any] | None
    list_items: dict[str, str]
    sensitive: list[str]
    api_version: str
    api_group: str
    is_open: bool
    cache_ttl_s: int
    limit_per_second: int | None
    limit_per_minute: int | None
    limit_per_day: int | None
    max_concurrency: int | None
    breaker: dict[str, Any] | None
    fallback_body: dict[str, Any] | None
    replay_guard: bool
    deprecated: bool


class MappingView(MappingFields):
    """A public API. cache_epoch: counts purges of its kept answers; version: counts its edits."""

    id: int
    cache_epoch: int
    version: int


class MappingSwitch(Selection[MappingFilter]):
    """Which APIs to make available (state 1) or not (0)."""

    state: State


class MappingExport(Export, MappingFilter):
    """Which APIs."""


EXPORTED = (
    ("id", "编号"), ("gateway_api_name", "API名称"), ("service_id", "服务"), ("http_method", "方法"),
    ("inside_api_url", "内部地址"), ("state", "状态"), ("description", "说明"), ("idempotents", "幂等"), ("needfee", "收费"),
    ("price_fen", "单价（分）"), ("need_session", "需要会话"), ("is_open", "开放"), ("timeout_ms", "超时（毫秒）"),
    ("cache_ttl_s", "缓存（秒）"), ("limit_per_second", "每秒限额"), ("limit_per_minute", "每分钟限额"),
    ("limit_per_day", "每日限额"), ("max_concurrency", "并发上限"), ("replay_guard", "防重放"), ("api_version", "版本"),
    ("api_group", "分组"), ("deprecated", "已废弃"),
)  # fmt: skip
"""Columns of the export; the whole table with its documents is at /mappings/table."""


def mapping_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of API mappings."""
    router = APIRouter(prefix="/mappings", tags=["API映射"], route_class=GuardedRoute)

    async def current(mapping_id: int) -> MappingView:
        async with database.read() as connection:
            return _view(await fetch_row(connection, app_mapping, mapping_id), zone)

    @router.get("", openapi_extra=needs("gw:mapping:list"))
    async def get_mappings(listing: Annotated[MappingListing, Query()]) -> Page[MappingView]:
        async with database.read() as connection:
            rows, total = await list_mappings(connection, listing)
        items = [_view(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("gw:mapping:add"))
    async def add_mapping(draft: MappingDraft, desk: AtCreatingDesk) -> MappingView:
        return await current(await desk.create_row(draft, lambda change: create_mapping(change, draft)))

    @router.post("/state", openapi_extra=needs("gw:mapping:edit"))
    async def switch_many_mappings(switch: MappingSwitch, desk: AtDesk) -> BulkResult:
        return await desk.change(lambda change: switch_mappings(change, switch, switch.state))

    @router.get("/export", openapi_extra=needs("gw:mapping:export"), **CSV_ANSWER)
    async def export_mappings(found: Annotated[MappingExport, Query()]) -> StreamingResponse:
        return await exported(stream_mappings(database, found), EXPORTED, name="mappings", lang=found.lang, zone=zone)

    @router.get("/{mapping_id}", openapi_extra=needs("gw:mapping:query"))
    async def get_mapping(mapping_id: Id) -> MappingView:
        return await current(mapping_id)

    @router.patch("/{mapping_id}", openapi_extra=needs("gw:mapping:edit"))
    async def change_mapping(mapping_id: Id, edit: MappingEdit, desk: AtDesk) -> MappingView:
        return _view(await desk.change(lambda change: edit_mapping(change, mapping_id, edit)), zone)

    @router.post("/{mapping_id}/purge-cache", openapi_extra=needs("gw:mapping:edit"))
    async def purge_cache_of_mapping(mapping_id: Id, desk: AtDesk) -> MappingView:
        return _view(await desk.change(lambda change: purge_cache(change, mapping_id)), zone)

    @router.delete("/{mapping_id}", status_code=204, openapi_extra=needs("gw:mapping:remove"))
    async def remove_mapping(mapping_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_mapping(change, mapping_id))

    return router


def fields_of(row: Row) -> Row:
    """The row with its documents as what they are, instead of as text."""
    return row | {n: None if row[n] is None else json.loads(row[n]) for n in DOCUMENTS}


def _view(row: Row, zone: ZoneInfo) -> MappingView:
    return MappingView.of(fields_of(row), zone)
