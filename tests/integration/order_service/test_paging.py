"""open.order.search by cursor, page after page, while orders change."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.business_services import MERCHANT, NOON, OTHER_MERCHANT, as_merchant, sample_order
from tests.integration.order_service.conftest import Orders


async def pages(orders: Orders, **params: str) -> list[list[int]]:
    """order_ids of each page, from the first to the one without next_cursor."""
    found, cursor = [], ""
    while True:
        answer = await orders.search(MERCHANT, **params, cursor=cursor)
        found.append([order["order_id"] for order in answer["orders"]])
        cursor = answer.get("next_cursor", "")
        if not cursor:
            return found


async def remark(orders: Orders, order_id: int) -> None:
    answer = await orders.client.post(
        f"/orders/{order_id}/remark", json={"remark": "seen"}, headers=as_merchant(MERCHANT)
    )
    assert answer.status_code == 200


def many(count: int) -> list[dict[str, Any]]:
    return [sample_order(500 + n, modified=NOON + timedelta(seconds=n // 3, microseconds=7)) for n in range(count)]


async def test_cursors_lead_through_every_order_once(orders: Orders) -> None:
    """Also where many were modified in the same microsecond; the last page has no cursor, and a full last page neither."""
    await orders.add(*many(25), sample_order(900, OTHER_MERCHANT))
    assert await pages(orders, page_size="10") == [
        list(range(500, 510)), list(range(510, 520)), list(range(520, 525)),
    ]  # fmt: skip
    assert [len(page) for page in await pages(orders, page_size="5")] == [5] * 5
    assert await pages(orders, page_size="10", state="6") == [[]]


async def test_a_cursor_goes_on_with_the_conditions_and_fields_of_its_search(orders: Orders) -> None:
    """Fields and page size are free; position and total belong to the pages by number."""
    await orders.add(*many(25))
    first = await orders.search(page_size=10, fields="order_id", pin="Tom")
    assert first["orders"][0] == {"order_id": 500}
    assert first["total_results"] == 25
    further = await orders.search(page_size=3, fields="state", pin="Tom", cursor=first["next_cursor"])
    assert further["orders"] == [{"state": 2}] * 3
    assert set(further) == {"orders", "page_size", "next_cursor"}


async def test_no_order_is_left_out_while_others_change(orders: Orders) -> None:
    """Orders of pages before, of this page and of pages to come are changed between the pages: what was there is seen, what was
    changed comes once more at the end."""
    await orders.add(*many(30))
    seen: list[int] = []
    cursor = ""
    for changed in ([501, 509, 515], [502, 512, 528], []):
        answer = await orders.search(page_size=10, cursor=cursor)
        seen += [order["order_id"] for order in answer["orders"]]
        cursor = answer["next_cursor"]
        for order_id in changed:
            await remark(orders, order_id)
    rest = await orders.search(page_size=100, cursor=cursor)
    seen += [order["order_id"] for order in rest["orders"]]
    assert set(seen) == set(range(500, 530))
    assert seen[-6:] == [501, 509, 515, 502, 512, 528]


NO_CURSORS = [
    "x",
    "====",
    "…",
    "0" * 201,
    "bnVsbA",  # null
    "WyJzIl0",  # ["s"]
    "WyJzIiwxLDIsMywiYSJd",  # ["s",1,2,3,"a"]
    "WyJzIiwtMSwyLCJhIl0",  # ["s",-1,2,"a"]
    "WyJzIixudWxsLDIsImEiXQ",  # ["s",null,2,"a"]
    "WyJzIiw5OTk5OTk5OTk5OTk5OTk5OTk5OSwyLCJhIl0",  # ["s",99999999999999999999,2,"a"]
    "WyJpIiwxLG51bGwsOTk5OTk5OTk5OTk5OTk5OTk5XQ",  # ["i",1,null,999999999999999999]: a time beyond all
]


@pytest.mark.parametrize("cursor", NO_CURSORS)
@pytest.mark.parametrize("path", ["/orders", "/orders/increment"])
async def test_what_is_no_cursor_is_refused_by_name(orders: Orders, cursor: str, path: str) -> None:
    """Made up, of another kind, out of range: 400, never a fault."""
    answer: httpx.Response = await orders.client.get(path, params={"cursor": cursor}, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, "isv.invalid-parameter:cursor")


async def test_a_cursor_is_bound_to_its_search_and_to_its_merchant(orders: Orders) -> None:
    """Other conditions, another merchant, another API: refused by name."""
    await orders.add(*many(5), sample_order(900, OTHER_MERCHANT))
    cursor = (await orders.search(page_size=2))["next_cursor"]
    for vender_id, path, more in (
        (MERCHANT, "/orders", {"state": "2"}),
        (OTHER_MERCHANT, "/orders", {}),
        (MERCHANT, "/orders/increment", {}),
    ):
        answer = await orders.client.get(path, params={"cursor": cursor} | more, headers=as_merchant(vender_id))
        assert (answer.status_code, answer.json()["sub_code"]) == (400, "isv.invalid-parameter:cursor")
