"""The window's end as fencing number: a window, or one before it, is judged once and never again."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.tables import evaluated_window
from openplatform.sql import Database


async def last_window(database: Database) -> int:
    """The end of the latest judged window, epoch seconds; 0 = none yet."""
    async with database.read() as connection:
        return int((await connection.execute(sa.select(evaluated_window.c.ended_s))).scalar_one())


async def claim_window(connection: AsyncConnection, ended_s: int) -> bool:
    """Takes the window for this transaction; False when it or a later one was taken before.

    It is the transaction's first statement: the row's lock makes monitors judge one after the other.
    """
    taken = await connection.execute(
        sa.update(evaluated_window).where(evaluated_window.c.ended_s < ended_s).values(ended_s=ended_s)
    )
    return taken.rowcount == 1
