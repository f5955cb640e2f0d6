"""Built-in APIs through the gateway's door: signed, counted, answered without any service."""

from xml.etree import ElementTree

import pytest

from openplatform.protocol import parse_timestamp
from openplatform.records import Grant
from tests.gateway_world import World

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


async def test_time_as_top_answers_it(world: World) -> None:
    """Under both names, without a session; the platform's prefix is left out of the root; XML as well."""
    answer = (await world.call(world.signed("taobao.time.get", session=None))).json()["time_get_response"]
    assert abs(parse_timestamp(answer["time"]) - world.resources.clock.now()) < 30
    xml = await world.call(world.signed("open.time.get", session=None, format="xml"))
    root = ElementTree.fromstring(xml.content)
    assert (root.tag, len(root.find("time").text)) == ("open_time_get_response", 19)
    assert world.seen == []


async def test_they_are_signed_and_counted_like_any(world: World) -> None:
    """A wrong signature is 25; each call counts against the app's limits and leaves its record."""
    assert await world.error({**world.signed("open.time.get"), "sign": "0"}) == (25, "isv.invalid-signature")
    await world.put_app("small", id=7, daily_limit=3)
    asked = {"app_key": "small", "session": None, "simplify": "true"}
    await world.call(world.signed("open.time.get", **asked))
    response = await world.call(world.signed("open.app.quota.get", **asked))
    day, minute = response.json()["quotas"]
    assert (day["period"], day["limit"], day["used"], day["remaining"]) == ("day", 3, 2, 1)
    assert (minute["period"], minute["used"], "limit" in minute) == ("minute", 2, False)
    await world.call(world.signed("open.time.get", **asked))
    assert (await world.error(world.signed("open.time.get", **asked)))[0] == 7
    logs = await world.logs()
    assert [log.apiName for log in logs if log.appkey == "small"].count("open.time.get") == 3
    assert all(log.serviceTime is None for log in logs)


async def test_the_list_follows_the_catalogue(world: World) -> None:
    """What is opened, closed or granted while the gateway runs is there, or gone, at the next call."""

    async def names() -> list[str]:
        response = await world.call(world.signed("open.api.list", simplify="true"))
        return [api["api_name"] for api in response.json()["apis"] if "echo" in api["api_name"]]

    await world.put_app(grants={"open.echo.post": Grant()})
    await world.put_route("open.echo.get", "/echo", is_open=True)
    assert await names() == ["open.echo.get", "open.echo.post"]
    await world.put_route("open.echo.get", "/echo", is_open=True, enabled=False)
    assert await names() == ["open.echo.post"]
    await world.put("route", "open.echo.post", None)
    assert await names() == []


async def test_operators_cannot_replace_them(world: World) -> None:
    """An API mapping of the same name has no effect, put or removed."""
    await world.put_route("open.time.get", "/echo", needs_session=True)
    await world.put("route", "open.time.get", None)
    assert "open_time_get_response" in (await world.call(world.signed("open.time.get", session=None))).json()
    assert world.seen == []


async def test_without_redis(world: World) -> None:
    """The time is known, what was used is not: error 10, blamed on nobody."""
    await world.call(world.signed())
    world.embedded.redis_server.connected = False
    try:
        assert "open_time_get_response" in (await world.call(world.signed("open.time.get"))).json()
        assert await world.error(world.signed("open.app.quota.get")) == (10, "isp.platform-unavailable")
    finally:
        world.embedded.redis_server.connected = True
