"""Recharges and ledger rows."""

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.outbox.changes import Change
from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger, recharge
from admin_api.tables.listing import Filter, Listing, RowStream, fetch_page
from admin_api.tables.rows import Row, RowMissing, fetch_row, find_row
from admin_api.tables.shapes import Id, Moment
from openplatform.sql import AsyncConnection, Database

_RECHARGES = sa.select(recharge, customer.c.username.label("customer_name")).join(
    customer, customer.c.id == recharge.c.cus_id, isouter=True
)
_LEDGER = sa.select(balance_ledger, customer.c.username.label("customer_name")).join(
    customer, customer.c.id == balance_ledger.c.cus_id, isouter=True
)


class RechargeFilter(Filter):
    """Of whom, in which state, created when."""

    cus_id: Id | None = None
    state: Annotated[int, Field(ge=0, le=2)] | None = None
    payment_type: Annotated[int, Field(ge=1, le=3)] | None = None
    order_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None


class RechargeListing(Listing, RechargeFilter):
    """A list of recharges."""

    sort: Literal["id", "-id", "money", "-money", "update_time", "-update_time"] = "-id"


class LedgerFilter(Filter):
    """Of whom, and when."""

    cus_id: Id | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None


class LedgerListing(Listing, LedgerFilter):
    """A list of ledger rows."""

    sort: Literal["id", "-id"] = "-id"


async def list_recharges(connection: AsyncConnection, listing: RechargeListing) -> tuple[list[Row], int]:
    """The page, with customer_name, and the total."""
    query = _recharges(listing)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=recharge.c, tie=recharge.c.id)


def stream_recharges(database: Database, found: RechargeFilter) -> RowStream:
    """All of them, with customer_name."""
    return RowStream(database, _recharges(found), recharge.c.id)


async def list_ledger(connection: AsyncConnection, listing: LedgerListing) -> tuple[list[Row], int]:
    """The page, with customer_name, and the total."""
    ledger = balance_ledger.c
    return await fetch_page(connection, _ledger(listing), listing, sort=listing.sort, columns=ledger, tie=ledger.id)


def stream_ledger(database: Database, found: LedgerFilter) -> RowStream:
    """All of them, with customer_name."""
    return RowStream(database, _ledger(found), balance_ledger.c.id)


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


def _recharges(found: RechargeFilter) -> sa.Select[Any]:
    query: sa.Select[Any] = _RECHARGES
    for name in ("cus_id", "state", "payment_type", "order_id"):
        if (wanted := getattr(found, name)) is not None:
            query = query.where(recharge.c[name] == wanted)
    return _between(query, recharge.c.create_time, found)


def _ledger(found: LedgerFilter) -> sa.Select[Any]:
    query: sa.Select[Any] = _LEDGER
    if found.cus_id is not None:
        query = query.where(balance_ledger.c.cus_id == found.cus_id)
    return _between(query, balance_ledger.c.create_time, found)


def _between(
    query: sa.Select[Any], column: sa.ColumnElement[datetime], found: RechargeFilter | LedgerFilter
) -> sa.Select[Any]:
    if found.created_from is not None:
        query = query.where(column >= found.created_from)
    if found.created_before is not None:
        query = query.where(column < found.created_before)
    return query
