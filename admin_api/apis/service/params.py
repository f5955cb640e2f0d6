"""System parameters that every call must carry; the protocol's own cannot be switched off."""

from typing import Annotated

from pydantic import StringConstraints

from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.tables.apis import api_systemparam
from admin_api.tables.rows import Row, delete_row, edit_row, insert_row
from admin_api.tables.shapes import UNSET, Body, Edit, Note255, State

PROTOCOL_PARAMS = frozenset({"method", "app_key", "timestamp", "v", "sign"})

ParamName = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]


class ParamDraft(Body):
    """A parameter to be required; state 0 = not yet."""

    name: ParamName
    description: Note255 = ""
    state: State = 1


class ParamEdit(Edit):
    """The name stays: delete the parameter and add another."""

    description: Note255 = UNSET
    state: State = UNSET


async def create_param(change: Change, draft: ParamDraft) -> Row:
    """The new row. Raises ValueTaken for the name."""
    row = await insert_row(change.connection, api_systemparam, draft.model_dump(), unique=("name",))
    await change.record("create", api_systemparam.name, row["id"], after=row)
    await change.emit_params([row["id"]])
    return row


async def edit_param(change: Change, param_id: int, edit: ParamEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale, a 409 Problem for switching off one of the protocol's own."""
    before, after = await edit_row(change.connection, api_systemparam, param_id, edit.version, edit.changes())
    if after["state"] == 0:
        _refuse_protocols_own(before)
    await change.record("edit", api_systemparam.name, param_id, before, after)
    await change.emit_params([param_id])
    return after


async def delete_param(change: Change, param_id: int) -> None:
    """Raises RowMissing, a 409 Problem for one of the protocol's own."""
    before = await delete_row(change.connection, api_systemparam, param_id)
    _refuse_protocols_own(before)
    await change.record("delete", api_systemparam.name, param_id, before=before)
    await change.emit_removal("param", before["name"])


def _refuse_protocols_own(row: Row) -> None:
    if row["name"] in PROTOCOL_PARAMS:
        raise Problem(
            409,
            "protocol-parameter",
            f"{row['name']} belongs to the protocol: every call needs it",
            "协议必需参数，不能停用",
        )
