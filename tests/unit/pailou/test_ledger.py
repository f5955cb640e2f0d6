"""`pailou ledger check`: right books end with 0, every kind of wrong ones is named and ends with 1."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger
from admin_api.tables.metadata import metadata
from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_keys import BALANCE_PREFIX
from openplatform.sql import Database, open_database
from pailou import ledger
from pailou.ledger import check
from tests.unit.pailou.test_cli import Run, run  # noqa: F401  # a fixture


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/admin.db") as opened:
        async with opened.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield opened


@pytest.fixture
async def redis() -> AsyncIterator[RedisClient]:
    async with open_redis("memory://", Embedded()) as client:
        yield client


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs is not looked at again."""
    monkeypatch.setattr(ledger, "LOOKS", 1)


async def books(database: Database, money: int, rows: Sequence[tuple[int, int]]) -> None:
    """One customer; rows: (delta, balance after)."""
    async with database.begin() as connection:
        row = {"username": "isv", "password": "", "nickname": "", "address": "", "state": 1, "money": money}
        await connection.execute(sa.insert(customer).values(row))
        for n, (delta, balance) in enumerate(rows):
            moved = {"cus_id": 1, "delta": delta, "balance_after": balance, "reason": "call", "reference": f"call:{n}"}
            await connection.execute(sa.insert(balance_ledger).values(moved | {"create_time": datetime.now(UTC)}))


@pytest.mark.parametrize(
    ("money", "rows", "faults"),
    [
        (93, [(100, 100), (-7, 93)], ()),
        (0, [], ()),
        (90, [(100, 100), (-7, 93)], ("the ledger's rows make 93",)),
        (93, [(100, 100), (-7, 95)], ("row 2 does not follow from the one before",)),
        (5, [], ("the ledger's rows make 0",)),
    ],
)
async def test_the_ledger_alone(
    database: Database, money: int, rows: list[tuple[int, int]], faults: tuple[str, ...]
) -> None:
    """Money is the sum of the rows, and each row follows from the one before."""
    await books(database, money, rows)
    (one,) = await check(database, None)
    assert one.faults == faults


async def test_what_redis_says(database: Database, redis: RedisClient) -> None:
    """Redis must know the balance, be at the newest row with its money, and set aside what its reservations make."""
    await books(database, 93, [(100, 100), (-7, 93)])
    balances = RedisBalances(redis)
    assert (await check(database, balances))[0].faults == ("Redis does not know it",)
    await balances.put(1, money_fen=100, seq=1)
    assert (await check(database, balances))[0].faults == ("Redis is at row 1, the ledger at 2",)
    await balances.book(1, money_fen=90, seq=2)
    assert (await check(database, balances))[0].faults == ("Redis has 90",)
    await redis.hset(f"{BALANCE_PREFIX}1", mapping={"money": 93, "pending": 4})
    assert (await check(database, balances))[0].faults == ("Redis sets aside 4, its reservations make 0",)
    await redis.hset(f"{BALANCE_PREFIX}1", "pending", 0)
    assert (await check(database, balances))[0].faults == ()


async def test_the_command(database: Database, run: Run, tmp_path: Path) -> None:  # noqa: F811
    """It prints a line for each customer and ends with 1, since one is wrong."""
    import asyncio

    await books(database, 90, [(100, 100), (-7, 93)])
    url = f"sqlite+aiosqlite:///{tmp_path}/admin.db"
    done = await asyncio.to_thread(run, "ledger", "check", env={"PAILOU_ADMIN_DATABASE_URL": url})
    assert done.status == 1
    assert "the ledger's rows make 93" in done.stdout
    assert "1 customers, 2 ledger rows, 1 wrong" in done.stdout


def test_a_database_without_a_ledger(run: Run, tmp_path: Path) -> None:  # noqa: F811
    """It says what is missing and how to make it; without a demo nothing is made."""
    url = f"sqlite+aiosqlite:///{tmp_path}/other.db"
    done = run("ledger", "check", env={"PAILOU_ADMIN_DATABASE_URL": url})
    assert (done.status, "pailou db upgrade admin" in done.stderr) == (78, True)
    done = run("ledger", "check", "--demo", env={"PAILOU_VAR_DIR": f"{tmp_path}/var"})
    assert (done.status, "`pailou dev` writes it" in done.stderr) == (78, True)
    assert not (tmp_path / "var").exists()
