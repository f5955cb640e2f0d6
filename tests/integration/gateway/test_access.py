"""Who may call what, through both doors: grants, open APIs, lists of addresses, scopes of sessions, data scope."""

import pytest

from openplatform.records import Grant
from tests.gateway_world import SECRET, SESSION, World

NOT_GRANTED = (11, "isv.permission-api-package-limit")
BOTH_DOORS = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


@BOTH_DOORS
async def test_a_closed_api_is_for_those_who_hold_a_grant(world: World) -> None:
    """Granted and revoked while the gateway runs; a refusal leaves one record and reaches no service."""
    await world.put_route("open.closed.get", "/echo", is_open=False)
    assert await world.error(world.signed("open.closed.get")) == NOT_GRANTED
    assert not world.seen
    await world.put_app(grants={"open.closed.get": Grant()})
    answer = await world.call(world.signed("open.closed.get", a="1"))
    assert answer.json()["open_closed_get_response"]["echo"] == {"a": "1"}
    assert "x-data-scope" not in world.seen[0][1]
    await world.put_app()
    assert await world.error(world.signed("open.closed.get")) == NOT_GRANTED
    assert [log.errorCode for log in await world.logs()] == ["11:" + NOT_GRANTED[1], "0", "11:" + NOT_GRANTED[1]]


async def test_the_signature_is_judged_before_the_permission(world: World) -> None:
    """What an app may call is told to nobody but the app."""
    await world.put_route("open.closed.get", "/echo", is_open=False)
    assert (await world.error(world.signed("open.closed.get", secret="another")))[0] == 25


@BOTH_DOORS
async def test_the_service_hears_what_the_grant_lets_the_app_see(world: World) -> None:
    """X-Data-Scope comes from the grant alone, never from the caller."""
    await world.put_app(grants={"open.echo.get": Grant(data_scope="finance,pii")})
    params = world.signed()
    await world.http.post(world.url, data=params, headers={"X-Data-Scope": "everything"})
    await world.put_app()
    await world.http.post(world.url, data=params, headers={"X-Data-Scope": "everything"})
    assert [headers.get("x-data-scope") for _, headers, _ in world.seen] == ["finance,pii", None]


@BOTH_DOORS
async def test_an_app_with_a_list_of_addresses_is_called_from_there_only(world: World) -> None:
    """The list is in force within a second, and judged before the signature."""
    await world.put_app(ip_allow=("203.0.113.0/24",))
    refused = (11, "isv.permission-ip-whitelist-limit")
    assert await world.error(world.signed()) == refused
    assert await world.error(world.signed(secret="another")) == refused
    await world.put_app(ip_allow=("203.0.113.0/24", "127.0.0.0/8"))
    assert (await world.call(world.signed())).json()["open_echo_get_response"]


async def test_a_session_is_good_for_its_scope(world: World) -> None:
    """Names, beginnings of names, groups; known to this process or looked up anew."""
    await world.put_route("open.item.get", "/items/{item_id}", group="goods")
    for scope in ("open.item.get", "open.item.*", "goods", "open.other.get,goods"):
        await world.put_session(scope=scope)
        assert await world.error(world.signed()) == NOT_GRANTED
        for _ in range(2):
            assert "open_item_get_response" in (await world.call(world.signed("open.item.get", item_id="1"))).json()
    assert [path for path, _, _ in world.seen] == ["/items/1"] * 8


async def test_two_secrets_sign_while_an_app_changes_over(world: World) -> None:
    """The one in force and the one before, by every method; a third, and one that was retired, do not."""
    await world.put_app(secrets=("the new secret", SECRET))
    for method in ("md5", "hmac", "hmac-sha256"):
        for secret in ("the new secret", SECRET):
            params = world.signed(secret=secret, sign_method=method, session=SESSION)
            assert "open_echo_get_response" in (await world.call(params)).json()
        assert (await world.error(world.signed(secret="a third", sign_method=method)))[0] == 25
    await world.put_app(secrets=("the new secret",))
    assert (await world.error(world.signed()))[0] == 25
