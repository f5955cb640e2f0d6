"""/tokens: sessions granted to apps; shown once, found again by pasting, revoked within a second."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from admin_api.apps.repository.tokens import (
    TokenFilter,
    TokenListing,
    TokenState,
    fetch_token,
    fetch_token_by_hash,
    list_tokens,
    stream_tokens,
)
from admin_api.apps.service.tokens import (
    TokenDraft,
    create_token,
    hash_token,
    revoke_token,
    revoke_tokens,
    revoke_tokens_of_app,
)
from admin_api.exports import CSV_ANSWER, Export, exported
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row
from admin_api.tables.selection import BulkResult, Selection
from admin_api.tables.shapes import Body, Id, View
from openplatform.ports import Clock
from openplatform.sql import Database


class TokenView(View):
    """user_id: the merchant; token_hint: the token's first and last four characters."""

    id: int
    app_id: int
    app_key: str
    app_name: str
    user_id: int
    token_hint: str
    state: TokenState
    start_time: datetime
    expire_time: datetime
    revoked_at: datetime | None
    scope: str


class NewTokenView(TokenView):
    """access_token: shown this once; it is what callers send as `session`."""

    access_token: str


class Pasted(Body):
    """A token in plain text; in the body, since URLs end up in logs."""

    token: Annotated[str, Field(min_length=1, max_length=300)]


class Revoked(View):
    """How many living tokens were revoked."""

    revoked: int


class TokenSelection(Selection[TokenFilter]):
    """Which tokens to revoke."""


class TokenExport(Export, TokenFilter):
    """Which tokens."""


EXPORTED = (
    ("id", "编号"), ("app_id", "应用编号"), ("app_key", "AppKey"), ("app_name", "应用名称"), ("user_id", "商家"),
    ("token_hint", "Token"), ("state", "状态"), ("start_time", "开始时间"), ("expire_time", "到期时间"),
    ("revoked_at", "吊销时间"), ("scope", "范围"),
)  # fmt: skip
"""Columns of the export; of a token its first and last characters."""


def token_routes(database: Database, clock: Clock, zone: ZoneInfo) -> APIRouter:
    """The routes of tokens."""
    router = APIRouter(tags=["TOKEN管理"], route_class=GuardedRoute)

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now(), zone)

    async def current(token_id: int) -> TokenView:
        async with database.read() as connection:
            return _view(await fetch_token(connection, token_id), now(), zone)

    @router.get("/tokens", openapi_extra=needs("gw:token:list"))
    async def get_tokens(listing: Annotated[TokenListing, Query()]) -> Page[TokenView]:
        moment = now()
        async with database.read() as connection:
            rows, total = await list_tokens(connection, listing, moment)
        items = [_view(row, moment, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("/tokens", status_code=201, openapi_extra=needs("gw:token:add"))
    async def add_token(draft: TokenDraft, desk: AtCreatingDesk) -> NewTokenView:
        async def work(change: Change) -> Answer:
            row, token = await create_token(change, draft)
            return {"id": row["id"], "access_token": token}

        made = await desk.create(draft, work)
        return NewTokenView(**(await current(made["id"])).model_dump(), access_token=made["access_token"])

    @router.post("/tokens/find", openapi_extra=needs("gw:token:query"))
    async def find_pasted_token(pasted: Pasted) -> TokenView:
        async with database.read() as connection:
            return _view(await fetch_token_by_hash(connection, hash_token(pasted.token.strip())), now(), zone)

    @router.post("/tokens/revoke", openapi_extra=needs("gw:token:revoke"))
    async def revoke_many(selection: TokenSelection, desk: AtDesk) -> BulkResult:
        return await desk.change(lambda change: revoke_tokens(change, selection))

    @router.get("/tokens/export", openapi_extra=needs("gw:token:export"), **CSV_ANSWER)
    async def export_tokens(found: Annotated[TokenExport, Query()]) -> StreamingResponse:
        moment = now()
        stream = stream_tokens(database, found, moment)
        state = {"state": lambda row: _state(row, moment)}
        return await exported(stream, EXPORTED, name="tokens", lang=found.lang, zone=zone, extra=state)

    @router.get("/tokens/{token_id}", openapi_extra=needs("gw:token:query"))
    async def get_token(token_id: Id) -> TokenView:
        return await current(token_id)

    @router.post("/tokens/{token_id}/revoke", openapi_extra=needs("gw:token:revoke"))
    async def revoke_one(token_id: Id, desk: AtDesk) -> TokenView:
        await desk.change(lambda change: revoke_token(change, token_id))
        return await current(token_id)

    @router.post("/apps/{app_id}/tokens/revoke", openapi_extra=needs("gw:token:revoke"))
    async def revoke_all_of_app(app_id: Id, desk: AtDesk) -> Revoked:
        return Revoked(revoked=await desk.change(lambda change: revoke_tokens_of_app(change, app_id)))

    return router


def _view(row: Row, now: datetime, zone: ZoneInfo) -> TokenView:
    return TokenView.of(row | {"state": _state(row, now)}, zone)


def _state(row: Row, now: datetime) -> TokenState:
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expire_time"] <= now else "live"
