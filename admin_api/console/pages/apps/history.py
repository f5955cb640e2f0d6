"""/apps/{id}/tokens, /logs and /audit: who granted sessions, what was called, who changed what."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.access.repository.logs import AuditListing, list_audit_rows
from admin_api.analytics.service.conditions import LogSearch
from admin_api.apps.repository.tokens import TokenListing, list_tokens
from admin_api.apps.service.tokens import revoke_tokens_of_app
from admin_api.console.catalogues import N_
from admin_api.console.lists import ListState, read_query
from admin_api.console.pages.apps.detail import app_of
from admin_api.console.pages.audit import with_differences
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.apps import app_info
from admin_api.tables.shapes import Id

_LATEST = 20


def add_history_pages(router: APIRouter, parts: Parts) -> None:
    """The tabs of what happened."""
    console = parts.console

    @router.get("/{app_id}/tokens", openapi_extra=needs("gw:token:list"))
    async def tokens(app_id: Id, request: Request) -> Response:
        app = await app_of(parts, app_id)
        view, now = await console.views.of(request), parts.changes.now()
        listing = read_query(TokenListing, request.query_params, size=view.page_size)
        listing.app_id, listing.app_key = app_id, None
        async with parts.database.read() as connection:
            rows, total = await list_tokens(connection, listing, now)
        listing.app_id = None  # the address says it
        state = ListState(f"/apps/{app_id}/tokens", listing, total, default_size=view.page_size)
        return await console.page(request, "apps/tokens.html", app=app, rows=rows, state=state, now=now, tab="tokens")

    @router.post("/{app_id}/tokens/revoke", openapi_extra=needs("gw:token:revoke"))
    async def revoke_all(app_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: revoke_tokens_of_app(change, app_id))
        return await console.done(
            request, N_("All sessions of the app are revoked."), leads_to=f"/apps/{app_id}/tokens"
        )

    @router.get("/{app_id}/logs", openapi_extra=needs("log:search"))
    async def logs(app_id: Id, request: Request) -> Response:
        return await console.page(request, "apps/logs.html", app=await app_of(parts, app_id), tab="logs")

    @router.get("/{app_id}/logs/latest", openapi_extra=needs("log:search"))
    async def latest_calls(app_id: Id, request: Request) -> Response:
        app, now = await app_of(parts, app_id), parts.changes.now()
        asked = LogSearch(
            from_=now - timedelta(days=7), to=now + timedelta(minutes=1), app_key=[app["app_key"]], size=_LATEST
        )
        page = await parts.analytics.search(asked)
        return await console.page(request, "apps/latest.html", app=app, calls=[hit.log for hit in page.hits])

    @router.get("/{app_id}/audit", openapi_extra=needs("sys:audit:view"))
    async def audit(app_id: Id, request: Request) -> Response:
        app = await app_of(parts, app_id)
        view = await console.views.of(request)
        listing = read_query(AuditListing, request.query_params, size=view.page_size)
        asked = AuditListing(table_name=app_info.name, row_id=str(app_id), page=listing.page, size=listing.size)
        async with parts.database.read() as connection:
            rows, total = await list_audit_rows(connection, asked)
        state = ListState(
            f"/apps/{app_id}/audit",
            AuditListing(page=listing.page, size=listing.size),
            total,
            default_size=view.page_size,
        )
        changes = [with_differences(row) for row in rows]
        return await console.page(request, "apps/audit.html", app=app, rows=changes, state=state, tab="audit")
