"""The way of call logs as Prometheus reads it: what waits, how old it is, what was sent, what was lost."""

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from gateway.spool import LogSpool
from openplatform.metrics import Metric

REASONS = ("spool_full", "buffer_full", "unreadable", "no_json")
"""Why call logs were dropped: no room on disk; none in memory while the disk fails; the disk lost them; no JSON form."""


def log_metrics(logs: LogSpool, unroutable: int) -> tuple[Metric, ...]:
    """unroutable: messages that the broker had no queue for, of those that were not confirmed."""
    dropped = CounterMetricFamily("pailou_log_dropped", "Call logs that are lost", labels=("reason",))
    for reason in REASONS:
        dropped.add_metric((reason,), logs.dropped[reason])
    published = CounterMetricFamily("pailou_log_publish", "Messages of call logs, each attempt", labels=("result",))
    published.add_metric(("confirmed",), logs.delivery.confirmed_batches)
    published.add_metric(("unroutable",), unroutable)
    published.add_metric(("failed",), logs.delivery.failed_attempts - unroutable)
    gauges = {
        "pailou_log_spool_bytes": ("Size of the spool on disk", logs.bytes),
        "pailou_log_spool_entries": ("Call logs that the broker has not confirmed yet", logs.waiting),
        "pailou_log_spool_writable": ("1 while the spool can be written", float(not logs.trouble)),
        "pailou_log_oldest_unsent_seconds": ("Age of the oldest call log of these", logs.oldest_age_s()),
    }
    sent = CounterMetricFamily("pailou_log_published", "Call logs that the broker confirmed", value=logs.published)
    return dropped, published, sent, *(GaugeMetricFamily(n, text, value=v) for n, (text, v) in gauges.items())
