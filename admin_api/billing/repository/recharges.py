"""Recharges, ledger rows, and answers that were given already."""

from datetime import timedelta
from typing import Annotated, Literal

import orjson
import sqlalchemy as sa
from pydantic import Field

from admin_api.outbox.changes import Change
from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger, recharge
from admin_api.tables.listing import Listing, fetch_page
from admin_api.tables.platform import idempotency_key
from admin_api.tables.rows import Row, RowMissing, fetch_row, find_row
from admin_api.tables.shapes import Id
from openplatform.sql import AsyncConnection

_RECHARGES = sa.select(recharge, customer.c.username.label("customer_name")).join(
    customer, customer.c.id == recharge.c.cus_id
)
_LEDGER = sa.select(balance_ledger, customer.c.username.label("customer_name")).join(
    customer, customer.c.id == balance_ledger.c.cus_id
)


class RechargeListing(Listing):
    """Filters of recharges."""

    cus_id: Id | None = None
    state: Annotated[int, Field(ge=0, le=2)] | None = None
    sort: Literal["id", "-id", "money", "-money", "update_time", "-update_time"] = "-id"


class LedgerListing(Listing):
    """Filters of ledger rows."""

    cus_id: Id | None = None
    sort: Literal["id", "-id"] = "-id"


async def list_recharges(connection: AsyncConnection, listing: RechargeListing) -> tuple[list[Row], int]:
    """The page, with customer_name, and the total."""
    query = _RECHARGES
    if listing.cus_id is not None:
        query = query.where(recharge.c.cus_id == listing.cus_id)
    if listing.state is not None:
        query = query.where(recharge.c.state == listing.state)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=recharge.c, tie=recharge.c.id)


async def list_ledger(connection: AsyncConnection, listing: LedgerListing) -> tuple[list[Row], int]:
    """The page, with customer_name, and the total."""
    query = _LEDGER
    if listing.cus_id is not None:
        query = query.where(balance_ledger.c.cus_id == listing.cus_id)
    ledger = balance_ledger.c
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=ledger, tie=ledger.id)


async def has_order(connection: AsyncConnection, order_id: int) -> bool:
    """Whether a recharge has this number."""
    return await find_row(connection, sa.select(recharge.c.id).where(recharge.c.order_id == order_id)) is not None


async def fetch_recharge(connection: AsyncConnection, recharge_id: int) -> Row:
    """The recharge with its customer's name. Raises RowMissing."""
    row = await find_row(connection, _RECHARGES.where(recharge.c.id == recharge_id))
    if row is None:
        raise RowMissing(recharge.name, recharge_id)
    return row


async def move_balance(change: Change, customer_id: int, delta_fen: int, *, reason: str, reference: str) -> int:
    """Moves a customer's balance and writes the ledger row with it; returns the new balance.

    reference: unique; a second row for the same event raises IntegrityError, which undoes the whole change. Raises RowMissing.
    """
    owner = await fetch_row(change.connection, customer, customer_id, lock=True)
    balance = int(owner["money"]) + delta_fen
    # The version stays: it counts operators' edits, and a top-up must not make one of them stale.
    await change.connection.execute(sa.update(customer).where(customer.c.id == customer_id).values(money=balance))
    await change.connection.execute(
        sa.insert(balance_ledger).values(
            cus_id=customer_id,
            delta=delta_fen,
            balance_after=balance,
            reason=reason,
            reference=reference,
            create_time=change.now,
        )
    )
    return balance


async def given_answer(change: Change, key: str) -> Row | None:
    """request_hash and answer that were stored under this operator's key, or None."""
    k = idempotency_key.c
    query = sa.select(k.request_hash, k.answer).where(k.user_id == (change.by.user_id or 0), k.key == key)
    row = await find_row(change.connection, query)
    return None if row is None else row | {"answer": orjson.loads(row["answer"])}


async def keep_answer(change: Change, key: str, request_hash: str, answer: Row) -> None:
    """Stores the answer with the change itself: both are there, or neither. A key in use raises IntegrityError.

    Forgets answers of a week ago: nobody repeats a request that long.
    """
    forgotten = change.now - timedelta(days=7)
    await change.connection.execute(sa.delete(idempotency_key).where(idempotency_key.c.create_time < forgotten))
    await change.connection.execute(
        sa.insert(idempotency_key).values(
            user_id=change.by.user_id or 0,
            key=key,
            request_hash=request_hash,
            answer=orjson.dumps(answer).decode(),
            create_time=change.now,
        )
    )
