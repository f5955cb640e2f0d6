"""The ledger is the balance to the fen, and nobody spends what is not there, whoever is killed in the middle of charged load."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.books import CALLERS, PRICE_FEN, Books, open_books
from tests.servers import Redis
from tests.servers.pool import S
from tests.waiting import PATIENCE_S, until

MONEY_FEN = 1_000
CALLS = MONEY_FEN // PRICE_FEN


@pytest.fixture
async def books(
    fresh_database: Callable[[str], str], own_server: Callable[[type[S]], S], rabbitmq_url: str,
    free_port: Callable[[], int], tmp_path: Path,
) -> AsyncIterator[Books]:  # fmt: skip
    async with open_books(
        database_url=fresh_database("admin"), redis=own_server(Redis), rabbitmq_url=rabbitmq_url, free_port=free_port,
        folder=tmp_path, money_fen=MONEY_FEN,
    ) as opened:  # fmt: skip
        yield opened


async def after(books: Books, answers: int) -> None:
    """Waits until so many calls were answered."""
    async with asyncio.timeout(PATIENCE_S):
        while len(books.answered) < answers:
            await asyncio.sleep(0.01)


async def test_an_admin_api_killed_in_the_middle_of_booking(books: Books, free_port: Callable[[], int]) -> None:
    """Both are killed, one after the other, and another comes: each answer is booked once, no fen is spent twice."""
    spending = asyncio.create_task(books.spend())
    await after(books, CALLS // 4)
    books.running["admin-1"].kill()
    await after(books, CALLS // 2)
    async with books.start("admin", free_port()):
        books.running["admin-2"].kill()
        await spending
        booked = await books.until_booked(len(books.answered))
        assert booked == set(books.answered) == books.asked
        one = await books.checked()
    assert one.faults == ()
    assert one.proof.rows == len(booked) + 1
    assert one.proof.money_fen == MONEY_FEN - len(booked) * PRICE_FEN
    # Nothing is left to spend; what is still set aside was admitted for callers whom a busy machine's 50 ms cut off.
    assert one.proof.money_fen - one.state.pending_fen == 0


async def test_a_gateway_killed_in_the_middle_of_charged_calls(books: Books) -> None:
    """What was answered a moment before the end may be free, nothing else; what was not answered costs nothing; nothing twice."""
    spending = asyncio.create_task(books.spend())
    await after(books, CALLS // 2)
    killed_at = time.monotonic()
    books.running["gateway"].kill()
    async with books.start("gateway", books.gateway_port):
        back_at = time.monotonic()  # what the dead one had answered has been read by now
        await spending

        def others_are_booked(booked: set[str]) -> bool:
            return all(
                killed_at - 2 < at <= back_at for request_id, at in books.answered.items() if request_id not in booked
            )

        async def all_is_booked() -> bool:
            one = await books.checked()
            return others_are_booked(await books.booked()) and one.proof.money_fen == one.state.pending_fen

        with suppress(TimeoutError):
            await until(all_is_booked)
        one = await books.checked()
        booked = await books.booked()
    assert others_are_booked(booked)
    assert len(booked - set(books.answered)) <= CALLERS  # charged, and the answer was lost with its gateway
    assert booked <= books.asked
    assert one.faults == ()
    assert one.proof.money_fen == MONEY_FEN - len(booked) * PRICE_FEN
    # What was set aside for calls that died waits for its end; nothing else is held back.
    assert one.proof.money_fen - one.state.pending_fen == 0


async def test_a_redis_killed_and_back_without_its_data(books: Books) -> None:
    """Calls with a fee stop, every answer reaches the ledger, then the rest is spent: less than what was in flight too much."""
    spending = asyncio.create_task(books.spend())
    await after(books, CALLS // 2)
    await asyncio.to_thread(books.redis.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(books.redis.start)
    await spending
    booked = await books.until_booked(len(books.answered))
    assert booked == set(books.answered)
    one = await books.checked()
    assert one.faults == ()
    assert one.proof.money_fen == MONEY_FEN - len(booked) * PRICE_FEN
    assert one.proof.money_fen >= -CALLERS * PRICE_FEN
