"""/customers: whom apps belong to and whose balance pays."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from admin_api.apps.repository.customers import CustomerFilter, CustomerListing, list_customers, stream_customers
from admin_api.apps.service.customers import (
    CustomerDraft,
    CustomerEdit,
    create_customer,
    delete_customer,
    edit_customer,
)
from admin_api.exports import CSV_ANSWER, Export, exported
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.passwords import NO_PASSWORD, Passwords
from admin_api.security.permissions import needs
from admin_api.tables.apps import customer
from admin_api.tables.listing import Page
from admin_api.tables.rows import fetch_row
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


class CustomerView(View):
    """money: the prepaid balance in fen, changed by recharges and charges only."""

    id: int
    username: str
    nickname: str
    address: str
    state: int
    money: int
    version: int


class CustomerExport(Export, CustomerFilter):
    """Which customers."""


EXPORTED = (
    ("id", "编号"), ("username", "登录名"), ("nickname", "昵称"), ("address", "地址"), ("state", "状态"),
    ("money", "余额（分）"),
)  # fmt: skip
"""Columns of the export; never a password."""


def customer_routes(database: Database, passwords: Passwords, zone: ZoneInfo) -> APIRouter:
    """The routes of customers."""
    router = APIRouter(prefix="/customers", tags=["客户管理"], route_class=GuardedRoute)

    async def current(customer_id: int) -> CustomerView:
        async with database.read() as connection:
            return CustomerView.of(await fetch_row(connection, customer, customer_id), zone)

    @router.get("", openapi_extra=needs("gw:customer:list"))
    async def get_customers(listing: Annotated[CustomerListing, Query()]) -> Page[CustomerView]:
        async with database.read() as connection:
            rows, total = await list_customers(connection, listing)
        items = [CustomerView.of(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("gw:customer:add"))
    async def add_customer(draft: CustomerDraft, desk: AtCreatingDesk) -> CustomerView:
        hashed = NO_PASSWORD if draft.password is None else await passwords.hash(draft.password)
        return await current(
            await desk.create_row(draft, lambda change: create_customer(change, draft, password_hash=hashed))
        )

    @router.get("/export", openapi_extra=needs("gw:customer:export"), **CSV_ANSWER)
    async def export_customers(found: Annotated[CustomerExport, Query()]) -> StreamingResponse:
        return await exported(stream_customers(database, found), EXPORTED, name="customers", lang=found.lang, zone=zone)

    @router.get("/{customer_id}", openapi_extra=needs("gw:customer:query"))
    async def get_customer(customer_id: Id) -> CustomerView:
        return await current(customer_id)

    @router.patch("/{customer_id}", openapi_extra=needs("gw:customer:edit"))
    async def change_customer(customer_id: Id, edit: CustomerEdit, desk: AtDesk) -> CustomerView:
        hashed = None if edit.password is None else await passwords.hash(edit.password)
        row = await desk.change(lambda change: edit_customer(change, customer_id, edit, password_hash=hashed))
        return CustomerView.of(row, zone)

    @router.delete("/{customer_id}", status_code=204, openapi_extra=needs("gw:customer:remove"))
    async def remove_customer(customer_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_customer(change, customer_id))

    return router
