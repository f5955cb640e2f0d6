"""Names of apps and their keys, for logs that know keys only."""

from collections.abc import Iterable

import sqlalchemy as sa

from admin_api.tables.apps import app_info
from admin_api.tables.listing import contains
from openplatform.sql import AsyncConnection

MOST_APPS = 500
"""A name that fits more apps than this is no help in a search, and their keys no query string that servers take."""


async def app_keys_named(connection: AsyncConnection, name: str) -> list[str]:
    """The keys of the apps whose name has this in it: of one more than MOST_APPS, when there are more."""
    query = sa.select(app_info.c.app_key).where(contains(name, app_info.c.app_name)).order_by(app_info.c.id)
    return list((await connection.execute(query.limit(MOST_APPS + 1))).scalars())


async def names_of_apps(connection: AsyncConnection, app_keys: Iterable[str]) -> dict[str, str]:
    """app_key → name, of those that exist."""
    query = sa.select(app_info.c.app_key, app_info.c.app_name).where(app_info.c.app_key.in_(set(app_keys)))
    return {row.app_key: row.app_name for row in await connection.execute(query)}
