"""Which APIs an app may call, and from where: what operators change, and what gateways hear of it."""

import pytest

from admin_api.tables.access import admin_audit_log
from openplatform.records import App, Grant
from tests.admin_world import Caller, World, refusal


async def known(world: World, app_key: str) -> App:
    """The app as gateways know it."""
    app = (await world.catalogue()).apps[app_key]
    assert app is not None
    return app


async def test_a_grant_is_given_changed_and_revoked(world: World, admin: Caller) -> None:
    """Each in force when the answer comes; terms are the gateway's; a change names the version that it was made from."""
    app, api = await admin.new_app(), await admin.new_mapping(gateway_api_name="open.order.get")
    path = f"/apps/{app['id']}/grants/{api['id']}"
    assert (await known(world, app["app_key"])).grants == {}
    made = await admin.put(path, {"daily_limit": 10, "data_scope": " pii ,finance,pii"})
    assert (made.status_code, made.headers["x-in-force"], made.json()["data_scope"]) == (200, "true", "finance,pii")
    assert (await known(world, app["app_key"])).grants == {
        "open.order.get": Grant(daily_limit=10, data_scope="finance,pii")
    }
    assert refusal(await admin.put(path, {"daily_limit": 20})) == (409, "stale-version")
    changed = await admin.put(path, {"version": 1, "minute_limit": 5})
    assert (changed.json()["version"], changed.json()["daily_limit"]) == (2, None)
    assert (await known(world, app["app_key"])).grants == {"open.order.get": Grant(minute_limit=5)}
    stale = await admin.put(path, {"version": 1, "daily_limit": 1})
    assert refusal(stale) == (409, "stale-version")
    assert (stale.json()["changed_by"], stale.json()["current_version"]) == (admin.email, 2)
    assert (await admin.shown(path))["minute_limit"] == 5
    assert (await admin.delete(path)).status_code == 204
    assert (await known(world, app["app_key"])).grants == {}
    assert refusal(await admin.delete(path)) == (404, "not-found")
    assert refusal(await admin.get(path)) == (404, "not-found")
    assert refusal(await admin.put(path, {"version": 2})) == (404, "not-found")
    audit = [row for row in await world.rows(admin_audit_log) if row["table_name"] == "app_api_grant"]
    assert [row["action"] for row in audit] == ["create", "edit", "delete"]
    assert {row["row_id"] for row in audit} == {f"{app['id']}:{api['id']}"}


async def test_many_apis_are_granted_at_once(world: World, admin: Caller) -> None:
    """On the same terms; what was granted before keeps its own, what does not exist is named."""
    app = await admin.new_app()
    apis = [await admin.new_mapping() for _ in range(3)]
    first, *rest = (api["id"] for api in apis)
    await admin.put(f"/apps/{app['id']}/grants/{first}", {"daily_limit": 1})
    answer = await admin.post(
        f"/apps/{app['id']}/grants", {"mapping_ids": [first, *rest, 424242], "daily_limit": 7, "data_scope": "pii"}
    )
    assert answer.json() == {"granted": rest, "kept": [first], "missing": [424242]}
    grants = (await known(world, app["app_key"])).grants
    assert [grants[api["gateway_api_name"]].daily_limit for api in apis] == [1, 7, 7]
    page = await admin.shown(f"/apps/{app['id']}/grants", size=2)
    assert (page["total"], len(page["items"])) == (3, 2)
    found = await admin.shown(f"/apps/{app['id']}/grants", q=apis[1]["gateway_api_name"])
    assert [item["mapping_id"] for item in found["items"]] == [rest[0]]


async def test_a_deleted_api_takes_its_grants_along(world: World, admin: Caller) -> None:
    """An API of the same name that comes later is granted to nobody."""
    app, api = await admin.new_app(), await admin.new_mapping(gateway_api_name="open.gone.get")
    await admin.put(f"/apps/{app['id']}/grants/{api['id']}", {})
    assert (await admin.delete(f"/mappings/{api['id']}")).status_code == 204
    await admin.new_mapping(gateway_api_name="open.gone.get")
    assert (await known(world, app["app_key"])).grants == {}
    deleted = [row for row in await world.rows(admin_audit_log) if row["action"] == "delete"]
    assert f'"granted_to":[{app["id"]}]' in deleted[0]["before"]


async def test_an_app_says_where_it_is_called_from(world: World, admin: Caller) -> None:
    """Networks in one form, each once; the list is edited as a whole, at the app's version."""
    app = await admin.new_app()
    path = f"/apps/{app['id']}/networks"
    assert await admin.shown(path) == {"cidrs": [], "version": 1}
    cidrs = ["203.0.113.7", "2001:DB8::/32", "::ffff:10.0.0.0/104", "10.0.0.0/8"]
    put = await admin.put(path, {"version": 1, "cidrs": cidrs})
    assert (put.headers["x-in-force"], put.json()["version"]) == ("true", 2)
    assert put.json()["cidrs"] == ["10.0.0.0/8", "2001:db8::/32", "203.0.113.7/32"]
    assert (await known(world, app["app_key"])).ip_allow == ("10.0.0.0/8", "2001:db8::/32", "203.0.113.7/32")
    assert refusal(await admin.put(path, {"version": 1, "cidrs": []})) == (409, "stale-version")
    renamed = await admin.patch(f"/apps/{app['id']}", {"version": 2, "app_name": "ERP 2"})
    assert renamed.json()["version"] == 3
    assert (await known(world, app["app_key"])).ip_allow == ("10.0.0.0/8", "2001:db8::/32", "203.0.113.7/32")
    assert (await admin.put(path, {"version": 3, "cidrs": []})).json() == {"cidrs": [], "version": 4}
    assert (await known(world, app["app_key"])).ip_allow == ()
    assert (await admin.delete(f"/apps/{app['id']}")).status_code == 204
    assert refusal(await admin.get(path)) == (404, "not-found")


@pytest.mark.parametrize("body", [
    {"data_scope": "PII"}, {"data_scope": "a b"}, {"data_scope": "a\r\nX-Evil: 1"}, {"data_scope": "x" * 101}, {"daily_limit": -1},
    {"minute_limit": "1"}, {"version": 0}, {"data_scope": None}, {"app_id": 1},
])  # fmt: skip
async def test_terms_that_make_no_sense_are_refused(admin: Caller, body: dict) -> None:
    """Nothing that a header could not hold, and nothing unknown."""
    app, api = await admin.new_app(), await admin.new_mapping()
    assert refusal(await admin.put(f"/apps/{app['id']}/grants/{api['id']}", body)) == (422, "invalid")


async def test_networks_that_are_none_are_refused(admin: Caller) -> None:
    """The item is named, and what to write; at most 100 of them."""
    app = await admin.new_app()
    path = f"/apps/{app['id']}/networks"
    answer = await admin.put(path, {"version": 1, "cidrs": ["10.0.0.0/8", "10.0.0.5/8"]})
    assert refusal(answer) == (422, "invalid")
    (error,) = answer.json()["errors"]
    assert error["field"] == "cidrs.1" and "write 10.0.0.0/8" in error["message"]
    many = [f"10.0.0.{n}" for n in range(101)]
    assert refusal(await admin.put(path, {"version": 1, "cidrs": many})) == (422, "invalid")
    assert refusal(await admin.put("/apps/424242/networks", {"version": 1, "cidrs": []})) == (404, "not-found")
    assert refusal(await admin.put("/apps/424242/grants/1", {})) == (404, "not-found")
    assert refusal(await admin.post("/apps/424242/grants", {"mapping_ids": [1]})) == (404, "not-found")


async def test_a_tokens_scope_has_one_form(world: World, admin: Caller) -> None:
    """API names, groups, beginnings of names; anything else would be a scope that silently holds nothing."""
    app = await admin.new_app()
    token = {"app_id": app["id"], "user_id": 1, "expire_time": "2030-01-01T00:00:00+08:00"}
    made = await admin.made("/tokens", **token, scope=" open.order.get, 订单  open.stock.*,订单 ")
    assert made["scope"] == "open.order.get,订单,open.stock.*"
    for scope in ("*", "open.*.get", "open*", ".*"):
        assert refusal(await admin.post("/tokens", {**token, "scope": scope})) == (422, "invalid")
