"""The minute as fencing number: a minute, or one before it, is judged once and never again."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.tables import evaluated_minute
from openplatform.sql import Database


async def last_minute(database: Database) -> int:
    """The latest judged minute, in minutes since the epoch; 0 = none yet."""
    async with database.read() as connection:
        return int((await connection.execute(sa.select(evaluated_minute.c.minute))).scalar_one())


async def claim_minute(connection: AsyncConnection, minute: int) -> bool:
    """Takes the minute for this transaction; False when it or a later one was taken before.

    It is the transaction's first statement: the row's lock makes monitors judge one after the other.
    """
    taken = await connection.execute(
        sa.update(evaluated_minute).where(evaluated_minute.c.minute < minute).values(minute=minute)
    )
    return taken.rowcount == 1
