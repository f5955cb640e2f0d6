"""Charges in the ledger: a batch is booked in one transaction with the balances it moves, each call once however often it comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger
from openplatform.records import Charge
from openplatform.sql import AsyncConnection

CALL_REASON = "call"

_ROWS = 500  # SQLite takes 32,766 values in one statement


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's balance as SQL has it. seq: id of its newest ledger row, 0 = none."""

    customer_id: int
    money_fen: int
    seq: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of a batch. accounts: of all customers in it that exist; new: charges that were not booked before; overdrawn:
    customers whose balance it brought below zero."""

    accounts: tuple[Account, ...]
    new: int
    overdrawn: tuple[Account, ...]


async def book_charges(connection: AsyncConnection, charges: Sequence[Charge], now: datetime) -> Booked:
    """Writes a ledger row for each charge that has none yet and moves the balances. Charges of customers that do not exist are
    left out."""
    money = await _lock_customers(connection, sorted({charge.customer_id for charge in charges}))
    before = dict(money)
    # Looked for after the lock: whoever books for the same customer has committed by now.
    known = await _known(connection, [_reference(charge) for charge in charges])
    rows = []
    for charge in charges:
        reference = _reference(charge)
        if reference in known or charge.customer_id not in money:
            continue
        known.add(reference)
        money[charge.customer_id] -= charge.price_fen
        rows.append(
            {
                "cus_id": charge.customer_id,
                "delta": -charge.price_fen,
                "balance_after": money[charge.customer_id],
                "reason": CALL_REASON,
                "reference": reference,
                "create_time": now,
            }
        )
    for start in range(0, len(rows), _ROWS):
        await connection.execute(sa.insert(balance_ledger).values(rows[start : start + _ROWS]))
    for customer_id in (id_ for id_, fen in money.items() if fen != before[id_]):
        # The version stays: it counts operators' edits, and a call must not make one of them stale.
        moved = sa.update(customer).where(customer.c.id == customer_id).values(money=money[customer_id])
        await connection.execute(moved)
    newest = await _newest_rows(connection, list(money))
    accounts = tuple(Account(id_, fen, newest.get(id_, 0)) for id_, fen in money.items())
    overdrawn = tuple(a for a in accounts if a.money_fen < 0 and a.money_fen < before[a.customer_id])
    return Booked(accounts, len(rows), overdrawn)


async def accounts_after(connection: AsyncConnection, customer_id: int, count: int) -> list[Account]:
    """The next customers by id, whatever their balance."""
    return await _accounts(connection, customer.c.id > customer_id, count)


async def accounts_of(connection: AsyncConnection, customer_ids: Sequence[int]) -> list[Account]:
    """These customers, as far as they exist."""
    return await _accounts(connection, customer.c.id.in_(customer_ids), None)


async def customers_moved_since(connection: AsyncConnection, ledger_id: int) -> list[int]:
    """Whose balance moved in ledger rows after this one."""
    ledger = balance_ledger.c
    query = sa.select(ledger.cus_id).where(ledger.id > ledger_id).distinct()
    return list((await connection.execute(query)).scalars())


async def newest_customers(connection: AsyncConnection, count: int) -> list[int]:
    """The youngest customers' ids."""
    query = sa.select(customer.c.id).order_by(customer.c.id.desc()).limit(count)
    return list((await connection.execute(query)).scalars())


async def newest_ledger_id(connection: AsyncConnection) -> int:
    """The greatest id in the ledger; 0 = it is empty."""
    return (await connection.execute(sa.select(sa.func.max(balance_ledger.c.id)))).scalar_one() or 0


async def _accounts(connection: AsyncConnection, condition: sa.ColumnElement[bool], count: int | None) -> list[Account]:
    # One statement: money and the newest row that is in it are of one moment.
    newest = (
        sa.select(sa.func.coalesce(sa.func.max(balance_ledger.c.id), 0))
        .where(balance_ledger.c.cus_id == customer.c.id)
        .scalar_subquery()
    )
    query = sa.select(customer.c.id, customer.c.money, newest).where(condition).order_by(customer.c.id).limit(count)
    return [Account(*row) for row in await connection.execute(query)]


async def _lock_customers(connection: AsyncConnection, customer_ids: Sequence[int]) -> dict[int, int]:
    """Balance by customer, for those that exist; nobody else moves them until the transaction ends. In order: no deadlocks."""
    query = (
        sa.select(customer.c.id, customer.c.money)
        .where(customer.c.id.in_(customer_ids))
        .order_by(customer.c.id)
        .with_for_update()
    )
    return {row.id: int(row.money) for row in await connection.execute(query)}


async def _known(connection: AsyncConnection, references: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(references), _ROWS):
        chunk = references[start : start + _ROWS]
        query = sa.select(balance_ledger.c.reference).where(balance_ledger.c.reference.in_(chunk))
        known.update((await connection.execute(query)).scalars())
    return known


async def _newest_rows(connection: AsyncConnection, customer_ids: Sequence[int]) -> dict[int, int]:
    ledger = balance_ledger.c
    query = sa.select(ledger.cus_id, sa.func.max(ledger.id)).where(ledger.cus_id.in_(customer_ids))
    return {row[0]: int(row[1]) for row in await connection.execute(query.group_by(ledger.cus_id))}


def _reference(charge: Charge) -> str:
    return f"call:{charge.request_id}"
