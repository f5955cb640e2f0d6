"""Stage 7, limits: the app's day and minute in one atomic step over all processes; the day's ranking in the same step.

ADR 0004 says why an app's calls go on, within this process's share of the limits, while Redis cannot decide.
"""

from collections.abc import Callable

from gateway.call import Call
from gateway.metrics import GatewayMetrics
from openplatform.errors import APP_LIMITED, PLATFORM_UNAVAILABLE, PlatformUnavailable
from openplatform.ports import QuotaCounter
from openplatform.records import QuotaRequest, QuotaVerdict


class LimitCalls:
    """Admits or refuses.

    default_minute_limit: for apps without one of their own; fallback: counts in this process while `quota` cannot answer, None =
    deny instead; processes: how many gateway processes live, among which a limit is shared out meanwhile.
    """

    def __init__(
        self,
        quota: QuotaCounter,
        *,
        default_minute_limit: int | None,
        fallback: QuotaCounter | None,
        processes: Callable[[], int],
        metrics: GatewayMetrics,
    ) -> None:
        self._quota = quota
        self._default_minute_limit = default_minute_limit
        self._fallback = fallback
        self._processes = processes
        self._metrics = metrics

    async def __call__(self, call: Call) -> None:
        assert call.app is not None and call.route is not None
        app = call.app.app
        minute_limit = self._default_minute_limit if app.minute_limit is None else app.minute_limit
        api_name = call.route.route.api_name
        request = QuotaRequest(
            app_key=app.app_key, api_name=api_name, daily_limit=app.daily_limit, minute_limit=minute_limit
        )
        try:
            verdict = await self._quota.admit(request)
        except PlatformUnavailable:
            verdict = await self._decide_alone(request, needs_fee=call.route.route.needs_fee)
        call.verdict = verdict
        if not verdict.admitted:
            limit = app.daily_limit if verdict.rule == "day" else minute_limit
            raise APP_LIMITED(
                seconds=verdict.retry_after_s,
                retry_after_s=verdict.retry_after_s,
                headers={
                    "RateLimit-Limit": str(limit),
                    "RateLimit-Remaining": "0",
                    "RateLimit-Reset": str(verdict.retry_after_s),
                },
            )

    async def _decide_alone(self, request: QuotaRequest, *, needs_fee: bool) -> QuotaVerdict:
        if self._fallback is None or needs_fee:
            raise PLATFORM_UNAVAILABLE()
        self._metrics.limits_degraded += 1
        sharers = max(1, self._processes())
        return await self._fallback.admit(
            QuotaRequest(
                app_key=request.app_key,
                api_name=request.api_name,
                daily_limit=_share(request.daily_limit, sharers),
                minute_limit=_share(request.minute_limit, sharers),
            )
        )


def _share(limit: int | None, sharers: int) -> int | None:
    """Rounded up: a small limit must not become none at all; all shares together pass it by less than their number."""
    return None if limit is None else -(-limit // sharers)
