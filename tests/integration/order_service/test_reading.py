"""open.order.search and open.order.get."""

from datetime import timedelta

import pytest

from tests.business_services import MERCHANT, NOON, OTHER_MERCHANT, as_merchant, sample_order
from tests.integration.order_service.conftest import Orders


async def test_an_order_comes_with_items_and_coupons_and_personal_data_masked(orders: Orders) -> None:
    """Times in the platform's zone, money in fen, names as the columns are called."""
    await orders.add(sample_order(500, vat_info="税号 9111", invoice_title="欧阳娜娜"))
    answer = await orders.client.get("/orders/500", headers=as_merchant(MERCHANT))
    assert answer.status_code == 200
    order = answer.json()["order"]
    assert (order["order_id"], order["vender_id"], order["state"], order["order_sum"]) == (500, MERCHANT, 2, 19_900)
    assert (order["order_create_date"], order["modified"]) == ("2024-05-31 12:00:00", "2024-05-31 12:00:00")
    assert order["outbound_date"] is None
    assert (order["cons_name"], order["cons_mobile_phone"]) == ("欧***", "138****5678")
    assert (order["cons_phone"], order["cons_address"]) == ("010****8888", "北京市朝阳区***")
    assert (order["cons_email"], order["vat_info"], order["invoice_title"]) == ("n***@example.com", "***", "欧***")
    assert "id" not in order
    assert "yn" not in order
    [item] = order["items"]
    assert (item["sku_id"], item["sku_name"], item["num"], item["price"]) == (1001, "茶杯", 2, 9_950)
    assert (item["created"], item["outer_id"]) == ("2024-05-31 12:00:00", "CUP-1")
    [coupon] = order["coupons"]
    assert (coupon["coupon_price"], coupon["rf_code"], coupon["use_date"]) == (100, "R1", "2024-05-31 12:00:00")


@pytest.mark.parametrize("scope", ["", "basic", "PII", "pii2", "p,i,i"])
@pytest.mark.parametrize("path", ["/orders/500", "/orders", "/orders/increment?start_time=2024-01-01%2000:00:00"])
async def test_personal_data_is_shown_to_apps_whose_grant_says_so(orders: Orders, path: str, scope: str) -> None:
    """With `pii` among the words of X-Data-Scope as it is stored, without it masked: wherever an order is shown."""
    await orders.add(sample_order(500, customerip="203.0.113.9", vat_info="税号 9111"))
    personal = {"欧阳娜娜", "13812345678", "010-66668888", "nana@example.com", "203.0.113.9", "建国路", "税号"}
    masked = await orders.client.get(path, headers=as_merchant(MERCHANT, X_Data_Scope=scope))
    shown = await orders.client.get(path, headers=as_merchant(MERCHANT, X_Data_Scope="basic, pii"))
    assert {word for word in personal if word in masked.text} == set()
    assert {word for word in personal if word in shown.text} == personal


async def test_unknown_foreign_and_deleted_orders_are_all_not_there(orders: Orders) -> None:
    """The same 404 for each, so that nobody learns which numbers exist."""
    await orders.add(sample_order(500), sample_order(501, OTHER_MERCHANT), sample_order(502, yn=0))
    for order_id in (499, 501, 502, 999_999_999_999_999_999):
        answer = await orders.client.get(f"/orders/{order_id}", headers=as_merchant(MERCHANT))
        assert answer.status_code == 404
        assert answer.json() == {"sub_code": "isv.order-not-exists", "sub_msg": f"there is no order {order_id}"}
    assert (await orders.client.get("/orders/501", headers=as_merchant(OTHER_MERCHANT))).status_code == 200


async def test_the_path_decides_which_order(orders: Orders) -> None:
    """A parameter of the same name in the query changes nothing."""
    await orders.add(sample_order(500), sample_order(501))
    answer = await orders.client.get("/orders/500?order_id=501", headers=as_merchant(MERCHANT))
    assert answer.json()["order"]["order_id"] == 500


async def test_a_search_sees_the_merchants_live_orders_sorted_by_modified_then_id(orders: Orders) -> None:
    """Other merchants' and deleted orders are neither listed nor counted."""
    await orders.add(
        sample_order(503, modified=NOON + timedelta(minutes=1)),
        sample_order(502),
        sample_order(501),
        sample_order(504, OTHER_MERCHANT),
        sample_order(505, yn=0),
    )
    answer = await orders.search()
    assert [order["order_id"] for order in answer["orders"]] == [502, 501, 503]
    assert (answer["total_results"], answer["page_no"], answer["page_size"]) == (3, 1, 20)
    assert answer["orders"][0]["cons_name"] == "欧***"
    assert await orders.found(OTHER_MERCHANT) == [504]


async def test_pages_do_not_overlap_and_end(orders: Orders) -> None:
    """Every order once, in order; beyond the last page there is nothing, however large its number."""
    await orders.add(*(sample_order(500 + n, modified=NOON + timedelta(seconds=n // 3)) for n in range(25)))
    seen: list[int] = []
    for page_no in range(1, 4):
        answer = await orders.search(page_no=page_no, page_size=10)
        assert answer["total_results"] == 25
        seen += [order["order_id"] for order in answer["orders"]]
    assert seen == list(range(500, 525))
    assert await orders.found(page_no=4, page_size=10) == []
    assert await orders.found(page_no=999_999_999_999_999_999, page_size=100) == []
    assert len(await orders.found(page_size=100)) == 25


async def test_time_ranges_are_inclusive_to_the_second_and_by_either_time(orders: Orders) -> None:
    """`created` is when the order was placed, `modified` its last change; the zone is the platform's."""
    await orders.add(
        sample_order(501, order_create_date=NOON, modified=NOON + timedelta(hours=2)),
        sample_order(502, order_create_date=NOON + timedelta(hours=1), modified=NOON + timedelta(hours=1, seconds=0.5)),
    )
    assert await orders.found(time_type="created", start_time="2024-05-31 12:00:01") == [502]
    assert await orders.found(time_type="created", start_time="2024-05-31 12:00:00") == [502, 501]
    assert await orders.found(time_type="created", end_time="2024-05-31 12:00:00") == [501]
    assert await orders.found(end_time="2024-05-31 13:00:00") == [502]
    assert await orders.found(end_time="2024-05-31 12:59:59") == []
    assert await orders.found(time_type="modified", start_time="2024-05-31 14:00:00") == [501]


async def test_conditions_select_and_add_up(orders: Orders) -> None:
    """State, buyer, order numbers and sku; each narrows the others."""
    other_item = [{"sku_id": 1002, "num": 1, "price": 5}]
    await orders.add(
        sample_order(501, state=1, pin="Tom"),
        sample_order(502, state=2, pin="Ann", items=other_item),
        sample_order(503, state=6, pin="tom", items=[*other_item, {"sku_id": 1001, "num": 1, "price": 5}]),
        sample_order(504, OTHER_MERCHANT, items=other_item),
    )
    assert await orders.found(state=1) == [501]
    assert await orders.found(pin="Ann") == [502]
    assert await orders.found(order_ids="503,501,777,504") == [501, 503]
    assert await orders.found(sku_id=1002) == [502, 503]
    assert await orders.found(sku_id=1002, state=6) == [503]
    assert await orders.found(pin="tom") == [503]


@pytest.mark.parametrize("pin", ["T%", "T_m", "%", "Tom' OR '1'='1", "Tom\\", "tom"])
async def test_a_buyer_is_compared_and_never_interpreted(orders: Orders, pin: str) -> None:
    """Wildcards, quotes and other letter cases are other names."""
    await orders.add(sample_order(501, pin="Tom"))
    assert await orders.found(pin=pin) == []


async def test_fields_select_columns(orders: Orders) -> None:
    """Exactly the named ones come back, masked as ever."""
    await orders.add(sample_order(501))
    answer = await orders.search(fields="order_id,cons_mobile_phone,modified")
    assert answer["orders"] == [
        {"order_id": 501, "cons_mobile_phone": "138****5678", "modified": "2024-05-31 12:00:00"}
    ]


async def test_an_empty_parameter_is_one_that_was_not_sent(orders: Orders) -> None:
    """As in a signature, where names with empty values do not count."""
    await orders.add(sample_order(501))
    assert await orders.found(state="", pin="", start_time="", fields="", page_no="") == [501]
