"""Breakers, bulkheads and retry budgets as Prometheus reads them: one line per API and per service that has been called."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from gateway.guards import Gate
from gateway.upstream import RetryBudget
from openplatform.metrics import Metric

_LABELS = ("service", "api")
_STATES = {"closed": 0, "half-open": 1, "open": 2}


def gate_metrics(gates: Iterable[tuple[str, str, Gate]]) -> tuple[Metric, ...]:
    """gates: service_id, the API's name ("" = the service's own gate), the gate."""
    state = GaugeMetricFamily("pailou_breaker_state", "0 closed, 1 half-open, 2 open", labels=_LABELS)
    opened = CounterMetricFamily("pailou_breaker_opened", "How often a breaker has opened", labels=_LABELS)
    refused = CounterMetricFamily("pailou_breaker_refused", "Calls that an open breaker held back", labels=_LABELS)
    in_flight = GaugeMetricFamily("pailou_bulkhead_in_flight", "Calls at the service now", labels=_LABELS)
    rejected = CounterMetricFamily("pailou_bulkhead_rejected", "Calls there was no room for", labels=_LABELS)
    for service, api, gate in gates:
        labels = (service, api)
        state.add_metric(labels, _STATES[gate.breaker.state])
        opened.add_metric(labels, gate.breaker.opened)
        refused.add_metric(labels, gate.breaker.refused)
        in_flight.add_metric(labels, gate.in_flight)
        rejected.add_metric(labels, gate.rejected)
    return state, opened, refused, in_flight, rejected


def retry_metrics(budgets: Mapping[str, RetryBudget]) -> Metric:
    """By service_id."""
    retries = CounterMetricFamily(
        "pailou_retries", "Calls that failed at one instance: sent again, or refused for want of budget", labels=("service", "result")
    )  # fmt: skip
    for service_id, budget in budgets.items():
        retries.add_metric((service_id, "sent"), budget.retries)
        retries.add_metric((service_id, "refused"), budget.refused)
    return retries
