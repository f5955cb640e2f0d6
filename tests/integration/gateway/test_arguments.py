"""Business parameters against the API's schema, over HTTP: named in the error, forwarded as they were sent, nothing spent."""

import orjson
import pytest

from tests.gateway_world import World

SCHEMA = orjson.dumps(
    {
        "type": "object",
        "required": ["order_id"],
        "properties": {"order_id": {"type": "integer", "minimum": 1}, "ids": {"type": "array", "items": {"type": "integer"}}},
    }
).decode()  # fmt: skip


@pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
async def test_parameters_fit_the_schema_or_are_named(world: World) -> None:
    """40 and 41 before a limit is touched; an unknown parameter passes."""
    await world.put_app(daily_limit=1)
    await world.put_route("open.order.get", "/echo", request_schema=SCHEMA)
    assert await world.error(world.signed("open.order.get")) == (40, "isv.missing-parameter:order_id")
    assert await world.error(world.signed("open.order.get", order_id="")) == (40, "isv.missing-parameter:order_id")
    assert await world.error(world.signed("open.order.get", order_id="0")) == (41, "isv.invalid-parameter:order_id")
    assert await world.error(world.signed("open.order.get", order_id="1", ids="1,x")) == (
        41,
        "isv.invalid-parameter:ids",
    )
    assert not world.seen
    sent = {"order_id": "0007", "ids": "1,2", "other": "中 文"}
    answer = await world.call(world.signed("open.order.get", **sent))
    assert answer.json()["open_order_get_response"]["echo"] == sent


async def test_the_session_is_asked_first(world: World) -> None:
    """What an API's parameters are is told to those who may call it."""
    await world.put_route("open.order.get", "/echo", request_schema=SCHEMA)
    assert (await world.error(world.signed("open.order.get", session="unknown")))[0] == 27


async def test_a_broken_schema_costs_its_own_api_only(world: World) -> None:
    """Error 10 there, until it is mended; all others go on."""
    await world.put_route("open.order.get", "/echo", request_schema='{"type": "objekt"}')
    assert await world.error(world.signed("open.order.get", order_id="1")) == (10, "isp.unknown-error")
    assert "open_echo_get_response" in (await world.call(world.signed())).json()
    await world.put_route("open.order.get", "/echo", request_schema=SCHEMA)
    assert "open_order_get_response" in (await world.call(world.signed("open.order.get", order_id="1"))).json()
