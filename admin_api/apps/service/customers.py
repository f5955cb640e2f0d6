"""Customers: ISVs, and merchants who develop for themselves. Their money moves only through recharges and charges."""

from admin_api.outbox.changes import Change
from admin_api.security.passwords import NO_PASSWORD, Password
from admin_api.tables.apps import customer
from admin_api.tables.rows import Row, delete_row, edit_row, insert_row
from admin_api.tables.shapes import UNSET, Body, Edit, Line50, Note50, Note255, State


class CustomerDraft(Body):
    """A new customer; without a password they cannot log in."""

    username: Line50
    password: Password | None = None
    nickname: Note50 = ""
    address: Note255 = ""
    state: State = 1


class CustomerEdit(Edit):
    """state 0 stops all apps of the customer at once."""

    password: Password = UNSET
    nickname: Note50 = UNSET
    address: Note255 = UNSET
    state: State = UNSET


async def create_customer(change: Change, draft: CustomerDraft, *, password_hash: str = NO_PASSWORD) -> Row:
    """The new row; its balance is 0. password_hash: of the draft's password. Raises ValueTaken for the username."""
    values = draft.model_dump() | {"password": password_hash, "money": 0}
    row = await insert_row(change.connection, customer, values, unique=("username",))
    await change.record("create", customer.name, row["id"], after=row)
    return row


async def edit_customer(
    change: Change, customer_id: int, edit: CustomerEdit, *, password_hash: str | None = None
) -> Row:
    """The row after the edit; password_hash replaces the edit's password. Raises RowMissing, RowStale."""
    values = edit.changes()
    if password_hash is not None:
        values["password"] = password_hash
    before, after = await edit_row(change.connection, customer, customer_id, edit.version, values)
    await change.record("edit", customer.name, customer_id, before, after)
    if before["state"] != after["state"]:
        await change.emit_apps_of_customer(customer_id)
    return after


async def delete_customer(change: Change, customer_id: int) -> None:
    """Deletes a customer without apps, recharges and ledger rows. Raises RowMissing, RowInUse."""
    before = await delete_row(change.connection, customer, customer_id)
    await change.record("delete", customer.name, customer_id, before=before)
