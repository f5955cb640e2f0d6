"""The admission script is held against a slow, obvious model, with its clock turned by the test."""

from dataclasses import dataclass, field

import orjson
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from openplatform.adapters.quota_redis import question
from openplatform.adapters.quota_redis_script import RULES, SCRIPT, UNKNOWN_BALANCE
from openplatform.adapters.redis_keys import (
    ADMISSION_SENTINEL,
    BALANCE_PREFIX,
    PENDING_EXPIRY,
    PENDING_PREFIX,
    RANK_PREFIX,
)
from openplatform.records import QuotaRequest, Reservation

TURNED = SCRIPT.replace("redis.call('TIME')[1]", "ARGV[2]")
DAYS = [(0, 1000, "d1"), (1000, 2000, "d2"), (2000, 3000, "d3")]
MONEY_FEN = 40
CUSTOMER, UNKNOWN_CUSTOMER = 5, 6


class Counter:
    """Remembers every call that was counted: the truth that buckets and sums must agree with."""

    def __init__(self) -> None:
        self.counted: list[int] = []
        self.high_water = 0
        self.now = 0

    def look(self, wall: int) -> None:
        self.now = max(self.high_water, wall)
        if any(t >= self.high_water - 60 for t in self.counted):
            self.high_water = self.now  # buckets have moved on: the clock never goes back behind them

    def day_wait(self, limit: int | None) -> int:
        start = max(s for s, _, _ in DAYS if s <= self.now)
        full = limit is not None and sum(t >= start for t in self.counted) >= limit
        return start + 1000 - self.now if full else 0

    def minute_wait(self, limit: int | None) -> int:
        if limit is None or sum(t >= self.now - 60 for t in self.counted) < limit:
            return 0
        waits = (w for w in range(1, 62) if sum(t >= self.now + w - 60 for t in self.counted) < limit)
        return next(waits, 60) if limit else 60

    def second_wait(self, limit: int | None) -> int:
        return int(limit is not None and self.counted.count(self.now) >= limit)

    def count(self) -> None:
        self.counted.append(self.now)
        self.high_water = self.now


@dataclass
class Model:
    """All counters by what they count, and what the one known customer has left."""

    counters: dict[tuple[str, ...], Counter] = field(default_factory=dict)
    left_fen: int = MONEY_FEN
    reserved: dict[str, str] = field(default_factory=dict)
    admitted: int = 0

    def decide(self, wall: int, r: QuotaRequest, reservation: Reservation | None) -> tuple[int, int]:
        app = self._look(wall, r.app_key)
        grant = self._look(wall, r.app_key, r.api_name) if r.counts_grant else Counter()
        api = self._look(wall, "", r.api_name) if r.counts_api else Counter()
        waits = (
            app.day_wait(r.daily_limit), grant.day_wait(r.grant_daily_limit), api.day_wait(r.api_daily_limit),
            app.minute_wait(r.minute_limit), grant.minute_wait(r.grant_minute_limit), api.minute_wait(r.api_minute_limit),
            api.second_wait(r.api_second_limit),
        )  # fmt: skip
        for rule, wait in enumerate(waits, start=1):
            if wait:
                return rule, wait
        if reservation is not None:
            if reservation.customer_id != CUSTOMER:
                return UNKNOWN_BALANCE, 0
            if reservation.price_fen > self.left_fen:
                return RULES.index("balance"), 0
            self.left_fen -= reservation.price_fen
            self.reserved[reservation.request_id] = f"{reservation.price_fen} {wall + reservation.hold_s}"
        for counter in {app, grant, api}:
            counter.count()
        self.admitted += 1
        return 0, 0

    def _look(self, wall: int, *whose: str) -> Counter:
        counter = self.counters.setdefault(whose, Counter())
        counter.look(wall)
        return counter


LIMIT = st.none() | st.integers(0, 9)
REQUESTS = st.builds(
    QuotaRequest,
    app_key=st.sampled_from(["a", "b"]), api_name=st.sampled_from(["open.x.get", "open.y.get"]),
    daily_limit=st.integers(5, 25), minute_limit=st.none() | st.integers(0, 12),
    api_second_limit=LIMIT, api_minute_limit=LIMIT, api_daily_limit=LIMIT,
    grant_daily_limit=LIMIT, grant_minute_limit=LIMIT,
)  # fmt: skip
ONE_APP = st.builds(
    QuotaRequest, app_key=st.just("a"), api_name=st.just("open.x.get"), daily_limit=st.none() | st.integers(0, 12),
    minute_limit=st.none() | st.integers(0, 6),
)  # fmt: skip
WAITS = st.sampled_from([0, 0, 0, 1, 1, 2, 7, 30, 59, 60, 61, 62, 130, -5, -90])
PRICES = st.sampled_from([None, None, None, (CUSTOMER, 3), (CUSTOMER, 7), (CUSTOMER, 0), (UNKNOWN_CUSTOMER, 1)])
# Which of the requests each call of a burst makes, and its price.
STEPS = st.lists(st.tuples(WAITS, st.lists(st.tuples(st.integers(0, 4), PRICES), min_size=1, max_size=6)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    STEPS,
    st.lists(REQUESTS, min_size=1, max_size=5) | st.lists(ONE_APP, min_size=1, max_size=1),
    st.integers(900, 1100),
)
def test_the_script_agrees_with_the_model(redis_url: str, steps, requests: list[QuotaRequest], start: int) -> None:
    """Any sequence of waits, clock steps and bursts, over a midnight: verdicts, waits and money are those of the obvious model."""
    with redis.Redis.from_url(redis_url) as server:
        server.flushdb()
        server.set(ADMISSION_SENTINEL, "-")
        server.hset(f"{BALANCE_PREFIX}{CUSTOMER}", mapping={"money": MONEY_FEN, "seq": 1})
        model, wall, number = Model(), start, 0
        for wait, burst in steps:
            wall = max(1, wall + wait)
            batch = []
            for which, price in burst:
                number += 1
                reservation = price and Reservation(
                    customer_id=price[0], price_fen=price[1], request_id=f"r{number}", hold_s=63
                )
                batch.append((requests[which % len(requests)], reservation, None))
            keys, body = question(batch, DAYS)
            answer = orjson.loads(server.eval(TURNED, len(keys), *keys, orjson.dumps(body), wall))
            assert [(v[0], v[1]) for v in answer] == [model.decide(wall, r, price) for r, price, _ in batch]
        assert sum(sum(s for _, s in server.zrange(RANK_PREFIX + d, 0, -1, withscores=True)) for _, _, d in DAYS) == (
            model.admitted
        )
        assert int(server.hget(f"{BALANCE_PREFIX}{CUSTOMER}", "pending") or 0) == MONEY_FEN - model.left_fen
        pending = server.hgetall(f"{PENDING_PREFIX}{CUSTOMER}")
        assert {k.decode(): v.decode() for k, v in pending.items()} == model.reserved
        assert server.zcard(PENDING_EXPIRY) == len(model.reserved)
        assert not server.exists(f"{BALANCE_PREFIX}{UNKNOWN_CUSTOMER}", f"{PENDING_PREFIX}{UNKNOWN_CUSTOMER}")
