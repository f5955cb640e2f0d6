"""What a gateway process counts, as Prometheus reads it. Labels come from registered names only, so their number is bounded."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from openplatform import __version__
from openplatform.errors import CallRejected, OpenPlatformError, ServiceRejected, UpstreamFailed

# OpenTelemetry's advice for http.server.request.duration, seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

Metric = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class GatewayMetrics(Collector):
    """Plain sums, turned into metric families only when somebody asks. gauges: name → (help, how to read it now);
    families: what makes other families then."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int, str], int] = {}
        self._durations: dict[str, list[float]] = {}
        self.limits_degraded = 0
        self.gauges: Mapping[str, tuple[str, Callable[[], float]]] = {}
        self.counters: Mapping[str, tuple[str, Callable[[], float]]] = {}
        self.families: Sequence[Callable[[], Iterable[Metric]]] = ()

    def count(self, api: str, error: OpenPlatformError | None, seconds: float) -> None:
        """One call that ended."""
        key = (api, 0, "ok") if error is None else (api, error.code, _outcome(error))
        self._calls[key] = self._calls.get(key, 0) + 1
        durations = self._durations.get(api)
        if durations is None:
            durations = self._durations[api] = [0.0] * (len(BUCKETS) + 2)
        durations[bisect_left(BUCKETS, seconds)] += 1
        durations[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("pailou_requests", "Calls answered", labels=("api", "code", "outcome"))
        for (api, code, outcome), count in self._calls.items():
            calls.add_metric((api, str(code), outcome), count)
        yield calls
        durations = HistogramMetricFamily("pailou_request_duration_seconds", "Time to answer a call", labels=("api",))
        for api, row in self._durations.items():
            total, buckets = 0.0, []
            for bound, number in zip((*map(str, BUCKETS), "+Inf"), row[:-1], strict=True):
                total += number
                buckets.append((bound, total))
            durations.add_metric((api,), buckets, row[-1])
        yield durations
        degraded = CounterMetricFamily(
            "pailou_limit_store_degraded", "Calls admitted by this process alone", labels=("mode",)
        )
        degraded.add_metric(("local",), self.limits_degraded)
        yield degraded
        for name, (text, read) in self.counters.items():
            yield CounterMetricFamily(name, text, value=read())
        for name, (text, read) in self.gauges.items():
            yield GaugeMetricFamily(name, text, value=read())
        for make in self.families:
            yield from make()
        build = GaugeMetricFamily("pailou_build_info", "The running version", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)


def _outcome(error: OpenPlatformError) -> str:
    if isinstance(error, CallRejected):
        return "limited" if error.code == 7 else "rejected"
    if isinstance(error, ServiceRejected):
        return "business_error"
    return "upstream_failed" if isinstance(error, UpstreamFailed) else "platform_error"
