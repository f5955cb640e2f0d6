"""Calls of an API with a price, through both doors: what is charged, what is given back, and who is not answered at all."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from starlette.responses import Response

from openplatform.adapters.balances_redis import RedisBalances
from openplatform.records import Charge
from openplatform.web import JsonAnswer
from tests.gateway_world import World

BOTH_DOORS = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


async def priced(world: World, fen: int) -> RedisBalances:
    """A route for 30 fen, and the customer's balance."""
    await world.put_route("open.dear.get", "/echo", needs_fee=True, price_fen=30, is_open=True, idempotent=True)
    await world.put_route(
        "open.dear.post", "/echo", needs_fee=True, price_fen=30, is_open=True, http_method="POST", timeout_ms=1000
    )
    balances = RedisBalances(world.redis)
    await balances.put(1, money_fen=fen, seq=1)
    return balances


async def sent(world: World) -> list[Charge]:
    """The charges that the gateway has sent, when it has none left and nothing to give back."""
    async with asyncio.timeout(30):
        while world.resources.charges.waiting or world.resources.charges.given_back.waiting:
            await asyncio.sleep(0.01)
    return list(_charges(world))


def _charges(world: World) -> Iterator[Charge]:
    batches = world.embedded.charge_batches
    for _ in range(batches.qsize()):
        yield from msgspec.json.Decoder(Charge).decode_lines(batches.get_nowait()[0])


@BOTH_DOORS
async def test_an_app_may_ask_what_is_left(world: World) -> None:
    """open.app.balance.get: what the customer can spend now; before the balance is known, error 10."""
    assert await world.error(world.signed("open.app.balance.get")) == (10, "isp.platform-unavailable")
    await priced(world, 100)
    await world.call(world.signed("open.dear.get"))
    answer = (await world.call(world.signed("open.app.balance.get"))).json()
    assert answer["open_app_balance_get_response"]["spendable_fen"] == 70


@BOTH_DOORS
async def test_an_answer_is_charged_until_the_balance_is_spent(world: World) -> None:
    """Three answers for 30 fen out of 100, then code 11 without a service call; the charges name call, app, API and customer."""
    balances = await priced(world, 100)
    answers = [await world.call(world.signed("open.dear.get")) for _ in range(3)]
    assert all("error_response" not in answer.json() for answer in answers)
    assert await world.error(world.signed("open.dear.get")) == (11, "isv.insufficient-balance")
    assert len(world.seen) == 3
    found = await sent(world)
    assert [charge.request_id for charge in found] == [answer.headers["x-request-id"] for answer in answers]
    assert {(c.customer_id, c.price_fen, c.app_key, c.api_name) for c in found} == {(1, 30, "1023", "open.dear.get")}
    (state,) = await balances.states([1])
    assert state is not None
    assert (state.pending_fen, len(state.settled)) == (90, 3)


@BOTH_DOORS
async def test_refusals_and_faults_are_given_back(world: World) -> None:
    """The service's no, its 500, its rubbish: none of them costs anything."""
    balances = await priced(world, 30)
    bad = (
        JsonAnswer({"sub_code": "isv.order-not-exist", "sub_msg": "no such order"}, 400),
        Response(b"broken", 500),
        Response(b"[1]"),
    )
    for answer in bad:
        world.answers["/echo"] = answer
        code, _ = await world.error(world.signed("open.dear.get"))
        assert code == 15
        assert await sent(world) == []
        assert await balances.spendable([1]) == [30]


@BOTH_DOORS
async def test_a_write_whose_result_is_unknown_is_charged(world: World) -> None:
    """It was sent and not answered: it may have happened."""
    balances = await priced(world, 30)
    may_end = asyncio.Event()

    class Late(Response):
        async def __call__(self, *_: object) -> None:
            await may_end.wait()

    world.answers["/echo"] = Late()
    assert await world.error(world.signed("open.dear.post")) == (15, "remote-result-unknown")
    may_end.set()
    assert len(await sent(world)) == 1
    assert await balances.spendable([1]) == [0]


@BOTH_DOORS
async def test_an_unknown_balance_is_our_fault(world: World) -> None:
    """A Redis that lost its balances: code 10, nothing asked, nothing charged."""
    await world.put_route("open.dear.get", "/echo", needs_fee=True, price_fen=30, is_open=True)
    assert (await world.error(world.signed("open.dear.get")))[0] == 10
    assert world.seen == []
    assert await sent(world) == []


async def test_a_broker_that_is_away_costs_no_charge(world: World) -> None:
    """Answers go on; the price stays set aside and cannot expire; the charge goes out when the broker is back."""
    balances = await priced(world, 100)
    queue = world.embedded.charge_batches
    for _ in range(10_000):  # full, as a broker with an alarm
        queue.put_nowait((b"", False))
    assert "error_response" not in (await world.call(world.signed("open.dear.get"))).json()
    async with asyncio.timeout(30):
        while not world.resources.charges.kept.failed_attempts:
            await asyncio.sleep(0.01)
    (state,) = await balances.states([1])
    assert state is not None
    assert len(state.settled) == 1
    while not queue.empty():
        queue.get_nowait()
    assert len(await sent(world)) == 1
