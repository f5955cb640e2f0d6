"""/customers: whom apps belong to and whose balance pays. Money is shown, and moved by recharges only."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apps.repository.customers import CustomerListing, list_customers
from admin_api.apps.service.customers import (
    CustomerDraft,
    CustomerEdit,
    create_customer,
    delete_customer,
    edit_customer,
)
from admin_api.billing.repository.recharges import LedgerListing, list_ledger
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED, PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.passwords import NO_PASSWORD
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.apps import customer
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Id

_LATEST = 20
REASONS = {"recharge": N_("Recharge"), "call": N_("Calls with a price")}


def customer_pages(parts: Parts) -> APIRouter:
    """The pages of customers."""
    router = APIRouter(prefix="/customers", route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database

    @router.get("", openapi_extra=needs("gw:customer:list"))
    async def customers(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(CustomerListing, request.query_params, size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_customers(connection, listing)
        state = ListState("/customers", listing, total, default_size=view.page_size)
        return await console.page(request, "customers/list.html", state=state, rows=rows)

    @router.get("/new", openapi_extra=needs("gw:customer:add"))
    async def new_customer(request: Request) -> Response:
        return await console.page(request, "customers/new.html", key=uuid4().hex)

    @router.post("/new", openapi_extra=needs("gw:customer:add"))
    async def add_customer(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(CustomerDraft, sent, password=None)
            made = await desk.create_row(
                draft, lambda change: create_customer(change, draft, password_hash=NO_PASSWORD)
            )
        except REFUSED as error:
            key = request.headers.get("idempotency-key", "")
            return await console.form_again(request, "customers/new_form.html", error, values=sent, key=key)
        return await console.done(request, leads_to=f"/customers/{made}")

    @router.get("/{customer_id}", openapi_extra=needs("gw:customer:query"))
    async def one(customer_id: Id, request: Request) -> Response:
        view = await console.views.of(request)
        async with database.read() as connection:
            row = await fetch_row(connection, customer, customer_id)
            moves: list[Row] = []
            if view.may("gw:recharge:list"):
                moves, _ = await list_ledger(connection, LedgerListing(cus_id=customer_id, size=_LATEST))
        return await console.page(
            request, "customers/detail.html", customer=row, values=row, moves=moves, reasons=REASONS
        )

    @router.post("/{customer_id}", openapi_extra=needs("gw:customer:edit"))
    async def edit_one(customer_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(CustomerEdit, sent)
            await desk.change(lambda change: edit_customer(change, customer_id, edit))
        except REFUSED as error:
            values: dict[str, Any] = dict(sent)
            if isinstance(error, Problem) and error.status == 409:
                values["version"] = error.more.get("current_version", sent.get("version"))
            async with database.read() as connection:
                row = await fetch_row(connection, customer, customer_id)
            return await console.form_again(request, "customers/edit_form.html", error, customer=row, values=values)
        return await console.done(request, in_force=desk.in_force, leads_to=f"/customers/{customer_id}")

    @router.post("/{customer_id}/remove", openapi_extra=needs("gw:customer:remove"))
    async def remove(customer_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_customer(change, customer_id))
        return await console.done(request, N_("The customer is deleted."), leads_to="/customers")

    return router
