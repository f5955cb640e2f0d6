"""Customers, apps, secrets and tokens, and what gateways hear of them."""

from datetime import datetime, timedelta

from admin_api.apps.service.apps import seal_context
from admin_api.apps.service.secrets import retire_expired_secrets
from admin_api.apps.service.tokens import hash_token
from admin_api.security.operators import SYSTEM
from admin_api.tables.access import admin_audit_log
from admin_api.tables.apps import app_info, customer, user_token
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.records import QuotaRequest
from tests.admin_world import PASSWORD, ZONE, Caller, World, refusal
from tests.waiting import until

IN_FORCE = "x-in-force"


def in_days(days: float) -> str:
    return (datetime.now(ZONE) + timedelta(days=days)).isoformat()


async def test_a_secret_is_shown_once_and_sealed_at_rest(world: World, admin: Caller) -> None:
    """Not in the database, not in Redis, not in the audit log, not in any later answer; the gateway can open it."""
    app = await admin.new_app()
    secret = app["app_secret"]
    assert len(secret) == 32
    assert len(app["app_key"]) == 8
    later = await admin.shown(f"/apps/{app['id']}")
    assert "app_secret" not in later
    for table in (app_info, admin_audit_log):
        assert secret not in str(await world.rows(table))
    known = (await world.catalogue()).apps[app["app_key"]]
    assert known is not None
    (sealed,) = known.sealed_secrets
    assert world.resources.seal.open(sealed, seal_context(app["app_key"])) == secret


async def test_an_edit_names_its_version_and_reaches_the_gateways(world: World, admin: Caller) -> None:
    """Only what was sent changes; the answer says that it is in force; null gives back the platform's minute limit."""
    app = await admin.new_app(daily_limit=100, minute_limit=10)
    path = f"/apps/{app['id']}"
    answer = await admin.patch(path, {"version": 1, "daily_limit": 7, "minute_limit": None, "state": 0})
    assert answer.headers[IN_FORCE] == "true"
    edited = answer.json()
    assert (edited["daily_limit"], edited["minute_limit"], edited["state"], edited["app_name"]) == (7, None, 0, "ERP")
    assert edited["version"] == 2
    known = (await world.catalogue()).apps[app["app_key"]]
    assert known is not None
    assert (known.daily_limit, known.minute_limit, known.enabled) == (7, None, False)


async def test_a_stale_edit_shows_both_values_and_who_was_faster(world: World, admin: Caller) -> None:
    """And changes nothing."""
    other = await world.operator("gw:app:*")
    app = await admin.new_app()
    path = f"/apps/{app['id']}"
    assert (await other.patch(path, {"version": 1, "daily_limit": 1})).status_code == 200
    answer = await admin.patch(path, {"version": 1, "daily_limit": 2, "description": "mine"})
    assert refusal(answer) == (409, "stale-version")
    conflict = answer.json()
    assert conflict["current_version"] == 2
    assert conflict["fields"]["daily_limit"] == {"current": 1, "yours": 2}
    assert conflict["changed_by"] == other.email
    assert (await admin.shown(path))["daily_limit"] == 1


async def test_a_disabled_customer_stops_all_its_apps_at_once(world: World, admin: Caller) -> None:
    """And only those; enabling brings back the apps that are enabled themselves."""
    owner = await admin.new_customer()
    on, off = await admin.new_app(cus_id=owner["id"]), await admin.new_app(cus_id=owner["id"], state=0)
    bystander = await admin.new_app()

    async def enabled() -> list[bool]:
        apps = (await world.catalogue()).apps
        return [app.enabled for app in (apps[a["app_key"]] for a in (on, off, bystander)) if app is not None]

    assert await enabled() == [True, False, True]
    answer = await admin.patch(f"/customers/{owner['id']}", {"version": 1, "state": 0})
    assert answer.headers[IN_FORCE] == "true"
    assert await enabled() == [False, False, True]
    assert (await admin.shown(f"/apps/{on['id']}"))["enabled"] is False
    await admin.patch(f"/customers/{owner['id']}", {"version": 2, "state": 1})
    assert await enabled() == [True, False, True]


async def test_apps_are_searched_sorted_and_paged(world: World, admin: Caller) -> None:
    """By company, name or key as they are written; each row once over all pages."""
    owner = await admin.new_customer(username="yunfan")
    names = ["100%_real", "1000 real", "云帆ERP", "云帆旧版"]
    apps = [await admin.new_app(cus_id=owner["id"], app_name=name, daily_limit=n) for n, name in enumerate(names)]
    assert [a["app_name"] for a in (await admin.shown("/apps", q="0%_"))["items"]] == ["100%_real"]
    assert (await admin.shown("/apps", q="云帆", size=1))["total"] >= 2
    assert [a["id"] for a in (await admin.shown("/apps", q=apps[2]["app_key"]))["items"]] == [apps[2]["id"]]
    pages = [await admin.shown("/apps", cus_id=owner["id"], size=3, page=n, sort="daily_limit") for n in (1, 2, 3)]
    assert [[a["daily_limit"] for a in page["items"]] for page in pages] == [[0, 1, 2], [3], []]
    assert {page["total"] for page in pages} == {4}
    assert pages[0]["items"][0]["customer_name"] == "yunfan"


async def test_the_list_shows_how_much_is_used(world: World, admin: Caller) -> None:
    """Accepted calls of the day and the last minute, from the same counters that the gateways count in."""
    app = await admin.new_app()
    quota = world.resources.quota
    assert isinstance(quota, RedisQuotaCounter)
    await world.resources.counters.restore([])
    for _ in range(3):
        request = QuotaRequest(app_key=app["app_key"], api_name="open.order.get", daily_limit=9, minute_limit=None)
        await quota.admit(request)
    shown = (await admin.shown("/apps", q=app["app_key"]))["items"][0]
    assert (shown["used_today"], shown["used_minute"]) == (3, 3)


async def test_a_replaced_secret_lives_for_another_day(world: World, admin: Caller) -> None:
    """Both sign; after 24 hours the old one is gone from the gateways; a second replacement ends the first at once."""
    app = await admin.new_app()
    path = f"/apps/{app['id']}"
    assert refusal(await admin.post(f"{path}/secret", {"password": "not mine"})) == (403, "wrong-password")
    assert refusal(await admin.post(f"{path}/secret")) == (422, "invalid")

    async def opened() -> list[str]:
        known = (await world.catalogue()).apps[app["app_key"]]
        assert known is not None
        return [world.resources.seal.open(s, seal_context(app["app_key"])) for s in known.sealed_secrets]

    second = (await admin.post(f"{path}/secret", {"password": PASSWORD})).json()
    assert await opened() == [second["app_secret"], app["app_secret"]]
    third = (await admin.post(f"{path}/secret", {"password": PASSWORD})).json()
    assert await opened() == [third["app_secret"], second["app_secret"]]
    first_row, second_row = reversed(await admin.shown(f"{path}/secrets"))
    assert first_row["retired_time"] is not None
    assert (second_row["retired_time"], second_row["kid"]) == (None, "k1")
    world.clock.ahead_s += 24 * 3600 - 60
    assert (await world.resources.changes.make(SYSTEM, retire_expired_secrets)).value == 0
    world.clock.ahead_s += 61
    assert (await world.resources.changes.make(SYSTEM, retire_expired_secrets)).value == 1

    async def only_the_new_one() -> bool:
        return await opened() == [third["app_secret"]]

    await until(only_the_new_one)


async def test_a_replaced_secret_can_be_ended_before_its_day_is_over(world: World, admin: Caller) -> None:
    """Of this app only: another app's secret is not found under it."""
    app, other = await admin.new_app(), await admin.new_app()
    await admin.post(f"/apps/{app['id']}/secret", {"password": PASSWORD})
    (row,) = await admin.shown(f"/apps/{app['id']}/secrets")
    assert refusal(await admin.delete(f"/apps/{other['id']}/secrets/{row['id']}")) == (404, "not-found")
    answer = await admin.delete(f"/apps/{app['id']}/secrets/{row['id']}")
    assert (answer.status_code, answer.headers[IN_FORCE]) == (204, "true")
    known = (await world.catalogue()).apps[app["app_key"]]
    assert known is not None
    assert len(known.sealed_secrets) == 1


async def test_a_token_is_shown_once_and_found_by_pasting(world: World, admin: Caller) -> None:
    """Only its hash and eight of its characters are kept; the gateway finds it by the hash."""
    app = await admin.new_app()
    made = await admin.made("/tokens", app_id=app["id"], user_id=4711, expire_time=in_days(1), scope="orders")
    token = made["access_token"]
    assert made["token_hint"] == f"{token[:4]}…{token[-4:]}"
    for table in (user_token, admin_audit_log):
        assert token not in str(await world.rows(table))
    found = (await admin.post("/tokens/find", {"token": f" {token}\n"})).json()
    assert (found["id"], found["app_key"], found["state"]) == (made["id"], app["app_key"], "live")
    assert refusal(await admin.post("/tokens/find", {"token": hash_token(token)})) == (404, "not-found")
    session = await world.session(hash_token(token))
    assert session is not None
    assert (session.app_id, session.vender_id, session.scope) == (app["id"], 4711, "orders")
    assert session.expire_at_ms == int(datetime.fromisoformat(made["expire_time"]).timestamp() * 1000)


async def test_revoking_takes_a_token_from_the_gateways(world: World, admin: Caller) -> None:
    """One, or all of an app; revoking again changes nothing; expired ones are left alone."""
    app, other = await admin.new_app(), await admin.new_app()
    tokens = [
        await admin.made("/tokens", app_id=a["id"], user_id=1, expire_time=in_days(d))
        for a, d in ((app, 1), (app, 2), (app, 3), (other, 1))
    ]
    first = await admin.post(f"/tokens/{tokens[0]['id']}/revoke")
    assert (first.json()["state"], first.headers[IN_FORCE]) == ("revoked", "true")
    again = await admin.post(f"/tokens/{tokens[0]['id']}/revoke")
    assert again.json()["revoked_at"] == first.json()["revoked_at"]
    assert (await admin.post(f"/apps/{app['id']}/tokens/revoke")).json() == {"revoked": 2}
    left = [await world.session(hash_token(token["access_token"])) for token in tokens]
    assert [session is not None for session in left] == [False, False, False, True]
    states = [t["state"] for t in (await admin.shown("/tokens", sort="id", app_id=app["id"]))["items"]]
    assert states == ["revoked"] * 3
    world.clock.ahead_s += 2 * 86_400
    admin = await world.administrator()
    assert [t["id"] for t in (await admin.shown("/tokens", state="expired"))["items"]] == [tokens[3]["id"]]
    assert (await admin.post(f"/apps/{other['id']}/tokens/revoke")).json() == {"revoked": 0}


async def test_tokens_are_filtered(world: World, admin: Caller) -> None:
    """By app, merchant, state, and by the moment before which they end."""
    app = await admin.new_app()
    soon = await admin.made("/tokens", app_id=app["id"], user_id=1, expire_time=in_days(1))
    late = await admin.made("/tokens", app_id=app["id"], user_id=2, expire_time=in_days(30))
    for filters, ids in (
        ({"app_key": app["app_key"]}, {soon["id"], late["id"]}),
        ({"user_id": 2}, {late["id"]}),
        ({"state": "live", "expires_before": in_days(7)}, {soon["id"]}),
        ({"state": "revoked"}, set()),
        ({"app_id": 99999}, set()),
    ):
        assert {t["id"] for t in (await admin.shown("/tokens", **filters))["items"]} == ids, filters


async def test_deleting_an_app_takes_its_tokens_with_it(world: World, admin: Caller) -> None:
    """From the database and from the gateways; its customer can then be deleted, not before."""
    owner = await admin.new_customer()
    app = await admin.new_app(cus_id=owner["id"])
    token = await admin.made("/tokens", app_id=app["id"], user_id=1, expire_time=in_days(1))
    assert refusal(await admin.delete(f"/customers/{owner['id']}")) == (409, "in-use")
    answer = await admin.delete(f"/apps/{app['id']}")
    assert (answer.status_code, answer.headers[IN_FORCE]) == (204, "true")
    assert app["app_key"] not in (await world.catalogue()).apps
    assert await world.session(hash_token(token["access_token"])) is None
    assert (await admin.delete(f"/customers/{owner['id']}")).status_code == 204
    for path in (f"/apps/{app['id']}", f"/customers/{owner['id']}", f"/tokens/{token['id']}"):
        assert refusal(await admin.get(path)) == (404, "not-found")


async def test_a_customers_password_and_money_are_never_shown_or_set(world: World, admin: Caller) -> None:
    """The password is hashed; the balance begins at 0 and is no field of any request."""
    made = await admin.new_customer(password="a customer's password")
    assert "password" not in made
    assert made["money"] == 0
    row = next(row for row in await world.rows(customer) if row["id"] == made["id"])
    assert row["password"].startswith("$argon2id$")
    assert refusal(await admin.post("/customers", {"username": "rich", "money": 5})) == (422, "invalid")
    stale = await admin.patch(
        f"/customers/{made['id']}", {"version": 9, "password": "another password", "nickname": "x"}
    )
    assert refusal(stale) == (409, "stale-version")
    assert set(stale.json()["fields"]) == {"nickname"}
    assert refusal(await admin.post("/customers", {"username": made["username"]})) == (409, "taken")
