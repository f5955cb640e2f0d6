"""`pailou ledger check`: proves that every balance is the sum of its ledger, and that Redis agrees; changes nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from admin_api.billing.repository.proof import Proof, has_books, prove_accounts
from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.redis_client import open_redis
from openplatform.env import Env
from openplatform.errors import SettingsError
from openplatform.ports import Balances
from openplatform.records import BalanceState
from openplatform.sql import Database, open_database
from pailou.terminal import demo_file
from pailou.var_folder import VarFolder

_CHUNK = 500
LOOKS = 5
LOOK_AGAIN_S = 1.0
"""Redis hears of a booking a moment after SQL: what differs is looked at again before it counts."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One customer's books, what Redis has (None = it was not asked, or does not know), and what is wrong with them."""

    proof: Proof
    state: BalanceState | None
    faults: tuple[str, ...]


def check_ledger(*, demo: bool = False) -> list[Checked]:
    """Every customer, by id. Reads PAILOU_ADMIN_DATABASE_URL and, if it is set, PAILOU_REDIS_URL; demo: the ledger of `pailou dev`
    instead, whose Redis lives in its process. Raises SettingsError."""
    env = Env(service="pailou ledger check")
    if demo:
        folder = VarFolder(Path(env.text("VAR_DIR", "var")))
        demo_file(folder.path)  # or SQLite would make an empty database
        return asyncio.run(_check(folder.database_url("admin"), None))
    database_url = env.url(
        "ADMIN_DATABASE_URL", schemes=("mysql+asyncmy", "sqlite+aiosqlite"), why="where the ledger is"
    )
    redis_url = env.text("REDIS_URL", "")
    env.finish()
    return asyncio.run(_check(database_url, redis_url or None))


async def _check(database_url: str, redis_url: str | None) -> list[Checked]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(database_url))
        async with database.read() as connection:
            if not await has_books(connection):
                raise SettingsError("PAILOU_ADMIN_DATABASE_URL: no ledger there; `pailou db upgrade admin` makes it")
        balances = None
        if redis_url is not None:
            balances = RedisBalances(await stack.enter_async_context(open_redis(redis_url, None)))
        return await check(database, balances)


async def check(database: Database, balances: Balances | None) -> list[Checked]:
    """Every customer, by id. balances None = the ledger alone is proven."""
    checked: list[Checked] = []
    last = 0
    while chunk := await _look(database, balances, last, _CHUNK):
        for number, one in enumerate(chunk):
            for _ in range(LOOKS - 1):
                if not one.faults:
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
                (one,) = await _look(database, balances, one.proof.customer_id - 1, 1)
            chunk[number] = one
        checked += chunk
        last = chunk[-1].proof.customer_id
    return checked


async def _look(database: Database, balances: Balances | None, last: int, count: int) -> list[Checked]:
    async with database.read() as connection:
        proofs = await prove_accounts(connection, last, count)
    if balances is None:
        return [Checked(proof, None, tuple(_faults_in_sql(proof))) for proof in proofs]
    states = await balances.states([proof.customer_id for proof in proofs])
    return [
        Checked(proof, state, (*_faults_in_sql(proof), *_faults_in_redis(proof, state)))
        for proof, state in zip(proofs, states, strict=True)
    ]


def _faults_in_sql(proof: Proof) -> Iterator[str]:
    if proof.money_fen != proof.ledger_fen:
        yield f"the ledger's rows make {proof.ledger_fen}"
    if proof.broken_row is not None:
        yield f"row {proof.broken_row} does not follow from the one before"


def _faults_in_redis(proof: Proof, state: BalanceState | None) -> Iterator[str]:
    if state is None:
        yield "Redis does not know it"
        return
    if state.seq != proof.seq:
        yield f"Redis is at row {state.seq}, the ledger at {proof.seq}"
    elif state.money_fen != proof.money_fen:
        yield f"Redis has {state.money_fen}"
    if state.pending_fen != state.reserved_fen:
        yield f"Redis sets aside {state.pending_fen}, its reservations make {state.reserved_fen}"
