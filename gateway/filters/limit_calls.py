"""Stages 7 and 8, limits and price: app, API, app at API and the customer's balance in one atomic step over all processes; the
day's ranking in the same step.

ADR 0004 says why an app's calls go on, within this process's share of the limits, while Redis cannot decide.
"""

from collections.abc import Callable

from gateway.call import Call
from gateway.catalog_entries import AppEntry, RouteEntry
from gateway.metrics import GatewayMetrics
from openplatform.errors import (
    API_LIMITED,
    APP_API_LIMITED,
    APP_LIMITED,
    INSUFFICIENT_BALANCE,
    PLATFORM_UNAVAILABLE,
    ErrorKind,
    OpenPlatformError,
    PlatformUnavailable,
)
from openplatform.ports import Clock, QuotaCounter
from openplatform.records import QuotaRequest, QuotaVerdict, Reservation, Rule

HOLD_PAST_DEADLINE_S = 60
"""How long a price stays set aside after the call's deadline when nobody says how the call ended: its gateway died."""
MAX_KNOWN = 256
"""APIs of one app whose request is kept; routes that were changed are among them until all are forgotten."""


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
        clock: Clock,
    ) -> None:
        self._quota = quota
        self._default_minute_limit = default_minute_limit
        self._fallback = fallback
        self._processes = processes
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, call: Call) -> None:
        app, route = call.app, call.route
        assert app is not None and route is not None
        known = app.quota_requests
        request = None if known is None else known.get(route)
        if request is None:
            request = self._learn(app, route)
        reservation = None
        if route.route.needs_fee:
            reservation = Reservation(
                customer_id=app.app.customer_id,
                price_fen=route.route.price_fen,
                request_id=call.request_id,
                hold_s=-(-route.route.timeout_ms // 1000) + HOLD_PAST_DEADLINE_S,
            )
        try:
            verdict = await self._quota.admit(request, reservation)
        except PlatformUnavailable:
            verdict = await self._decide_alone(request, needs_fee=reservation is not None)
        call.verdict = verdict
        if not verdict.admitted:
            raise _refusal(verdict, request)
        self._metrics.admitted += 1

    def _learn(self, app: AppEntry, route: RouteEntry) -> QuotaRequest:
        # By the entries themselves: a change of the catalogue makes new ones.
        known = app.quota_requests
        if known is None or len(known) >= MAX_KNOWN:
            known = app.quota_requests = {}
        a, r = app.app, route.route
        grant = a.grants.get(r.api_name)
        request = known[route] = QuotaRequest(
            app_key=a.app_key,
            api_name=r.api_name,
            daily_limit=a.daily_limit,
            minute_limit=self._default_minute_limit if a.minute_limit is None else a.minute_limit,
            api_second_limit=r.limit_per_second,
            api_minute_limit=r.limit_per_minute,
            api_daily_limit=r.limit_per_day,
            grant_daily_limit=None if grant is None else grant.daily_limit,
            grant_minute_limit=None if grant is None else grant.minute_limit,
        )
        return request

    async def _decide_alone(self, request: QuotaRequest, *, needs_fee: bool) -> QuotaVerdict:
        now = self._clock.monotonic()
        if self._fallback is None or needs_fee:
            self._metrics.note_degraded("deny", now)
            raise PLATFORM_UNAVAILABLE()
        self._metrics.note_degraded("local", now)
        self._metrics.decided_alone += 1
        sharers = max(1, self._processes())
        return await self._fallback.admit(
            QuotaRequest(
                app_key=request.app_key,
                api_name=request.api_name,
                daily_limit=_share(request.daily_limit, sharers),
                minute_limit=_share(request.minute_limit, sharers),
                api_second_limit=_share(request.api_second_limit, sharers),
                api_minute_limit=_share(request.api_minute_limit, sharers),
                api_daily_limit=_share(request.api_daily_limit, sharers),
                grant_daily_limit=_share(request.grant_daily_limit, sharers),
                grant_minute_limit=_share(request.grant_minute_limit, sharers),
            )
        )


_REFUSALS: dict[Rule, tuple[ErrorKind, Callable[[QuotaRequest], int | None]]] = {
    "day": (APP_LIMITED, lambda r: r.daily_limit),
    "minute": (APP_LIMITED, lambda r: r.minute_limit),
    "api-day": (API_LIMITED, lambda r: r.api_daily_limit),
    "api-minute": (API_LIMITED, lambda r: r.api_minute_limit),
    "api-second": (API_LIMITED, lambda r: r.api_second_limit),
    "app-api-day": (APP_API_LIMITED, lambda r: r.grant_daily_limit),
    "app-api-minute": (APP_API_LIMITED, lambda r: r.grant_minute_limit),
}


def _refusal(verdict: QuotaVerdict, request: QuotaRequest) -> OpenPlatformError:
    if verdict.rule == "balance":
        return INSUFFICIENT_BALANCE()
    kind, limit_of = _REFUSALS[verdict.rule]
    wait = verdict.retry_after_s
    return kind(
        seconds=wait,
        retry_after_s=wait,
        headers={
            "RateLimit-Limit": str(limit_of(request)),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(wait),
        },
    )


def _share(limit: int | None, sharers: int) -> int | None:
    """Rounded up: a small limit must not become none at all; all shares together pass it by less than their number."""
    return None if limit is None else -(-limit // sharers)
