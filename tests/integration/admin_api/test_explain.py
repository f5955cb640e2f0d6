"""The sign debugger for operators: it knows the app's secrets, also those that have ended, and its API and session."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from openplatform.signed_call import sign_call
from tests.admin_world import Caller, World, refusal


def pasted(app: dict, secret: str, api_name: str = "open.explain.get", **params: str) -> str:
    """A request of the app, signed with that secret just now."""
    call = sign_call(
        url="http://gw", app_key=app["app_key"], secret=secret, method=api_name, params=params, now=datetime.now(UTC)
    )
    return f"curl http://gw/router/rest -d '{call.form}'"


async def explained(admin: Caller, request: str) -> tuple[list[str], dict]:
    """The faults and the whole answer."""
    answer = await admin.post("/try/explain", {"request": request})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert all(f["detail"] and f["detail_zh"] for f in told["findings"])
    return [f["rule"] for f in told["findings"] if f["is_fault"]], told


async def test_a_request_is_judged_by_all_that_is_known(world: World, admin: Caller) -> None:
    """Grant, session of another app, revoked or expired, disabled API and app, wrong secret; a good one is good; no secret is told."""
    app, other = await admin.new_app(), await admin.new_app()
    api = await admin.new_mapping(gateway_api_name="open.explain.get")
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    tokens = [await admin.made("/tokens", app_id=a["id"], user_id=7, expire_time=soon) for a in (app, other, app)]
    mine, foreign, revoked = [token["access_token"] for token in tokens]
    await admin.post(f"/tokens/{tokens[2]['id']}/revoke")
    secret = app["app_secret"]
    assert (await explained(admin, pasted(app, secret, session=mine)))[0] == ["grant"]
    await admin.put(f"/apps/{app['id']}/grants/{api['id']}", {})
    faults, told = await explained(admin, pasted(app, secret, session=mine))
    assert (faults, told["is_good"], told["sign"]) == ([], True, told["params"]["sign"])
    assert (await explained(admin, pasted(app, secret)))[0] == ["session"]
    assert (await explained(admin, pasted(app, secret, session=foreign)))[0] == ["session"]
    assert (await explained(admin, pasted(app, secret, session=revoked)))[0] == ["session"]
    assert (await explained(admin, pasted(app, other["app_secret"], session=mine)))[0] == ["unknown"]
    reset = await admin.post(f"/apps/{app['id']}/secret", {"password": "correct horse battery"})
    assert (await explained(admin, pasted(app, secret, session=mine)))[0] == []
    history = await admin.shown(f"/apps/{app['id']}/secrets")
    await admin.delete(f"/apps/{app['id']}/secrets/{history[0]['id']}")
    faults, told = await explained(admin, pasted(app, secret, session=mine))
    assert faults == ["secret"]
    assert secret not in str(told)
    assert reset.json()["app_secret"] not in str(told)
    await admin.patch(f"/mappings/{api['id']}", {"version": 1, "state": 0})
    await admin.post("/apps/state", {"ids": [app["id"]], "state": 0})
    assert (await explained(admin, pasted(app, reset.json()["app_secret"])))[0] == ["app", "api"]


async def test_who_may_ask_and_what_is_no_request(world: World, admin: Caller) -> None:
    """It takes the test bench's permission; an unknown app's signature is judged by its form."""
    reader = await world.operator("gw:app:query")
    assert refusal(await reader.post("/try/explain", {"request": "a=b"})) == (403, "forbidden")
    for bad in ("", "hello", "curl", "x" * 300_000):
        assert refusal(await admin.post("/try/explain", {"request": bad})) == (422, "invalid")
    stranger = urlencode({"method": "open.time.get", "app_key": "nobody", "timestamp": "x", "v": "2.0", "sign": "abc"})
    assert (await explained(admin, stranger))[0] == ["timestamp", "sign-form", "app"]
