"""A search of the log store finds what fits all its conditions, in pages, newest first; a cursor is where a page ended."""

import base64
from typing import Any

import pytest

from openplatform.errors import StoreRejected
from openplatform.ports import CallLogStore
from openplatform.records import LogSort
from tests.contract.call_log_store.samples import NOON_MS, StoreUnderTest, query, record

VARIED = [
    record("r0"),
    record("r1", appkey="app-2", receiveTime=NOON_MS + 1000),
    record("r2", apiName="jd.order.search", receiveTime=NOON_MS + 2000),
    record("r3", venderId=200, receiveTime=NOON_MS + 3000),
    record("r4", errorCode="27:session-expired", receiveTime=NOON_MS + 4000),
    record("r5", errorCode="27", receiveTime=NOON_MS + 5000),
    record("r6", errorCode="2", remoteIp="198.51.100.7", receiveTime=NOON_MS + 6000),
    record("r7", platformRepTime=1500, requestContent="仓库 sku=8", receiveTime=NOON_MS + 7000),
    record("r8", remoteIp="2001:db8::1", requestContent="仓库 sku=9", receiveTime=NOON_MS + 8000),
]

CONDITIONS: dict[str, tuple[dict[str, Any], str]] = {
    "app": ({"app_keys": ("app-2",)}, "r1"),
    "apps": ({"app_keys": ("app-1", "app-2", "nobody")}, "r8 r7 r6 r5 r4 r3 r2 r1 r0"),
    "api": ({"api_name": "jd.order.search"}, "r2"),
    "api is no prefix": ({"api_name": "jd.order"}, ""),
    "vender": ({"vender_id": 200}, "r3"),
    "any error": ({"error": "any"}, "r6 r5 r4"),
    "no error": ({"error": "0", "to_ms": NOON_MS + 2000}, "r1 r0"),
    "bare code": ({"error": "27"}, "r5 r4"),
    "exact code": ({"error": "27:session-expired"}, "r4"),
    "code is no prefix": ({"error": "2"}, "r6"),
    "address": ({"remote_ip": "198.51.100.7"}, "r6"),
    "address in another spelling": ({"remote_ip": "2001:0DB8:0:0:0:0:0:1"}, "r8"),
    "a network": ({"remote_ip": "198.51.100.0/24"}, "r6"),
    "a network that is not": ({"remote_ip": "198.51.101.0/24"}, ""),
    "one address as a network": ({"remote_ip": "198.51.100.7/32"}, "r6"),
    "all of IPv4": ({"remote_ip": "0.0.0.0/0", "from_ms": NOON_MS + 6000}, "r7 r6"),
    "a network of IPv6": ({"remote_ip": "2001:db8::/32"}, "r8"),
    "IPv4 as IPv6 writes it": ({"remote_ip": "::ffff:198.51.100.7"}, "r6"),
    "request": ({"request_id": "r3"}, "r3"),
    "from is included": ({"from_ms": NOON_MS + 7000}, "r8 r7"),
    "to is not": ({"to_ms": NOON_MS + 1000}, "r0"),
    "slow": ({"min_ms": 1500}, "r7"),
    "quick": ({"max_ms": 20, "from_ms": NOON_MS + 7000}, "r8"),
    "between": ({"min_ms": 20, "max_ms": 20, "to_ms": NOON_MS + 1000}, "r0"),
    "word": ({"keywords": ("仓库",)}, "r8 r7"),
    "two words": ({"keywords": ("仓库", "9")}, "r8"),
    "app and error": ({"app_keys": ("app-1",), "error": "27"}, "r5 r4"),
    "address and error and time": (
        {"remote_ip": "203.0.113.9", "error": "any", "from_ms": NOON_MS + 5000, "to_ms": NOON_MS + 6000},
        "r5",
    ),
    "everything": (
        {
            "app_keys": ("app-1",),
            "api_name": "jd.order.get",
            "vender_id": 100,
            "error": "0",
            "remote_ip": "203.0.113.9",
            "request_id": "r7",
            "min_ms": 1000,
            "max_ms": 2000,
            "keywords": ("sku", "仓库"),
        },
        "r7",
    ),
    "one condition too many": ({"request_id": "r7", "vender_id": 200}, ""),
}


@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS.values(), ids=CONDITIONS.keys())
async def test_conditions(tested: StoreUnderTest, conditions: dict[str, Any], expected: str) -> None:
    """Each condition alone, and combined by AND, finds what it should, newest first."""
    await tested.add(*VARIED)
    assert " ".join(await tested.ids(**conditions)) == expected


async def test_pages_follow_each_other(tested: StoreUnderTest) -> None:
    """Pages by cursor show every record once, newest first, ties of one millisecond included; the last page has no cursor."""
    times = [NOON_MS + n // 4 for n in range(25)]
    await tested.add(*(record(f"r{n:02}", receiveTime=ms) for n, ms in enumerate(times)))
    expected = [f"r{n:02}" for n in sorted(range(25), key=lambda n: (times[n], n), reverse=True)]
    assert await read_all(tested.store, size=7) == expected
    assert await read_all(tested.store, size=5) == expected
    first = await tested.store.search(query(size=7))
    assert (first.total, len(first.hits)) == (25, 7)


async def test_pages_are_stable_while_records_arrive(tested: StoreUnderTest) -> None:
    """New records between two pages neither repeat nor hide what was there."""
    await tested.add(*(record(f"old{n:02}", receiveTime=NOON_MS + n) for n in range(10)))
    first = await tested.store.search(query(size=4))
    await tested.add(*(record(f"new{n:02}", receiveTime=NOON_MS + 1000 + n) for n in range(5)))
    second = await tested.store.search(query(size=20, cursor=first.cursor))
    ids = [hit.log.requestId for hit in (*first.hits, *second.hits)]
    assert ids == [f"old{n:02}" for n in reversed(range(10))]


ORDERS = {"-time": "r4 r3 r2 r1 r0", "time": "r0 r1 r2 r3 r4", "-ms": "r2 r4 r1 r3 r0", "ms": "r0 r3 r1 r4 r2"}


@pytest.mark.parametrize(("sort", "expected"), ORDERS.items())
async def test_orders(tested: StoreUnderTest, sort: LogSort, expected: str) -> None:
    """By time or by response time, either way, ties by time; pages follow each other in every order."""
    times = [5, 20, 30, 10, 20]
    records = [record(f"r{n}", platformRepTime=ms, receiveTime=NOON_MS + n) for n, ms in enumerate(times)]
    await tested.add(*records)
    assert " ".join(await tested.ids(sort=sort)) == expected
    assert " ".join(await read_all(tested.store, size=2, sort=sort)) == expected


async def test_a_cursor_belongs_to_its_order(tested: StoreUnderTest) -> None:
    """In another order it would skip or repeat records, so it is refused."""
    await tested.add(*(record(f"r{n}", receiveTime=NOON_MS + n) for n in range(3)))
    first = await tested.store.search(query(size=1))
    for sort in ("time", "ms", "-ms"):
        with pytest.raises(StoreRejected, match="order"):
            await tested.store.search(query(size=1, cursor=first.cursor, sort=sort))


async def read_all(store: CallLogStore, *, size: int, sort: LogSort = "-time") -> list[str]:
    """The ids of all pages in turn."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.search(query(size=size, cursor=cursor, sort=sort))
        ids += [hit.log.requestId for hit in page.hits]
        if (cursor := page.cursor) is None:
            return ids


MADE_UP = {
    "empty": "",
    "no base64": "!!!",
    "no JSON": "eA",
    "null": "bnVsbA",
    "empty list": "W10",
    "Chinese": "单" * 9,
    "long": "A" * 5000,
    "no position": base64.b64encode(b'["-time"]').decode(),
    "without the id": base64.b64encode(b'["-time",1]').decode(),
    "types": base64.b64encode(b'["-time","1",1]').decode(),
    "a number beyond a long": base64.b64encode(b'["-time",9223372036854775808,"a"]').decode(),
    "too much": base64.b64encode(b'["-time",1,1,"a"]').decode(),
}


@pytest.mark.parametrize("cursor", MADE_UP.values(), ids=MADE_UP.keys())
async def test_a_cursor_that_nobody_made_is_rejected(tested: StoreUnderTest, cursor: str) -> None:
    """It is the caller's mistake, not an outage."""
    await tested.add(record("r1"))
    with pytest.raises(StoreRejected):
        await tested.store.search(query(cursor=cursor))


async def test_the_total_is_capped(tested: StoreUnderTest) -> None:
    """Hits are counted to 10,000; beyond, the page says that there are more."""
    for part in range(4):
        batch = [record(f"r{part}-{n}", receiveTime=NOON_MS + part) for n in range(2_500)]
        assert set(await tested.add(*batch)) == {"created"}
    page = await tested.store.search(query(size=1))
    assert (page.total, page.total_is_capped) == (10_000, False)
    await tested.add(record("one more"))
    page = await tested.store.search(query(size=1))
    assert (page.total, page.total_is_capped) == (10_000, True)
    assert await tested.store.count(query()) == 10_001
    assert await tested.store.count(query(request_id="one more")) == 1
    assert (await tested.store.search(query(size=1, wants_total=False))).total == 0
