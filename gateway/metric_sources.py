"""What /metrics says: the calls that were counted, and what the gateway's parts know of themselves when somebody asks."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from gateway.gate_metrics import gate_metrics, retry_metrics
from gateway.log_metrics import log_metrics
from gateway.resources import Resources
from openplatform.metrics import Metric, Source, common_families

Read = Callable[[], float]


def metric_source(r: Resources) -> Source:
    """All families of the process."""
    gauges: Mapping[str, tuple[str, Read]] = {
        "pailou_config_version": ("Version of the catalogue in force", lambda: r.catalog.version),
        "pailou_clock_skew_seconds": ("This machine's clock minus Redis'", lambda: r.clock_skew.seconds),
        "pailou_charge_buffer_entries": ("Charges the broker has not confirmed yet", lambda: r.charges.waiting),
    }
    answers, charges = r.answers, r.charges
    counters: Mapping[str, tuple[str, Read]] = {
        "pailou_config_rejected": ("Changes of the catalogue that were refused", lambda: r.catalog.rejected_updates),
        "pailou_cache_hits": ("Calls answered from the response cache", lambda: answers.hits),
        "pailou_cache_misses": ("Calls whose answer was not in the response cache", lambda: answers.misses),
        "pailou_cache_joined": ("Calls that waited for another call's answer", lambda: answers.joined),
        "pailou_cache_stale": ("Old answers, given because a service failed", lambda: answers.stale_served),
        "pailou_charges_sent": ("Charges that the broker confirmed", lambda: charges.kept.published),
        "pailou_charges_dropped": ("Charges left to their reservations", lambda: charges.kept.dropped),
        "pailou_charges_unsettled": ("Charges sent while Redis did not answer", lambda: charges.unsettled),
        "pailou_prices_released": ("Calls with a price that were not charged", lambda: charges.given_back.published),
    }
    return partial(_all, r, gauges, counters)


async def _all(
    r: Resources, gauges: Mapping[str, tuple[str, Read]], counters: Mapping[str, tuple[str, Read]]
) -> Iterable[Metric]:
    return [*_families(r, gauges, counters)]


def _families(
    r: Resources, gauges: Mapping[str, tuple[str, Read]], counters: Mapping[str, tuple[str, Read]]
) -> Iterator[Metric]:
    yield from r.metrics.families(time.monotonic())
    yield from gate_metrics(r.guards.gates())
    yield retry_metrics(r.upstreams.budgets())
    yield from log_metrics(r.logs, r.log_publisher.unroutable)
    for name, (text, read) in counters.items():
        yield CounterMetricFamily(name, text, value=read())
    for name, (text, read) in gauges.items():
        yield GaugeMetricFamily(name, text, value=read())
    yield from common_families("gateway", {"redis": r.catalog.reachable, "rabbitmq": r.logs.delivery.is_heard})
