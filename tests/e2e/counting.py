"""A process of its own that asks the limits in Redis for admission, over and over: what overshoot tests start four of."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from threading import Barrier
from zoneinfo import ZoneInfo

from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.redis_client import open_redis
from openplatform.adapters.redis_wire import RedisWire
from openplatform.records import QuotaRequest, Reservation
from openplatform.web import SystemClock

Tally = dict[str, dict[str, int]]
"""For each kind of call: how often each rule refused it; "" = admitted."""

CALLERS = 10
PATIENCE_S = 30.0
"""No answer is late here: a lost one would count as spent."""


def wait_for_all(barrier: Barrier) -> None:
    """Returns when every process has come so far."""
    barrier.wait()


def press(redis_url: str, zone: str, requests: Mapping[str, QuotaRequest], for_s: float) -> tuple[Tally, float, float]:
    """10 callers of each kind, who call again as soon as they are answered, for so long and until they were refused once; from
    when to when (epoch s)."""

    async def work() -> tuple[Tally, float, float]:
        began = time.time()
        until = began + for_s
        tally: dict[str, Counter[str]] = {kind: Counter() for kind in requests}
        async with open_redis(redis_url, None, timeout_s=PATIENCE_S) as client:
            wire = RedisWire(redis_url, timeout_s=PATIENCE_S)
            quota = RedisQuotaCounter(client, SystemClock(), ZoneInfo(zone), wire=wire)

            async def call(kind: str) -> None:
                while time.time() < until or kind not in tally[kind]:
                    tally[kind][(await quota.admit(requests[kind])).rule] += 1

            await asyncio.gather(*(call(kind) for kind in requests for _ in range(CALLERS)))
            wire.close()
        return {kind: dict(rules) for kind, rules in tally.items()}, began, time.time()

    return asyncio.run(work())


def spend(redis_url: str, process: int, calls: int, price_fen: int, customer_id: int) -> dict[str, int]:
    """So many calls with a price, all at once: how often each rule refused."""

    async def work() -> dict[str, int]:
        request = QuotaRequest(app_key=f"app{process}", api_name="open.a.get", daily_limit=None, minute_limit=None)
        async with open_redis(redis_url, None, timeout_s=PATIENCE_S) as client:
            wire = RedisWire(redis_url, timeout_s=PATIENCE_S)
            quota = RedisQuotaCounter(client, SystemClock(), ZoneInfo("UTC"), wire=wire)
            asking = (
                quota.admit(
                    request,
                    Reservation(customer_id=customer_id, price_fen=price_fen, request_id=f"{process}-{n}", hold_s=63),
                )
                for n in range(calls)
            )
            verdicts = await asyncio.gather(*asking)
            wire.close()
        return dict(Counter(v.rule for v in verdicts))

    return asyncio.run(work())
