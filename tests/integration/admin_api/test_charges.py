"""Charges from the queue into the ledger, over real stores: once each, whoever dies meanwhile, and Redis hears of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import msgspec
import pytest
import sqlalchemy as sa

from admin_api.billing.jobs import reservations, upkeep
from admin_api.billing.jobs.accounts import keeping
from admin_api.settings import AdminSettings
from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger
from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.rabbitmq_topology import CHARGES
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.errors import PlatformUnavailable
from openplatform.records import Charge, QuotaRequest, QuotaVerdict, Reservation
from tests.admin_world import ZONE, Caller, World, open_world
from tests.contract.test_batch_queues import dead_in_rabbitmq
from tests.servers.redis import flush
from tests.waiting import PATIENCE_S, until

ASK = QuotaRequest(app_key="app", api_name="open.a.get", daily_limit=None, minute_limit=None)


@dataclass
class Accounts:
    """An admin_api that books, a customer with 1,000 fen, and the gateway's side of it."""

    world: World
    admin: Caller
    redis: RedisClient
    customer_id: int

    @property
    def balances(self) -> RedisBalances:
        return RedisBalances(self.redis)

    async def reserve(self, request_id: str, price_fen: int = 7, *, hold_s: int = 60) -> QuotaVerdict:
        quota = RedisQuotaCounter(self.redis, self.world.clock, ZONE)
        reservation = Reservation(
            customer_id=self.customer_id, price_fen=price_fen, request_id=request_id, hold_s=hold_s
        )
        return await quota.admit(ASK, reservation)

    def charge(self, request_id: str, price_fen: int = 7, **fields: object) -> Charge:
        values = {"customer_id": self.customer_id, "app_key": "app", "api_name": "open.a.get", "at_ms": 1, **fields}
        return Charge(request_id=request_id, price_fen=price_fen, **values)

    async def send(self, *charges: Charge) -> None:
        await self.publish(msgspec.json.Encoder().encode_lines(charges))

    async def publish(self, batch: bytes) -> None:
        """Until the broker has it: perhaps twice."""

        async def published() -> bool:
            with suppress(PlatformUnavailable):
                await self.world.resources.accounts.marks.publish(batch, node="gw")
                return True
            return False

        await until(published)

    async def spendable(self) -> int | None:
        return (await self.balances.spendable([self.customer_id]))[0]

    async def money(self) -> int:
        return int((await self.admin.shown(f"/customers/{self.customer_id}"))["money"])

    async def calls(self) -> list[tuple[str, int, int]]:
        """Reference, delta and balance after of the ledger rows that calls left."""
        rows = await self.world.rows(balance_ledger)
        return [(r["reference"], r["delta"], r["balance_after"]) for r in rows if r["reason"] == "call"]

    async def until_spendable(self, fen: int) -> None:
        async def reached() -> bool:
            return await self.spendable() == fen

        await until(reached)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that do not wait long between their passes."""
    monkeypatch.setattr(upkeep, "EVERY_S", 0.1)
    monkeypatch.setattr(upkeep, "_FIRST_PAUSE_S", 0.3)
    monkeypatch.setattr(reservations, "EVERY_S", 0.1)
    monkeypatch.setattr(reservations, "RECOVER_EVERY_S", 0.3)


@asynccontextmanager
async def open_accounts(settings: AdminSettings) -> AsyncIterator[Accounts]:
    """A world whose customer has been paid for and is known to Redis."""
    async with (
        open_world(settings, None) as world,
        keeping(world.resources.accounts, node="admin"),
        open_redis(settings.redis_url, None, timeout_s=PATIENCE_S) as redis,
    ):
        admin = await world.administrator()
        owner = await admin.new_customer()
        accounts = Accounts(world, admin, redis, owner["id"])
        await recharge(accounts, 1000)
        await accounts.until_spendable(1000)
        yield accounts


async def recharge(accounts: Accounts, fen: int) -> None:
    made = await accounts.admin.made("/recharges", cus_id=accounts.customer_id, money=fen, payment_type=1)
    assert (await accounts.admin.post(f"/recharges/{made['id']}/pay")).json()["state"] == 1


@pytest.fixture
async def accounts(
    settings: AdminSettings, clean_redis_url: str, rabbitmq_url: str, quick: None
) -> AsyncIterator[Accounts]:
    async with open_accounts(replace(settings, redis_url=clean_redis_url, rabbitmq_url=rabbitmq_url)) as opened:
        yield opened


async def test_a_charge_is_booked_once_however_often_it_comes(accounts: Accounts) -> None:
    """In one batch twice, in the next again: one ledger row, one price, and the reservation is gone."""
    assert (await accounts.reserve("r1")).admitted
    assert await accounts.spendable() == 993
    await accounts.send(accounts.charge("r1"), accounts.charge("r1"))
    await accounts.send(accounts.charge("r1"), accounts.charge("r2", 3))
    await accounts.until_spendable(990)
    await until(lambda: all_taken(accounts))
    assert await accounts.calls() == [("call:r1", -7, 993), ("call:r2", -3, 990)]
    assert await accounts.money() == 990
    (state,) = await accounts.balances.states([accounts.customer_id])
    assert state is not None
    assert (state.money_fen, state.pending_fen, state.reserved_fen) == (990, 0, 0)


async def all_taken(accounts: Accounts) -> bool:
    with suppress(PlatformUnavailable):
        return await accounts.world.resources.accounts.charges.depth() == 0
    return False


async def test_what_can_never_be_booked_goes_to_the_dead_letters(accounts: Accounts) -> None:
    """Rubbish, a customer that does not exist, a price of nothing: put aside with a reason; their neighbours are booked."""
    await accounts.publish(b"{rubbish\n")
    await accounts.send(
        accounts.charge("r1"), accounts.charge("r2", customer_id=999_999), accounts.charge("r3", 0), accounts.charge("")
    )
    await accounts.until_spendable(993)
    dead: set[tuple[str, bytes]] = set()

    async def all_dead() -> bool:
        dead.update(await dead_in_rabbitmq(accounts.world.settings.rabbitmq_url, CHARGES))
        return len(dead) >= 4

    await until(all_dead)
    reasons = sorted(reason for reason, _ in dead)
    assert len(reasons) == 4
    assert reasons[0] == "a price of 0 fen"
    assert reasons[1] == "no request id"
    assert reasons[2] == "there is no customer 999999"
    assert reasons[3].startswith("undecodable")
    assert [row[0] for row in await accounts.calls()] == ["call:r1"]


async def test_money_owed_is_owed(accounts: Accounts, caplog: pytest.LogCaptureFixture) -> None:
    """A charge beyond the balance, whose reservation was lost, is booked all the same, below zero, and said aloud."""
    await accounts.send(accounts.charge("r1", 1200))
    await accounts.until_spendable(-200)
    assert await accounts.calls() == [("call:r1", -1200, -200)]
    await until(lambda: "is overdrawn: -200 fen" in caplog.text)  # it is said when Redis has been told
    assert (await accounts.reserve("r2", 1)).rule == "balance"


async def test_a_recharge_can_be_spent_at_once(accounts: Accounts) -> None:
    """When the operator's answer has come, Redis knows the new balance, reservations under way included."""
    await accounts.reserve("r1", 100)
    await recharge(accounts, 500)
    assert await accounts.spendable() == 1400


async def test_a_new_customer_is_known_without_money(accounts: Accounts) -> None:
    """A call of a customer who never paid is refused for the balance, not as a fault of ours."""
    owner = await accounts.admin.new_customer()

    async def known() -> bool:
        return (await accounts.balances.spendable([owner["id"]])) == [0]

    await until(known)


async def test_reservations_that_nobody_ended_are_given_back(accounts: Accounts) -> None:
    """A gateway died before the answer: its price can be spent again when its time is over."""
    assert (await accounts.reserve("r1", 400, hold_s=1)).admitted

    async def given_back() -> bool:
        metrics = (await accounts.admin.http.get("/metrics")).text
        return 'pailou_reservations_ended_total{result="expired"} 1.0' in metrics

    await until(given_back)
    assert await accounts.spendable() == 1000
    assert await accounts.calls() == []


async def test_answered_calls_whose_charge_never_came_are_booked(accounts: Accounts) -> None:
    """A gateway died between settling and the queue: the settled reservation is booked in the charge's place, once."""
    await accounts.reserve("r1", 400)
    await accounts.balances.settle(accounts.customer_id, ["r1"])

    async def booked() -> bool:
        return await accounts.calls() == [("call:r1", -400, 600)]

    await until(booked)
    await accounts.send(accounts.charge("r1", 400))
    await until(lambda: all_taken(accounts))
    await accounts.until_spendable(600)
    assert await accounts.calls() == [("call:r1", -400, 600)]


async def test_a_redis_that_lost_its_data_learns_balances_after_the_queue(accounts: Accounts) -> None:
    """Charges that were on their way when Redis lost everything are booked before a balance can be spent again."""
    for n in range(20):
        await accounts.reserve(f"r{n}", 10)
    async with accounts.world.database.begin() as connection:  # none is booked before Redis has lost everything
        await connection.execute(sa.update(customer).values(state=customer.c.state))
        await accounts.send(*(accounts.charge(f"r{n}", 10) for n in range(20)))
        await asyncio.to_thread(flush, accounts.world.settings.redis_url)
    async with asyncio.timeout(PATIENCE_S):
        seen = set()
        while await accounts.money() != 800 or await accounts.spendable() is None:
            seen.add(await accounts.spendable())
            await asyncio.sleep(0.01)
    assert seen <= {None, 800}
    assert await accounts.spendable() == 800
