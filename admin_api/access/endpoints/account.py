"""/login, /logout and /me: the operator's own session, rights, menu and password."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, StringConstraints

from admin_api.access.repository.roles import names_of_roles
from admin_api.access.repository.users import sessions_of
from admin_api.access.service.account import change_own_password, end_own_session
from admin_api.access.service.menus import DIRECTORY, menus_of_operator
from admin_api.access.service.password_links import set_password_by_link
from admin_api.access.service.preferences import Preferences, change_preferences, preferences_of
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import Guard, GuardedRoute
from admin_api.security.operators import By, remote_ip_of
from admin_api.security.passwords import GivenPassword, Password, Passwords
from admin_api.security.permissions import PUBLIC, SIGNED_IN, needs
from admin_api.security.problems import invalid_field
from admin_api.security.sessions import Sessions, csrf_token_of
from admin_api.security.signin import SignIn
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Body, View
from openplatform.sql import Database


class Credentials(Body):
    """email: the login name, in any case."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)]
    password: GivenPassword


class SessionView(View):
    """token: the session's id, for `Authorization: Bearer`; browsers have it in a cookie and send csrf_token as X-CSRF-Token
    with every write. expire_time: the latest end; 30 idle minutes end it too."""

    token: str
    csrf_token: str
    expire_time: datetime
    must_change_password: bool


class MenuNode(View):
    """An entry of the operator's menu; type: 0 directory, 1 menu."""

    id: int
    name: str
    type: int
    url: str
    icon: str
    perms: str
    children: list["MenuNode"] = []


class MeView(View):
    """Who is signed in. permissions: as granted, `gw:app:*` stands for all of gw:app and `*:*:*` for everything."""

    id: int
    email: str
    real_name: str
    must_change_password: bool
    roles: list[str]
    permissions: list[str]
    menus: list[MenuNode]
    csrf_token: str


class PasswordChange(Body):
    """new_password: 10 to 128 characters, another one than the old."""

    old_password: GivenPassword
    new_password: Password


class LinkUse(Body):
    """token: the link's; new_password: 10 to 128 characters."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    new_password: Password


class OwnSessionView(View):
    """id: to end it; is_this: the one that asks."""

    id: str
    create_time: datetime
    seen_time: datetime
    expire_time: datetime
    remote_ip: str
    user_agent: str
    is_this: Annotated[bool, Field(description="the session of this request")]


SessionHash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


def account_routes(
    database: Database, sessions: Sessions, sign_in: SignIn, passwords: Passwords, guard: Guard, zone: ZoneInfo
) -> APIRouter:
    """The routes of the operator's own account."""
    router = APIRouter(tags=["个人"], route_class=GuardedRoute)

    @router.post("/login", openapi_extra=needs(PUBLIC))
    async def login(credentials: Credentials, request: Request, answer: Response) -> SessionView:
        guard.refuse_foreign_site(request)
        signed_in = await sign_in.sign_in(
            credentials.email,
            credentials.password,
            remote_ip=remote_ip_of(request),
            user_agent=request.headers.get("user-agent", ""),
            replacing=guard.session_id_of(request)[0],
        )
        guard.set_cookie(answer, signed_in.session_id)
        return _session(signed_in.session_id, signed_in.expire_time, signed_in.must_change_password, zone)

    @router.post("/logout", status_code=204, openapi_extra=needs(SIGNED_IN))
    async def logout(by: By, answer: Response) -> None:
        await sessions.end(by.session_hash)
        guard.clear_cookie(answer)

    @router.get("/me", openapi_extra=needs(SIGNED_IN))
    async def who_am_i(by: By, request: Request) -> MeView:
        async with database.read() as connection:
            menus = await menus_of_operator(connection, by)
            roles = await names_of_roles(connection, by.user_id)
        return MeView(
            id=by.user_id or 0,
            email=by.email,
            real_name=by.real_name,
            must_change_password=by.must_change_password,
            roles=list(roles),
            permissions=sorted(by.permissions.granted),
            menus=_tree(menus, 0),
            csrf_token=csrf_token_of(guard.session_id_of(request)[0]),
        )

    @router.put("/me/password", openapi_extra=needs(SIGNED_IN))
    async def change_password(
        change_of: PasswordChange, desk: AtDesk, request: Request, answer: Response
    ) -> SessionView:
        if change_of.new_password == change_of.old_password:
            raise invalid_field("new_password", "must be another one")
        if change_of.new_password.lower() == desk.by.email:
            raise invalid_field("new_password", "must not be the e-mail address")
        verified = await sign_in.confirm(desk.by, change_of.old_password)
        hashed = await passwords.hash(change_of.new_password)
        agent = request.headers.get("user-agent", "")
        session_id, expire_time = await desk.change(
            lambda change: change_own_password(change, sessions, verified, hashed, user_agent=agent)
        )
        guard.set_cookie(answer, session_id)
        return _session(session_id, expire_time, False, zone)

    @router.post("/password-links/use", status_code=204, openapi_extra=needs(PUBLIC))
    async def use_password_link(used: LinkUse, request: Request) -> None:
        guard.refuse_foreign_site(request)
        await set_password_by_link(
            request.app.state.desk.changes, passwords, used.token, used.new_password,
            remote_ip=remote_ip_of(request), request_id=request.state.request_id,
        )  # fmt: skip

    @router.get("/me/preferences", openapi_extra=needs(SIGNED_IN))
    async def get_preferences(by: By) -> Preferences:
        async with database.read() as connection:
            return await preferences_of(connection, by.user_id or 0)

    @router.patch("/me/preferences", openapi_extra=needs(SIGNED_IN))
    async def edit_preferences(wanted: Preferences, desk: AtDesk) -> Preferences:
        return await desk.change(lambda change: change_preferences(change, wanted))

    @router.get("/me/sessions", openapi_extra=needs(SIGNED_IN))
    async def list_own_sessions(by: By) -> list[OwnSessionView]:
        async with database.read() as connection:
            rows = await sessions_of(connection, by.user_id or 0)
        return [
            OwnSessionView.of(row | {"id": row["id_hash"], "is_this": row["id_hash"] == by.session_hash}, zone)
            for row in rows
        ]

    @router.delete("/me/sessions/{session_hash}", status_code=204, openapi_extra=needs(SIGNED_IN))
    async def end_one_of_my_sessions(session_hash: SessionHash, desk: AtDesk) -> None:
        await desk.change(lambda change: end_own_session(change, session_hash))

    return router


def _session(session_id: str, expire_time: datetime, must_change_password: bool, zone: ZoneInfo) -> SessionView:
    return SessionView.of(
        {
            "token": session_id,
            "csrf_token": csrf_token_of(session_id),
            "expire_time": expire_time,
            "must_change_password": must_change_password,
        },
        zone,
    )


def _tree(rows: list[Row], parent_id: int, depth: int = 0) -> list[MenuNode]:
    children = [row for row in rows if row["parent_id"] == parent_id and depth < 10]
    children.sort(key=lambda row: (row["order_num"], row["id"]))
    nodes = [MenuNode(**_named(row), children=_tree(rows, row["id"], depth + 1)) for row in children]
    return [node for node in nodes if node.type != DIRECTORY or node.children]


def _named(row: Row) -> Row:
    return {name: row[name] for name in ("id", "name", "type", "url", "icon", "perms")}
