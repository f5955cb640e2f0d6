"""The replay guard through the gateway's door: one of many passes, and nothing else changes."""

import pytest
from starlette.responses import Response

from tests.gateway_world import World


@pytest.fixture
async def guarded(world: World) -> World:
    """The world with a guarded write."""
    await world.put_route("open.guarded.post", "/echo", http_method="POST", replay_guard=True)
    return world


@pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
async def test_once(guarded: World) -> None:
    """The same bytes a second time, the same parameters in another way, the same signature in lower case: 25."""
    params = guarded.signed("open.guarded.post", a="1")
    assert "open_guarded_post_response" in (await guarded.call(params)).json()
    assert await guarded.error(params) == (25, "isv.replayed-request")
    assert await guarded.error({**params, "sign": params["sign"].lower()}) == (25, "isv.replayed-request")
    assert (await guarded.http.get(guarded.url, params=params)).json()["error_response"]["code"] == 25
    assert "open_guarded_post_response" in (await guarded.call(guarded.signed("open.guarded.post", a="2"))).json()
    assert len(guarded.seen) == 2


async def test_other_apis_take_the_same_bytes_again(world: World) -> None:
    """Some SDKs repeat a request as it is: only APIs that say so refuse."""
    params = world.signed("open.echo.post")
    for _ in range(3):
        assert "open_echo_post_response" in (await world.call(params)).json()


async def test_a_business_no_was_an_answer(guarded: World) -> None:
    """The service had the request: it does not come again."""
    params = guarded.signed("open.guarded.post")
    guarded.answers["/echo"] = Response(b'{"sub_code":"isv.no","sub_msg":"no"}', 400)
    assert await guarded.error(params) == (15, "isv.no")
    assert await guarded.error(params) == (25, "isv.replayed-request")


async def test_given_back_if_nothing_left_for_the_service(guarded: World) -> None:
    """An instance that takes no connection, no instance at all, a placeholder without a value: the same bytes may come again."""
    await guarded.put_route("open.dead.post", "/x", http_method="POST", replay_guard=True, service_id="dead-service")
    await guarded.put_route("open.nobody.post", "/x", http_method="POST", replay_guard=True, service_id="nobody")
    await guarded.put_route("open.named.post", "/x/{name}", http_method="POST", replay_guard=True)
    for name in ("dead", "nobody", "named"):
        params = guarded.signed(f"open.{name}.post")
        first = await guarded.error(params)
        assert first[0] in (15, 40)
        assert await guarded.error(params) == first


async def test_redis_down_denies_these_apis_only(guarded: World) -> None:
    """10, retryable, for the guarded one; the others go on."""
    await guarded.call(guarded.signed())
    guarded.embedded.redis_server.connected = False
    try:
        assert await guarded.error(guarded.signed("open.guarded.post")) == (10, "isp.platform-unavailable")
        assert "open_echo_post_response" in (await guarded.call(guarded.signed("open.echo.post"))).json()
    finally:
        guarded.embedded.redis_server.connected = True
    assert [path for path, headers, _ in guarded.seen if headers["x-api-name"] == "open.guarded.post"] == []
