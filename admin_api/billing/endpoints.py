"""/recharges and /ledger: money that came in, and every move of a balance."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Query

from admin_api.billing.repository.recharges import (
    LedgerListing,
    RechargeListing,
    fetch_recharge,
    list_ledger,
    list_recharges,
)
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.billing.service.recharges import RechargeDraft, cancel_recharge, create_recharge, pay_recharge
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=100, pattern=r"^[!-~]+$")]


class RechargeView(View):
    """money: fen; state: 0 created, 1 paid, 2 cancelled; payment_type: 1 Alipay, 2 WeChat Pay, 3 bank transfer."""

    id: int
    order_id: int
    cus_id: int
    customer_name: str
    money: int
    state: int
    payment_type: int
    create_time: datetime
    update_time: datetime
    version: int


class LedgerView(View):
    """delta, balance_after: fen; reference: what caused the move, unique."""

    id: int
    cus_id: int
    customer_name: str
    delta: int
    balance_after: int
    reason: str
    reference: str
    create_time: datetime


def billing_routes(database: Database, balances: BalancesInRedis, zone: ZoneInfo) -> APIRouter:
    """The routes of money."""
    router = APIRouter(tags=["充值管理"], route_class=GuardedRoute)

    async def current(recharge_id: int) -> RechargeView:
        async with database.read() as connection:
            return RechargeView.of(await fetch_recharge(connection, recharge_id), zone)

    @router.get("/recharges", openapi_extra=needs("gw:recharge:list"))
    async def get_recharges(listing: Annotated[RechargeListing, Query()]) -> Page[RechargeView]:
        async with database.read() as connection:
            rows, total = await list_recharges(connection, listing)
        items = [RechargeView.of(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("/recharges", status_code=201, openapi_extra=needs("gw:recharge:add"))
    async def add_recharge(draft: RechargeDraft, desk: AtDesk, idempotency_key: IdempotencyKey = None) -> RechargeView:
        row = await desk.change(lambda change: create_recharge(change, draft, idempotency_key=idempotency_key))
        return await current(row["id"])

    @router.get("/recharges/{recharge_id}", openapi_extra=needs("gw:recharge:query"))
    async def get_recharge(recharge_id: Id) -> RechargeView:
        return await current(recharge_id)

    @router.post("/recharges/{recharge_id}/pay", openapi_extra=needs("gw:recharge:pay"))
    async def confirm_payment(recharge_id: Id, desk: AtDesk) -> RechargeView:
        paid = await desk.change(lambda change: pay_recharge(change, recharge_id))
        await balances.moved_by_operator(paid["cus_id"])
        return await current(recharge_id)

    @router.post("/recharges/{recharge_id}/cancel", openapi_extra=needs("gw:recharge:cancel"))
    async def cancel_one_recharge(recharge_id: Id, desk: AtDesk) -> RechargeView:
        await desk.change(lambda change: cancel_recharge(change, recharge_id))
        return await current(recharge_id)

    @router.get("/ledger", openapi_extra=needs("gw:recharge:list"))
    async def get_ledger(listing: Annotated[LedgerListing, Query()]) -> Page[LedgerView]:
        async with database.read() as connection:
            rows, total = await list_ledger(connection, listing)
        items = [LedgerView.of(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    return router
