"""What callers send wrongly, and what does not come from the gateway: each is answered by name, before any database is asked."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from openplatform.adapters.embedded import Embedded
from order_service.app import create_app, open_resources
from order_service.settings import OrderSettings
from tests.business_services import INTERNAL_KEY, MERCHANT, ZONE, as_merchant, calling

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """Over a database that is never opened: a call that reached it would find no tables and answer 500."""
    settings = OrderSettings(
        database_url=f"sqlite+aiosqlite:///{tmp_path_factory.getbasetemp()}/never-opened.db",
        redis_url="memory://",
        internal_keys=(INTERNAL_KEY,),
        time_zone=ZONE,
    )
    async with open_resources(settings, Embedded()) as resources, calling(create_app(resources, settings)) as client:
        yield client


BAD_SEARCHES = [
    ("state", "0"),
    ("state", "7"),
    ("state", "-1"),
    ("state", "+1"),
    ("state", "1.0"),
    ("state", "1e3"),
    ("state", "NaN"),
    ("state", " 1"),
    ("state", "１"),
    ("state", "0x1"),
    ("state", "1,2"),
    ("page_no", "0"),
    ("page_no", "-1"),
    ("page_no", "1" * 19),
    ("page_no", "9" * 5000),
    ("page_size", "0"),
    ("page_size", "101"),
    ("page_size", "ten"),
    ("start_time", "2024-05-31"),
    ("start_time", "2024-02-30 00:00:00"),
    ("start_time", "2024-5-31 0:0:0"),
    ("start_time", "2024-05-31T00:00:00"),
    ("start_time", "２０２４-05-31 00:00:00"),
    ("start_time", "1969-12-31 23:59:59"),
    ("end_time", "9999-12-31 23:59:59"),
    ("end_time", "0001-01-01 00:00:00"),
    ("end_time", "2024-05-31 24:00:00"),
    ("time_type", "paid"),
    ("pin", "x" * 51),
    ("pin", "a\0b"),
    ("order_ids", "1,,2"),
    ("order_ids", "1,x"),
    ("order_ids", ","),
    ("order_ids", ",".join(map(str, range(1, 103)))),
    ("order_ids", "0"),
    ("sku_id", "0"),
    ("sku_id", "9223372036854775808"),
    ("fields", "order_id,password"),
    ("fields", "*"),
    ("fields", "id"),
    ("fields", "order_id,"),
    ("fields", "order_id; DROP TABLE pop_order_data"),
]


@pytest.mark.parametrize(("name", "value"), BAD_SEARCHES)
async def test_a_bad_search_is_refused_by_the_parameters_name(client: httpx.AsyncClient, name: str, value: str) -> None:
    """400, isv.invalid-parameter:NAME, and a sentence that says what is right."""
    answer = await client.get("/orders", params={name: value}, headers=as_merchant(MERCHANT))
    assert answer.status_code == 400
    body = answer.json()
    assert body["sub_code"] == f"isv.invalid-parameter:{name}"
    assert body["sub_msg"].startswith(name)
    assert len(body["sub_msg"]) < 300


async def test_a_range_that_ends_before_it_starts_is_refused(client: httpx.AsyncClient) -> None:
    """Named by the end."""
    params = {"start_time": "2024-05-31 12:00:01", "end_time": "2024-05-31 12:00:00"}
    answer = await client.get("/orders", params=params, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, "isv.invalid-parameter:end_time")


GOOD = {"reason": "r", "carrier": "c", "waybill": "w", "remark": "m", "state": "4"}
BAD_CHANGES = [
    ("state", {"state": ""}, "isv.missing-parameter:state"),
    ("state", {"state": "0"}, "isv.invalid-parameter:state"),
    ("state", {"state": "7"}, "isv.invalid-parameter:state"),
    ("state", {"state": "４"}, "isv.invalid-parameter:state"),
    ("state", {"reason": ""}, "isv.missing-parameter:reason"),
    ("state", {"reason": "长" * 201}, "isv.invalid-parameter:reason"),
    ("ship", {"carrier": " "}, "isv.missing-parameter:carrier"),
    ("ship", {"carrier": "c" * 51}, "isv.invalid-parameter:carrier"),
    ("ship", {"waybill": ""}, "isv.missing-parameter:waybill"),
    ("ship", {"waybill": "w" * 41}, "isv.invalid-parameter:waybill"),
    ("ship", {"waybill": "w\0"}, "isv.invalid-parameter:waybill"),
    ("remark", {"remark": ""}, "isv.missing-parameter:remark"),
    ("remark", {"remark": "长" * 201}, "isv.invalid-parameter:remark"),
]


@pytest.mark.parametrize(("action", "wrong", "sub_code"), BAD_CHANGES)
async def test_a_bad_change_is_refused_by_name(
    client: httpx.AsyncClient, action: str, wrong: dict[str, str], sub_code: str
) -> None:
    """400 before anything is stored."""
    answer = await client.post(f"/orders/501/{action}", json=GOOD | wrong, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, sub_code)


@pytest.mark.parametrize("order_id", ["abc", "0", "-5", "1e3", "9" * 19, "%EF%BC%91", "1%00", "..%2f1"])
@pytest.mark.parametrize("action", ["", "/cancel", "/ship", "/state", "/remark"])
async def test_an_order_number_must_be_one(client: httpx.AsyncClient, order_id: str, action: str) -> None:
    """400 by name, or 404 where the path is no longer one of ours; never a fault."""
    method = "POST" if action else "GET"
    answer = await client.request(method, f"/orders/{order_id}{action}", json=GOOD, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) in {
        (400, "isv.invalid-parameter:order_id"),
        (404, "isv.not-found"),
    }


@pytest.mark.parametrize(
    ("body", "sub_code"),
    [
        (b"", "isv.missing-parameter:reason"),
        (b"{}", "isv.missing-parameter:reason"),
        (b'{"reason": ""}', "isv.missing-parameter:reason"),
        (b'{"reason": "  "}', "isv.missing-parameter:reason"),
        ('{"reason": "%s"}' % ("长" * 201), "isv.invalid-parameter:reason"),
        (b'{"reason": "a\\u0000b"}', "isv.invalid-parameter:reason"),
        ('{"reason": "r", "idempotency_key": "%s"}' % ("k" * 129), "isv.invalid-parameter:idempotency_key"),
        (b"[1]", "isv.invalid-parameter:body"),
        (b"{", "isv.invalid-parameter:body"),
        (b'{"reason": NaN}', "isv.invalid-parameter:body"),
        (b'{"reason": "\xff"}', "isv.invalid-parameter:body"),
        (b'{"reason": "\\ud800"}', "isv.invalid-parameter:body"),
        (b"[" * 10_000, "isv.invalid-parameter:body"),
    ],
)
async def test_a_bad_cancellation_is_refused_by_name(
    client: httpx.AsyncClient, body: bytes | str, sub_code: str
) -> None:
    """Before anything is stored."""
    answer = await client.post("/orders/501/cancel", content=body, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, sub_code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orders"),
        ("GET", "/orders/1"),
        ("GET", "/orders/increment"),
        *(("POST", f"/orders/1/{action}") for action in ("cancel", "ship", "state", "remark")),
    ],
)
async def test_calls_that_did_not_come_through_the_gateway_are_refused(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    """401 without the key, with a wrong one, without a merchant, with an unreadable one."""
    strangers = [
        {},
        {"X-Vender-Id": str(MERCHANT)},
        {"X-Internal-Key": INTERNAL_KEY[:-1], "X-Vender-Id": str(MERCHANT)},
        {"X-Internal-Key": INTERNAL_KEY},
        {"X-Internal-Key": INTERNAL_KEY, "X-Vender-Id": ""},
        {"X-Internal-Key": INTERNAL_KEY, "X-Vender-Id": "-1"},
        {"X-Internal-Key": INTERNAL_KEY, "X-Vender-Id": "1" * 19},
    ]
    for headers in strangers:
        answer: httpx.Response = await client.request(method, path, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.json()["sub_code"] in {"isv.unauthorised", "isv.missing-vender"}


async def test_a_wrong_method_is_no_fault(client: httpx.AsyncClient) -> None:
    """405 with a JSON body."""
    answer = await client.delete("/orders/1", headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (405, "isv.invalid-request")
