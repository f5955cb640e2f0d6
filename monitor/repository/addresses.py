"""Addresses that their mail server refused for good (5xx). They are left alone for a day: one wrong refusal must not end all alerts."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.tables import refused_address


async def refused_addresses(connection: AsyncConnection, since: datetime) -> dict[str, str]:
    """address → what its server said, of those that were refused after `since`."""
    rows = await connection.execute(sa.select(refused_address).where(refused_address.c.since > since))
    return {row.address: row.reason for row in rows}


async def mark_address(connection: AsyncConnection, address: str, reason: str, now: datetime) -> None:
    """Notes the latest refusal."""
    await trust_address(connection, address)
    await connection.execute(sa.insert(refused_address).values(address=address, reason=reason[:255], since=now))


async def trust_address(connection: AsyncConnection, address: str) -> None:
    """Forgets a refusal."""
    await connection.execute(sa.delete(refused_address).where(refused_address.c.address == address))
