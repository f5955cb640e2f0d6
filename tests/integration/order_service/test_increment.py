"""open.order.increment.get: every change of every order, whatever is committed meanwhile."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from openplatform.adapters.embedded import Embedded
from openplatform.errors import PlatformUnavailable
from openplatform.sql import AsyncConnection
from order_service import repository
from order_service.app import create_app, open_resources
from order_service.tables import pop_order_data
from tests.business_services import MERCHANT, NOON, OTHER_MERCHANT, as_merchant, calling, insist, rows_of, sample_order
from tests.integration.order_service.conftest import Orders

SINCE = "2024-05-31 12:00:00"


async def page(client: httpx.AsyncClient, vender_id: int = MERCHANT, **params: object) -> dict[str, Any]:
    headers = as_merchant(vender_id)
    answer = await insist(lambda: client.get("/orders/increment", params=params, headers=headers))  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def whole_pass(client: httpx.AsyncClient, cursor: str, page_size: int = 20) -> tuple[list[dict[str, Any]], str]:
    """The orders of one pass, and the cursor of the next."""
    orders: list[dict[str, Any]] = []
    while True:
        answer = await page(client, cursor=cursor, page_size=page_size)
        orders += answer["orders"]
        cursor = answer["next_cursor"]
        if not answer["has_more"]:
            return orders, cursor


async def remark(client: httpx.AsyncClient, order_id: int, text: str) -> int:
    path, headers = f"/orders/{order_id}/remark", as_merchant(MERCHANT)
    return (await insist(lambda: client.post(path, json={"remark": text}, headers=headers))).status_code


async def test_a_pass_begins_at_a_time_and_ends_where_the_next_begins(orders: Orders) -> None:
    """Pages of the orders changed since, oldest change first; then nothing, until something changes, which is all that comes."""
    await orders.add(
        *(sample_order(500 + n, modified=NOON + timedelta(seconds=n)) for n in range(10)),
        sample_order(900, OTHER_MERCHANT),
    )
    first = await page(orders.client, start_time="2024-05-31 12:00:03", page_size=5, fields="order_id")
    assert [order["order_id"] for order in first["orders"]] == [503, 504, 505, 506, 507]
    assert first["has_more"] is True
    rest, cursor = await whole_pass(orders.client, first["next_cursor"])
    assert [order["order_id"] for order in rest] == [508, 509]
    assert await whole_pass(orders.client, cursor) == ([], cursor)
    assert await remark(orders.client, 501, "早") == 200
    changed, cursor = await whole_pass(orders.client, cursor)
    assert [(order["order_id"], order["remark"]) for order in changed] == [(501, "早")]
    assert changed[0]["cons_name"] == "欧***"
    assert await whole_pass(orders.client, cursor) == ([], cursor)
    foreign = await page(orders.client, OTHER_MERCHANT, start_time=SINCE)
    assert [order["order_id"] for order in foreign["orders"]] == [900]


async def test_within_a_pass_no_order_comes_twice_and_the_next_has_what_changed(orders: Orders) -> None:
    """Orders seen, being seen and to be seen are changed between the pages."""
    await orders.add(*(sample_order(500 + n) for n in range(20)))
    first = await page(orders.client, start_time=SINCE, page_size=8)
    for order_id in (500, 507, 510, 519):
        assert await remark(orders.client, order_id, "changed") == 200
    rest, cursor = await whole_pass(orders.client, first["next_cursor"], page_size=8)
    seen = [order["order_id"] for order in first["orders"] + rest]
    assert len(seen) == len(set(seen)) == 18
    later, _ = await whole_pass(orders.client, cursor)
    assert [order["order_id"] for order in later] == [500, 507, 510, 519]


async def test_nothing_since_that_time_is_an_empty_pass_that_can_be_gone_on_with(orders: Orders) -> None:
    """Also for a merchant without any order; a time or a cursor is needed."""
    await orders.add(sample_order(501))
    for vender_id in (MERCHANT, OTHER_MERCHANT):
        answer = await page(orders.client, vender_id, start_time="2100-01-01 00:00:00")
        assert (answer["orders"], answer["has_more"]) == ([], False)
    await orders.add(sample_order(502, OTHER_MERCHANT))
    later = await page(orders.client, OTHER_MERCHANT, cursor=answer["next_cursor"])
    assert [order["order_id"] for order in later["orders"]] == [502]
    missing = await orders.client.get("/orders/increment", headers=as_merchant(MERCHANT))
    assert (missing.status_code, missing.json()["sub_code"]) == (400, "isv.missing-parameter:start_time")


async def test_modified_never_goes_back_from_change_to_change(orders: Orders) -> None:
    """A process whose clock is behind stamps with the last time there was: whoever begins anew at the last `modified` seen misses
    nothing."""
    future = NOON.replace(year=2099)
    await orders.add(sample_order(501), sample_order(502, modified=future))
    await orders.cancel(777)
    assert await remark(orders.client, 501, "x") == 200
    rows = await rows_of(orders.resources.database, pop_order_data)
    assert [(row["modified"], row["change_seq"]) for row in rows] == [(future, 3), (future, 2)]


async def test_a_change_that_is_committed_late_is_not_jumped_over(orders: Orders) -> None:
    """One transaction has its number and is not committed, another wants one: it waits, and no reader sees a later number first."""
    database = orders.resources.database
    await orders.add(sample_order(501), sample_order(502))
    _, cursor = await whole_pass(orders.client, (await page(orders.client, start_time=SINCE))["next_cursor"])
    slow_has_number, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with database.begin() as connection:
            await repository.change_order(connection, MERCHANT, 501, NOON, {"remark": "slow"})
            slow_has_number.set()
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(slow())
        await slow_has_number.wait()
        group.create_task(remark(orders.client, 502, "fast"))
        for _ in range(3):
            await asyncio.sleep(0.2)
            changed, cursor = await whole_pass(orders.client, cursor)
            assert changed == []
        go_on.set()
    changed, _ = await whole_pass(orders.client, cursor)
    assert [order["remark"] for order in changed] == ["slow", "fast"]


@pytest.fixture
async def instances(orders: Orders) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Three instances with connections of their own over one database."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(3):
            resources = await stack.enter_async_context(open_resources(orders.settings, Embedded()))
            clients.append(await stack.enter_async_context(calling(create_app(resources, orders.settings))))
        yield clients


async def test_followers_get_every_change_while_many_write(orders: Orders, instances: list[httpx.AsyncClient]) -> None:
    """Eight writers change forty orders over two instances, some transactions held open before their commit, while a follower reads
    small pages: no order is missed, none comes twice in a pass, and at the end the follower knows the last state of each."""
    order_ids = [500 + n for n in range(40)]
    await orders.add(*(sample_order(order_id) for order_id in order_ids))
    chance = random.Random(11)  # the same changes in every run
    writing = 8
    known: dict[int, str | None] = {}
    deliveries: Counter[int] = Counter()

    async def hold(order_id: int, text: str, for_s: float) -> None:
        async def work(connection: AsyncConnection) -> None:
            await repository.find_order(connection, MERCHANT, order_id, to_change=True)
            await repository.change_order(connection, MERCHANT, order_id, NOON, {"remark": text})
            await asyncio.sleep(for_s)

        while True:
            with suppress(PlatformUnavailable):
                return await orders.resources.database.run(work)

    async def write(writer: int) -> None:
        nonlocal writing
        for number in range(15):
            order_id = chance.choice(order_ids)
            if number % 5 == 0:
                await hold(order_id, f"{writer}/{number} held", chance.random() / 50)
            else:
                assert await remark(instances[writer % 2], order_id, f"{writer}/{number}") == 200
        writing -= 1

    async def follow() -> None:
        answer = await page(instances[2], start_time=SINCE, page_size=4)
        cursor, seen = answer["next_cursor"], Counter(order["order_id"] for order in answer["orders"])
        known.update({order["order_id"]: order["remark"] for order in answer["orders"]})
        while True:
            finished = writing == 0
            changed, cursor = await whole_pass(instances[2], cursor, page_size=4)
            seen.update(order["order_id"] for order in changed)
            assert not seen or max(seen.values()) == 1
            deliveries.update(seen)
            seen.clear()
            known.update({order["order_id"]: order["remark"] for order in changed})
            if finished:
                return

    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        group.create_task(follow())
        for writer in range(8):
            group.create_task(write(writer))
    stored = {row["order_id"]: row["remark"] for row in await rows_of(orders.resources.database, pop_order_data)}
    assert known == stored
    assert set(deliveries) == set(order_ids)
    async with orders.resources.database.read() as connection:
        numbers = (await connection.execute(sa.select(pop_order_data.c.change_seq))).scalars().all()
    assert len(set(numbers)) == len(order_ids)
