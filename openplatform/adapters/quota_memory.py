"""QuotaCounter inside one process: exact there, and what a gateway falls back on while Redis cannot answer."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from openplatform.ports import Clock
from openplatform.records import QuotaRequest, QuotaUse, QuotaVerdict

MAX_APPS = 100_000
"""Apps counted at once; past that all counts start again, which bounds memory in a mode meant for minutes."""


class _AppUse:
    __slots__ = ("day", "day_used", "moments")

    def __init__(self) -> None:
        self.day = ""
        self.day_used = 0
        self.moments: deque[float] = deque()


class MemoryQuotaCounter:
    """Counts calls of this process only. zone: the platform's, whose calendar days are counted."""

    def __init__(self, clock: Clock, zone: ZoneInfo) -> None:
        self._clock = clock
        self._zone = zone
        self._apps: dict[str, _AppUse] = {}
        self._today: tuple[float, float, str] = (0.0, 0.0, "")
        self.ranking: Counter[str] = Counter()

    def admit(self, request: QuotaRequest) -> "asyncio.Future[QuotaVerdict]":
        verdict = asyncio.get_running_loop().create_future()
        verdict.set_result(self.decide(request))
        return verdict

    def decide(self, request: QuotaRequest) -> QuotaVerdict:
        """The verdict at once."""
        use, now, reset = self._current(request.app_key)
        day, minute = request.daily_limit, request.minute_limit
        if day is not None and use.day_used >= day:
            return self._refusal("day", reset, use, reset)
        if minute is not None and len(use.moments) >= minute:
            # The call that leaves the window first and makes room: the (n - limit + 1)-th oldest.
            leaving = use.moments[len(use.moments) - minute] if minute > 0 else now
            return self._refusal("minute", max(1, int(leaving + 61 - now)), use, reset)
        use.day_used += 1
        use.moments.append(now)
        self.ranking[request.api_name] += 1
        return QuotaVerdict(admitted=True, day_used=use.day_used, minute_used=len(use.moments), day_reset_s=reset)

    async def used(self, app_keys: Sequence[str]) -> Sequence[QuotaUse]:
        uses = [self._current(app_key) for app_key in app_keys]
        return [QuotaUse(day_used=u.day_used, minute_used=len(u.moments), day_reset_s=reset) for u, _, reset in uses]

    def _refusal(self, rule: str, wait: int, use: _AppUse, reset: int) -> QuotaVerdict:
        return QuotaVerdict(
            admitted=False, rule="day" if rule == "day" else "minute", retry_after_s=wait,
            day_used=use.day_used, minute_used=len(use.moments), day_reset_s=reset,
        )  # fmt: skip

    def _current(self, app_key: str) -> tuple[_AppUse, float, int]:
        now = self._clock.now()
        start, end, name = self._today
        if not start <= now < end:
            today = datetime.fromtimestamp(now, self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
            start, end = today.timestamp(), (today + timedelta(days=1)).timestamp()
            name = today.strftime("%Y%m%d")
            self._today = (start, end, name)
        use = self._apps.get(app_key)
        if use is None:
            if len(self._apps) >= MAX_APPS:
                self._apps.clear()
            use = self._apps[app_key] = _AppUse()
        if use.day != name:
            use.day, use.day_used = name, 0
        while use.moments and use.moments[0] <= now - 60:
            use.moments.popleft()
        return use, now, max(1, int(end - now))
