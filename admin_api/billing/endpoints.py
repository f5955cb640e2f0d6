"""/recharges and /ledger: money that came in, and every move of a balance."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from admin_api.billing.repository.recharges import (
    LedgerFilter,
    LedgerListing,
    RechargeFilter,
    RechargeListing,
    fetch_recharge,
    list_ledger,
    list_recharges,
    stream_ledger,
    stream_recharges,
)
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.billing.service.recharges import RechargeDraft, cancel_recharge, create_recharge, pay_recharge
from admin_api.exports import CSV_ANSWER, Export, exported
from admin_api.outbox.answers import Answer
from admin_api.outbox.changes import Change
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


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


class RechargeExport(Export, RechargeFilter):
    """Which recharges."""


class LedgerExport(Export, LedgerFilter):
    """Which ledger rows."""


RECHARGES_EXPORTED = (
    ("id", "编号"), ("order_id", "充值单号"), ("cus_id", "客户编号"), ("customer_name", "客户"), ("money", "金额（分）"),
    ("state", "状态"), ("payment_type", "支付方式"), ("create_time", "创建时间"), ("update_time", "更新时间"),
)  # fmt: skip
LEDGER_EXPORTED = (
    ("id", "编号"), ("cus_id", "客户编号"), ("customer_name", "客户"), ("delta", "变动（分）"), ("balance_after", "余额（分）"),
    ("reason", "原因"), ("reference", "凭据"), ("create_time", "时间"),
)  # fmt: skip


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
    async def add_recharge(draft: RechargeDraft, desk: AtCreatingDesk) -> RechargeView:
        return await current(await desk.create_row(draft, lambda change: create_recharge(change, draft)))

    @router.get("/recharges/export", openapi_extra=needs("gw:recharge:export"), **CSV_ANSWER)
    async def export_recharges(found: Annotated[RechargeExport, Query()]) -> StreamingResponse:
        stream = stream_recharges(database, found)
        return await exported(stream, RECHARGES_EXPORTED, name="recharges", lang=found.lang, zone=zone)

    @router.get("/ledger/export", openapi_extra=needs("gw:recharge:export"), **CSV_ANSWER)
    async def export_ledger(found: Annotated[LedgerExport, Query()]) -> StreamingResponse:
        stream = stream_ledger(database, found)
        return await exported(stream, LEDGER_EXPORTED, name="ledger", lang=found.lang, zone=zone)

    @router.get("/recharges/{recharge_id}", openapi_extra=needs("gw:recharge:query"))
    async def get_recharge(recharge_id: Id) -> RechargeView:
        return await current(recharge_id)

    @router.post("/recharges/{recharge_id}/pay", openapi_extra=needs("gw:recharge:pay"))
    async def confirm_payment(recharge_id: Id, desk: AtCreatingDesk) -> RechargeView:
        async def work(change: Change) -> Answer:
            return {"cus_id": (await pay_recharge(change, recharge_id))["cus_id"]}

        await balances.moved_by_operator((await desk.create(None, work))["cus_id"])
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
