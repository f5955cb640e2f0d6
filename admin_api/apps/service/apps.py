"""Applications: registered for a customer, enabled, limited, switched off, deleted."""

import re
import secrets
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from admin_api.apps.repository.apps import AppFilter, choose_apps, delete_belongings
from admin_api.apps.repository.customers import customer_exists
from admin_api.outbox.changes import Change
from admin_api.security.problems import invalid_field
from admin_api.tables.apps import app_info
from admin_api.tables.rows import Row, ValueTaken, delete_row, edit_row, fetch_row, insert_row
from admin_api.tables.selection import BulkResult, Selection, update_rows
from admin_api.tables.shapes import UNSET, Body, BodyId, Count, Edit, Flag, Line50, Note500, State
from openplatform.sealing import Seal

_KEY_ATTEMPTS = 5
_URL = re.compile(r"(https?://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?)?")


def _callback(url: str) -> str:
    if _URL.fullmatch(url) is None:
        raise ValueError("must begin with http:// or https:// and hold no blanks, or be empty")
    return url


RedirectUrl = Annotated[str, StringConstraints(max_length=100), AfterValidator(_callback)]


class AppDraft(Body):
    """A new application. minute_limit: null = the platform's default."""

    cus_id: BodyId
    corp_name: Line50
    app_name: Line50
    daily_limit: Count
    minute_limit: Count | None = None
    redirect_url: RedirectUrl = ""
    description: Note500 = ""
    state: State = 1
    real_status_codes: Flag = False
    md5_allowed: Flag = True


class AppEdit(Edit):
    """In force in every gateway within a second."""

    corp_name: Line50 = UNSET
    app_name: Line50 = UNSET
    daily_limit: Count = UNSET
    minute_limit: Count | None = UNSET
    redirect_url: RedirectUrl = UNSET
    description: Note500 = UNSET
    state: State = UNSET
    real_status_codes: Flag = UNSET
    md5_allowed: Flag = UNSET


def seal_context(app_key: str) -> str:
    """What an app's sealed secret is bound to."""
    return f"app_info|{app_key}"


def new_secret() -> str:
    """32 hex digits, 128 random bits: the form that TOP's SDKs and their users know."""
    return secrets.token_hex(16)


async def create_app(
    change: Change, seal: Seal, draft: AppDraft, *, app_key: str | None = None, app_secret: str | None = None
) -> tuple[Row, str]:
    """The new row and its secret in plain text, which nobody can see again.

    app_key, app_secret: given by seeds; made up otherwise. Raises a 422 Problem for an unknown customer, ValueTaken for the key.
    """
    if not await customer_exists(change.connection, draft.cus_id):
        raise invalid_field("cus_id", "names no customer")
    secret = app_secret or new_secret()
    row = await _insert(change, seal, draft, app_key, secret)
    await change.record("create", app_info.name, row["id"], after=row)
    await change.emit_apps([row["id"]])
    return row, secret


async def edit_app(change: Change, app_id: int, edit: AppEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale."""
    before, after = await edit_row(change.connection, app_info, app_id, edit.version, edit.changes())
    await change.record("edit", app_info.name, app_id, before, after)
    await change.emit_apps([app_id])
    return after


async def switch_apps(change: Change, selection: Selection[AppFilter], state: int) -> BulkResult:
    """Enables (1) or disables (0) many. Raises SelectionTooLarge, SelectionChanged."""
    chosen = await choose_apps(change.connection, selection)
    before = [row for row in chosen.rows if row["state"] != state]
    after = await update_rows(change.connection, app_info, before, {"state": state})
    await change.record_edits("edit", app_info.name, before, after)
    await change.emit_apps([row["id"] for row in after])
    return BulkResult.of_chosen(chosen, after)


async def delete_app(change: Change, app_id: int) -> None:
    """Deletes the app with its secrets, grants and tokens; its call logs stay. Raises RowMissing."""
    row = await fetch_row(change.connection, app_info, app_id, lock=True)
    hashes = await delete_belongings(change.connection, app_id)
    await delete_row(change.connection, app_info, app_id)
    await change.record("delete", app_info.name, app_id, before=row)
    await change.emit_removal("session", *hashes)
    await change.emit_removal("app", row["app_key"])


async def _insert(change: Change, seal: Seal, draft: AppDraft, app_key: str | None, secret: str) -> Row:
    for attempt in range(1, _KEY_ATTEMPTS + 1):
        # Eight digits, as TOP's: a name, not a secret.
        key = app_key or str(10_000_000 + secrets.randbelow(90_000_000))
        values = draft.model_dump() | {"app_key": key, "app_secret": seal.seal(secret, seal_context(key))}
        try:
            return await insert_row(change.connection, app_info, values, unique=("app_key",))
        except ValueTaken:
            if app_key is not None or attempt == _KEY_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
