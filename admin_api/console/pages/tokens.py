"""/tokens: sessions granted to apps: found, by pasting one too, recorded and revoked."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from admin_api.apps.endpoints.tokens import TokenSelection
from admin_api.apps.repository.apps import AppListing, find_app_by_key, list_apps
from admin_api.apps.repository.tokens import (
    TokenFilter,
    TokenListing,
    fetch_token,
    fetch_token_by_hash,
    list_tokens,
)
from admin_api.apps.service.tokens import TokenDraft, create_token, hash_token, revoke_token, revoke_tokens
from admin_api.console.batches import here_of, selection_of
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED, PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import invalid_field
from admin_api.tables.rows import Row, RowMissing
from admin_api.tables.shapes import Id

_A_YEAR = timedelta(days=365)


def token_pages(parts: Parts) -> APIRouter:
    """The list of tokens and what is done there."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    def now() -> datetime:
        return datetime.fromtimestamp(parts.clock.now(), parts.settings.time_zone)

    def shown(row: Row) -> Row:
        state = "revoked" if row["revoked_at"] else "expired" if row["expire_time"] <= now() else "live"
        return row | {"state": state}

    async def listed(request: Request, query: QueryParams) -> dict[str, Any]:
        view = await console.views.of(request)
        listing = read_query(TokenListing, query, size=view.page_size)
        async with parts.database.read() as connection:
            rows, total = await list_tokens(connection, listing, now())
        state = ListState("/tokens", listing, total, default_size=view.page_size)
        soon = (now() + timedelta(days=7)).isoformat(timespec="minutes")
        return {"state": state, "rows": [shown(row) for row in rows], "soon": soon}

    async def offered() -> list[tuple[str, str]]:
        """app_key and name of apps to choose from."""
        async with parts.database.read() as connection:
            apps, _ = await list_apps(connection, AppListing(state=1, size=100))
        return [(app["app_key"], app["app_name"]) for app in apps]

    async def id_of_app(app_key: str) -> int:
        async with parts.database.read() as connection:
            app = await find_app_by_key(connection, app_key.strip()[:50])
        if app is None:
            raise invalid_field("app_key", "names no app")
        return int(app["id"])

    @router.get("/tokens", openapi_extra=needs("gw:token:list"))
    async def tokens(request: Request) -> Response:
        return await console.page(request, "tokens/list.html", **await listed(request, request.query_params))

    @router.get("/tokens/new", openapi_extra=needs("gw:token:add"))
    async def new_token(request: Request, app_key: str = "") -> Response:
        values = {"app_key": app_key[:50], "expire_time": view_input(parts, now() + _A_YEAR)}
        return await console.page(request, "tokens/new.html", values=values, key=uuid4().hex, apps=await offered())

    @router.post("/tokens", openapi_extra=needs("gw:token:add"))
    async def add_token(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            ends = moment_of(parts, str(sent.get("expire_time", "")))
            draft = parse(TokenDraft, sent, app_id=await id_of_app(str(sent.get("app_key", ""))), expire_time=ends)

            async def work(change: Change) -> Answer:
                row, token = await create_token(change, draft)
                return {"id": row["id"], "access_token": token}

            made = await desk.create(draft, work)
        except REFUSED as error:
            key = request.headers.get("idempotency-key", "")
            shown = {"values": sent, "key": key, "apps": await offered()}
            return await console.form_again(request, "tokens/form.html", error, **shown)
        async with parts.database.read() as connection:
            row = await fetch_token(connection, made["id"])
        return await console.page(request, "tokens/made.html", row=row, token=made["access_token"])

    @router.post("/tokens/find", openapi_extra=needs("gw:token:query"))
    async def find(request: Request) -> Response:
        pasted = str((await sent_form(request)).get("token", "")).strip()[:300]
        row: Row | None = None
        if pasted:
            try:
                async with parts.database.read() as connection:
                    row = shown(await fetch_token_by_hash(connection, hash_token(pasted)))
            except RowMissing:
                pass
        return await console.page(request, "tokens/found.html", row=row)

    @router.post("/tokens/revoke", openapi_extra=needs("gw:token:revoke"))
    async def revoke_many(request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        selection = selection_of(TokenSelection, TokenFilter, TokenListing, sent)
        result = await desk.change(lambda change: revoke_tokens(change, selection))
        rows = await listed(request, here_of(sent))
        return await console.done_with_many(request, "tokens/rows.html", result, in_force=desk.in_force, **rows)

    @router.post("/tokens/{token_id}/revoke", openapi_extra=needs("gw:token:revoke"))
    async def revoke(token_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: revoke_token(change, token_id))
        text = N_("Revoked: no gateway accepts it after a second.")
        return await console.done(request, text, leads_to="/tokens")

    return router


def view_input(parts: Parts, at: datetime) -> str:
    """For `<input type=datetime-local>`, in the platform's zone."""
    return at.astimezone(parts.settings.time_zone).strftime("%Y-%m-%dT%H:%M:%S")


def moment_of(parts: Parts, text: str) -> datetime:
    """What such an input sent. Raises a 422 Problem."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=parts.settings.time_zone)
    except ValueError:
        raise invalid_field("expire_time", "must be a date and a time") from None
