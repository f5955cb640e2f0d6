"""/apps: applications with their limits, how much of them is used today, and their secrets."""

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from admin_api.apps.repository.apps import AppFilter, AppListing, fetch_app, list_apps, stream_apps
from admin_api.apps.service.apps import AppDraft, AppEdit, create_app, delete_app, edit_app, switch_apps
from admin_api.apps.service.quota import with_use
from admin_api.exports import CSV_ANSWER, Export, exported
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row
from admin_api.tables.selection import BulkResult, Selection
from admin_api.tables.shapes import Id, State, View
from openplatform.ports import QuotaCounter
from openplatform.sealing import Seal
from openplatform.sql import Database


class AppView(View):
    """enabled: the app's and its customer's state together. used_today, used_minute: accepted calls of the calendar day and of
    the last 60 s; null while the counters cannot be read."""

    id: int
    app_key: str
    app_name: str
    corp_name: str
    cus_id: int
    customer_name: str
    daily_limit: int
    minute_limit: int | None
    redirect_url: str
    description: str
    state: int
    enabled: bool
    real_status_codes: bool
    md5_allowed: bool
    used_today: int | None = None
    used_minute: int | None = None
    version: int


class NewAppView(AppView):
    """app_secret: shown this once; nobody can see it again."""

    app_secret: str


class AppSwitch(Selection[AppFilter]):
    """Which apps to enable (state 1) or disable (0)."""

    state: State


class AppExport(Export, AppFilter):
    """Which apps."""


EXPORTED = (
    ("id", "编号"), ("app_key", "AppKey"), ("app_name", "应用名称"), ("corp_name", "公司"), ("cus_id", "客户编号"),
    ("customer_name", "客户"), ("daily_limit", "日限额"), ("minute_limit", "分钟限额"), ("redirect_url", "回调地址"),
    ("description", "说明"), ("state", "状态"), ("customer_state", "客户状态"), ("real_status_codes", "真实状态码"),
    ("md5_allowed", "允许MD5"),
)  # fmt: skip
"""Columns of the export; never a secret."""


def app_routes(database: Database, seal: Seal, quota: QuotaCounter, zone: ZoneInfo) -> APIRouter:
    """The routes of apps."""
    router = APIRouter(prefix="/apps", tags=["应用管理"], route_class=GuardedRoute)

    async def shown(rows: Sequence[Row]) -> list[AppView]:
        return [_view(row, zone) for row in await with_use(quota, rows)]

    async def current(app_id: int) -> AppView:
        async with database.read() as connection:
            row = await fetch_app(connection, app_id)
        return (await shown([row]))[0]

    @router.get("", openapi_extra=needs("gw:app:list"))
    async def get_apps(listing: Annotated[AppListing, Query()]) -> Page[AppView]:
        async with database.read() as connection:
            rows, total = await list_apps(connection, listing)
        return Page(items=await shown(rows), total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("gw:app:add"))
    async def add_app(draft: AppDraft, desk: AtCreatingDesk) -> NewAppView:
        async def work(change: Change) -> Answer:
            row, secret = await create_app(change, seal, draft)
            return {"id": row["id"], "app_secret": secret}

        made = await desk.create(draft, work)
        return NewAppView(**(await current(made["id"])).model_dump(), app_secret=made["app_secret"])

    @router.post("/state", openapi_extra=needs("gw:app:edit"))
    async def switch_many_apps(switch: AppSwitch, desk: AtDesk) -> BulkResult:
        return await desk.change(lambda change: switch_apps(change, switch, switch.state))

    @router.get("/export", openapi_extra=needs("gw:app:export"), **CSV_ANSWER)
    async def export_apps(found: Annotated[AppExport, Query()]) -> StreamingResponse:
        return await exported(stream_apps(database, found), EXPORTED, name="apps", lang=found.lang, zone=zone)

    @router.get("/{app_id}", openapi_extra=needs("gw:app:query"))
    async def get_app(app_id: Id) -> AppView:
        return await current(app_id)

    @router.patch("/{app_id}", openapi_extra=needs("gw:app:edit"))
    async def change_app(app_id: Id, edit: AppEdit, desk: AtDesk) -> AppView:
        await desk.change(lambda change: edit_app(change, app_id, edit))
        return await current(app_id)

    @router.delete("/{app_id}", status_code=204, openapi_extra=needs("gw:app:remove"))
    async def remove_app(app_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_app(change, app_id))

    return router


def _view(row: Row, zone: ZoneInfo) -> AppView:
    return AppView.of(row | {"enabled": row["state"] == 1 and row["customer_state"] == 1}, zone)
