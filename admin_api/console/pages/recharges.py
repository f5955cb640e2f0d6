"""/recharges: money that comes in: entered, then confirmed or cancelled; the balance moves with the confirmation."""

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.billing.repository.recharges import RechargeListing, list_recharges
from admin_api.billing.service.recharges import RechargeDraft, cancel_recharge, create_recharge, pay_recharge
from admin_api.console.catalogues import N_
from admin_api.console.customer_choice import customers_to_choose
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED, PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.shapes import Id

PAYMENTS = {1: N_("Alipay"), 2: N_("WeChat Pay"), 3: N_("Bank transfer")}
STATES = {0: N_("Waiting for payment"), 1: N_("Paid"), 2: N_("Cancelled")}


def recharge_pages(parts: Parts) -> APIRouter:
    """The pages of recharges."""
    router = APIRouter(prefix="/recharges", route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database
    words: dict[str, Any] = {"payments": PAYMENTS, "states_of": STATES}

    @router.get("", openapi_extra=needs("gw:recharge:list"))
    async def recharges(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(RechargeListing, request.query_params, size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_recharges(connection, listing)
        state = ListState("/recharges", listing, total, default_size=view.page_size)
        return await console.page(request, "recharges/list.html", state=state, rows=rows, **words)

    @router.get("/new", openapi_extra=needs("gw:recharge:add"))
    async def new_recharge(request: Request) -> Response:
        async with database.read() as connection:
            customers = await customers_to_choose(connection)
        values = {"cus_id": request.query_params.get("cus_id", ""), "payment_type": 3}
        return await console.page(
            request, "recharges/new.html", customers=customers, values=values, key=uuid4().hex, **words
        )

    @router.post("/new", openapi_extra=needs("gw:recharge:add"))
    async def add_recharge(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(RechargeDraft, sent, money=fen_of(str(sent.get("money", ""))))
            await desk.create_row(draft, lambda change: create_recharge(change, draft))
        except REFUSED as error:
            async with database.read() as connection:
                customers = await customers_to_choose(connection)
            key = request.headers.get("idempotency-key", "")
            return await console.form_again(
                request, "recharges/new_form.html", error, customers=customers, values=sent, key=key, **words
            )
        text = N_("Entered. The balance grows when the payment is confirmed.")
        return await console.done(request, text, leads_to="/recharges")

    @router.post("/{recharge_id}/pay", openapi_extra=needs("gw:recharge:pay"))
    async def pay(recharge_id: Id, request: Request, desk: AtDesk) -> Response:
        paid = await desk.change(lambda change: pay_recharge(change, recharge_id))
        await parts.balances.moved_by_operator(paid["cus_id"])
        return await console.done(request, N_("Confirmed: the balance has grown."), leads_to="/recharges")

    @router.post("/{recharge_id}/cancel", openapi_extra=needs("gw:recharge:cancel"))
    async def cancel(recharge_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: cancel_recharge(change, recharge_id))
        return await console.done(request, N_("The recharge is cancelled."), leads_to="/recharges")

    return router


def fen_of(yuan: str) -> int | str:
    """`1,234.5` → 123450; what is no amount stays as it is, and the model refuses it."""
    try:
        fen = Decimal(yuan.replace(",", "").strip().removeprefix("¥")) * 100
        return int(fen) if fen == fen.to_integral_value() and abs(fen) < 10**15 else yuan
    except InvalidOperation:
        return yuan
