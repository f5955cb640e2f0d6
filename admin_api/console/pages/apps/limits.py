"""/apps/{id}/limits: the limits, and how much of them is used now."""

from contextlib import suppress
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apps.service.quota import Quota, quota_of
from admin_api.console.pages.apps.detail import app_of, edited
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.shapes import Id
from openplatform.errors import PlatformUnavailable


def add_limit_pages(router: APIRouter, parts: Parts) -> None:
    """The tab of the limits."""
    console, zone = parts.console, parts.settings.time_zone

    async def quota_now(app_id: int) -> tuple[Quota | None, datetime | None]:
        """None while the counters cannot be read; and when the day's count begins anew."""
        now = parts.changes.now()
        with suppress(PlatformUnavailable):
            async with parts.database.read() as connection:
                found = await quota_of(connection, parts.quota, app_id, now, zone)
            return found, (now + timedelta(seconds=found.use.day_reset_s)).replace(microsecond=0)
        return None, None

    @router.get("/{app_id}/limits", openapi_extra=needs("gw:app:query"))
    async def limits(app_id: Id, request: Request) -> Response:
        app = await app_of(parts, app_id)
        quota, resets_at = await quota_now(app_id)
        return await console.page(
            request, "apps/limits.html", app=app, values=app, quota=quota, resets_at=resets_at, tab="limits"
        )

    @router.post("/{app_id}/limits", openapi_extra=needs("gw:app:edit"))
    async def edit_limits(app_id: Id, request: Request, desk: AtDesk) -> Response:
        return await edited(parts, request, desk, app_id, "apps/limits_form.html", leads_to=f"/apps/{app_id}/limits")
