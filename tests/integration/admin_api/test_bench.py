"""The test bench against a gateway of this process: signed with the app's secret, its stages timed, who may do what."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from admin_api.settings import AdminSettings
from admin_api.tables.access import admin_audit_log
from admin_api.tables.apps import user_token
from gateway.app import open_app as open_gateway
from openplatform.adapters.embedded import Embedded
from tests.admin_world import MASTER_KEYS, Caller, World, open_world, refusal
from tests.gateway_world import gateway_settings


@pytest.fixture
async def world(settings: AdminSettings) -> AsyncIterator[World]:
    """admin_api and a gateway over one in-process Redis; the bench reaches the gateway without a network."""
    embedded = Embedded()
    async with open_world(settings, embedded) as opened:
        await opened.resources.relay.relay()
        await opened.resources.counters.restore([])
        known = gateway_settings(internal_keys=settings.internal_keys, master_keys=MASTER_KEYS)
        async with open_gateway(known, embedded) as gateway:
            transport = httpx.ASGITransport(gateway, client=("127.0.0.1", 50_001))
            async with httpx.AsyncClient(transport=transport) as client:
                opened.resources.bench._http = client
                yield opened


def trial(app: dict[str, object], **fields: object) -> dict[str, object]:
    return {"app_id": app["id"], "api_name": "open.time.get", **fields}


async def test_a_call_is_signed_sent_and_timed(world: World, admin: Caller) -> None:
    """The signed text, a curl, the answer, and microseconds of each stage; the secret is nowhere; the audit log tells who tried."""
    app = await admin.new_app()
    tried = await admin.post("/try", trial(app))
    assert tried.status_code == 200, tried.text
    told = tried.json()
    assert "open_time_get_response" in told["body"] or "time_get_response" in told["body"], told["body"]
    assert told["signed_text"].startswith(f"app_key{app['app_key']}formatjsonmethodopen.time.get")
    assert told["curl"].startswith("curl -sS http")
    assert [stage["stage"] for stage in told["stages"]][:3] == ["ValidateParams", "IdentifyApp", "VerifySign"]
    assert app["app_secret"] not in tried.text
    [row] = [row for row in await world.rows(admin_audit_log) if row["action"] == "try"]
    assert (row["who"], row["row_id"]) == (admin.email, str(app["id"]))


async def test_a_refused_call_shows_the_refusal_as_its_caller_sees_it(world: World, admin: Caller) -> None:
    """A parameter that replaces what is right is signed as it is: the gateway says what is wrong with it."""
    app = await admin.new_app()
    told = (await admin.post("/try", trial(app, params={"timestamp": "2001-01-01 00:00:00"}, format="xml"))).json()
    assert "<code>31</code>" in told["body"]
    told = (await admin.post("/try", trial(app, api_name="open.nothing.get"))).json()
    assert '"code":22' in told["body"]


async def test_a_session_is_made_for_one_call_by_who_may_add_tokens(world: World, admin: Caller) -> None:
    """No row keeps it; without the permission it is refused; the gateway takes it for the merchant's."""
    app = await admin.new_app()
    mapping = await admin.new_mapping(gateway_api_name="open.bench.get", is_open=True, inside_api_url="/x")
    without = (await admin.post("/try", trial(app, api_name="open.bench.get"))).json()
    assert '"code":26' in without["body"]
    told = (await admin.post("/try", trial(app, api_name="open.bench.get", user_id=777))).json()
    assert '"code":15' in told["body"], told["body"]  # past the session: no instance of the service runs here
    assert await world.rows(user_token) == []
    trier = await world.operator("gw:try")
    assert refusal(await trier.post("/try", trial(app, user_id=777))) == (403, "forbidden")
    assert (await trier.post("/try", trial(app))).status_code == 200
    assert mapping["need_session"]


async def test_a_trial_that_makes_no_sense_is_refused(world: World, admin: Caller) -> None:
    """Unknown app, unknown method of signing, a URL to call, too much: 422; a gateway that is not there: 503."""
    app = await admin.new_app()
    for bad in (
        trial(app, app_id=99999), trial(app, api_name=""), trial(app, sign_method="sha1"), trial(app, url="http://169.254.169.254/"),
        trial(app, params={"a": "x" * 20_001}), trial(app, params={str(n): "" for n in range(201)}), trial(app, params={"a": 1}),
        trial(app, params={"sign_method": "rot13"}), trial(app, format="html"), {},
    ):  # fmt: skip
        assert refusal(await admin.post("/try", bad)) == (422, "invalid"), bad
    nowhere = replace(world.settings, gateway_url="http://127.0.0.1:1/router/rest")
    bench = world.resources.bench
    bench._http = httpx.AsyncClient(trust_env=False)
    bench._url = nowhere.gateway_url
    assert refusal(await admin.post("/try", trial(app))) == (503, "gateway-unreachable")
    await bench._http.aclose()
