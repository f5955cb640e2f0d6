"""QuotaCounter inside one process: exact there, and what a gateway falls back on while Redis cannot answer."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.ports import Clock
from openplatform.records import QuotaRequest, QuotaUse, QuotaVerdict, Reservation, Rule

MAX_COUNTERS = 100_000
"""Apps, APIs and grants counted at once; past that all counts start again, which bounds memory in a mode meant for minutes."""

Counted = tuple[str, ...]


class _Use:
    """What was counted for one app, one API, or one app at one API."""

    __slots__ = ("day", "day_used", "moments")

    def __init__(self) -> None:
        self.day = ""
        self.day_used = 0
        self.moments: deque[float] = deque()

    def bring_up_to(self, now: float, day: str) -> None:
        if self.day != day:
            self.day, self.day_used = day, 0
        while self.moments and self.moments[0] <= now - 60:
            self.moments.popleft()

    def in_second_of(self, now: float) -> int:
        return sum(1 for _ in takewhile(lambda moment: int(moment) == int(now), reversed(self.moments)))

    def minute_wait(self, now: float, limit: int) -> int:
        # The call that leaves the window first and makes room: the (n - limit + 1)-th oldest.
        leaving = self.moments[len(self.moments) - limit] if limit > 0 else now
        return max(1, int(leaving + 61 - now))


class MemoryQuotaCounter:
    """Counts calls of this process only, and knows no balances. zone: the platform's, whose calendar days are counted."""

    def __init__(self, clock: Clock, zone: ZoneInfo) -> None:
        self._clock = clock
        self._zone = zone
        self._uses: dict[Counted, _Use] = {}
        self._today: tuple[float, float, str] = (0.0, 0.0, "")
        self.ranking: Counter[str] = Counter()

    def admit(self, request: QuotaRequest, reservation: Reservation | None = None) -> "asyncio.Future[QuotaVerdict]":
        verdict = asyncio.get_running_loop().create_future()
        if reservation is None:
            verdict.set_result(self.decide(request))
        else:
            verdict.set_exception(PLATFORM_UNAVAILABLE("no balance is known in this process"))
        return verdict

    def decide(self, request: QuotaRequest) -> QuotaVerdict:
        """The verdict at once."""
        now, name, reset = self._moment()
        counted: list[Counted] = [(request.app_key,)]
        if request.counts_grant:
            counted.append((request.app_key, request.api_name))
        if request.counts_api:
            counted.append(("", "", request.api_name))
        if len(self._uses) + len(counted) > MAX_COUNTERS:
            self._uses.clear()
        uses = [self._uses.setdefault(key, _Use()) for key in counted]
        for use in uses:
            use.bring_up_to(now, name)
        app, rule, wait = uses[0], *next(_refusals(request, uses, now, reset), ("", 0))
        if not rule:
            for use in uses:
                use.day_used += 1
                use.moments.append(now)
            self.ranking[request.api_name] += 1
        return QuotaVerdict(
            admitted=not rule, rule=rule, retry_after_s=wait,
            day_used=app.day_used, minute_used=len(app.moments), day_reset_s=reset,
        )  # fmt: skip

    async def used(self, app_keys: Sequence[str]) -> Sequence[QuotaUse]:
        return self._read([(app_key,) for app_key in app_keys])

    async def used_at(self, grants: Sequence[tuple[str, str]]) -> Sequence[QuotaUse]:
        return self._read(grants)

    async def used_of(self, api_names: Sequence[str]) -> Sequence[QuotaUse]:
        return self._read([("", "", api_name) for api_name in api_names])

    def _read(self, keys: Sequence[tuple[str, ...]]) -> list[QuotaUse]:
        now, name, reset = self._moment()
        uses = [self._uses.get(key) or _Use() for key in keys]
        for use in uses:
            use.bring_up_to(now, name)
        return [QuotaUse(day_used=u.day_used, minute_used=len(u.moments), day_reset_s=reset) for u in uses]

    async def reset_day(self, app_key: str) -> int:
        (use,) = await self.used([app_key])
        if (counted := self._uses.get((app_key,))) is not None:
            counted.day_used = 0
        return use.day_used

    def _moment(self) -> tuple[float, str, int]:
        now = self._clock.now()
        start, end, name = self._today
        if not start <= now < end:
            today = datetime.fromtimestamp(now, self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
            start, end = today.timestamp(), (today + timedelta(days=1)).timestamp()
            name = today.strftime("%Y%m%d")
            self._today = (start, end, name)
        return now, name, max(1, int(end - now))


def _refusals(r: QuotaRequest, uses: Sequence[_Use], now: float, reset: int) -> Iterator[tuple[Rule, int]]:
    """Each rule that refuses and its wait, in the order of the admission script."""
    app, grant, api = uses[0], uses[1] if r.counts_grant else None, uses[-1] if r.counts_api else None
    days: tuple[tuple[Rule, _Use | None, int | None], ...] = (
        ("day", app, r.daily_limit), ("app-api-day", grant, r.grant_daily_limit), ("api-day", api, r.api_daily_limit),
    )  # fmt: skip
    minutes: tuple[tuple[Rule, _Use | None, int | None], ...] = (
        ("minute", app, r.minute_limit), ("app-api-minute", grant, r.grant_minute_limit),
        ("api-minute", api, r.api_minute_limit),
    )  # fmt: skip
    for rule, use, limit in days:
        if use is not None and limit is not None and use.day_used >= limit:
            yield rule, reset
    for rule, use, limit in minutes:
        if use is not None and limit is not None and len(use.moments) >= limit:
            yield rule, use.minute_wait(now, limit)
    if api is not None and r.api_second_limit is not None and api.in_second_of(now) >= r.api_second_limit:
        yield "api-second", 1
