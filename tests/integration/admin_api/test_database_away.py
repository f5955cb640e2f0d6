"""admin_api while its database does not answer: who was here a moment ago reads on, nobody changes anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from admin_api.security.last_known import KNOWN_FOR
from admin_api.security.permissions import PUBLIC, SIGNED_IN
from admin_api.security.sessions import hash_of
from admin_api.settings import AdminSettings
from admin_api.tables.access import admin_audit_log
from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from tests.admin_world import PASSWORD, Caller, World, open_world, refusal
from tests.architecture.test_admin_routes import filled, operations_of
from tests.integration.admin_api.indexing import asking, indexer_settings
from tests.integration.admin_api.test_analytics import LAST_HOUR, call_log
from tests.servers import MariaDB
from tests.servers.mariadb import execute
from tests.servers.mariadb import fresh_database as create_database
from tests.waiting import until

PAGE = {"Accept-Language": "zh-CN", "Accept": "text/html"}
PART = PAGE | {"HX-Request": "true", "HX-Current-URL": "http://admin/logs?range=1h&app=x"}
AWAY = "数据库没有响应"


class Away:
    """server: what test turns off and on; world: admin_api over it, with one call log; url: its database's."""

    def __init__(self, server: MariaDB, world: World, url: str) -> None:
        self.server = server
        self.world = world
        self.url = url


@pytest.fixture
async def away(
    own_server: Callable[[Any], Any], make_settings: Callable[..., AdminSettings], tmp_path: Path
) -> AsyncIterator[Away]:
    server = await asyncio.to_thread(own_server, MariaDB)
    url = create_database(server.url, "admin")
    await asyncio.to_thread(upgrade, url, "admin_api")
    settings = indexer_settings(tmp_path)
    async with (
        open_indexer(settings, Embedded()) as resources,
        open_world(make_settings(url), Embedded(), is_patient=False) as world,
    ):
        await resources.store.prepare()
        await resources.store.add([call_log(1)])
        async with asking(world, create_indexer(resources, settings)) as opened:
            yield Away(server, opened, url)


def session_of(caller: Caller) -> str:
    return caller.http.headers["Authorization"].removeprefix("Bearer ")


def in_browser(caller: Caller) -> httpx.AsyncClient:
    """The same operator with a cookie in place of the token, and the CSRF token that pages send."""
    caller.http.cookies.set("sid", session_of(caller))
    del caller.http.headers["Authorization"]
    return caller.http


async def test_who_was_here_a_moment_ago_reads_on(away: Away) -> None:
    """Logs, statistics, ranking and health by page and by API; lists say why they are empty; others are answered as ever."""
    world, server = away.world, away.server
    token, reader, limited = [await world.operator(*perms) for perms in (("*:*:*",), ("*:*:*",), ("gw:rank:view",))]
    browser = in_browser(reader)
    for seen in (await token.get("/apps"), await browser.get("/rank"), await limited.get("/rank")):
        assert seen.status_code == 200
    csrf = (await browser.get("/api/v1/me")).json()["csrf_token"]
    assert (await limited.patch("/me/preferences", {"language": "en"})).status_code == 200
    assert "Today" in (await limited.http.get("/rank", headers=PAGE)).text
    never_seen = await world.administrator()
    await asyncio.to_thread(server.kill)

    found = (await token.get("/logs", **LAST_HOUR)).json()
    assert [(row["appkey"], row["app_name"]) for row in found["items"]] == [("10000001", "")]
    assert (await token.get("/stats", **LAST_HOUR, by="app")).json()["items"][0]["key"] == "10000001"
    assert (await token.get("/rank")).status_code == 200
    health = (await token.get("/health")).json()
    assert health["outbox"]["error"] == "the database does not answer"
    for asked in (token.get("/apps"), token.get("/me"), token.get("/stats/export", **LAST_HOUR, by="app")):
        assert refusal(await asked) == (503, "platform-unavailable")
    assert refusal(await limited.get("/logs", **LAST_HOUR)) == (403, "forbidden")

    for path in ("/", "/logs", "/stats", "/rank", "/sys/health", "/api/docs"):
        page = await browser.get(path, headers=PAGE)
        assert (page.status_code, 'id="read-only"' in page.text, 'href="/apps"' in page.text) == (200, True, True), path
        assert 'id="cut-off"' not in page.text  # nothing is known against Redis
    for path in (
        "/logs/found",
        "/logs/chart",
        f"/logs/{1:032x}",
        "/stats/found?by=app",
        "/sys/health/now",
        "/overview/calls",
    ):
        part = await browser.get(path, headers=PART)
        assert part.status_code == 200 and AWAY not in part.text.replace("data-content>数据库没有响应", ""), path
    assert ">数据库没有响应</small>" in (await browser.get("/sys/health/now", headers=PART)).text
    by_name = await browser.get("/logs/found?app=x", headers=PART)
    assert by_name.status_code == 503 and AWAY in by_name.text and 'href="/logs?range=1h&amp;app=x"' in by_name.text
    listed = await browser.get("/apps?q=a", headers=PAGE)
    assert listed.status_code == 503 and listed.text.count(AWAY) == 2  # in the list's place, and in the banner
    assert 'href="/apps?q=a"' in listed.text and 'aria-current="page"' in listed.text
    english = await browser.get("/apps", headers={"Accept-Language": "en"})
    assert "the database does not answer" in english.text and "read-only" in english.text

    writes = [
        await token.post("/customers", {"username": "lost"}),
        await token.put("/me/password", {"old_password": PASSWORD, "new_password": PASSWORD + "!"}),
        await token.post("/logout"),
    ]
    assert {refusal(answer) for answer in writes} == {(503, "platform-unavailable")}
    sent = {"data": {"username": "lost"}, "headers": PART | {"X-CSRF-Token": csrf}}
    form = await browser.post("/customers/new", **sent)  # type: ignore[arg-type]
    assert (form.status_code, form.headers["hx-retarget"], AWAY in form.text) == (503, "#notice", True)
    own_language = await limited.http.post("/me", data={"language": "en"}, headers=PART)
    assert own_language.status_code == 503 and "the database does not answer" in own_language.text
    assert (await token.get("/rank")).status_code == 200  # a sign-out that was refused has signed nobody out

    assert refusal(await never_seen.get("/rank")) == (503, "platform-unavailable")
    stranger = await world.caller()
    refused = await in_browser(never_seen).get("/rank", headers=PAGE)
    assert refused.status_code == 503 and 'href="/apps"' not in refused.text
    login = await stranger.http.post("/login", data={"email": "who@pailou.example", "password": "x"}, headers=PAGE)
    assert (login.status_code, AWAY in login.text, "密码错误" in login.text) == (503, True, False)
    assert 'value="who@pailou.example"' in login.text
    assert AWAY in (await stranger.http.get("/login", headers=PAGE)).text

    world.clock.ahead_s += KNOWN_FOR.total_seconds()
    assert refusal(await token.get("/rank")) == (503, "platform-unavailable")
    await asyncio.to_thread(server.start)

    async def back() -> bool:
        return (await token.get("/apps")).status_code == 200

    await until(back)
    page = await browser.get("/customers", headers=PAGE)
    assert (page.status_code, "read-only" in page.text, "lost" in page.text) == (200, False, False)


async def test_every_route_keeps_its_permission_and_no_change_gets_through(away: Away) -> None:
    """All routes × administrator and read-only role: what only reads is allowed as at the database's last word, all else is 503."""
    world = away.world
    callers = [await world.operator_of_role(role_id) for role_id in (1, 3)]
    for caller, _ in callers:
        assert (await caller.get("/me")).status_code == 200
    audited = await world.rows(admin_audit_log)
    await asyncio.to_thread(away.server.kill)
    for caller, held in callers:
        for operation in operations_of(world):
            if operation.perms == PUBLIC:
                continue
            answer = await caller.http.request(operation.method, filled(operation), json={"version": 1})
            if operation.method != "GET":
                assert answer.status_code == 503, operation
            elif operation.perms != SIGNED_IN and not held.allows(operation.perms):
                assert answer.status_code == 403, operation
            else:
                assert answer.status_code in (200, 404, 422, 503), (operation, answer.text)
    await asyncio.to_thread(away.server.start)

    async def back() -> bool:
        return (await callers[0][0].get("/apps")).status_code == 200

    await until(back)
    assert await world.rows(admin_audit_log) == audited


async def test_back_again_the_database_decides(away: Away) -> None:
    """What another process did is not known while it does not answer; the first word that it says ends it."""
    caller, other = await away.world.administrator(), await away.world.administrator()
    assert [(await one.get("/rank")).status_code for one in (caller, other)] == [200, 200]
    schema = away.url.rpartition("/")[2]
    ended = f"DELETE FROM {schema}.operator_session WHERE id_hash = '{hash_of(session_of(caller))}'"
    await asyncio.to_thread(execute, away.server.url, ended)
    away.server.pause()
    try:
        assert [(await one.get("/rank")).status_code for one in (caller, other)] == [200, 200]
    finally:
        away.server.resume()

    async def back() -> bool:
        return (await caller.get("/rank")).status_code == 401

    await until(back)
    assert (await other.get("/apps")).status_code == 200
    await asyncio.to_thread(away.server.kill)
    assert [(await one.get("/rank")).status_code for one in (caller, other)] == [503, 200]


async def ended_by(admin: Caller, user: Caller, what: str) -> httpx.Response:
    """Does what the name says, to the user or as the user."""
    user_id, path = user.user_id, f"/users/{user.user_id}"
    roles = await admin.shown("/roles", size=100)
    role = max(roles["items"], key=lambda row: int(row["id"]))  # the user's own
    row, menu = await admin.shown(path), (await admin.shown("/menus"))[-1]
    match what:
        case "is disabled":
            return await admin.patch(path, {"version": row["version"], "status": 0})
        case "has another role":
            return await admin.patch(path, {"version": row["version"], "role_ids": [1]})
        case "is deleted":
            return await admin.delete(f"{path}?version={row['version']}")
        case "has a new password from somebody":
            return await admin.post(f"{path}/password")
        case "is signed out by somebody":
            return await admin.post(f"{path}/logout")
        case "has a role that is edited":
            return await admin.patch(f"/roles/{role['id']}", {"version": role["version"], "menu_ids": []})
        case "has a menu that is edited":
            return await admin.patch(f"/menus/{menu['id']}", {"version": menu["version"], "name": "x"})
        case "ends a session of their own":
            return await user.delete(f"/me/sessions/{hash_of(session_of(user))}")
        case "signs out":
            return await user.post("/logout")
        case "changes their password":
            return await user.put("/me/password", {"old_password": PASSWORD, "new_password": PASSWORD + "!"})
    assert what == "signs in again", user_id
    return await user.post("/login", {"email": user.email, "password": PASSWORD})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", [
    "is disabled", "has another role", "is deleted", "has a new password from somebody", "is signed out by somebody",
    "has a role that is edited", "has a menu that is edited", "ends a session of their own", "signs out",
    "changes their password", "signs in again",
])  # fmt: skip
async def test_who(what: str, world: World, admin: Caller) -> None:
    """… is forgotten at once, though the database has just vouched for them."""
    user = await world.operator("gw:app:list")
    assert (await user.get("/apps")).status_code == 200
    known = world.resources.last_known
    now, session_hash = world.resources.changes.now(), hash_of(session_of(user))
    assert known.find(session_hash, now) is not None
    answer = await ended_by(admin, user, what)
    assert answer.is_success, answer.text
    assert known.find(session_hash, now) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_other_changes_forget_nobody(world: World, admin: Caller) -> None:
    """Neither an app, nor one's language, nor a change of an operator that was refused."""
    user = await world.operator("gw:app:list")
    assert (await user.get("/apps")).status_code == 200
    await admin.new_app()
    assert (await user.patch("/me/preferences", {"language": "en"})).status_code == 200
    assert refusal(await admin.patch(f"/users/{admin.user_id}", {"version": 1, "status": 0})) == (409, "own-account")
    now = world.resources.changes.now() + KNOWN_FOR - timedelta(minutes=1)
    assert world.resources.last_known.find(hash_of(session_of(user)), now) is not None
