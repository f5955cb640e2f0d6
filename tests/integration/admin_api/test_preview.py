"""What a change of an API mapping would do, told before it is made; and whether its service can be reached."""

import asyncio

from admin_api.tables.access import admin_audit_log
from admin_api.tables.apis import app_mapping
from openplatform.records import Instance
from tests.admin_world import Caller, World, refusal


async def test_the_preview_names_every_field_that_changes_and_what_follows(world: World, admin: Caller) -> None:
    """Before and after of each; closing, charging and opening are told; nothing is written; what the edit refuses it refuses."""
    made = await admin.new_mapping(is_open=True, need_session=False, request_schema={"type": "object"})
    await admin.new_app()
    before = await world.rows(app_mapping), await world.rows(admin_audit_log)
    path = f"/mappings/{made['id']}/preview"
    wanted = {
        "version": 1, "is_open": False, "needfee": True, "price_fen": 5, "need_session": True, "timeout_ms": 3000,
        "request_schema": {"type": "object", "required": ["a"]}, "idempotents": True, "state": 0,
    }  # fmt: skip
    told = (await admin.post(path, wanted)).json()
    changes = {c["field"]: (c["before"], c["after"]) for c in told["changes"]}
    assert "timeout_ms" not in changes
    assert changes["request_schema"] == ({"type": "object"}, {"type": "object", "required": ["a"]})
    assert changes["price_fen"] == (0, 5)
    codes = [c["code"] for c in told["consequences"]]
    assert codes == ["closes", "needs-grants", "needs-session", "costs", "repeats", "no-instance"]
    assert "1 enabled apps" in told["consequences"][1]["detail"]
    assert all(c["detail_zh"] for c in told["consequences"])
    assert (await admin.post(path, {"version": 1})).json()["changes"] == []
    assert refusal(await admin.post(path, {"version": 2, "state": 0})) == (409, "stale-version")
    assert refusal(await admin.post(path, {"version": 1, "needfee": True})) == (422, "invalid")
    assert refusal(await admin.post(path, {"version": 1, "inside_api_url": "http://169.254.169.254/"})) == (
        422,
        "invalid",
    )
    assert (await world.rows(app_mapping), await world.rows(admin_audit_log)) == before


async def test_a_new_mapping_is_checked_before_it_is_added(world: World, admin: Caller) -> None:
    """The same rules, a taken name included."""
    taken = await admin.new_mapping()
    draft = {"gateway_api_name": "open.new.get", "service_id": "order-service", "inside_api_url": "/new"}
    told = (await admin.post("/mappings/preview", draft)).json()
    assert {c["field"] for c in told["changes"]} == set(draft)
    assert told["service_is_running"] is False
    again = draft | {"gateway_api_name": taken["gateway_api_name"]}
    assert refusal(await admin.post("/mappings/preview", again)) == (409, "taken")
    assert refusal(await admin.post("/mappings/preview", draft | {"inside_api_url": "//evil/x"})) == (422, "invalid")
    assert len(await world.rows(app_mapping)) == 1


async def test_the_probe_dials_registered_instances_only(world: World, admin: Caller) -> None:
    """One that listens, one that does not, none of a service that nobody registered."""
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    listening = server.sockets[0].getsockname()[1]
    for port in (listening, 1):
        await world.resources.directory.beat(Instance(service_id="order-service", host="127.0.0.1", port=port))
    made = await admin.new_mapping()
    told = (await admin.post(f"/mappings/{made['id']}/probe")).json()
    assert {i["address"]: i["is_reachable"] for i in told["instances"]} == {
        f"127.0.0.1:{listening}": True,
        "127.0.0.1:1": False,
    }
    assert all(i["is_reachable"] or i["error"] for i in told["instances"])
    assert (await admin.post("/mappings/probe", {"service_id": "nobody"})).json()["instances"] == []
    for bad in ("127.0.0.1:22", "http://x", ""):
        assert refusal(await admin.post("/mappings/probe", {"service_id": bad})) == (422, "invalid")
    server.close()
    await server.wait_closed()
