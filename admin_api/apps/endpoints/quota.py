"""/apps/{id}/quota: what an app has used of its limits and has left, and a fresh start of its day."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from admin_api.apps.service.quota import quota_of, reset_quota
from admin_api.outbox.changes import Changes
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.shapes import Body, Id, Line100, View
from openplatform.ports import QuotaCounter


class QuotaView(View):
    """Accepted calls. minute_limit null: the gateways' default counts, which they alone know. resets_left: today, for this app."""

    app_key: str
    daily_limit: int
    used_today: int
    remaining_today: int
    day_resets_at: datetime
    minute_limit: int | None
    used_minute: int
    remaining_minute: int | None
    resets_left: int


class Reset(Body):
    """reason: why the app may call more today; it stands in the audit log."""

    reason: Line100


def quota_routes(changes: Changes, quota: QuotaCounter, zone: ZoneInfo) -> APIRouter:
    """The routes of quotas; 503 while the counters cannot be read."""
    router = APIRouter(prefix="/apps/{app_id}/quota", tags=["限流策略"], route_class=GuardedRoute)

    async def shown(app_id: int) -> QuotaView:
        now = changes.now()
        async with changes.database.read() as connection:
            found = await quota_of(connection, quota, app_id, now, zone)
        day, minute, use = found.app["daily_limit"], found.app["minute_limit"], found.use
        return QuotaView(
            app_key=found.app["app_key"],
            daily_limit=day,
            used_today=use.day_used,
            remaining_today=max(0, day - use.day_used),
            day_resets_at=(now + timedelta(seconds=use.day_reset_s)).astimezone(zone).replace(microsecond=0),
            minute_limit=minute,
            used_minute=use.minute_used,
            remaining_minute=None if minute is None else max(0, minute - use.minute_used),
            resets_left=found.resets_left,
        )

    @router.get("", openapi_extra=needs("gw:app:query"))
    async def get_quota(app_id: Id) -> QuotaView:
        return await shown(app_id)

    @router.post("/reset", openapi_extra=needs("gw:limit:reset"))
    async def reset_todays_count(app_id: Id, reset: Reset, desk: AtDesk) -> QuotaView:
        await desk.change(lambda change: reset_quota(change, quota, app_id, zone, reset.reason))
        return await shown(app_id)

    return router
