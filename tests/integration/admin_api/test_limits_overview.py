"""Limits on one screen: of apps, of APIs, of grants, with what is used; and the addresses that apps call from."""

from admin_api.tables.access import admin_audit_log
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.records import QuotaRequest
from tests.admin_world import Caller, World, refusal


async def call(world: World, app_key: str, api_name: str, times: int, **limits: int) -> None:
    quota = world.resources.quota
    assert isinstance(quota, RedisQuotaCounter)
    for _ in range(times):
        await quota.admit(QuotaRequest(app_key=app_key, api_name=api_name, daily_limit=99, minute_limit=None, **limits))


async def test_what_is_used_and_left_of_every_limit(world: World, admin: Caller) -> None:
    """Day and minute of apps, APIs and grants, with the moment when the day begins anew."""
    await world.resources.counters.restore([])
    app = await admin.new_app(daily_limit=10)
    api = await admin.new_mapping(gateway_api_name="open.limited.get", limit_per_day=7)
    await admin.put(f"/apps/{app['id']}/grants/{api['id']}", {"minute_limit": 5})
    await call(world, app["app_key"], "open.limited.get", 4, api_daily_limit=7, grant_minute_limit=5)
    [of_app] = (await admin.shown("/limits/apps", q=app["app_key"]))["items"]
    assert (of_app["day"]["limit"], of_app["day"]["used"], of_app["day"]["remaining"]) == (10, 4, 6)
    assert of_app["day"]["resets_at"].endswith("+08:00")
    assert (of_app["minute"]["limit"], of_app["minute"]["used"], of_app["minute"]["remaining"]) == (None, 4, None)
    [of_api] = (await admin.shown("/limits/apis"))["items"]
    assert (of_api["day"]["limit"], of_api["day"]["used"], of_api["day"]["remaining"]) == (7, 4, 3)
    [of_grant] = (await admin.shown("/limits/grants"))["items"]
    assert (of_grant["gateway_api_name"], of_grant["minute"]["used"], of_grant["minute"]["remaining"]) == (
        "open.limited.get",
        4,
        1,
    )
    await admin.put(f"/apps/{app['id']}/networks", {"version": 1, "cidrs": ["10.0.0.0/8", "192.0.2.7"]})
    networks = (await admin.shown("/limits/networks", sort="-cidr"))["items"]
    assert [(n["app_key"], n["cidr"]) for n in networks] == [
        (app["app_key"], c) for c in ("192.0.2.7/32", "10.0.0.0/8")
    ]


async def test_limits_are_changed_by_their_own_permission(world: World, admin: Caller) -> None:
    """Nothing but limits can be changed there; versions, audit and catalogue as everywhere."""
    app = await admin.new_app(daily_limit=10)
    api = await admin.new_mapping()
    keeper = await world.operator("gw:limit:edit")
    changed = await keeper.patch(f"/limits/apps/{app['id']}", {"version": 1, "daily_limit": 20, "minute_limit": 3})
    assert (changed.json()["day"]["limit"], changed.json()["minute"]["limit"], changed.json()["version"]) == (20, 3, 2)
    assert changed.headers["x-in-force"] == "true"
    assert refusal(await keeper.patch(f"/limits/apps/{app['id']}", {"version": 1, "daily_limit": 1})) == (
        409,
        "stale-version",
    )
    answer = await keeper.patch(
        f"/limits/apis/{api['id']}", {"version": 1, "limit_per_second": 5, "limit_per_day": None}
    )
    assert (answer.json()["limit_per_second"], answer.json()["version"]) == (5, 2)
    for path, bad in (
        ("apps", {"version": 2, "state": 0}),
        ("apis", {"version": 2, "price_fen": 0}),
        ("apis", {"version": 2, "limit_per_day": 0}),
    ):
        row = app if path == "apps" else api
        assert refusal(await keeper.patch(f"/limits/{path}/{row['id']}", bad)) == (422, "invalid"), bad
    assert refusal(await keeper.get("/limits/apps")) == (403, "forbidden")
    known = (await world.catalogue()).apps[app["app_key"]]
    assert known is not None and (known.daily_limit, known.minute_limit) == (20, 3)
    assert [row["who"] for row in await world.rows(admin_audit_log)][-2:] == [keeper.email] * 2
