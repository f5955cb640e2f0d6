"""Balances: what a customer can spend, through every way a reservation can end, each step repeated at will."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import RedisClient
from openplatform.adapters.redis_keys import BALANCE_PREFIX
from openplatform.errors import PlatformUnavailable
from openplatform.records import QuotaRequest, QuotaVerdict, Reservation
from openplatform.web import SystemClock

ASK = QuotaRequest(app_key="app", api_name="open.a.get", daily_limit=None, minute_limit=None)


class Customer:
    """Customer 7 with 100 fen, who reserves and whose balance is looked at."""

    def __init__(self, client: RedisClient) -> None:
        self.client = client
        self.balances = RedisBalances(client)
        self.quota = RedisQuotaCounter(client, SystemClock(), ZoneInfo("Asia/Shanghai"))

    async def reserve(self, request_id: str, price_fen: int = 30, *, hold_s: int = 60) -> QuotaVerdict:
        reservation = Reservation(customer_id=7, price_fen=price_fen, request_id=request_id, hold_s=hold_s)
        return await self.quota.admit(ASK, reservation)

    async def spendable(self) -> int | None:
        return (await self.balances.spendable([7]))[0]


@pytest.fixture
async def customer(redis_client: RedisClient) -> Customer:
    made = Customer(redis_client)
    await RedisQuotaSnapshot(redis_client).restore([])
    await made.balances.put(7, money_fen=100, seq=1)
    return made


async def test_a_reservation_takes_its_price(customer: Customer) -> None:
    """Three of 30 fen fit into 100, a fourth does not, and the refused one spends no quota."""
    verdicts = [await customer.reserve(f"r{n}") for n in range(4)]
    assert [v.rule for v in verdicts] == ["", "", "", "balance"]
    assert await customer.spendable() == 10
    assert (await customer.quota.used(["app"]))[0].day_used == 3


async def test_many_at_once_never_go_below_zero(customer: Customer) -> None:
    """Of 500 calls for 3 fen at once 33 pass."""
    verdicts = await asyncio.gather(*(customer.reserve(f"r{n}", 3) for n in range(500)))
    assert sum(v.admitted for v in verdicts) == 33
    assert await customer.spendable() == 1


async def test_a_limit_that_refuses_reserves_nothing(customer: Customer) -> None:
    """A call that its limit refuses leaves the balance alone."""
    limited = QuotaRequest(app_key="app", api_name="open.a.get", daily_limit=0, minute_limit=None)
    reservation = Reservation(customer_id=7, price_fen=30, request_id="r", hold_s=60)
    assert (await customer.quota.admit(limited, reservation)).rule == "day"
    assert await customer.spendable() == 100


async def test_settled_and_booked(customer: Customer) -> None:
    """A settled price stays set aside until SQL has booked it; then the money is SQL's. Every step twice changes nothing."""
    await customer.reserve("r1")
    for _ in range(2):
        assert await customer.balances.settle(7, ["r1"])
    assert not await customer.balances.release(7, ["r1"])
    assert await customer.spendable() == 70
    for _ in range(2):
        assert await customer.balances.book(7, money_fen=70, seq=2, request_ids=["r1"])
    assert await customer.spendable() == 70
    assert not await customer.balances.settle(7, ["r1"])


async def test_released(customer: Customer) -> None:
    """A released price can be spent again, once."""
    await customer.reserve("r1")
    assert await customer.balances.release(7, ["r1"])
    assert not await customer.balances.release(7, ["r1"])
    assert not await customer.balances.settle(7, ["r1"])
    assert await customer.spendable() == 100


async def test_an_older_sum_changes_no_money(customer: Customer) -> None:
    """SQL's figures may come in any order: the newest ledger row decides, and bookings still end their reservations."""
    await customer.reserve("r1")
    await customer.balances.book(7, money_fen=500, seq=9)
    await customer.balances.book(7, money_fen=70, seq=2, request_ids=["r1"])
    assert await customer.spendable() == 500
    await customer.balances.put(7, money_fen=1, seq=9)
    assert await customer.spendable() == 500


async def test_reservations_expire(customer: Customer) -> None:
    """What nobody settled or released is given back when its time is over; what was settled never is."""
    await customer.reserve("gone", 10, hold_s=0)
    await customer.reserve("kept", 20, hold_s=60)
    await customer.reserve("settled", 30, hold_s=0)
    await customer.balances.settle(7, ["settled"])
    assert await customer.balances.expire() == [(7, "gone")]
    assert await customer.balances.expire() == []
    assert await customer.spendable() == 50


async def test_a_lost_balance_is_unknown_until_put(customer: Customer) -> None:
    """After its store lost it, a balance refuses as a fault of ours; bookings do not bring it back, `put` does."""
    await customer.reserve("r1")
    await customer.client.delete(f"{BALANCE_PREFIX}7")
    with pytest.raises(PlatformUnavailable):
        await customer.reserve("r2")
    assert not await customer.balances.book(7, money_fen=70, seq=2, request_ids=[])
    assert await customer.spendable() is None
    await customer.balances.put(7, money_fen=100, seq=2)
    assert await customer.spendable() == 70  # the reservation that was left is still set aside
    assert (await customer.reserve("r3", 70)).admitted


async def test_many_end_together(customer: Customer) -> None:
    """Calls of one customer are settled and released in one step; what is not reserved is passed over."""
    for n in range(4):
        await customer.reserve(f"r{n}", 10)
    assert await customer.balances.settle(7, ["r0", "r1", "never"]) == 2
    assert await customer.balances.release(7, ["r1", "r2", "never"]) == 1
    (state,) = await customer.balances.states([7])
    assert state is not None
    assert (state.money_fen, state.seq, state.pending_fen, state.reserved_fen) == (100, 1, 30, 30)
    assert sorted(state.settled) == [("r0", 10), ("r1", 10)]
    assert await customer.balances.states([8, 7]) == [None, state]


async def test_large_sums_stay_exact(customer: Customer) -> None:
    """Ten trillion yuan, to the fen."""
    await customer.balances.put(7, money_fen=10**15 + 1, seq=5)
    assert (await customer.reserve("r1", 10**15)).admitted
    assert await customer.spendable() == 1
    await customer.balances.release(7, ["r1"])
    assert await customer.spendable() == 10**15 + 1
