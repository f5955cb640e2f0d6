"""Signing in: passwords, cookies and bearer tokens, locks, forgeries, the ends of sessions."""

import asyncio
from dataclasses import replace

import httpx
import sqlalchemy as sa
from argon2 import PasswordHasher

from admin_api.access.jobs import forget_old_logins
from admin_api.app import create_app
from admin_api.security.sessions import csrf_token_of, hash_of
from admin_api.tables.access import admin_user, login_log, operator_session
from openplatform.lifetime import running
from tests.admin_world import PASSWORD, Caller, World, refusal
from tests.waiting import until

WRONG = "wrong horse battery"


async def login(caller: Caller, email: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return await caller.post("/login", {"email": email, "password": password}, **headers)


async def test_the_right_password_opens_a_session_for_cookie_and_bearer_alike(world: World) -> None:
    """The cookie is HttpOnly and SameSite=Strict; its value works as a bearer token; only its hash is stored."""
    operator = await world.operator("gw:app:list")
    browser = await world.caller()
    answer = await login(browser, operator.email.upper())
    assert answer.status_code == 200, answer.text
    token = answer.json()["token"]
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"sid={token};")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert (await browser.get("/apps")).status_code == 200
    command = await world.caller(Authorization=f"Bearer {token}")
    me = await command.shown("/me")
    assert (me["email"], me["permissions"]) == (operator.email, ["gw:app:list"])
    stored = {row["id_hash"] for row in await world.rows(operator_session)}
    assert hash_of(token) in stored
    assert token not in str(stored)


async def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(world: World) -> None:
    """`__Host-sid` with Secure, and HSTS on every answer."""
    operator = await world.operator("gw:app:list")
    world.app = create_app(world.resources, replace(world.settings, is_behind_tls=True))
    answer = await login(await world.caller(), operator.email)
    assert answer.headers["set-cookie"].startswith("__Host-sid=")
    assert "Secure" in answer.headers["set-cookie"].split("; ")
    assert "strict-transport-security" in answer.headers


async def test_wrong_unknown_and_disabled_get_the_same_answer(world: World) -> None:
    """Nothing tells which addresses exist."""
    operator, disabled = await world.operator(), await world.operator()
    async with world.database.begin() as connection:
        await connection.execute(sa.update(admin_user).where(admin_user.c.id == disabled.user_id).values(status=0))
    caller = await world.caller()
    answers = [
        await login(caller, operator.email, WRONG),
        await login(caller, "nobody@pailou.example"),
        await login(caller, disabled.email),
    ]
    texts = {(a.status_code, a.json()["code"], a.json()["detail"]) for a in answers}
    assert texts == {(401, "bad-credentials", "the e-mail address or the password is wrong")}
    assert all("set-cookie" not in a.headers for a in answers)
    assert [row["outcome"] for row in await world.rows(login_log)] == [0, 0, 0]


async def test_five_failures_lock_the_account_and_the_lock_grows(world: World) -> None:
    """Ten minutes after the fifth failure, twenty after the tenth, from any address and with the right password too."""
    operator = await world.operator()
    callers = [await world.caller(f"10.0.0.{n}") for n in range(1, 30)]
    for caller in callers[:5]:
        assert refusal(await login(caller, operator.email, WRONG)) == (401, "bad-credentials")
    locked = await login(callers[6], operator.email)
    assert refusal(locked) == (429, "login-locked")
    assert locked.json()["minutes_left"] == 10
    assert 590 <= int(locked.headers["retry-after"]) <= 600
    world.clock.ahead_s += 601
    for caller in callers[10:15]:
        assert refusal(await login(caller, operator.email, WRONG)) == (401, "bad-credentials")
    assert (await login(callers[16], operator.email)).json()["minutes_left"] == 20
    world.clock.ahead_s += 1201
    assert (await login(callers[17], operator.email)).status_code == 200
    assert refusal(await login(callers[18], operator.email, WRONG)) == (401, "bad-credentials")


async def test_five_failures_lock_the_address_for_every_account(world: World) -> None:
    """Another address still gets in; a success clears only the failures of its own account."""
    operator, other = await world.operator(), await world.operator()
    bad, good = await world.caller("10.1.1.1"), await world.caller("10.1.1.2")
    for n in range(4):
        await login(bad, f"guess{n}@pailou.example", WRONG)
    assert (await login(bad, operator.email)).status_code == 200
    assert refusal(await login(bad, other.email, WRONG)) == (401, "bad-credentials")
    assert refusal(await login(bad, operator.email)) == (429, "login-locked")
    assert (await login(good, operator.email)).status_code == 200


async def test_many_guesses_at_once_are_still_five(world: World) -> None:
    """Attempts count before their password is compared: 15 at once get no more tries than one after another."""
    operator = await world.operator()
    callers = [await world.caller(f"10.2.0.{n}") for n in range(1, 16)]
    answers = await asyncio.gather(*(login(caller, operator.email, WRONG) for caller in callers))
    assert sorted(a.status_code for a in answers) == [401] * 5 + [429] * 10


async def test_a_flood_of_logins_is_answered_busy_and_locks_nobody(world: World) -> None:
    """40 at once: each gets an answer, those past 32 a 503, which counts as no failure; other requests go on meanwhile."""
    operator = await world.operator()
    callers = [await world.caller(f"10.9.0.{n}") for n in range(1, 41)]
    hashing = world.resources.passwords._turns
    for _ in range(2):  # no password is compared before all have come
        await hashing.acquire()
    flood = [asyncio.create_task(login(caller, f"n{n}@pailou.example")) for n, caller in enumerate(callers)]
    await until(lambda: sum(task.done() for task in flood) == 8)
    assert (await operator.get("/me")).status_code == 200
    for _ in range(2):
        hashing.release()
    answers = [refusal(answer) for answer in await asyncio.gather(*flood)]
    assert sorted(answers) == [(401, "bad-credentials")] * 32 + [(503, "busy")] * 8
    outcomes = [row["outcome"] for row in await world.rows(login_log)]
    assert (outcomes.count(0), outcomes.count(2)) == (32, 8)


async def test_old_attempts_are_forgotten(world: World) -> None:
    """After half a year; the others stay."""
    await login(await world.caller(), "old@pailou.example")
    world.clock.ahead_s += 181 * 86_400
    await login(await world.caller(), "new@pailou.example")
    async with running(forget_old_logins(world.resources.changes)):

        async def forgotten() -> bool:
            return [row["email"] for row in await world.rows(login_log)] == ["new@pailou.example"]

        await until(forgotten)


async def test_a_session_ends_when_idle_when_old_and_when_signed_out(world: World) -> None:
    """30 minutes without a request, 8 hours in all, or by logout; it does not come back."""
    idle, busy, leaving = [await world.operator("gw:app:list") for _ in range(3)]
    world.clock.ahead_s += 29 * 60
    assert (await busy.get("/me")).status_code == 200
    world.clock.ahead_s += 61
    assert refusal(await idle.get("/me")) == (401, "unauthenticated")
    for _ in range(16):
        world.clock.ahead_s += 28 * 60
        last = await busy.get("/me")
    assert last.status_code == 200
    world.clock.ahead_s += 5 * 60
    assert refusal(await busy.get("/me")) == (401, "unauthenticated")
    world.clock.ahead_s = 0
    assert (await leaving.post("/logout")).status_code == 204
    assert refusal(await leaving.get("/me")) == (401, "unauthenticated")


async def test_a_write_by_cookie_needs_its_own_csrf_token(world: World) -> None:
    """Without it, with a foreign one, or from another site: 403. By bearer token none is needed."""
    operator = await world.operator("gw:customer:add")
    browser = await world.caller()
    signed_in = (await login(browser, operator.email)).json()
    customer = {"username": "isv-csrf"}
    assert refusal(await browser.post("/customers", customer)) == (403, "csrf-token")
    foreign = csrf_token_of("another session")
    assert refusal(await browser.post("/customers", customer, **{"X-CSRF-Token": foreign})) == (403, "csrf-token")
    own = {"X-CSRF-Token": signed_in["csrf_token"]}
    assert (await browser.shown("/me"))["csrf_token"] == signed_in["csrf_token"]
    for site in ("cross-site", "same-site"):
        answer = await browser.post("/customers", customer, **own, **{"Sec-Fetch-Site": site})
        assert refusal(answer) == (403, "foreign-site")
    assert (await browser.post("/customers", customer, **own)).status_code == 201
    assert (await operator.post("/customers", {"username": "isv-bearer"})).status_code == 201


async def test_another_site_cannot_sign_somebody_in(world: World) -> None:
    """A login that the browser marks as foreign is refused before anything is compared."""
    operator = await world.operator()
    answer = await login(await world.caller(), operator.email, **{"Sec-Fetch-Site": "cross-site"})
    assert refusal(answer) == (403, "foreign-site")
    assert await world.rows(login_log) == []


async def test_a_session_that_was_planted_before_login_is_worth_nothing_after_it(world: World) -> None:
    """The id is new at every login, the one that came with the login ends."""
    operator = await world.operator()
    browser = await world.caller()
    first = (await login(browser, operator.email)).json()["token"]
    second = (await login(browser, operator.email)).json()["token"]
    assert first != second
    assert refusal(await (await world.caller(Authorization=f"Bearer {first}")).get("/me")) == (401, "unauthenticated")
    assert (await (await world.caller(Authorization=f"Bearer {second}")).get("/me")).status_code == 200


async def test_a_new_password_ends_every_session_and_opens_another(world: World) -> None:
    """The old password is asked for, counts as a login when wrong, and is refused as the new one."""
    operator = await world.operator()
    other = await world.caller(
        Authorization=f"Bearer {(await login(await world.caller(), operator.email)).json()['token']}"
    )
    change = {"old_password": PASSWORD, "new_password": "a new long password"}
    assert refusal(await operator.put("/me/password", change | {"old_password": WRONG})) == (403, "wrong-password")
    assert refusal(await operator.put("/me/password", change | {"new_password": PASSWORD})) == (422, "invalid")
    assert refusal(await operator.put("/me/password", change | {"new_password": "short"})) == (422, "invalid")
    answer = await operator.put("/me/password", change)
    assert answer.status_code == 200, answer.text
    for caller in (operator, other):
        assert refusal(await caller.get("/me")) == (401, "unauthenticated")
    renewed = await world.caller(Authorization=f"Bearer {answer.json()['token']}")
    assert (await renewed.get("/me")).status_code == 200
    assert refusal(await login(await world.caller(), operator.email)) == (401, "bad-credentials")
    assert (await login(await world.caller(), operator.email, "a new long password")).status_code == 200


async def test_of_two_password_changes_at_once_one_wins(world: World) -> None:
    """The other hears that it was too late, and does not overwrite."""
    operator = await world.operator()
    changes = [{"old_password": PASSWORD, "new_password": f"new long password {n}"} for n in range(2)]
    answers = await asyncio.gather(*(operator.put("/me/password", change) for change in changes))
    assert sorted(a.status_code for a in answers) in ([200, 401], [200, 403], [200, 409])
    winner = changes[[a.status_code for a in answers].index(200)]["new_password"]
    assert (await login(await world.caller(), operator.email, winner)).status_code == 200


async def test_a_given_password_must_be_changed_before_anything_else(world: World, admin: Caller) -> None:
    """A new operator sees themself and can change the password; everything else waits."""
    made = await admin.made("/users", email="New@Pailou.example", real_name="新人", role_ids=[2])
    assert made["email"] == "new@pailou.example"
    session = (await login(await world.caller(), made["email"], made["password"])).json()
    assert session["must_change_password"] is True
    newcomer = await world.caller(Authorization=f"Bearer {session['token']}")
    assert (await newcomer.shown("/me"))["must_change_password"] is True
    assert refusal(await newcomer.get("/apps")) == (403, "password-change-required")
    change = {"old_password": made["password"], "new_password": "a password of my own"}
    renewed = (await newcomer.put("/me/password", change)).json()
    assert renewed["must_change_password"] is False
    settled = await world.caller(Authorization=f"Bearer {renewed['token']}")
    assert (await settled.get("/apps")).status_code == 200


async def test_a_hash_with_older_parameters_is_renewed_at_login(world: World) -> None:
    """The next login after a change of parameters stores a hash with today's."""
    operator = await world.operator()
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    async with world.database.begin() as connection:
        await connection.execute(sa.update(admin_user).where(admin_user.c.id == operator.user_id).values(password=weak))
    assert (await login(await world.caller(), operator.email)).status_code == 200
    (stored,) = [row["password"] for row in await world.rows(admin_user) if row["id"] == operator.user_id]
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_operators_see_and_end_their_own_sessions_only(world: World) -> None:
    """Each session is listed with its address; somebody else's is not found."""
    operator, other = await world.operator(), await world.operator()
    await login(await world.caller("10.3.0.1"), operator.email)
    sessions = await operator.shown("/me/sessions")
    assert sorted((s["remote_ip"], s["is_this"]) for s in sessions) == [("10.3.0.1", False), ("127.0.0.1", True)]
    elsewhere = next(s["id"] for s in sessions if not s["is_this"])
    assert refusal(await other.delete(f"/me/sessions/{elsewhere}")) == (404, "not-found")
    assert (await operator.delete(f"/me/sessions/{elsewhere}")).status_code == 204
    assert len(await operator.shown("/me/sessions")) == 1


NO_LOGINS: list[object] = [
    {}, {"email": "a@b.example"}, {"email": "", "password": "x"}, {"email": "a@b.example", "password": ""},
    {"email": "a@b.example", "password": "x" * 129}, {"email": ["a"], "password": {"$ne": ""}},
    {"email": "a@b.example", "password": "x", "role": "administrator"}, [], "text", None,
]  # fmt: skip


async def test_a_login_that_is_none_is_refused_with_its_fields(world: World) -> None:
    """422 with a list of what is wrong; no attempt is counted."""
    caller = await world.caller()
    for body in NO_LOGINS:
        answer = await caller.post("/login", body)
        assert refusal(answer) == (422, "invalid"), body
        assert answer.json()["errors"]
    assert await world.rows(login_log) == []


async def test_logins_and_changes_can_be_looked_up(world: World) -> None:
    """Who tried, from where, with which outcome; who changed what, from where."""
    auditor = await world.operator("sys:audit:view", "gw:customer:add")
    await login(await world.caller("10.4.0.1"), auditor.email, WRONG)
    await login(await world.caller("10.4.0.1"), auditor.email)
    logins = await auditor.shown("/logins", remote_ip="10.4.0.1")
    assert [(row["outcome"], row["email"]) for row in logins["items"]] == [
        ("succeeded", auditor.email),
        ("failed", auditor.email),
    ]
    made = await auditor.new_customer(nickname="云帆")
    changes = await auditor.shown("/audit", table_name="customer", row_id=str(made["id"]), who=auditor.email)
    (change,) = changes["items"]
    assert (change["action"], change["before"], change["after"]["nickname"]) == ("create", None, "云帆")
    assert change["after"]["password"] == "***"
    assert change["create_time"].endswith("+08:00")
