"""Counts the call for /metrics: by API, code and outcome, its time, its service's, and what refused it."""

from bisect import bisect_left

from gateway.call import Call
from gateway.metrics import BUCKETS, GatewayMetrics
from openplatform.errors import REPLAYED_REQUEST, OpenPlatformError
from openplatform.ports import Clock


class CountCall:
    """Adds the call up in the process. An API's name is a label only if it is registered."""

    def __init__(self, metrics: GatewayMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def __call__(self, call: Call) -> None:
        if call.stamps is not None:
            self._metrics.count_steps(call.stamps)
        if call.carries:
            return
        entry = call.route
        if entry is None:
            times = self._metrics.unknown
        else:
            tally = entry.tally
            if tally is None:
                tally = entry.tally = self._metrics.tally_of(entry.route.api_name, entry.route.service_id)
            times, at_service = tally
            if call.service_ms is not None:
                seconds = call.service_ms / 1000
                at_service[bisect_left(BUCKETS, seconds)] += 1
                at_service[-1] += seconds
        seconds = self._clock.monotonic() - call.started
        times[bisect_left(BUCKETS, seconds)] += 1
        times[-1] += seconds
        if call.error is not None:
            self._count_error(call, call.error)

    def _count_error(self, call: Call, error: OpenPlatformError) -> None:
        self._metrics.count_bad("unknown" if call.route is None else call.route.route.api_name, error)
        if call.verdict is not None and not call.verdict.admitted:
            self._metrics.count_limited(call.verdict.rule)
        elif error.sub_code == REPLAYED_REQUEST.sub_code:
            self._metrics.replays += 1
