"""Reserve, settle, release, expire, send, book, recharge, lose and make known, in any order, against a plain model of the money."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from openplatform.errors import PlatformUnavailable
from openplatform.records import QuotaRequest, Reservation

T = TypeVar("T")
CUSTOMER = 7
ASK = QuotaRequest(app_key="app", api_name="open.a.get", daily_limit=None, minute_limit=None)
numbers = st.integers(0, 50)


class HurriedClock:
    """A minute passes between two looks: a counter that rests after a failure has rested."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        self._elapsed += 60
        return self._elapsed


class BalanceMachine(RuleBasedStateMachine):
    """sql: the money and its newest ledger row; ledger: booked calls; redis: what it should know, None = nothing; pending: price,
    settled and due by request id; queue: charges on their way; answered: all that were ever settled."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.opening = open_redis("memory://", Embedded())
        self.client = self.run(self.opening.__aenter__())
        self.balances = RedisBalances(self.client)
        self.snapshot = RedisQuotaSnapshot(self.client)
        self.quota = RedisQuotaCounter(self.client, HurriedClock(), ZoneInfo("Asia/Shanghai"))
        self.run(self.snapshot.restore([]))
        self.made = 0
        self.sql, self.seq = 100, 1
        self.paid = 100
        self.ledger: dict[str, int] = {}
        self.pushes = [(100, 1)]
        self.redis: tuple[int, int] | None = (100, 1)
        self.pending: dict[str, tuple[int, bool, bool]] = {}
        self.queue: list[tuple[str, int]] = []
        self.answered: dict[str, int] = {}
        self.was_lost = False
        self.run(self.balances.put(CUSTOMER, money_fen=100, seq=1))

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.opening.__aexit__(None, None, None))
        self.loop.close()

    def request(self, number: int) -> str:
        """One of those that were made, or one that never was."""
        return f"r{number % (self.made + 1)}"

    @property
    def spendable(self) -> int | None:
        return None if self.redis is None else self.redis[0] - sum(price for price, _, _ in self.pending.values())

    def push(self, money: int, seq: int) -> None:
        if self.redis is not None and seq > self.redis[1]:
            self.redis = (money, seq)

    @rule(price=st.integers(1, 40), is_due=st.booleans())
    def reserve(self, price: int, is_due: bool) -> None:
        request_id = f"r{self.made}"
        self.made += 1
        reservation = Reservation(
            customer_id=CUSTOMER, price_fen=price, request_id=request_id, hold_s=0 if is_due else 600
        )

        async def admitted() -> str | None:
            try:
                return (await self.quota.admit(ASK, reservation)).rule
            except PlatformUnavailable:
                return None

        rule_ = self.run(admitted())
        if self.spendable is None:
            assert rule_ is None
        elif self.spendable < price:
            assert rule_ == "balance"
        else:
            assert rule_ == ""
            self.pending[request_id] = (price, False, is_due)

    @rule(number=numbers)
    def settle(self, number: int) -> None:
        request_id = self.request(number)
        self.run(self.balances.settle(CUSTOMER, [request_id]))
        if request_id in self.pending:
            price, _, is_due = self.pending[request_id]
            self.pending[request_id] = (price, True, is_due)
            self.answered[request_id] = price

    @rule(number=numbers)
    def release(self, number: int) -> None:
        request_id = self.request(number)
        self.run(self.balances.release(CUSTOMER, [request_id, request_id]))
        if request_id in self.pending and not self.pending[request_id][1]:
            del self.pending[request_id]

    @rule()
    def expire(self) -> None:
        self.run(self.balances.expire())
        self.pending = {r: (p, settled, due) for r, (p, settled, due) in self.pending.items() if settled or not due}

    @precondition(lambda self: self.answered)
    @rule(number=numbers)
    def send(self, number: int) -> None:
        """Of an answered call, any number of times."""
        request_id = list(self.answered)[number % len(self.answered)]
        self.queue.append((request_id, self.answered[request_id]))

    @rule(count=st.integers(1, 5), is_told=st.booleans(), is_acked=st.booleans())
    def book(self, count: int, is_told: bool, is_acked: bool) -> None:
        """A batch: a consumer that dies before it tells Redis, or before the ack, gets it again."""
        batch = self.queue[:count]
        for request_id, price in batch:
            if request_id not in self.ledger:
                self.ledger[request_id] = price
                self.sql, self.seq = self.sql - price, self.seq + 1
        self.pushes.append((self.sql, self.seq))
        if is_told:
            request_ids = [request_id for request_id, _ in batch]
            known = self.run(self.balances.book(CUSTOMER, money_fen=self.sql, seq=self.seq, request_ids=request_ids))
            assert known == (self.redis is not None)
            self.push(self.sql, self.seq)
            for request_id in request_ids:
                self.pending.pop(request_id, None)
            if is_acked:
                del self.queue[:count]

    @rule(number=numbers)
    def tell_late(self, number: int) -> None:
        """Something that SQL said once arrives now."""
        money, seq = self.pushes[number % len(self.pushes)]
        self.run(self.balances.book(CUSTOMER, money_fen=money, seq=seq))
        self.push(money, seq)

    @rule(fen=st.integers(1, 50))
    def recharge(self, fen: int) -> None:
        self.sql, self.seq, self.paid = self.sql + fen, self.seq + 1, self.paid + fen
        self.pushes.append((self.sql, self.seq))

    @rule()
    def lose(self) -> None:
        self.run(self.client.flushall())
        self.run(self.snapshot.restore([]))
        self.redis, self.pending, self.was_lost = None, {}, True

    @precondition(lambda self: all(request_id in self.ledger for request_id, _ in self.queue))
    @rule()
    def make_known(self) -> None:
        self.run(self.balances.put(CUSTOMER, money_fen=self.sql, seq=self.seq))
        if self.redis is None:
            self.redis = (self.sql, self.seq)
        self.push(self.sql, self.seq)

    @invariant()
    def redis_is_the_model(self) -> None:
        (state,) = self.run(self.balances.states([CUSTOMER]))
        if self.redis is None:
            assert state is None
            return
        assert state is not None
        assert (state.money_fen, state.seq) == self.redis
        assert state.pending_fen == state.reserved_fen == sum(price for price, _, _ in self.pending.values())
        assert dict(state.settled) == {r: price for r, (price, settled, _) in self.pending.items() if settled}

    @invariant()
    def no_fen_is_spent_twice(self) -> None:
        """Booked or answered and not booked yet: all of it was paid for, unless Redis forgot what it had set aside."""
        assert self.sql == self.paid - sum(self.ledger.values())
        if not self.was_lost:
            assert sum(({**self.answered, **self.ledger}).values()) <= self.paid
            assert self.spendable is not None
            assert self.spendable >= 0


BalanceMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestBalances = BalanceMachine.TestCase
