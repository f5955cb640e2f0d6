"""How full a limit is, as every screen shows it."""

from datetime import datetime, timedelta

from pydantic import BaseModel

from openplatform.records import QuotaUse


class Gauge(BaseModel):
    """limit: null = none; used: null = the counters cannot be read, or nothing is counted; resets_at: when it begins anew, null for
    the minute and the second, which slide."""

    limit: int | None
    used: int | None
    remaining: int | None
    resets_at: datetime | None = None


def day_gauge(limit: int | None, use: QuotaUse | None, now: datetime) -> Gauge:
    """Of the calendar day; now: in the zone to be shown."""
    resets_at = None if use is None else (now + timedelta(seconds=use.day_reset_s)).replace(microsecond=0)
    return _gauge(limit, None if use is None else use.day_used, resets_at)


def minute_gauge(limit: int | None, use: QuotaUse | None) -> Gauge:
    """Of the last 60 s."""
    return _gauge(limit, None if use is None else use.minute_used, None)


def _gauge(limit: int | None, used: int | None, resets_at: datetime | None) -> Gauge:
    remaining = None if limit is None or used is None else max(0, limit - used)
    return Gauge(limit=limit, used=used, remaining=remaining, resets_at=resets_at)
