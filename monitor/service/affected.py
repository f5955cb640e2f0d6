"""Which calls made an alert: the slowest (or failed) ones of a window, and whose they were. Asked only when a mail is to be written."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from monitor.clients import PipelineLag
from monitor.repository.rules import AlertRule
from monitor.service.mail_text import Affected
from openplatform.errors import OpenPlatformError
from openplatform.records import ApiStats, CallLog

log = logging.getLogger(__name__)

ASKED_APIS = 5
"""The worst ones of a mail: more would make the mail of a whole outage wait for as many searches."""
PATIENCE_S = 5.0


class CallStatistics(Protocol):
    """What the monitor asks of the call logs. Raises OpenPlatformError when it gets no answer."""

    async def stats(self, *, from_ms: int, to_ms: int) -> Sequence[ApiStats]: ...

    async def lag(self) -> PipelineLag: ...

    async def calls(
        self, *, api_name: str, from_ms: int, to_ms: int, min_ms: int | None, only_errors: bool
    ) -> Sequence[CallLog]: ...


async def affected_calls(
    statistics: CallStatistics, rule: AlertRule, api_names: Sequence[str], *, from_ms: int, to_ms: int
) -> Affected:
    """Of the newest calls over the limit. Nothing when the call logs do not answer in 5 s: the mail goes without."""
    only_errors = rule.metric == "error_rate"
    try:
        async with asyncio.timeout(PATIENCE_S):
            asked = [
                statistics.calls(
                    api_name=name,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    min_ms=None if only_errors else int(rule.threshold) + 1,  # at the limit is not over it
                    only_errors=only_errors,
                )
                for name in api_names[:ASKED_APIS]
            ]
            answers = await asyncio.gather(*asked)
    except (OpenPlatformError, TimeoutError) as error:
        log.info("the mail goes without its slowest calls: %s", error)
        return Affected()
    calls = sorted((call for answer in answers for call in answer), key=lambda call: -call.platformRepTime)
    return Affected(
        calls=tuple(calls),
        apps=_top(call.appkey for call in calls if call.appkey),
        vendors=_top(str(call.venderId) for call in calls if call.venderId is not None),
    )


def _top(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(names).most_common())
