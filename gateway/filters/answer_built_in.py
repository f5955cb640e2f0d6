"""Routing, first: the platform's own APIs are answered here, from what this process knows or Redis counts."""

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from gateway.call import Call
from gateway.catalog import Catalog
from openplatform.errors import INVALID_ARGUMENT, PLATFORM_UNAVAILABLE
from openplatform.ports import Balances, Clock, QuotaCounter
from openplatform.protocol.timestamps import format_timestamp
from openplatform.records import Grant, QuotaUse, Route

MINUTE_S = 61
"""After so many seconds without a call no call counts in the sliding minute any more."""
MAX_PAGE_SIZE = 200
MAX_GRANTS = 200
"""Granted APIs whose limits are told; each costs a look into Redis."""


class AnswerBuiltIn:
    """open.time.get, open.app.quota.get, open.app.balance.get, open.api.list, and the same under the platform's prefix.

    default_minute_limit: for apps without one of their own, as the limits have it.
    """

    def __init__(
        self,
        catalog: Catalog,
        quota: QuotaCounter,
        balances: Balances,
        clock: Clock,
        *,
        default_minute_limit: int | None,
    ) -> None:
        self._catalog = catalog
        self._quota = quota
        self._balances = balances
        self._clock = clock
        self._default_minute_limit = default_minute_limit
        self._answers: dict[str, Callable[[Call], Awaitable[dict[str, Any]]]] = {
            "time.get": self._time,
            "app.quota.get": self._quotas,
            "app.balance.get": self._balance,
            "api.list": self._apis,
        }

    def __call__(self, call: Call) -> Awaitable[None] | None:
        assert call.route is not None
        return self._answer(call, call.route.built_in) if call.route.built_in else None

    async def _answer(self, call: Call, name: str) -> None:
        call.service_body = orjson.dumps(await self._answers[name](call))

    async def _time(self, call: Call) -> dict[str, Any]:
        return {"time": format_timestamp(self._clock.now())}

    async def _quotas(self, call: Call) -> dict[str, Any]:
        """Raises PlatformUnavailable when Redis does not say what was used."""
        assert call.app is not None
        app = call.app.app
        (use,) = await self._quota.used([app.app_key])
        now = self._clock.now()
        minute_limit = self._default_minute_limit if app.minute_limit is None else app.minute_limit
        quotas = [_day(app.daily_limit, use, now), _minute(minute_limit, use, now)]
        limited = sorted(name for name, grant in app.grants.items() if _is_limited(grant))[:MAX_GRANTS]
        uses = await self._quota.used_at([(app.app_key, name) for name in limited])
        for name, use in zip(limited, uses, strict=True):
            grant = app.grants[name]
            if grant.daily_limit is not None:
                quotas.append({"api_name": name, **_day(grant.daily_limit, use, now)})
            if grant.minute_limit is not None:
                quotas.append({"api_name": name, **_minute(grant.minute_limit, use, now)})
        return {"quotas": quotas}

    async def _balance(self, call: Call) -> dict[str, Any]:
        """Raises PlatformUnavailable when Redis does not answer, or does not know the balance yet."""
        assert call.app is not None
        (spendable,) = await self._balances.spendable([call.app.app.customer_id])
        if spendable is None:
            raise PLATFORM_UNAVAILABLE()
        return {"spendable_fen": spendable}

    async def _apis(self, call: Call) -> dict[str, Any]:
        assert call.app is not None
        catalog = self._catalog
        number, size = _page(call.params, "page_no", 1, 10**6), _page(call.params, "page_size", 40, MAX_PAGE_SIZE)
        granted = [name for name in sorted(call.app.app.grants) if _is_callable(catalog, name)]
        names, total = merged_page(catalog.open_apis, granted, (number - 1) * size, number * size)
        return {
            "apis": [_described(catalog.routes[name].route) for name in names],
            "total_results": total,
            "page_no": number,
            "page_size": size,
        }


def merged_page(open_apis: list[str], granted: list[str], start: int, end: int) -> tuple[list[str], int]:
    """Names [start, end) of both sorted lists together, and how many there are; none is in both.

    There may be 100,000 open APIs: only the page is touched.
    """
    places = [bisect_left(open_apis, name) + n for n, name in enumerate(granted)]  # of the granted ones, in the whole
    first, last = bisect_left(places, start), bisect_left(places, end)
    page = open_apis[start - first : max(0, end - last)] + granted[first:last]
    return sorted(page), len(open_apis) + len(granted)


def _is_callable(catalog: Catalog, name: str) -> bool:
    """Whether a granted API is one that is there and would not be listed anyway."""
    entry = catalog.routes.get(name)
    return entry is not None and entry.route.enabled and not entry.route.is_open


def _is_limited(grant: Grant) -> bool:
    return grant.daily_limit is not None or grant.minute_limit is not None


def _day(limit: int | None, use: QuotaUse, now: float) -> dict[str, Any]:
    return _quota("day", limit, use.day_used, now + use.day_reset_s)


def _minute(limit: int | None, use: QuotaUse, now: float) -> dict[str, Any]:
    return _quota("minute", limit, use.minute_used, now + (MINUTE_S if use.minute_used else 0))


def _quota(period: str, limit: int | None, used: int, reset_at: float) -> dict[str, Any]:
    """One limit; without limit and remaining when there is none."""
    quota: dict[str, Any] = {"period": period, "used": used, "reset_time": format_timestamp(reset_at)}
    if limit is not None:
        quota |= {"limit": limit, "remaining": max(0, limit - used)}
    return quota


def _page(params: dict[str, str], name: str, default: int, most: int) -> int:
    text = params.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= most):
        raise INVALID_ARGUMENT(f"the parameter {name} must be a whole number from 1 to {most}", name=name)
    return int(text)


def _described(route: Route) -> dict[str, Any]:
    return {
        "api_name": route.api_name,
        "description": route.description,
        "group": route.group,
        "version": route.api_version,
        "needs_session": route.needs_session,
        "price_fen": route.price_fen if route.needs_fee else 0,
        "deprecated": route.deprecated,
    }
