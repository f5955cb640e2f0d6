"""The two rules that every monitor begins with: slow APIs, and logs that cannot be seen."""

from datetime import UTC, datetime

from monitor.repository.rules import AlertRule
from monitor.service.judgement import BLIND
from monitor.settings import MonitorSettings


def first_rules(settings: MonitorSettings, now: float) -> tuple[AlertRule, AlertRule]:
    """As the settings say; they follow the settings until an operator edits them. now: epoch seconds."""
    made_at = datetime.fromtimestamp(now, UTC)
    slow = AlertRule(
        name="default",
        api_name=None,
        metric="mean_ms",
        threshold=settings.alert_threshold_ms,
        window_s=settings.alert_window_s,
        min_calls=settings.alert_min_calls,
        severity="critical",
        recipients=settings.alert_recipients,
        create_time=made_at,
        update_time=made_at,
    )
    blind = AlertRule(
        name="blind",
        api_name=None,
        metric=BLIND,
        threshold=settings.alert_lag_s,
        window_s=settings.alert_window_s,
        min_calls=0,
        severity="critical",
        recipients=settings.alert_recipients,
        create_time=made_at,
        update_time=made_at,
    )
    return slow, blind
