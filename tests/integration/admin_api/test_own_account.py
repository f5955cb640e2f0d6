"""An operator's own things: what they chose for the console, and a link by which a forgotten password is set once."""

from datetime import timedelta

import httpx

from admin_api.access.service.password_links import GOOD_FOR
from admin_api.tables.access import admin_audit_log, operator_preferences, password_link
from tests.admin_world import PASSWORD, Caller, World, refusal

ANOTHER = "another long password"


async def use(caller: Caller, token: str, password: str = ANOTHER) -> httpx.Response:
    return await caller.post("/password-links/use", {"token": token, "new_password": password})


async def test_preferences_are_kept_field_by_field(world: World, admin: Caller) -> None:
    """What was not sent stays; null goes back to the default; each operator has their own; they go with their operator."""
    assert (await admin.shown("/me/preferences"))["language"] is None
    await admin.patch("/me/preferences", {"language": "en", "page_size": 50})
    await admin.patch("/me/preferences", {"theme": "dark", "columns": {"logs": ["time", "api"]}})
    shown = await admin.shown("/me/preferences")
    assert (shown["language"], shown["theme"], shown["page_size"]) == ("en", "dark", 50)
    assert shown["columns"] == {"logs": ["time", "api"]}
    assert (await admin.patch("/me/preferences", {"language": None})).json()["language"] is None
    colleague = await world.administrator()
    assert (await colleague.shown("/me/preferences"))["theme"] is None
    for bad in (
        {"language": "fr"}, {"theme": "pink"}, {"time_zone": "../../etc/passwd"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "Asia"},
        {"page_size": 0}, {"page_size": None}, {"columns": {"<script>": []}}, {"user_id": 1}, {"columns": {"a": ["b"] * 51}},
    ):  # fmt: skip
        assert refusal(await admin.patch("/me/preferences", bad)) == (422, "invalid"), bad
    assert (await colleague.delete(f"/users/{admin.user_id}")).status_code == 204
    assert await world.rows(operator_preferences) == []


async def test_a_link_sets_a_password_once(world: World, admin: Caller) -> None:
    """It ends the operator's sessions, works once and for a day, and a newer link replaces it; nothing secret is stored."""
    user = await world.operator("gw:app:list")
    stranger = await world.caller()
    first, second = [(await admin.post(f"/users/{user.user_id}/password-link")).json() for _ in range(2)]
    assert second["path"] == f"/password#{second['token']}"
    assert second["token"] not in str(await world.rows(password_link))
    assert refusal(await use(stranger, first["token"])) == (410, "link-gone")
    assert refusal(await use(stranger, second["token"], "short")) == (422, "invalid")
    assert (await user.get("/me")).status_code == 200
    assert (await use(stranger, second["token"])).status_code == 204
    assert refusal(await user.get("/me")) == (401, "unauthenticated")
    assert refusal(await use(stranger, second["token"])) == (410, "link-gone")
    signed_in = await stranger.post("/login", {"email": user.email, "password": ANOTHER})
    assert signed_in.json()["must_change_password"] is False
    assert refusal(await stranger.post("/login", {"email": user.email, "password": PASSWORD}))[0] == 401
    done = [(row["who"], row["action"]) for row in await world.rows(admin_audit_log) if "link" in row["action"]]
    assert done == [(admin.email, "make-password-link")] * 2 + [("password link", "use-password-link")]
    assert ANOTHER not in str(await world.rows(admin_audit_log))


async def test_a_link_is_gone_when_it_is_too_old_or_its_operator_may_not_sign_in(world: World, admin: Caller) -> None:
    """After a day, when the operator is disabled, by another site's page, and for oneself or somebody above."""
    user = await world.operator()
    stranger = await world.caller()
    path = f"/users/{user.user_id}/password-link"
    token = (await admin.post(path)).json()["token"]
    foreign = await world.caller(**{"Sec-Fetch-Site": "cross-site"})
    assert refusal(await use(foreign, token)) == (403, "foreign-site")
    shown = await admin.shown(f"/users/{user.user_id}")
    await admin.patch(f"/users/{user.user_id}", {"version": shown["version"], "status": 0})
    assert refusal(await use(stranger, token)) == (410, "link-gone")
    assert refusal(await admin.post(f"/users/{admin.user_id}/password-link")) == (409, "own-account")
    resetter = await world.operator("sys:user:resetPwd")
    assert refusal(await resetter.post(f"/users/{admin.user_id}/password-link")) == (403, "above-you")
    other = await world.operator()
    token = (await admin.post(f"/users/{other.user_id}/password-link")).json()["token"]
    world.clock.ahead_s += (GOOD_FOR + timedelta(seconds=1)).total_seconds()
    assert refusal(await use(stranger, token)) == (410, "link-gone")
