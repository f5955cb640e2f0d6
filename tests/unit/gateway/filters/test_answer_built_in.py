"""The platform's own APIs: what they answer, and how their list is paged."""

import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.filters.answer_built_in import AnswerBuiltIn, merged_page
from openplatform.adapters.quota_memory import MemoryQuotaCounter
from openplatform.errors import OpenPlatformError
from openplatform.records import Grant, QuotaRequest
from tests.unit.gateway.filters.calls import StoppedClock, a_call, app_entry, route_entry
from tests.unit.gateway.filters.catalogs import a_catalog


class Balance:
    """Customer 1 has 5 yuan left, nobody else is known."""

    async def spendable(self, customer_ids):
        return [500 if customer_id == 1 else None for customer_id in customer_ids]


async def answered(api_name: str, *routes, params: dict[str, str] | None = None, uses: int = 0, **app: object) -> dict:
    """What the built-in API answers to an app, before the envelope."""
    catalog = await a_catalog(*routes)
    quota = MemoryQuotaCounter(StoppedClock(), ZoneInfo("Asia/Shanghai"))
    for _ in range(uses):
        await quota.admit(QuotaRequest(app_key="1023", api_name="x", daily_limit=None, minute_limit=None))
    stage = AnswerBuiltIn(catalog, quota, Balance(), StoppedClock(), default_minute_limit=50)
    call = a_call(params, app=app_entry(**app), route=catalog.routes[api_name])
    waiting = stage(call)
    assert waiting is not None
    await waiting
    return json.loads(call.service_body)


async def test_a_services_call_passes_by() -> None:
    """Nothing to wait for, nothing answered."""
    quota = MemoryQuotaCounter(StoppedClock(), ZoneInfo("Asia/Shanghai"))
    stage = AnswerBuiltIn(await a_catalog(), quota, Balance(), StoppedClock(), default_minute_limit=None)
    assert stage(a_call(route=route_entry())) is None


@pytest.mark.parametrize("name", ["open.time.get", "taobao.time.get"])
async def test_time(name: str) -> None:
    """As TOP answers it: text at GMT+8."""
    assert await answered(name) == {"time": "2016-01-01 12:00:00"}


async def test_quota() -> None:
    """The app's own limits, or the platform's minute; what was used, what remains, when it starts again."""
    day, minute = (await answered("open.app.quota.get", uses=3, daily_limit=10))["quotas"]
    assert day == {"period": "day", "used": 3, "limit": 10, "remaining": 7, "reset_time": "2016-01-02 00:00:00"}
    assert minute == {"period": "minute", "used": 3, "limit": 50, "remaining": 47, "reset_time": "2016-01-01 12:01:01"}
    used_up, _ = (await answered("open.app.quota.get", uses=3, daily_limit=2))["quotas"]
    assert used_up["remaining"] == 0


async def test_quota_of_grants() -> None:
    """Granted APIs with limits of their own follow, by name; a period without a limit is left out."""
    grants = {"open.b.get": Grant(minute_limit=4), "open.a.get": Grant(daily_limit=9), "open.c.get": Grant()}
    *_, first, second = (await answered("open.app.quota.get", uses=3, grants=grants))["quotas"]
    assert (first["api_name"], first["period"], first["limit"], first["remaining"]) == ("open.a.get", "day", 9, 9)
    assert (second["api_name"], second["period"], second["used"]) == ("open.b.get", "minute", 0)


async def test_balance() -> None:
    """What the app's customer can spend, in fen; a balance that the store does not know is a fault of ours."""
    assert await answered("taobao.app.balance.get", customer_id=1) == {"spendable_fen": 500}
    with pytest.raises(OpenPlatformError) as refused:
        await answered("open.app.balance.get", customer_id=2)
    assert refused.value.code == 10


async def test_list() -> None:
    """Open APIs and granted ones, built-in ones among them, by name; neither disabled ones nor those of others."""
    routes = [
        route_entry(api_name="open.b.get", is_open=True, description="b"),
        route_entry(api_name="open.off.get", is_open=True, enabled=False),
        route_entry(api_name="open.a.get", deprecated=True, needs_fee=True, price_fen=5, api_version="2"),
        route_entry(api_name="open.other.get"),
    ]
    grants = {"open.a.get": Grant(), "open.gone.get": Grant(), "open.b.get": Grant()}
    answer = await answered("open.api.list", *routes, grants=grants, params={"page_size": "2"})
    assert [api["api_name"] for api in answer["apis"]] == ["open.a.get", "open.api.list"]
    assert (answer["total_results"], answer["page_no"], answer["page_size"]) == (10, 1, 2)
    assert answer["apis"][0] == {
        "api_name": "open.a.get", "description": "", "group": "", "version": "2", "needs_session": True, "price_fen": 5,
        "deprecated": True,
    }  # fmt: skip
    last = await answered("open.api.list", *routes, grants=grants, params={"page_size": "4", "page_no": "3"})
    assert [api["api_name"] for api in last["apis"]] == ["taobao.app.quota.get", "taobao.time.get"]
    assert (await answered("open.api.list", params={"page_no": "9"}))["apis"] == []


@pytest.mark.parametrize("page", [{"page_no": "0"}, {"page_no": "x"}, {"page_size": "201"}, {"page_size": "１"}])
async def test_a_page_that_is_none(page: dict[str, str]) -> None:
    """Error 41 that names the parameter."""
    with pytest.raises(OpenPlatformError) as refused:
        await answered("open.api.list", params=page)
    assert refused.value.sub_code == f"isv.invalid-parameter:{next(iter(page))}"


NAMES = st.sets(st.text("abc", min_size=1, max_size=3), max_size=12)


@given(NAMES, NAMES, st.integers(0, 30), st.integers(0, 8))
def test_a_page_of_two_lists(one: set[str], other: set[str], start: int, size: int) -> None:
    """The page that a merge and a cut would give."""
    other -= one
    page, total = merged_page(sorted(one), sorted(other), start, start + size)
    assert (page, total) == (sorted(one | other)[start : start + size], len(one | other))
