"""/mappings: the public APIs and where they lead."""

import json
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import Field

from admin_api.apis.repository import MappingListing, list_mappings
from admin_api.apis.service.mappings import (
    DOCUMENTS,
    MappingDraft,
    MappingEdit,
    Method,
    create_mapping,
    delete_mapping,
    edit_mapping,
    switch_mappings,
)
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.apis import app_mapping
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Body, BodyId, Id, State, View
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
    """A public API. version: counts its edits."""

    id: int
    version: int


class MappingSwitch(Body):
    """Which APIs to make available (state 1) or not (0)."""

    ids: Annotated[list[BodyId], Field(min_length=1, max_length=1000)]
    state: State


class MappingsSwitched(View):
    """Item by item: the ids that do not exist; all others are in the wanted state."""

    missing: list[int]


def mapping_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of API mappings."""
    router = APIRouter(prefix="/mappings", tags=["API映射"], route_class=GuardedRoute)

    @router.get("", openapi_extra=needs("gw:mapping:list"))
    async def get_mappings(listing: Annotated[MappingListing, Query()]) -> Page[MappingView]:
        async with database.read() as connection:
            rows, total = await list_mappings(connection, listing)
        items = [_view(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("gw:mapping:add"))
    async def add_mapping(draft: MappingDraft, desk: AtDesk) -> MappingView:
        return _view(await desk.change(lambda change: create_mapping(change, draft)), zone)

    @router.post("/state", openapi_extra=needs("gw:mapping:edit"))
    async def switch_many_mappings(switch: MappingSwitch, desk: AtDesk) -> MappingsSwitched:
        missing = await desk.change(lambda change: switch_mappings(change, switch.ids, switch.state))
        return MappingsSwitched(missing=missing)

    @router.get("/{mapping_id}", openapi_extra=needs("gw:mapping:query"))
    async def get_mapping(mapping_id: Id) -> MappingView:
        async with database.read() as connection:
            return _view(await fetch_row(connection, app_mapping, mapping_id), zone)

    @router.patch("/{mapping_id}", openapi_extra=needs("gw:mapping:edit"))
    async def change_mapping(mapping_id: Id, edit: MappingEdit, desk: AtDesk) -> MappingView:
        return _view(await desk.change(lambda change: edit_mapping(change, mapping_id, edit)), zone)

    @router.delete("/{mapping_id}", status_code=204, openapi_extra=needs("gw:mapping:remove"))
    async def remove_mapping(mapping_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_mapping(change, mapping_id))

    return router


def fields_of(row: Row) -> Row:
    """The row with its documents as what they are, instead of as text."""
    return row | {n: None if row[n] is None else json.loads(row[n]) for n in DOCUMENTS}


def _view(row: Row, zone: ZoneInfo) -> MappingView:
    return MappingView.of(fields_of(row), zone)
