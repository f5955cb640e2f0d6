"""What a gateway process counts, as Prometheus reads it. Labels come from registered names only, so their number is bounded."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from openplatform.errors import CallRejected, OpenPlatformError, ServiceRejected, UpstreamFailed
from openplatform.metrics import Metric

# OpenTelemetry's advice for http.server.request.duration, seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
STEP_BUCKETS = (1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.1, 1.0)
"""A stage takes microseconds, or as long as what it waits for."""
DEGRADED_S = 5.0
"""How long after a call that was decided without Redis the process counts as deciding alone."""

K = TypeVar("K")
Row = list[float]
"""A histogram: how many fell into each bucket, the one without a bound after them, and the sum."""
Tally = tuple[Row, Row]
"""Of one API: seconds to answer, seconds at its service."""


class GatewayMetrics:
    """Plain sums, turned into metric families only when somebody asks.

    Prometheus' own objects would cost microseconds a call for looking labels up; a route's entry holds on to its tally.
    """

    def __init__(self) -> None:
        self._times: dict[str, Row] = {}
        self._at_service: dict[tuple[str, str], Row] = {}
        self._bad: dict[tuple[str, int, str], int] = {}
        self._upstream_errors: dict[tuple[str, str], int] = {}
        self._refusals: dict[str, int] = {}
        self._steps: dict[str, Row] = {}
        self._degraded: dict[str, float] = {"local": -DEGRADED_S, "deny": -DEGRADED_S}
        self.unknown: Row = _row(BUCKETS)
        """Seconds to answer, of calls whose API is not registered."""
        self.admitted = 0
        """By the limits, by all processes together or by this one alone."""
        self.decided_alone = 0
        """Of these and of the refused, those that Redis was not there for."""
        self.replays = 0

    def tally_of(self, api: str, service_id: str) -> Tally:
        """Where calls of an API of a service are added up: the one that there was before the route's last change."""
        times = self._times.setdefault(api, _row(BUCKETS))
        return times, self._at_service.setdefault((service_id, api), _row(BUCKETS))

    def count_bad(self, api: str, error: OpenPlatformError) -> None:
        """A call that ended with an error."""
        _add(self._bad, (api, error.code, _outcome(error)))

    def count_upstream_error(self, service_id: str, error: OpenPlatformError) -> None:
        """A service that was asked and did not answer, or as one that is out of order."""
        _add(self._upstream_errors, (service_id, error.sub_code.removeprefix("isp.").removeprefix("top-remote-")))

    def count_limited(self, rule: str) -> None:
        """A call that a limit or the balance refused."""
        _add(self._refusals, rule)

    def count_steps(self, stamps: Sequence[tuple[str, float]]) -> None:
        """The stages of one call: name, microseconds."""
        for name, microseconds in stamps:
            row = self._steps.get(name)
            if row is None:
                row = self._steps[name] = _row(STEP_BUCKETS)
            seconds = microseconds / 1e6
            row[bisect_left(STEP_BUCKETS, seconds)] += 1
            row[-1] += seconds

    def note_degraded(self, mode: str, now: float) -> None:
        """Redis did not decide a call: `local` = this process did, `deny` = it was refused. now: monotonic seconds."""
        self._degraded[mode] = now

    def families(self, now: float) -> Iterator[Metric]:
        """What this object counts. now: monotonic seconds."""
        times = {"unknown": self.unknown, **self._times}
        # What did not go wrong went well.
        good = {api: sum(row[:-1]) for api, row in times.items()}
        for (api, _, _), number in self._bad.items():
            good[api] -= number
        counts: dict[tuple[str, ...], float] = {(api, "0", "ok"): number for api, number in good.items()}
        counts |= {(api, str(code), outcome): number for (api, code, outcome), number in self._bad.items()}
        yield _counter("pailou_requests", "Calls answered", ("api", "code", "outcome"), counts.items())
        by_api = (((api,), row) for api, row in times.items())
        yield _histogram("pailou_request_duration_seconds", "Time to answer a call", ("api",), BUCKETS, by_api)
        yield _histogram(
            "pailou_upstream_duration_seconds", "Time of a call at its service, its retry included", ("service", "api"),
            BUCKETS, self._at_service.items(),
        )  # fmt: skip
        yield _counter(
            "pailou_upstream_errors",
            "Calls that a service did not answer",
            ("service", "kind"),
            self._upstream_errors.items(),
        )
        steps = (((name,), row) for name, row in self._steps.items())
        yield _histogram(
            "pailou_step_duration_seconds",
            "Time of a stage of the pipeline, of sampled calls",
            ("step",),
            STEP_BUCKETS,
            steps,
        )
        decisions = {("all", "admitted"): self.admitted}
        decisions |= {(rule, "refused"): number for rule, number in self._refusals.items()}
        yield _counter(
            "pailou_limit_decisions", "Calls by what the limits said", ("scope", "decision"), decisions.items()
        )
        yield CounterMetricFamily(
            "pailou_limit_local_decisions", "Decisions of this process alone, without Redis", value=self.decided_alone
        )
        degraded = GaugeMetricFamily(
            "pailou_limit_store_degraded", "1 while calls are decided without Redis", labels=("mode",)
        )
        for mode, at in self._degraded.items():
            degraded.add_metric((mode,), now - at < DEGRADED_S)
        yield degraded
        yield CounterMetricFamily("pailou_replay_rejected", "Copies of guarded calls", value=self.replays)


def _row(buckets: Sequence[float]) -> Row:
    return [0.0] * (len(buckets) + 2)


def _add(counts: dict[K, int], key: K) -> None:
    counts[key] = counts.get(key, 0) + 1


def _counter(name: str, text: str, labels: Sequence[str], counts: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in counts:
        family.add_metric(values, number)
    return family


def _histogram(
    name: str, text: str, labels: Sequence[str], buckets: Sequence[float], rows: Iterable[tuple[tuple[str, ...], Row]]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    bounds: Iterable[str] = (*map(str, buckets), "+Inf")
    for values, row in rows:
        total, cumulated = 0.0, []
        for bound, number in zip(bounds, row[:-1], strict=True):
            total += number
            cumulated.append((bound, total))
        family.add_metric(values, cumulated, row[-1])
    return family


def _outcome(error: OpenPlatformError) -> str:
    if isinstance(error, CallRejected):
        return "limited" if error.code == 7 else "rejected"
    if isinstance(error, ServiceRejected):
        return "business_error"
    return "upstream_failed" if isinstance(error, UpstreamFailed) else "platform_error"
