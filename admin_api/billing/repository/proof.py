"""The proof that balances are what the ledger says: one statement per chunk, so that all of it is of one moment."""

from dataclasses import dataclass

import sqlalchemy as sa

from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger
from openplatform.sql import AsyncConnection


@dataclass(frozen=True, slots=True)
class Proof:
    """One customer's books. ledger_fen: the sum of all moves; seq: its newest row, 0 = none; broken_row: the first row whose
    balance after is not the one before plus its move, None = the chain holds."""

    customer_id: int
    username: str
    money_fen: int
    ledger_fen: int
    rows: int
    seq: int
    broken_row: int | None


async def has_books(connection: AsyncConnection) -> bool:
    """False for a database that is not admin_api's, or not migrated yet."""
    tables = await connection.run_sync(lambda plain: sa.inspect(plain).get_table_names())
    return {customer.name, balance_ledger.name} <= set(tables)


async def prove_accounts(connection: AsyncConnection, customer_id: int, count: int) -> list[Proof]:
    """The next customers' books by id."""
    ledger = balance_ledger.c
    chosen = sa.select(customer.c.id).where(customer.c.id > customer_id).order_by(customer.c.id).limit(count)
    ids = list((await connection.execute(chosen)).scalars())
    previous = sa.func.lag(ledger.balance_after).over(partition_by=ledger.cus_id, order_by=ledger.id)
    expected = sa.func.coalesce(previous, 0) + ledger.delta  # MariaDB's LAG takes no default
    chain = (
        sa.select(ledger.id, ledger.cus_id, ledger.delta, ledger.balance_after, expected.label("expected"))
        .where(ledger.cus_id.in_(ids))
        .subquery()
    )
    broken = sa.case((chain.c.balance_after != chain.c.expected, chain.c.id))
    sums = (
        sa.select(
            chain.c.cus_id,
            sa.func.sum(chain.c.delta).label("total"),
            sa.func.count(chain.c.id).label("rows_"),
            sa.func.max(chain.c.id).label("seq"),
            sa.func.min(broken).label("broken"),
        )
        .group_by(chain.c.cus_id)
        .subquery()
    )
    query = (
        sa.select(
            customer.c.id, customer.c.username, customer.c.money, sums.c.total, sums.c.rows_, sums.c.seq, sums.c.broken
        )
        .outerjoin(sums, sums.c.cus_id == customer.c.id)
        .where(customer.c.id.in_(ids))
        .order_by(customer.c.id)
    )
    return [
        Proof(row.id, row.username, row.money, int(row.total or 0), row.rows_ or 0, row.seq or 0, row.broken)
        for row in await connection.execute(query)
    ]
