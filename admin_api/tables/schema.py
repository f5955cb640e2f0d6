"""Whether the database is at the migrations that this code was written for."""

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from openplatform.errors import SettingsError
from openplatform.sql import AsyncConnection, Database, alembic_config

_WHAT_TO_DO = "run `pailou db upgrade admin`"


async def ping(connection: AsyncConnection) -> None:
    """Raises when the database does not answer."""
    await connection.execute(sa.text("SELECT 1"))


async def refuse_other_schema(database: Database) -> None:
    """Raises SettingsError when the database was never migrated, or is at another migration than the newest one here."""
    wanted = ScriptDirectory.from_config(alembic_config("sqlite://", "admin_api")).get_current_head()
    try:
        async with database.read() as connection:
            found = (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except DBAPIError:
        raise SettingsError(f"PAILOU_ADMIN_DATABASE_URL: the database has no tables yet: {_WHAT_TO_DO}") from None
    if found != wanted:
        raise SettingsError(
            f"PAILOU_ADMIN_DATABASE_URL: the database is at migration {found}, not {wanted}: {_WHAT_TO_DO}"
        )
