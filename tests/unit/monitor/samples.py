"""Rules, statistics and alerts that the monitor's tests share; each names only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.repository.events import AlertEvent
from monitor.repository.rules import AlertRule, Recipient
from openplatform.records import ApiStats

NOON = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)  # 08:05:00 in Shanghai: the end of a window


def rule(**changes: Any) -> AlertRule:
    default = AlertRule(
        id=1,
        name="default",
        api_name=None,
        metric="mean_ms",
        threshold=1000,
        window_s=300,
        min_calls=1,
        severity="critical",
        recipients=(Recipient("ops@pailou.example"), Recipient("boss@pailou.example")),
        create_time=NOON,
        update_time=NOON,
    )
    return replace(default, **changes)


def stats(api_name: str, mean_ms: float, *, calls: int = 10, errors: int = 0, p95_ms: float = 0.0) -> ApiStats:
    return ApiStats(
        api_name=api_name, calls=calls, errors=errors, mean_ms=mean_ms, p50_ms=mean_ms, p95_ms=p95_ms, p99_ms=p95_ms
    )


def event(api_name: str | None = "open.order.get", *, minutes_ago: int = 1, **changes: Any) -> AlertEvent:
    """An open alert that began some minutes before NOON and was mailed then."""
    began = NOON - timedelta(minutes=minutes_ago)
    default = AlertEvent(
        id=7,
        rule_id=1,
        alert_group="all",
        api_name=api_name,
        value=2000,
        peak=2500,
        calls=10,
        errors=1,
        p95_ms=3000,
        detail="",
        thread_id="alert-0-2026-11-22@pailou.example",
        opened_at=began,
        seen_at=began,
        notified_at=began,
    )
    return replace(default, **changes)
