"""API mappings and system parameters, and what gateways hear of them."""

import asyncio

import orjson

from admin_api.tables.access import admin_audit_log
from openplatform.records import SystemParam
from tests.admin_world import Caller, World, refusal
from tests.waiting import until


async def test_a_mapping_becomes_a_route_of_the_gateways(world: World, admin: Caller) -> None:
    """With every field; documents arrive as the JSON that was sent."""
    schema = {
        "type": "object",
        "required": ["order_id"],
        "properties": {"order_id": {"type": "integer", "description": "订单"}},
    }
    made = await admin.new_mapping(
        gateway_api_name="open.order.get",
        inside_api_url="/orders/{order_id}/items;v=1",
        http_method="POST",
        idempotents=True,
        need_session=False,
        needfee=True,
        price_fen=5,
        timeout_ms=500,
        timestamp_window_s=60,
        description="订单详情",
        api_group="订单",
        api_version="1.0",
        request_schema=schema,
        response_example={"order": {"id": 1}},
        list_items={"orders": "order"},
        sensitive=["cons_phone"],
    )
    assert made["request_schema"] == schema
    route = (await world.catalogue()).routes["open.order.get"]
    assert route is not None
    assert (route.service_id, route.inside_api_url, route.http_method) == (
        "order-service",
        "/orders/{order_id}/items;v=1",
        "POST",
    )
    assert (route.idempotent, route.needs_session, route.needs_fee, route.enabled) == (True, False, True, True)
    assert (route.timeout_ms, route.timestamp_window_s, route.list_items) == (500, 60, {"orders": "order"})
    assert (route.sensitive, route.group, route.description) == (("cons_phone",), "订单", "订单详情")
    assert orjson.loads(route.request_schema or "") == schema
    assert orjson.loads(route.response_example or "") == {"order": {"id": 1}}


async def test_a_new_api_is_neither_repeatable_nor_charged_and_needs_a_session(world: World, admin: Caller) -> None:
    """A write must not become repeatable by omission, nor an API open."""
    made = await admin.new_mapping()
    assert (made["idempotents"], made["needfee"], made["need_session"], made["timeout_ms"]) == (
        False,
        False,
        True,
        3000,
    )


async def test_mappings_are_edited_switched_listed_and_deleted(world: World, admin: Caller) -> None:
    """Each change is in the catalogue; names are compared byte by byte."""
    made = await admin.new_mapping(gateway_api_name="open.one.get", service_id="warehouse-service")
    other = await admin.new_mapping(gateway_api_name="open.One.get")
    path = f"/mappings/{made['id']}"
    answer = await admin.patch(path, {"version": 1, "inside_api_url": "/stock", "request_schema": {"type": "object"}})
    assert (answer.json()["version"], answer.headers["x-in-force"]) == (2, "true")
    cleared = await admin.patch(path, {"version": 2, "request_schema": None})
    assert cleared.json()["request_schema"] is None
    assert refusal(await admin.patch(path, {"version": 1, "state": 0})) == (409, "stale-version")
    listed = await admin.shown("/mappings", service_id="warehouse-service", q="one")
    assert [m["gateway_api_name"] for m in listed["items"]] == ["open.one.get"]
    switched = await admin.post("/mappings/state", {"ids": [made["id"], other["id"], 424242], "state": 0})
    assert switched.json()["changed"] == [made["id"], other["id"]]
    assert [f["id"] for f in switched.json()["failures"]] == [424242]
    routes = (await world.catalogue()).routes
    assert [routes[n].enabled for n in ("open.one.get", "open.One.get")] == [False, False]  # type: ignore[union-attr]
    assert (await admin.delete(path)).status_code == 204
    assert "open.one.get" not in (await world.catalogue()).routes
    assert refusal(await admin.post("/mappings", {
        "gateway_api_name": "open.One.get", "service_id": "x", "inside_api_url": "/x"})) == (409, "taken")  # fmt: skip


async def test_a_path_that_could_lead_elsewhere_is_refused_and_says_why(world: World, admin: Caller) -> None:
    """The problem names the field and the reason. (Every such path: tests/unit/admin_api/test_mapping_rules.py.)"""
    mapping = {"gateway_api_name": "open.x.get", "service_id": "order-service", "inside_api_url": "//evil.example/x"}
    answer = await admin.post("/mappings", mapping)
    assert refusal(answer) == (422, "invalid")
    (error,) = answer.json()["errors"]
    assert (error["place"], error["field"]) == ("body", "inside_api_url")
    assert error["message"].startswith("must not hold //")


async def test_json_that_has_no_form_is_refused(world: World, admin: Caller) -> None:
    """NaN, half a character, and nesting without end; none of them is a fault of ours."""
    start = b'{"gateway_api_name":"open.x.get","service_id":"s","inside_api_url":"/x","response_example":'
    for value in (b'{"a":NaN}', b'{"a":"\\ud800"}', b'{"a":' * 3000 + b"1" + b"}" * 3000, b"1" * 5000):
        content = start + value + b"}"
        answer = await admin.http.post(
            "/api/v1/mappings", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (400, 422), value[:20]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_charged_api_keeps_a_price(world: World, admin: Caller) -> None:
    """Neither the price goes to 0 while it is charged, nor is it charged without one."""
    made = await admin.new_mapping(needfee=True, price_fen=3)
    path = f"/mappings/{made['id']}"
    assert refusal(await admin.patch(path, {"version": 1, "price_fen": 0})) == (422, "invalid")
    assert (await admin.patch(path, {"version": 1, "price_fen": 0, "needfee": False})).status_code == 200


async def test_a_purge_is_in_force_is_audited_and_outlasts_edits_and_imports(world: World, admin: Caller) -> None:
    """Each one is counted, two at once as well; an API that keeps no answers has nothing to purge."""
    made = await admin.new_mapping(idempotents=True, cache_ttl_s=60)
    name, path = made["gateway_api_name"], f"/mappings/{made['id']}"
    button = f'hx-post="{path}/purge-cache"'
    assert button in (await admin.http.get(path)).text
    purged = await asyncio.gather(*(admin.post(f"{path}/purge-cache") for _ in range(2)))
    assert all(answer.status_code == 200 and "x-in-force" in answer.headers for answer in purged)
    assert {(answer.json()["cache_epoch"], answer.json()["version"]) for answer in purged} == {(1, 2), (2, 3)}
    audit = [row for row in await world.rows(admin_audit_log) if row["action"] == "purge-cache"]
    assert [orjson.loads(row["after"]) for row in audit] == [
        {"cache_epoch": 1, "version": 2}, {"cache_epoch": 2, "version": 3},
    ]  # fmt: skip
    assert refusal(await admin.patch(path, {"version": 3, "cache_epoch": 0})) == (422, "invalid")
    assert (await admin.patch(path, {"version": 3, "timeout_ms": 9})).json()["cache_epoch"] == 2
    table = await admin.shown("/mappings/table")
    assert "cache_epoch" not in table["mappings"][0]
    put = [table["mappings"][0] | {"timeout_ms": 10}]
    assert (await admin.post("/mappings/import", {"based_on": table["etag"], "put": put})).json()["changed"] == [name]

    async def both_are_in_force() -> bool:
        route = (await world.catalogue()).routes[name]
        return route is not None and (route.cache_epoch, route.timeout_ms) == (2, 10)

    await until(both_are_in_force)
    for off in ({"idempotents": False}, {"idempotents": True, "cache_ttl_s": 0}):
        version = (await admin.shown(path))["version"]
        assert (await admin.patch(path, {"version": version, **off})).status_code == 200
        assert refusal(await admin.post(f"{path}/purge-cache")) == (409, "nothing-kept")
        assert button not in (await admin.http.get(path)).text
    reader = await world.operator("gw:mapping:query")
    assert refusal(await reader.post(f"{path}/purge-cache")) == (403, "forbidden")
    assert refusal(await admin.post("/mappings/424242/purge-cache"))[0] == 404


async def test_system_parameters_are_required_of_every_call_while_in_force(world: World, admin: Caller) -> None:
    """A new one reaches the gateways, switched off it is no longer required, deleted it is gone."""
    made = await admin.made("/sysparams", name="partner_id", description="partner")
    params = (await world.catalogue()).params
    assert {name: p.required for name, p in params.items() if p is not None}["partner_id"] is True
    assert params["sign"] is not None
    off = await admin.patch(f"/sysparams/{made['id']}", {"version": 1, "state": 0})
    assert off.headers["x-in-force"] == "true"
    known = (await world.catalogue()).params["partner_id"]
    assert known is not None
    assert known.required is False
    assert (await admin.delete(f"/sysparams/{made['id']}")).status_code == 204
    assert "partner_id" not in (await world.catalogue()).params
    for name in ("a b", "1a", "", "订单", "a" * 256):
        assert refusal(await admin.post("/sysparams", {"name": name})) == (422, "invalid")


async def test_type_and_default_of_a_system_parameter_reach_the_gateways(world: World, admin: Caller) -> None:
    """With who changed it and when; a default must fit the type after every edit, and the protocol's names take none."""
    made = await admin.made("/sysparams", name="shop_no", value_type="integer", default_value="7")
    assert (made["value_type"], made["choices"], made["default_value"]) == ("integer", [], "7")
    assert made["changed_by"] == admin.email and made["changed_at"].endswith("+08:00")
    path = f"/sysparams/{made['id']}"
    for wrong in (
        {"default_value": "x"}, {"value_type": "boolean"}, {"value_type": "choice"}, {"choices": ["7"]},
        {"value_type": "choice", "choices": ["8"]},
    ):  # fmt: skip
        assert refusal(await admin.patch(path, {"version": 1, **wrong})) == (422, "invalid")
    choice = {"value_type": "choice", "choices": ["华东", "华南"], "default_value": "华南"}
    after = (await admin.patch(path, {"version": 1, **choice})).json()
    assert {name: after[name] for name in choice} == choice
    assert (await world.catalogue()).params["shop_no"] == SystemParam(
        name="shop_no", required=True, value_type="choice", choices=("华东", "华南"), default_value="华南"
    )
    listed = {row["name"]: row for row in (await admin.shown("/sysparams"))["items"]}
    assert listed["shop_no"] == after
    assert (listed["sign"]["changed_by"], listed["sign"]["changed_at"]) == ("", None)
    partner = {"name": "partner_id", "value_type": "integer"}
    assert refusal(await admin.post("/sysparams", partner | {"default_value": "7"})) == (422, "invalid")
    assert (await admin.made("/sysparams", **partner))["value_type"] == "integer"
    sign = f"/sysparams/{listed['sign']['id']}"
    assert refusal(await admin.patch(sign, {"version": 1, "value_type": "integer"})) == (422, "invalid")


async def test_the_protocols_own_parameters_cannot_be_switched_off(world: World, admin: Caller) -> None:
    """Neither disabled nor deleted; their description may change."""
    rows = (await admin.shown("/sysparams"))["items"]
    assert {row["name"] for row in rows if row["is_protocols_own"]} == {"method", "app_key", "timestamp", "v", "sign"}
    for row in rows:
        path = f"/sysparams/{row['id']}"
        assert refusal(await admin.patch(path, {"version": 1, "state": 0})) == (409, "protocol-parameter")
        assert refusal(await admin.delete(path)) == (409, "protocol-parameter")
        assert (await admin.patch(path, {"version": 1, "description": "说明"})).status_code == 200
