"""System parameters that every call must carry: what each may hold, and its default. The protocol's own cannot be switched off."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from admin_api.apis.service.rules import to_json
from admin_api.outbox.changes import Change
from admin_api.outbox.records import system_param
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.apis import api_systemparam
from admin_api.tables.rows import Row, delete_row, edit_row, insert_row
from admin_api.tables.shapes import UNSET, Body, Edit, Line50, Note100, Note255, State
from openplatform.parameter_types import rule_of
from openplatform.protocol import ALWAYS_REQUIRED, SYSTEM_PARAMS
from openplatform.records import ParameterType

RULED_BY_PROTOCOL = SYSTEM_PARAMS - {"partner_id", "target_app_key"}
"""Whose values the protocol judges itself, with errors of their own."""


def _once(choices: list[str]) -> list[str]:
    if len(set(choices)) < len(choices):
        raise ValueError("names a choice twice")
    return choices


ParamName = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
Choices = Annotated[list[Line50], Field(max_length=50), AfterValidator(_once)]


class ParamDraft(Body):
    """A parameter to be required; state 0 = not yet. choices: what it may be, of the type choice only; default_value: taken for
    calls that leave it out, "" = they are refused."""

    name: ParamName
    description: Note255 = ""
    state: State = 1
    value_type: ParameterType = "string"
    choices: Choices = []
    default_value: Note100 = ""


class ParamEdit(Edit):
    """The name stays: delete the parameter and add another."""

    description: Note255 = UNSET
    state: State = UNSET
    value_type: ParameterType = UNSET
    choices: Choices = UNSET
    default_value: Note100 = UNSET


async def create_param(change: Change, draft: ParamDraft) -> Row:
    """The new row. Raises ValueTaken for the name, a 422 Problem for a type or default that does not fit."""
    values = _columns_of(draft.model_dump())
    _check_values(values)
    row = await insert_row(change.connection, api_systemparam, values, unique=("name",))
    await change.record("create", api_systemparam.name, row["id"], after=row)
    await change.emit_params([row["id"]])
    return row


async def edit_param(change: Change, param_id: int, edit: ParamEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale, a 409 Problem for switching off one of the protocol's own, a 422 one for
    a type or default that does not fit."""
    before, after = await edit_row(
        change.connection, api_systemparam, param_id, edit.version, _columns_of(edit.changes())
    )
    if after["state"] == 0:
        _refuse_protocols_own(before)
    _check_values(after)
    await change.record("edit", api_systemparam.name, param_id, before, after)
    await change.emit_params([param_id])
    return after


async def delete_param(change: Change, param_id: int) -> None:
    """Raises RowMissing, a 409 Problem for one of the protocol's own."""
    before = await delete_row(change.connection, api_systemparam, param_id)
    _refuse_protocols_own(before)
    await change.record("delete", api_systemparam.name, param_id, before=before)
    await change.emit_removal("param", before["name"])


def _columns_of(values: dict[str, Any]) -> dict[str, Any]:
    if "choices" in values:
        values["choices"] = to_json(values["choices"]) if values["choices"] else None
    return values


def _check_values(row: Row) -> None:
    """Type, choices and default together."""
    param = system_param(row)
    if param.name in RULED_BY_PROTOCOL and param.value_type != "string":
        raise invalid_field("value_type", "must stay text: the protocol has rules of its own for this parameter")
    if param.name in SYSTEM_PARAMS and param.default_value:
        raise invalid_field(
            "default_value", "must stay empty: what the protocol names, callers send and sign themselves"
        )
    if param.value_type == "choice" and not param.choices:
        raise invalid_field("choices", "must name at least one")
    if param.value_type != "choice" and param.choices:
        raise invalid_field("choices", "belong to the type choice: leave them out of others")
    rule = rule_of(param)
    if param.default_value and rule is not None and not rule[0](param.default_value):
        code = "literal_error" if param.choices else "value_error"
        raise invalid_field("default_value", rule[1], code=code)


def _refuse_protocols_own(row: Row) -> None:
    if row["name"] in ALWAYS_REQUIRED:
        raise Problem(
            409,
            "protocol-parameter",
            f"{row['name']} belongs to the protocol: every call needs it",
            "协议必需参数，不能停用",
        )
