"""Bad input from outside: every resource refuses what it must not take, and nothing is a fault of ours."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.admin_world import API, Caller, World, refusal

LONG = "x" * 255 * 1024

APP = {"corp_name": "云帆", "app_name": "ERP", "daily_limit": 1}
CUSTOMER = {"username": "isv"}
USER = {"email": "li@pailou.example", "real_name": "李雷"}
ROLE = {"name": "clerk"}
TOKEN = {"user_id": 1, "expire_time": (datetime.now(UTC) + timedelta(days=30)).isoformat()}
PARAM = {"name": "partner_id"}

BAD = [
    ("/customers", CUSTOMER, [
        {"id": 5}, {"money": 5}, {"version": 5}, {"state": 2}, {"state": "1"}, {"state": True}, {"username": " "}, {"username": ""},
        {"username": "\u3000"}, {"username": "a\x00"}, {"username": "x" * 51}, {"username": None}, {"username": ["a"]},
        {"address": LONG}, {"nickname": "\x1b[2J"}, {"password": "short"}, {"password": "x" * 129},
    ]),
    ("/apps", APP, [
        {"id": 5}, {"app_key": "1"}, {"app_secret": "x"}, {"state": -1}, {"daily_limit": -1}, {"daily_limit": 2**31},
        {"daily_limit": 1e309}, {"daily_limit": "5"}, {"minute_limit": -1}, {"minute_limit": 1.5}, {"cus_id": 0}, {"cus_id": 99999},
        {"cus_id": "1"}, {"app_name": "\t"}, {"app_name": "x" * 51}, {"corp_name": None}, {"description": LONG},
        {"redirect_url": "javascript:alert(1)"}, {"redirect_url": "http://x y"}, {"redirect_url": "//x"},
        {"redirect_url": "http://" + "x" * 100}, {"real_status_codes": 1}, {"enabled": True}, {"used_today": 0},
    ]),
    ("/users", USER, [
        {"id": 1}, {"must_change_password": False}, {"email": "nobody"}, {"email": "a@b\r\nBcc: x@y.example"}, {"email": None},
        {"email": "x" * 95 + "@y.example"}, {"real_name": " "}, {"real_name": "x" * 21}, {"status": 7}, {"role_ids": [99999]},
        {"role_ids": [0]}, {"role_ids": "1"}, {"role_ids": [1] * 51}, {"role": "administrator"}, {"password": "x"},
    ]),
    ("/roles", ROLE, [
        {"id": 9}, {"built_in": 1}, {"name": " "}, {"name": "x" * 101}, {"remark": LONG}, {"status": 3}, {"menu_ids": [-1]},
        {"menu_ids": [2**40]}, {"menu_ids": None}, {"perms": ["*:*:*"]},
    ]),
    ("/tokens", TOKEN, [
        {"id": 9}, {"access_token": "mine"}, {"revoked_at": None}, {"app_id": 99999}, {"app_id": 0}, {"user_id": 0}, {"user_id": 2**31},
        {"user_id": "1"}, {"expire_time": "2020-01-01T00:00:00Z"}, {"expire_time": "2099-01-01T00:00:00"}, {"expire_time": "never"},
        {"expire_time": "9999-12-31T23:59:59-14:00"}, {"expire_time": None}, {"scope": LONG},
    ]),
    ("/sysparams", PARAM, [{"id": 1}, {"state": 5}, {"name": "a b"}, {"name": " "}, {"name": None}, {"description": LONG},
        {"value_type": "int"}, {"value_type": None}, {"choices": [], "value_type": "choice"}, {"choices": ["a"]},
        {"default_value": "7"}, {"default_value": "x", "name": "n", "value_type": "integer"}, {"value_type": "boolean", "name": "format"},
        {"choices": ["a", "a"], "name": "n", "value_type": "choice"}, {"choices": ["a"] * 51, "name": "n", "value_type": "choice"},
        {"default_value": "b", "name": "n", "value_type": "choice", "choices": ["a"]}, {"default_value": "x" * 101, "name": "n"},
    ]),
]  # fmt: skip


async def test_every_resource_refuses_what_it_must_not_take(world: World, admin: Caller) -> None:
    """Ids, money, states, roles, blanks, lengths, types, limits: 422 naming the field, and no row is left behind."""
    owner = await admin.new_customer()
    app = await admin.new_app(cus_id=owner["id"])
    needed = {"/apps": {"cus_id": owner["id"]}, "/tokens": {"app_id": app["id"]}}
    for path, good, edits in BAD:
        before = (await admin.shown(path))["total"]
        for edit in edits:
            body: dict[str, Any] = needed.get(path, {}) | good | edit
            if body.get("daily_limit") == float("inf"):
                content = b'{"cus_id":1,"corp_name":"a","app_name":"b","daily_limit":1e309}'
                answer = await admin.http.post(
                    API + path, content=content, headers={"content-type": "application/json"}
                )
            else:
                answer = await admin.post(path, body)
            assert refusal(answer) == (422, "invalid"), (path, str(edit)[:80])
            assert answer.json()["errors"][0]["field"].split(".")[0] == next(iter(edit)), (path, str(edit)[:80])
            assert len(answer.content) < 5000  # what was sent is not sent back
        assert (await admin.shown(path))["total"] == before, path
        made = await admin.post(path, needed.get(path, {}) | good)
        assert made.status_code == 201, made.text


async def test_edits_refuse_the_same(world: World, admin: Caller) -> None:
    """No id, key, money or secret can be assigned; nothing that must be there becomes null."""
    app = await admin.new_app()
    for path, edits in (
        (f"/apps/{app['id']}", ({"id": 9}, {"app_key": "1"}, {"cus_id": 1}, {"app_secret": "x"}, {"daily_limit": None},
                                {"state": None}, {"app_name": " "}, {"version": 0}, {"version": "1"}, {"version": None})),
        (f"/customers/{app['cus_id']}", ({"money": 1}, {"username": "x"}, {"state": 5}, {"nickname": None}, {"password": None})),
        (f"/users/{admin.user_id}", ({"email": "x@y.example"}, {"password": "a new password"}, {"role_ids": None})),
    ):  # fmt: skip
        for edit in edits:
            assert refusal(await admin.patch(path, {"version": 1} | edit)) == (422, "invalid"), (path, edit)
        assert refusal(await admin.patch(path, {})) == (422, "invalid")


async def test_script_and_emoji_names_are_content(world: World, admin: Caller) -> None:
    """Stored and answered as they are, as JSON that no browser takes for a page."""
    for name in (
        "<script>alert(1)</script>",
        "🏯🏯",
        "'; DROP TABLE app_info; --",
        "${jndi:ldap://x}",
        "‮gnp.exe",
        "{{7*7}}",
    ):
        app = await admin.new_app(app_name=name)
        answer = await admin.get(f"/apps/{app['id']}")
        assert answer.json()["app_name"] == name
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert [a["id"] for a in (await admin.shown("/apps", q=name))["items"]] == [app["id"]]


BAD_LISTS: list[dict[str, Any]] = [
    {"page": 0}, {"page": -1}, {"page": "x"}, {"page": 10**9}, {"page": "1" * 5000}, {"size": 0}, {"size": 101}, {"sort": "app_secret"},
    {"sort": "id;drop"}, {"state": 2}, {"cus_id": 0}, {"cus_id": 2**63}, {"q": ""}, {"q": "x" * 101}, {"q": "a\x00"}, {"unknown": 1},
    {"limit": 5},
]  # fmt: skip


async def test_a_list_refuses_what_it_does_not_know(world: World, admin: Caller) -> None:
    """Pages, sizes, sorts and filters that are none, or too large: 422, never everything."""
    for params in BAD_LISTS:
        assert refusal(await admin.get("/apps", **params)) == (422, "invalid"), params


async def test_ids_that_are_none_are_not_asked_for(world: World, admin: Caller) -> None:
    """Letters, zero, negative, past the column: 422; one that nobody has: 404."""
    for path in (
        "/apps",
        "/customers",
        "/mappings",
        "/tokens",
        "/users",
        "/roles",
        "/menus",
        "/sysparams",
        "/recharges",
    ):
        for bad in ("0", "-1", "x", "1.5", str(2**31), "9" * 5000, "%00"):
            answer = await admin.get(f"{path}/{bad}")
            assert refusal(answer) == (422, "invalid"), (path, bad)
        assert refusal(await admin.get(f"{path}/{2**31 - 1}")) == (404, "not-found"), path


BAD_BODIES = [
    (b"", "application/json", 422), (b"{", "application/json", 422), (b"null", "application/json", 422), (b"[]", "application/json", 422),
    (b"\xff\xfe", "application/json", 422), (b'{"username":"a\\ud800"}', "application/json", 422), (b"username=a", "text/plain", 422),
    (b'{"username":"typed as text"}', "text/plain", 422), (b"username=a", "application/x-www-form-urlencoded", 422),
    (b"[" * 100_000, "application/json", 400), (b'{"username":"x"' + b" " * 1_100_000 + b"}", "application/json", 413),
]  # fmt: skip


async def test_a_body_that_is_no_json_object_is_refused(world: World, admin: Caller) -> None:
    """Empty, broken, deep, large, or of another type: a problem document, never a fault."""
    for content, content_type, status in BAD_BODIES:
        answer = await admin.http.post(f"{API}/customers", content=content, headers={"content-type": content_type})
        assert refusal(answer)[0] == status, content[:40]


async def test_a_body_without_a_length_is_cut_off_too(world: World, admin: Caller) -> None:
    """Chunk by chunk: what comes past the limit is not read."""

    async def endless() -> Any:
        for _ in range(200):
            yield b" " * 10_000

    answer = await admin.http.post(f"{API}/customers", content=endless(), headers={"content-type": "application/json"})
    assert refusal(answer) == (413, "too-large")


async def test_who_is_not_signed_in_learns_nothing_by_bad_bodies(world: World) -> None:
    """The session is asked for before the body is read."""
    stranger = await world.caller()
    for content in (b"{", b" " * 2_000_000):
        answer = await stranger.http.post(f"{API}/apps", content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (401, 413)
    assert refusal(await stranger.get("/apps/x")) == (401, "unauthenticated")
    assert refusal(await stranger.get("/nowhere")) == (404, "no-such-path")


async def test_every_answer_carries_the_security_headers(world: World, admin: Caller) -> None:
    """Good ones, refusals and pages alike; no other site may read or frame them."""
    answers = [
        await admin.get("/me"), await admin.get("/apps/x"), await admin.get("/nowhere"), await admin.http.get("/"),
        await admin.http.get("/healthz"), await admin.http.get("/api/openapi.json"), await admin.http.options(f"{API}/apps"),
    ]  # fmt: skip
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 32
        assert "access-control-allow-origin" not in headers
        assert headers["cache-control"] == "no-store"
