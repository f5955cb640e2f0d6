"""/audit and /logins: who changed what, and who tried to get in."""

import json
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from admin_api.access.repository.logs import (
    OUTCOMES,
    AuditFilter,
    AuditListing,
    LoginFilter,
    LoginListing,
    Outcome,
    list_attempts,
    list_audit_rows,
    stream_attempts,
    stream_audit_rows,
)
from admin_api.exports import CSV_ANSWER, Export, exported
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import View
from openplatform.sql import Database


class AuditView(View):
    """One change. before, after: the columns that differ, secrets masked; before null = created, after null = deleted."""

    id: int
    create_time: datetime
    user_id: int | None
    who: str
    remote_ip: str
    request_id: str
    action: str
    table_name: str
    row_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class LoginView(View):
    """outcome: refused = while the account or the address was locked."""

    id: int
    create_time: datetime
    email: str
    remote_ip: str
    user_agent: str
    outcome: Outcome


class AuditExport(Export, AuditFilter):
    """Which changes."""


class LoginExport(Export, LoginFilter):
    """Which attempts."""


AUDIT_EXPORTED = (
    ("id", "编号"), ("create_time", "时间"), ("user_id", "操作人编号"), ("who", "操作人"), ("remote_ip", "IP"),
    ("action", "操作"), ("table_name", "对象"), ("row_id", "对象编号"), ("before", "修改前"), ("after", "修改后"),
    ("request_id", "请求编号"),
)  # fmt: skip
LOGINS_EXPORTED = (
    ("id", "编号"), ("create_time", "时间"), ("email", "邮箱"), ("remote_ip", "IP"), ("user_agent", "浏览器"),
    ("outcome", "结果"),
)  # fmt: skip


def audit_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of the audit and login logs: reading only, nothing can be changed here."""
    router = APIRouter(tags=["审计日志"], route_class=GuardedRoute)

    @router.get("/audit", openapi_extra=needs("sys:audit:view"))
    async def list_changes(listing: Annotated[AuditListing, Query()]) -> Page[AuditView]:
        async with database.read() as connection:
            rows, total = await list_audit_rows(connection, listing)
        items = [AuditView.of(_parsed(row), zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.get("/logins", openapi_extra=needs("sys:audit:view"))
    async def list_logins(listing: Annotated[LoginListing, Query()]) -> Page[LoginView]:
        async with database.read() as connection:
            rows, total = await list_attempts(connection, listing)
        items = [LoginView.of(row | {"outcome": OUTCOMES[row["outcome"]]}, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.get("/audit/export", openapi_extra=needs("sys:audit:export"), **CSV_ANSWER)
    async def export_changes(found: Annotated[AuditExport, Query()]) -> StreamingResponse:
        stream = stream_audit_rows(database, found)
        return await exported(stream, AUDIT_EXPORTED, name="audit", lang=found.lang, zone=zone)

    @router.get("/logins/export", openapi_extra=needs("sys:audit:export"), **CSV_ANSWER)
    async def export_logins(found: Annotated[LoginExport, Query()]) -> StreamingResponse:
        outcome = {"outcome": lambda row: OUTCOMES[row["outcome"]]}
        stream = stream_attempts(database, found)
        return await exported(stream, LOGINS_EXPORTED, name="logins", lang=found.lang, zone=zone, extra=outcome)

    return router


def _parsed(row: Row) -> Row:
    return row | {name: None if row[name] is None else json.loads(row[name]) for name in ("before", "after")}
