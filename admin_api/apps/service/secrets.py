"""App secrets: replaced with a day of grace for the old one, retired, and proven to open at start."""

from datetime import datetime, timedelta

from admin_api.apps.repository.secrets import (
    add_replaced,
    living_secrets,
    replaced_secrets_of,
    retire_all_of,
    retire_expired,
    retire_one,
)
from admin_api.apps.service.apps import new_secret, seal_context
from admin_api.outbox.changes import Change
from admin_api.tables.apps import app_info, app_secret_history
from admin_api.tables.rows import Row, RowMissing, fetch_row, update_row
from openplatform.errors import SettingsError
from openplatform.sealing import Seal, SealBroken
from openplatform.sql import AsyncConnection

GRACE = timedelta(hours=24)
"""How long the replaced secret still signs, so that an ISV can change over without a failed call."""


async def reset_secret(change: Change, seal: Seal, app_id: int) -> tuple[Row, str, datetime]:
    """The app's row, its new secret in plain text, and when the one before ends; those before it end at once. Raises RowMissing."""
    before = await fetch_row(change.connection, app_info, app_id, lock=True)
    await retire_all_of(change.connection, app_id, change.now)
    _, kid, *_ = before["app_secret"].split(".")
    replaced = {
        "app_id": app_id,
        "kid": kid,
        "secret": before["app_secret"],
        "create_time": change.now,
        "expire_time": change.now + GRACE,
    }
    await add_replaced(change.connection, replaced)
    secret = new_secret()
    sealed = {"app_secret": seal.seal(secret, seal_context(before["app_key"]))}
    after = await update_row(change.connection, app_info, before, sealed)
    await change.record("reset-secret", app_info.name, app_id, before, after)
    await change.emit_apps([app_id])
    return after, secret, change.now + GRACE


async def replaced_secrets(connection: AsyncConnection, app_id: int) -> list[Row]:
    """The secrets that were replaced, newest first, without their text. Raises RowMissing for an unknown app."""
    await fetch_row(connection, app_info, app_id)
    return await replaced_secrets_of(connection, app_id)


async def retire_secret(change: Change, app_id: int, secret_id: int) -> None:
    """Ends a replaced secret before its day of grace is over. Raises RowMissing."""
    row = await fetch_row(change.connection, app_secret_history, secret_id, lock=True)
    if row["app_id"] != app_id:
        raise RowMissing(app_secret_history.name, secret_id)
    await retire_one(change.connection, secret_id, change.now)
    await change.record("retire-secret", app_secret_history.name, secret_id, after={"app_id": app_id})
    await change.emit_apps([app_id])


async def retire_expired_secrets(change: Change) -> int:
    """Ends the replaced secrets whose day is over; returns how many apps had one."""
    app_ids = await retire_expired(change.connection, change.now)
    if app_ids:
        await change.emit_apps(app_ids)
    return len(app_ids)


async def prove_secrets_open(connection: AsyncConnection, seal: Seal) -> None:
    """Raises SettingsError when an app's secret cannot be opened: with a wrong master key every signature would fail."""
    for app_key, sealed in await living_secrets(connection):
        try:
            seal.open(sealed, seal_context(app_key))
        except SealBroken as error:
            raise SettingsError(f"PAILOU_MASTER_KEYS does not fit the database: {error}") from None
