"""An app's quota for operators: what is used and left of the day and the minute, and a fresh start of the day's count."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from admin_api.apps.repository.quota import resets_since
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.tables.apps import app_info
from admin_api.tables.rows import Row, fetch_row
from openplatform.errors import PlatformUnavailable
from openplatform.ports import QuotaCounter
from openplatform.records import QuotaUse
from openplatform.sql import AsyncConnection

MAX_RESETS = 3
"""A day and app: one who needs more needs a higher limit."""
_ACTION = "reset-quota"


@dataclass(frozen=True, slots=True)
class Quota:
    """An app's row, its use now, and how many resets the operators have left for it today."""

    app: Row
    use: QuotaUse
    resets_left: int


async def with_use(quota: QuotaCounter, apps: Sequence[Row]) -> list[Row]:
    """The apps with used_today and used_minute, which are None while the counters cannot be read: lists are of use without."""
    used: list[tuple[int | None, int | None]] = [(None, None)] * len(apps)
    with suppress(PlatformUnavailable):
        used = [(u.day_used, u.minute_used) for u in await quota.used([app["app_key"] for app in apps])]
    return [app | {"used_today": day, "used_minute": minute} for app, (day, minute) in zip(apps, used, strict=True)]


async def quota_of(
    connection: AsyncConnection, quota: QuotaCounter, app_id: int, now: datetime, zone: ZoneInfo
) -> Quota:
    """Raises RowMissing, PlatformUnavailable."""
    app = await fetch_row(connection, app_info, app_id)
    (use,) = await quota.used([app["app_key"]])
    done = await resets_since(connection, app_info.name, app_id, _ACTION, _day_of(now, zone))
    return Quota(app, use, max(0, MAX_RESETS - done))


async def reset_quota(change: Change, quota: QuotaCounter, app_id: int, zone: ZoneInfo, reason: str) -> None:
    """Sets the app's count of the day to 0; its minute, and its counts at single APIs, stay. The audit log keeps the reason.

    Raises RowMissing, PlatformUnavailable, and a 429 Problem for the fourth time in a day.
    """
    app = await fetch_row(change.connection, app_info, app_id, lock=True)
    today = _day_of(change.now, zone)
    if await resets_since(change.connection, app_info.name, app_id, _ACTION, today) >= MAX_RESETS:
        left = today.astimezone(zone) + timedelta(days=1) - change.now
        raise Problem(
            429,
            "too-many-resets",
            f"this app's counter was reset {MAX_RESETS} times today: raise its limit instead",
            f"该应用今日计数已重置 {MAX_RESETS} 次，请调整限额",
            headers={"Retry-After": str(max(1, int(left.total_seconds())))},
        )
    used = await quota.reset_day(app["app_key"])
    await change.record(
        _ACTION, app_info.name, app_id, before={"used_today": used}, after={"used_today": 0, "reason": reason}
    )


def _day_of(now: datetime, zone: ZoneInfo) -> datetime:
    """When the platform's day began, UTC."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
