"""Recharges: created, then paid or cancelled; the balance moves with its ledger row or not at all."""

import secrets
from typing import Annotated, Literal

from pydantic import Field

from admin_api.billing.repository.recharges import has_order, move_balance
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.apps import customer
from admin_api.tables.billing import recharge
from admin_api.tables.rows import Row, RowMissing, fetch_row, insert_row, update_row
from admin_api.tables.shapes import Body, BodyId

CREATED, PAID, CANCELLED = 0, 1, 2

MAX_FEN = 1_000_000_000
"""Ten million yuan in one go: more is a slip of the finger."""


class RechargeDraft(Body):
    """money: fen; payment_type: 1 Alipay, 2 WeChat Pay, 3 bank transfer."""

    cus_id: BodyId
    money: Annotated[int, Field(strict=True, ge=1, le=MAX_FEN)]
    payment_type: Literal[1, 2, 3]


async def create_recharge(change: Change, draft: RechargeDraft) -> Row:
    """The new row, not paid yet. Raises a 422 Problem for an unknown customer."""
    try:
        await fetch_row(change.connection, customer, draft.cus_id)
    except RowMissing:
        raise invalid_field("cus_id", "names no customer") from None
    # Milliseconds and two random digits: 15 digits, which JavaScript's numbers still hold exactly.
    order_id = int(change.now.timestamp() * 1000) * 100 + secrets.randbelow(100)
    while await has_order(change.connection, order_id):  # several in one change have one moment
        order_id += 1
    values = draft.model_dump() | {
        "order_id": order_id,
        "create_time": change.now,
        "update_time": change.now,
        "state": CREATED,
    }
    row = await insert_row(change.connection, recharge, values, unique=("order_id",))
    await change.record("create", recharge.name, row["id"], after=row)
    return row


async def pay_recharge(change: Change, recharge_id: int) -> Row:
    """Confirms that the money came: 0 → 1, and the balance grows, once however often it is asked. Raises RowMissing, a 409 Problem."""
    before = await fetch_row(change.connection, recharge, recharge_id, lock=True)
    if before["state"] == PAID:
        return before
    after = await _move(change, before, PAID, "pay")
    await move_balance(
        change, before["cus_id"], before["money"], reason="recharge", reference=f"recharge:{before['order_id']}"
    )
    return after


async def cancel_recharge(change: Change, recharge_id: int) -> Row:
    """0 → 2; a cancelled one stays as it is. Raises RowMissing, a 409 Problem."""
    before = await fetch_row(change.connection, recharge, recharge_id, lock=True)
    if before["state"] == CANCELLED:
        return before
    return await _move(change, before, CANCELLED, "cancel")


async def _move(change: Change, before: Row, state: int, action: str) -> Row:
    if before["state"] != CREATED:
        names = {PAID: ("paid", "已支付"), CANCELLED: ("cancelled", "已取消")}
        was, was_zh = names[before["state"]]
        raise Problem(409, "wrong-state", f"this recharge is {was} already", f"该充值单{was_zh}")
    after = await update_row(change.connection, recharge, before, {"state": state, "update_time": change.now})
    await change.record(action, recharge.name, before["id"], before, after)
    return after
