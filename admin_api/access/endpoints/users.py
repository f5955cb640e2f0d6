"""/users: the operators of this back office."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.access.repository.users import UserListing, last_logins, list_users, roles_of_users
from admin_api.access.service.password_links import make_link
from admin_api.access.service.users import (
    UserDraft,
    UserEdit,
    create_user,
    delete_user,
    edit_user,
    new_password,
    reset_password,
    sign_out_user,
)
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.passwords import Passwords
from admin_api.security.permissions import needs
from admin_api.tables.access import admin_user
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


class UserView(View):
    """status: 1 enabled, 0 disabled; last_login: null = never."""

    id: int
    email: str
    real_name: str
    status: int
    must_change_password: bool
    role_ids: list[int]
    last_login: datetime | None
    version: int


class NewUserView(UserView):
    """password: shown this once when it was made up; null when it was given."""

    password: str | None


class NewPasswordView(View):
    """password: shown this once; to be changed at the next login."""

    password: str


class PasswordLinkView(View):
    """token: shown this once; path: of the console's page that takes it, in the fragment, which no server and no log sees."""

    token: str
    path: str
    expire_time: datetime


class SignedOut(View):
    """How many sessions were ended."""

    ended_sessions: int


def user_routes(database: Database, passwords: Passwords, zone: ZoneInfo) -> APIRouter:
    """The routes of operators."""
    router = APIRouter(prefix="/users", tags=["用户"], route_class=GuardedRoute)

    async def shown(rows: list[Row]) -> list[UserView]:
        async with database.read() as connection:
            roles = await roles_of_users(connection, [row["id"] for row in rows])
            logins = await last_logins(connection, [row["email"] for row in rows])
        return [
            UserView.of(row | {"role_ids": roles.get(row["id"], []), "last_login": logins.get(row["email"])}, zone)
            for row in rows
        ]

    async def current(user_id: int) -> UserView:
        async with database.read() as connection:
            row = await fetch_row(connection, admin_user, user_id)
        return (await shown([row]))[0]

    @router.get("", openapi_extra=needs("sys:user:list"))
    async def get_users(listing: Annotated[UserListing, Query()]) -> Page[UserView]:
        async with database.read() as connection:
            rows, total = await list_users(connection, listing)
        return Page(items=await shown(rows), total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("sys:user:add"))
    async def add_user(draft: UserDraft, desk: AtCreatingDesk) -> NewUserView:
        made_up = new_password() if draft.password is None else None
        hashed = await passwords.hash(draft.password or made_up or "")

        async def work(change: Change) -> Answer:
            return {"id": (await create_user(change, draft, hashed))["id"], "password": made_up}

        made = await desk.create(draft, work)
        return NewUserView(**(await current(made["id"])).model_dump(), password=made["password"])

    @router.get("/{user_id}", openapi_extra=needs("sys:user:query"))
    async def get_user(user_id: Id) -> UserView:
        return await current(user_id)

    @router.patch("/{user_id}", openapi_extra=needs("sys:user:edit"))
    async def change_user(user_id: Id, edit: UserEdit, desk: AtDesk) -> UserView:
        await desk.change(lambda change: edit_user(change, user_id, edit))
        return await current(user_id)

    @router.delete("/{user_id}", status_code=204, openapi_extra=needs("sys:user:remove"))
    async def remove_user(user_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_user(change, user_id))

    @router.post("/{user_id}/password", openapi_extra=needs("sys:user:resetPwd"))
    async def give_new_password(user_id: Id, desk: AtDesk) -> NewPasswordView:
        password = new_password()
        hashed = await passwords.hash(password)
        await desk.change(lambda change: reset_password(change, user_id, hashed))
        return NewPasswordView(password=password)

    @router.post("/{user_id}/password-link", openapi_extra=needs("sys:user:resetPwd"))
    async def make_password_link(user_id: Id, desk: AtDesk) -> PasswordLinkView:
        token, ends = await desk.change(lambda change: make_link(change, user_id))
        return PasswordLinkView.of({"token": token, "path": f"/password#{token}", "expire_time": ends}, zone)

    @router.post("/{user_id}/logout", openapi_extra=needs("sys:user:kick"))
    async def sign_out(user_id: Id, desk: AtDesk) -> SignedOut:
        return SignedOut(ended_sessions=await desk.change(lambda change: sign_out_user(change, user_id)))

    return router
