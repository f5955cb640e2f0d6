"""What a gateway process counts, in Prometheus' text."""

import asyncio

from prometheus_client.core import Metric

from gateway.filters.count_call import CountCall
from gateway.metrics import GatewayMetrics
from openplatform.errors import API_LIMITED, INVALID_METHOD, PLATFORM_UNAVAILABLE, REMOTE_TIMEOUT, REPLAYED_REQUEST
from openplatform.metrics import exposition
from openplatform.records import QuotaVerdict
from tests.unit.gateway.filters.calls import StoppedClock, a_call, route_entry


def text_of(metrics: GatewayMetrics, now: float = 100.0) -> list[str]:
    async def source() -> list[Metric]:
        return [*metrics.families(now)]

    return asyncio.run(exposition(source)).decode().splitlines()


def test_calls_by_api_code_and_outcome() -> None:
    """Names that are not registered are one label; durations fall into OpenTelemetry's buckets."""
    metrics = GatewayMetrics()
    count = CountCall(metrics, StoppedClock())
    for call in (a_call(route=route_entry()), a_call(error=INVALID_METHOD()), a_call(error=PLATFORM_UNAVAILABLE())):
        count(call)
    assert set(text_of(metrics)) >= {
        'pailou_requests_total{api="open.a.get",code="0",outcome="ok"} 1.0',
        'pailou_requests_total{api="unknown",code="22",outcome="rejected"} 1.0',
        'pailou_requests_total{api="unknown",code="10",outcome="platform_error"} 1.0',
        'pailou_request_duration_seconds_bucket{api="open.a.get",le="0.075"} 0.0',
        'pailou_request_duration_seconds_bucket{api="open.a.get",le="0.25"} 1.0',
        'pailou_request_duration_seconds_bucket{api="open.a.get",le="+Inf"} 1.0',
        'pailou_request_duration_seconds_count{api="open.a.get"} 1.0',
    }


def test_what_services_limits_and_guards_did() -> None:
    """The service's time by service and API, what went wrong there by kind, what the limits said by rule, replays."""
    metrics = GatewayMetrics()
    count, route = CountCall(metrics, StoppedClock()), route_entry()
    count(a_call(route=route, service_ms=30.0, verdict=QuotaVerdict(admitted=True)))
    count(a_call(route=route, verdict=QuotaVerdict(admitted=False, rule="api-day"), error=API_LIMITED(seconds=1)))
    count(a_call(route=route, verdict=QuotaVerdict(admitted=True), error=REPLAYED_REQUEST()))
    metrics.count_upstream_error("a-service", REMOTE_TIMEOUT())
    assert set(text_of(metrics)) >= {
        'pailou_upstream_duration_seconds_bucket{api="open.a.get",le="0.025",service="a-service"} 0.0',
        'pailou_upstream_duration_seconds_bucket{api="open.a.get",le="0.05",service="a-service"} 1.0',
        'pailou_upstream_duration_seconds_sum{api="open.a.get",service="a-service"} 0.03',
        'pailou_upstream_errors_total{kind="connection-timeout",service="a-service"} 1.0',
        'pailou_limit_decisions_total{decision="refused",scope="api-day"} 1.0',
        "pailou_replay_rejected_total 1.0",
    }


def test_the_stages_of_a_sampled_call() -> None:
    """Stamps are microseconds, the histogram's buckets seconds."""
    metrics = GatewayMetrics()
    CountCall(metrics, StoppedClock())(a_call(stamps=[("VerifySign", 12.0), ("InvokeService", 2000.0)]))
    assert set(text_of(metrics)) >= {
        'pailou_step_duration_seconds_bucket{le="1e-05",step="VerifySign"} 0.0',
        'pailou_step_duration_seconds_bucket{le="2.5e-05",step="VerifySign"} 1.0',
        'pailou_step_duration_seconds_count{step="InvokeService"} 1.0',
    }


def test_deciding_alone_shows_while_it_lasts() -> None:
    """1 from a call that Redis did not decide until some seconds after the last one."""
    metrics = GatewayMetrics()
    assert 'pailou_limit_store_degraded{mode="local"} 0.0' in text_of(metrics)
    metrics.note_degraded("local", 100.0)
    assert 'pailou_limit_store_degraded{mode="local"} 1.0' in text_of(metrics, now=104.0)
    assert 'pailou_limit_store_degraded{mode="deny"} 0.0' in text_of(metrics, now=104.0)
    assert 'pailou_limit_store_degraded{mode="local"} 0.0' in text_of(metrics, now=106.0)
