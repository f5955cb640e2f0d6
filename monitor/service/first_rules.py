"""The rules that every monitor begins with: slow APIs, logs that cannot be seen, apps that use up their day."""

from datetime import UTC, datetime

from monitor.repository.rules import AlertRule, Recipient
from monitor.service.judgement import BLIND, QUOTA
from monitor.service.quota import LEVELS
from monitor.settings import MonitorSettings


def first_rules(settings: MonitorSettings, now: float) -> tuple[AlertRule, ...]:
    """As the settings say; they follow the settings until an operator edits them. now: epoch seconds."""
    made_at = datetime.fromtimestamp(now, UTC)
    recipients = tuple(Recipient(address) for address in settings.alert_recipients)

    def rule(name: str, metric: str, threshold: float, *, min_calls: int = 0, severity: str = "critical") -> AlertRule:
        return AlertRule(
            name=name,
            api_name=None,
            metric=metric,
            threshold=threshold,
            window_s=settings.alert_window_s,
            min_calls=min_calls,
            severity=severity,
            recipients=recipients,
            built_in=True,
            create_time=made_at,
            update_time=made_at,
        )

    return (
        rule("default", "mean_ms", settings.alert_threshold_ms, min_calls=settings.alert_min_calls),
        rule("blind", BLIND, settings.alert_lag_s),
        rule("quota", QUOTA, LEVELS[0], severity="warning"),
    )
