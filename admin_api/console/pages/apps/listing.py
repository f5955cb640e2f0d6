"""/apps: the list, its batches, and a new application with the secret that is shown once."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from admin_api.apps.endpoints.apps import AppSwitch
from admin_api.apps.repository.apps import AppFilter, AppListing, list_apps
from admin_api.apps.service.apps import AppDraft, create_app, switch_apps
from admin_api.apps.service.quota import with_use
from admin_api.console.batches import here_of, selection_of
from admin_api.console.customer_choice import customers_to_choose
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs

_NEW = {"state": 1, "md5_allowed": True, "daily_limit": 10_000}


def add_listing_pages(router: APIRouter, parts: Parts) -> None:
    """The list and the form of a new application."""
    console, database = parts.console, parts.database

    async def listed(request: Request, query: QueryParams) -> dict[str, Any]:
        view = await console.views.of(request)
        listing = read_query(AppListing, query, size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_apps(connection, listing)
            customers = await customers_to_choose(connection)
        state = ListState("/apps", listing, total, default_size=view.page_size)
        return {"state": state, "rows": await with_use(parts.quota, rows), "customers": customers}

    @router.get("", openapi_extra=needs("gw:app:list"))
    async def apps(request: Request) -> Response:
        return await console.page(request, "apps/list.html", **await listed(request, request.query_params))

    @router.post("/state", openapi_extra=needs("gw:app:edit"))
    async def switch(request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        wanted = selection_of(AppSwitch, AppFilter, AppListing, sent)
        result = await desk.change(lambda change: switch_apps(change, wanted, wanted.state))
        shown = await listed(request, here_of(sent))
        return await console.done_with_many(request, "apps/rows.html", result, in_force=desk.in_force, **shown)

    @router.get("/new", openapi_extra=needs("gw:app:add"))
    async def new_app(request: Request) -> Response:
        async with database.read() as connection:
            customers = await customers_to_choose(connection)
        values = _NEW | {"cus_id": request.query_params.get("cus_id", "")}
        return await console.page(request, "apps/new.html", customers=customers, key=uuid4().hex, values=values)

    @router.post("/new", openapi_extra=needs("gw:app:add"))
    async def add_app(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)

        async def work(change: Change) -> Answer:
            row, secret = await create_app(change, parts.seal, draft)
            return {"id": row["id"], "app_key": row["app_key"], "app_secret": secret}

        try:
            draft = parse(AppDraft, sent)
            made = await desk.create(draft, work)
        except REFUSED as error:
            async with database.read() as connection:
                customers = await customers_to_choose(connection)
            key = request.headers.get("idempotency-key", "")
            return await console.form_again(
                request, "apps/new_form.html", error, values=sent, customers=customers, key=key
            )
        headers = await console.toast(request, in_force=desk.in_force)
        return await console.page(request, "apps/secret_once.html", headers=headers, made=made, old_until=None)
