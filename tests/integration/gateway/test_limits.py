"""Limits of apps, APIs and grants through both doors: the refusal as clients read it, and what it leaves untouched."""

import pytest

from openplatform.adapters.redis_keys import ADMISSION_SENTINEL, API_QUOTA_PREFIX, APP_QUOTA_PREFIX, GRANT_QUOTA_PREFIX
from openplatform.records import Grant
from tests.gateway_world import World

API = "open.echo.get"
both_doors = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


@both_doors
@pytest.mark.parametrize(
    ("whose", "app", "route"),
    [
        ("app", {"daily_limit": 1}, {}),
        ("app", {"minute_limit": 1}, {}),
        ("api", {}, {"limit_per_minute": 1}),
        ("api", {}, {"limit_per_day": 1}),
        ("app-api", {"grants": {API: Grant(daily_limit=1)}}, {}),
        ("app-api", {"grants": {API: Grant(minute_limit=1)}}, {}),
    ],
    ids=["app day", "app minute", "api minute", "api day", "grant day", "grant minute"],
)
async def test_the_refusal(world: World, whose: str, app: dict, route: dict) -> None:
    """7 with whose limit it was, the wait in exactly TOP's words and in the headers; the service is not asked."""
    await world.put_app(**app)
    await world.put_route(API, "/echo", idempotent=True, **route)
    assert "error_response" not in (await world.call(world.signed())).json()
    refused = await world.call(world.signed())
    error = refused.json()["error_response"]
    assert (error["code"], error["sub_code"]) == (7, f"accesscontrol.limited-by-{whose}-access-count")
    wait = refused.headers["retry-after"]
    assert int(wait) >= 1
    assert error["sub_msg"] == f"This ban will last for {wait} more seconds"
    names = ("limit", "remaining", "reset")
    assert [refused.headers[f"ratelimit-{name}"] for name in names] == ["1", "0", wait]
    assert len(world.seen) == 1
    assert [log.errorCode for log in await world.logs()] == ["0", f"7:{error['sub_code']}"]


async def test_only_what_is_limited_is_counted(world: World) -> None:
    """A call of an API without limits of its own touches the app's counter alone."""
    await world.call(world.signed())
    keys = [key.decode() for key in await world.redis.keys("*")]
    assert f"{APP_QUOTA_PREFIX}1023" in keys
    assert [key for key in keys if key.startswith((API_QUOTA_PREFIX, GRANT_QUOTA_PREFIX))] == []


async def test_counters_that_were_lost(world: World) -> None:
    """A Redis without its counters counts as down: calls go on within this process's share; one with a price is 10."""
    await world.put_route("open.dear.get", "/echo", needs_fee=True, price_fen=1)
    await world.put_app(daily_limit=2)
    await world.redis.delete(ADMISSION_SENTINEL)
    codes = [(await world.call(world.signed())).json().get("error_response", {}).get("code", 0) for _ in range(3)]
    assert codes == [0, 0, 7]
    assert await world.error(world.signed("open.dear.get")) == (10, "isp.platform-unavailable")


async def test_many_wrong_signatures(world: World) -> None:
    """After 120 wrong ones in a minute the next are told to wait, and a right one passes."""
    wrong = world.signed() | {"sign": "0" * 64}
    codes = [(await world.error(wrong))[0] for _ in range(122)]
    assert codes == [25] * 120 + [7] * 2
    assert "error_response" not in (await world.call(world.signed())).json()
