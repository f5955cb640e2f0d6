"""/sys/users: operators, their roles, a way back in for who forgot the password, and out for who must go."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.access.repository.roles import all_roles
from admin_api.access.repository.users import UserListing, last_logins, list_users, roles_of_users
from admin_api.access.service.password_links import make_link
from admin_api.access.service.users import (
    UserDraft,
    UserEdit,
    create_user,
    delete_user,
    edit_user,
    new_password,
    sign_out_user,
)
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.access import admin_user
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Id

PATH = "/sys/users"


def user_pages(parts: Parts) -> APIRouter:
    """The pages of operators."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database

    async def known(user_id: int) -> dict[str, Any]:
        async with database.read() as connection:
            user = await fetch_row(connection, admin_user, user_id)
            held = (await roles_of_users(connection, [user_id])).get(user_id, [])
            return {"user": user, "chosen": set(held), "roles": await all_roles(connection)}

    @router.get(PATH, openapi_extra=needs("sys:user:list"))
    async def users(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(UserListing, request.query_params, size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_users(connection, listing)
            held = await roles_of_users(connection, [row["id"] for row in rows])
            logins = await last_logins(connection, [row["email"] for row in rows])
            names = {role["id"]: role["name"] for role in await all_roles(connection)}
        shown = [
            row | {"roles": [names[i] for i in held.get(row["id"], []) if i in names], "last": logins.get(row["email"])}
            for row in rows
        ]
        state = ListState(PATH, listing, total, default_size=view.page_size)
        return await console.page(request, "users/list.html", state=state, rows=shown)

    @router.get(f"{PATH}/new", openapi_extra=needs("sys:user:add"))
    async def new_user(request: Request) -> Response:
        async with database.read() as connection:
            roles = await all_roles(connection)
        return await console.page(request, "users/new.html", roles=roles, chosen=set(), key=uuid4().hex)

    @router.post(PATH, openapi_extra=needs("sys:user:add"))
    async def add_user(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        made_up = new_password()
        try:
            draft = parse(UserDraft, sent, password=None)
            hashed = await parts.passwords.hash(made_up)

            async def work(change: Change) -> Answer:
                return {"id": (await create_user(change, draft, hashed))["id"], "password": made_up}

            made = await desk.create(draft, work)
        except Problem as problem:
            async with database.read() as connection:
                roles = await all_roles(connection)
            chosen = _chosen(sent.getlist("role_ids"))
            return await console.form_again(
                request, "users/new_form.html", problem, values=sent, roles=roles, chosen=chosen, key=uuid4().hex
            )
        return await console.page(request, "users/made.html", email=draft.email, made=made)

    @router.get(f"{PATH}/{{user_id}}", openapi_extra=needs("sys:user:query"))
    async def user(user_id: Id, request: Request) -> Response:
        shown = await known(user_id)
        return await console.page(request, "users/edit.html", values=shown["user"], **shown)

    @router.post(f"{PATH}/{{user_id}}", openapi_extra=needs("sys:user:edit"))
    async def change_user(user_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(UserEdit, sent, version=_version(sent))
            await desk.change(lambda change: edit_user(change, user_id, edit))
        except Problem as problem:
            shown = await known(user_id) | {"chosen": _chosen(sent.getlist("role_ids"))}
            return await console.form_again(request, "users/form.html", problem, values=sent, **shown)
        return await console.done(request, leads_to=f"{PATH}/{user_id}")

    @router.post(f"{PATH}/{{user_id}}/link", openapi_extra=needs("sys:user:resetPwd"))
    async def password_link(user_id: Id, request: Request, desk: AtDesk) -> Response:
        token, ends = await desk.change(lambda change: make_link(change, user_id))
        link = f"{str(request.base_url).rstrip('/')}/password#{token}"
        return await console.page(request, "users/link.html", link=link, ends=ends)

    @router.post(f"{PATH}/{{user_id}}/logout", openapi_extra=needs("sys:user:kick"))
    async def sign_out(user_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: sign_out_user(change, user_id))
        return await console.done(request, N_("All sessions of this user are ended."))

    @router.post(f"{PATH}/{{user_id}}/delete", openapi_extra=needs("sys:user:remove"))
    async def remove_user(user_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_user(change, user_id))
        return await console.done(request, N_("Deleted."), leads_to=PATH)

    return router


def _chosen(values: Iterable[object]) -> set[int]:
    return {int(value) for value in values if isinstance(value, str) and value.isdecimal() and len(value) < 10}


def _version(sent: Mapping[str, Any] | Row) -> object:
    text = str(sent.get("version", ""))
    return int(text) if text.isdecimal() and len(text) < 10 else text
