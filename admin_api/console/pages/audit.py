"""/sys/audit and /sys/logins: who changed what, before and after; who tried to get in."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from admin_api.access.repository.logs import OUTCOMES, AuditListing, LoginListing, list_attempts, list_audit_rows
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.console.views import View
from admin_api.security.permissions import needs
from admin_api.tables.rows import Row

AUDIT, LOGINS = "/sys/audit", "/sys/logins"


def audit_pages(parts: Parts) -> APIRouter:
    """The pages of both logs; nothing can be changed there."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database

    @router.get(AUDIT, openapi_extra=needs("sys:audit:view"))
    async def changes(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(AuditListing, _zoned(request, view, console.zone), size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_audit_rows(connection, listing)
        state = ListState(AUDIT, listing, total, default_size=view.page_size)
        shown = [with_differences(row) for row in rows]
        return await console.page(request, "audit/changes.html", state=state, rows=shown, listing=listing)

    @router.get(LOGINS, openapi_extra=needs("sys:audit:view"))
    async def logins(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(LoginListing, _zoned(request, view, console.zone), size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_attempts(connection, listing)
        state = ListState(LOGINS, listing, total, default_size=view.page_size)
        shown = [row | {"outcome": OUTCOMES[row["outcome"]]} for row in rows]
        return await console.page(request, "audit/logins.html", state=state, rows=shown, listing=listing)

    return router


def _zoned(request: Request, view: View, platform: ZoneInfo) -> QueryParams:
    """The query with its times, which browsers send without a zone, in the reader's."""
    zone = ZoneInfo(view.preferences.time_zone) if view.preferences.time_zone else platform
    return QueryParams([(name, _aware(text, zone) if name in ("from", "to") else text)
                        for name, text in request.query_params.multi_items()])  # fmt: skip


def _aware(text: str, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else moment.replace(tzinfo=zone).isoformat()


def with_differences(row: Row) -> Row:
    """The row, and as `differences` (column, before, after) of what the change touched; what was not there is None."""
    before = json.loads(row["before"]) if row["before"] else {}
    after = json.loads(row["after"]) if row["after"] else {}
    return row | {"differences": [(n, _plain(before.get(n)), _plain(after.get(n))) for n in {**before, **after}]}


def _plain(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value
