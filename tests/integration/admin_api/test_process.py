"""admin_api as a process: what it proves at start, its pages, its health, and a database that goes away."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from admin_api.app import open_app
from admin_api.settings import AdminSettings
from admin_api.tables.access import admin_user
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.errors import SettingsError
from openplatform.sql import upgrade
from openplatform.web import SystemClock
from tests.admin_world import PASSWORD, Caller, World, open_world, refusal
from tests.servers import MariaDB
from tests.servers.mariadb import fresh_database as create_database
from tests.waiting import until

FIRST = "Root@Pailou.example"


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin")


async def test_the_first_administrator_is_made_once_and_must_change_the_password(settings: AdminSettings) -> None:
    """From the settings when there is no user; a later start changes nothing."""
    nobody = {"redis_url": "redis://127.0.0.1:1/0", "rabbitmq_url": "amqp://127.0.0.1:1/"}
    first = replace(settings, **nobody, first_email=FIRST, first_password=PASSWORD)
    for password in (PASSWORD, "another password"):
        async with open_app(replace(first, first_password=password)) as app, client_of(app) as client:
            answer = await client.post("/api/v1/login", json={"email": FIRST, "password": PASSWORD})
            assert answer.json()["must_change_password"] is True
    with pytest.raises(SettingsError, match="10 to 128"):
        async with open_app(replace(first, first_password="short")):
            pass


async def test_in_the_all_in_one_the_first_administrator_keeps_the_password(settings: AdminSettings) -> None:
    """A demo begins at once; the instance is registered while it runs, and not afterwards."""
    embedded = Embedded()
    first = replace(settings, first_email=FIRST, first_password=PASSWORD, port=8001)
    async with open_redis("memory://", embedded) as client:
        directory = RedisServiceDirectory(client, SystemClock())
        async with open_app(first, embedded) as app, client_of(app) as browser:
            answer = await browser.post("/api/v1/login", json={"email": FIRST, "password": PASSWORD})
            assert answer.json()["must_change_password"] is False

            async def registered() -> bool:
                return [i.address for i in await directory.instances("admin-api")] == ["127.0.0.1:8001"]

            await until(registered)
        assert await directory.instances("admin-api") == ()


async def test_a_wrong_master_key_stops_the_start_with_one_line(settings: AdminSettings) -> None:
    """A secret in the database that does not open: no half service, no traceback, a message that names the setting."""
    async with open_world(settings, Embedded()) as world:
        await (await world.administrator()).new_app()
    other = replace(settings, master_keys={"k1": bytes(32)})
    with pytest.raises(SettingsError, match=r"^PAILOU_MASTER_KEYS does not fit the database: .*$") as caught:
        async with open_app(other, Embedded()):
            pass
    assert "\n" not in str(caught.value)
    both = replace(settings, master_keys={"k2": bytes(32), **settings.master_keys})
    async with open_app(both, Embedded()):
        pass


async def test_a_database_without_tables_stops_the_start(
    tmp_path: Path, make_settings: Callable[..., AdminSettings]
) -> None:
    """The message says what to run."""
    url = f"sqlite+aiosqlite:///{tmp_path}/empty.db"
    with pytest.raises(SettingsError, match="pailou db upgrade"):
        async with open_app(make_settings(url), Embedded()):
            pass


async def test_a_start_warns_of_what_is_unsafe_or_useless(
    settings: AdminSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can sign in; sessions cross a network in the clear."""
    async with open_app(replace(settings, host="0.0.0.0"), Embedded()):
        pass
    warnings = [r.getMessage() for r in caplog.records if r.name == "admin_api.app"]
    assert ["without TLS" in warnings[0], "nobody can sign in" in warnings[1]] == [True, True]
    caplog.clear()
    safe = replace(settings, host="0.0.0.0", is_behind_tls=True, first_email=FIRST, first_password=PASSWORD)
    async with open_app(safe, Embedded()):
        pass
    assert [r for r in caplog.records if r.name == "admin_api.app" and r.levelname == "WARNING"] == []


async def test_memory_redis_is_refused_outside_the_all_in_one(settings: AdminSettings) -> None:
    """Other processes would never see the changes."""
    with pytest.raises(SettingsError, match="PAILOU_REDIS_URL"):
        async with open_app(settings):
            pass


async def test_a_database_that_goes_away_is_no_fault_of_the_callers(
    own_server: Callable[[Any], Any], make_settings: Callable[..., AdminSettings]
) -> None:
    """503 while it is away, /readyz says which part, and it goes on by itself when it is back."""
    server = own_server(MariaDB)
    url = create_database(server.url, "admin")
    await asyncio.to_thread(upgrade, url, "admin_api")
    async with open_world(make_settings(url), Embedded(), is_patient=False) as world:
        admin = await world.administrator()
        assert (await admin.http.get("/readyz")).status_code == 200
        server.kill()
        for answer in (await admin.get("/apps"), await admin.post("/customers", {"username": "x"})):
            assert refusal(answer) == (503, "platform-unavailable")
            assert answer.headers["retry-after"] == "5"
        ready = await admin.http.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["database"] == "ok") == (503, False)
        assert (await admin.http.get("/healthz")).status_code == 200
        await asyncio.to_thread(server.start)

        async def back() -> bool:
            return (await admin.get("/apps")).status_code == 200

        await until(back)
        assert (await admin.post("/customers", {"username": "x"})).status_code == 201


async def test_a_fault_of_ours_shows_nothing_of_itself(
    world: World, admin: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """500 with the request id, under which the process log has the trace, once."""

    async def burst(request: Request) -> Response:
        raise RuntimeError("a secret detail")

    fastapi: Any = world.app
    fastapi._app.router.add_route("/burst", burst)
    answer = await admin.http.get("/burst")
    assert refusal(answer) == (500, "internal-error")
    assert "secret detail" not in answer.text
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert answer.headers["x-request-id"] in record.getMessage()
    assert record.exc_info


async def test_people_sign_in_by_form_and_read_the_documentation(world: World) -> None:
    """Without a session the page leads to the form; a wrong password shows why; markup in it stays text."""
    operator = await world.operator()
    browser = (await world.caller()).http
    sent_away = await browser.get("/api/docs")
    assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/login?next=/api/docs")
    assert "<form" in (await browser.get("/login")).text
    wrong = await browser.post("/login", data={"email": "<script>", "password": "x"})
    assert wrong.status_code == 401
    assert "密码错误" in wrong.text
    assert "<script>" not in wrong.text
    foreign = await browser.post("/login", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert "请求来自其他站点" in foreign.text
    right = await browser.post("/login?next=/api/docs", data={"email": operator.email, "password": PASSWORD})
    assert (right.status_code, right.headers["location"]) == (303, "/api/docs")
    docs = await browser.get("/api/docs")
    assert docs.status_code == 200
    assert "POST /api/v1/apps" in docs.text
    assert "gw:app:add" in docs.text
    assert "http://" not in docs.text.replace("http:// or https://", "")
    assert "style=" not in docs.text
    assert "<script>" not in docs.text
    away = await browser.post("/login?next=//elsewhere.example", data={"email": operator.email, "password": PASSWORD})
    assert away.headers["location"] == "/me"


async def test_figures_are_for_this_machine(world: World, admin: Caller) -> None:
    """Logins by result, how far the relay is; from elsewhere, or through a proxy, 403."""
    await (await world.caller()).post("/login", {"email": "nobody@pailou.example", "password": "x"})
    text = (await admin.http.get("/metrics")).text
    assert 'pailou_admin_logins_total{result="failed"} 1.0' in text
    assert "pailou_config_version" in text
    stranger = await world.caller("10.0.0.1")
    assert refusal(await stranger.http.get("/metrics")) == (403, "not-local")
    proxied = await world.caller(**{"X-Forwarded-For": "1.2.3.4"})
    assert refusal(await proxied.http.get("/metrics")) == (403, "not-local")
    assert len(await world.rows(admin_user)) == 1
