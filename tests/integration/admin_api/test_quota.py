"""An app's quota: what is used and left, and a fresh start of its day, three times a day, on record."""

import pytest

from admin_api.tables.access import admin_audit_log
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.records import QuotaRequest
from tests.admin_world import Caller, World, refusal


@pytest.fixture
async def called(world: World, admin: Caller) -> dict:
    """An app that has made 4 of its 10 calls."""
    await world.resources.counters.restore([])
    app = await admin.new_app(daily_limit=10, minute_limit=50)
    quota = world.resources.quota
    assert isinstance(quota, RedisQuotaCounter)
    for _ in range(4):
        await quota.admit(QuotaRequest(app_key=app["app_key"], api_name="open.a.get", daily_limit=10, minute_limit=50))
    return app


async def test_used_and_left(called: dict, admin: Caller) -> None:
    """Of the day and of the minute, and when the day begins again."""
    shown = await admin.shown(f"/apps/{called['id']}/quota")
    assert (shown["used_today"], shown["remaining_today"], shown["daily_limit"]) == (4, 6, 10)
    assert (shown["used_minute"], shown["remaining_minute"], shown["minute_limit"]) == (4, 46, 50)
    assert shown["day_resets_at"].endswith("+08:00")
    assert shown["resets_left"] == 3
    assert refusal(await admin.get("/apps/987654/quota")) == (404, "not-found")


async def test_three_resets_a_day(world: World, called: dict, admin: Caller) -> None:
    """Each is audited with what was lost; the fourth is refused until the platform's next day."""
    path = f"/apps/{called['id']}/quota/reset"
    first = (await admin.post(path, {"reason": "促销"})).json()
    assert (first["used_today"], first["remaining_today"], first["resets_left"]) == (0, 10, 2)
    assert first["used_minute"] == 4
    for left in (1, 0):
        assert (await admin.post(path, {"reason": "促销"})).json()["resets_left"] == left
    fourth = await admin.post(path, {"reason": "促销"})
    assert refusal(fourth) == (429, "too-many-resets")
    assert 1 <= int(fourth.headers["retry-after"]) <= 86_400
    audit = [row for row in await world.rows(admin_audit_log) if row["action"] == "reset-quota"]
    assert len(audit) == 3
    assert (audit[0]["row_id"], audit[0]["before"]) == (str(called["id"]), '{"used_today":4,"reason":null}')
    assert audit[0]["after"] == '{"used_today":0,"reason":"促销"}'
    assert refusal(await admin.post(path, {"reason": " "})) == (422, "invalid")
    world.clock.ahead_s = 86_400
    assert (await (await world.administrator()).post(path, {"reason": "x"})).status_code == 200


async def test_who_may_reset(world: World, called: dict) -> None:
    """It takes the permission of its own."""
    reader = await world.operator("gw:app:query")
    assert (await reader.get(f"/apps/{called['id']}/quota")).status_code == 200
    assert refusal(await reader.post(f"/apps/{called['id']}/quota/reset"))[0] == 403
