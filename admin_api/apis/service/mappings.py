"""API mappings: the route table, one row per public API name."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from admin_api.apis.repository import MappingFilter, choose_mappings, drop_grants
from admin_api.apis.service.rules import (
    ApiNameText,
    BreakerDraft,
    InsidePath,
    JsonObject,
    JsonSchema,
    ListItems,
    Sensitive,
    ServiceId,
    to_json,
)
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.apis import app_mapping
from admin_api.tables.rows import Row, delete_row, edit_row, fetch_row, insert_row, update_row
from admin_api.tables.selection import BulkResult, Selection, update_rows
from admin_api.tables.shapes import UNSET, Body, Count, Edit, Flag, Note50, Note500, State

Method = Literal["GET", "POST", "PUT", "DELETE"]
TimeoutMs = Annotated[int, Field(strict=True, ge=1, le=60_000)]
Limit = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
WindowS = Annotated[int, Field(strict=True, ge=1, le=86_400)]
Version = Annotated[str, Field(max_length=20, pattern=r"^[0-9A-Za-z._-]*$")]

Concurrency = Annotated[int, Field(strict=True, ge=1, le=100_000)]
CacheS = Annotated[int, Field(strict=True, ge=0, le=86_400)]

DOCUMENTS = ("request_schema", "response_example", "list_items", "sensitive", "breaker", "fallback_body")
"""Columns that hold JSON."""


class MappingDraft(Body):
    """A new public API. Times in ms and s as named; limits count over all apps, null = none; other nulls = the platform's default."""

    gateway_api_name: ApiNameText
    service_id: ServiceId
    inside_api_url: InsidePath
    http_method: Method = "GET"
    state: State = 1
    description: Note500 = ""
    idempotents: Flag = False
    needfee: Flag = False
    price_fen: Annotated[Count, Field(validate_default=True)] = 0
    need_session: Flag = True
    timeout_ms: TimeoutMs = 3000
    timestamp_window_s: WindowS | None = None
    request_schema: JsonSchema | None = None
    response_example: JsonObject | None = None
    list_items: ListItems = {}
    sensitive: Sensitive = []
    api_version: Version = ""
    api_group: Note50 = ""
    is_open: Flag = False
    cache_ttl_s: CacheS = 0
    limit_per_second: Limit | None = None
    limit_per_minute: Limit | None = None
    limit_per_day: Limit | None = None
    max_concurrency: Concurrency | None = None
    breaker: BreakerDraft | None = None
    fallback_body: JsonObject | None = None
    replay_guard: Flag = False
    deprecated: Flag = False

    @field_validator("price_fen")
    @classmethod
    def _charges_something(cls, price_fen: int, sent: ValidationInfo) -> int:
        if price_fen == 0 and sent.data.get("needfee"):
            raise ValueError("must be above 0 for an API with needfee")
        return price_fen


class MappingEdit(Edit):
    """The API's name stays: grants, limits and logs know it by that name."""

    service_id: ServiceId = UNSET
    inside_api_url: InsidePath = UNSET
    http_method: Method = UNSET
    state: State = UNSET
    description: Note500 = UNSET
    idempotents: Flag = UNSET
    needfee: Flag = UNSET
    price_fen: Count = UNSET
    need_session: Flag = UNSET
    timeout_ms: TimeoutMs = UNSET
    timestamp_window_s: WindowS | None = UNSET
    request_schema: JsonSchema | None = UNSET
    response_example: JsonObject | None = UNSET
    list_items: ListItems = UNSET
    sensitive: Sensitive = UNSET
    api_version: Version = UNSET
    api_group: Note50 = UNSET
    is_open: Flag = UNSET
    cache_ttl_s: CacheS = UNSET
    limit_per_second: Limit | None = UNSET
    limit_per_minute: Limit | None = UNSET
    limit_per_day: Limit | None = UNSET
    max_concurrency: Concurrency | None = UNSET
    breaker: BreakerDraft | None = UNSET
    fallback_body: JsonObject | None = UNSET
    replay_guard: Flag = UNSET
    deprecated: Flag = UNSET


async def create_mapping(change: Change, draft: MappingDraft) -> Row:
    """The new row. Raises ValueTaken for the API's name."""
    values = columns_of(draft.model_dump())
    row = await insert_row(change.connection, app_mapping, values, unique=("gateway_api_name",))
    await change.record("create", app_mapping.name, row["id"], after=row)
    await change.emit_routes([row["id"]])
    return row


async def edit_mapping(change: Change, mapping_id: int, edit: MappingEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale, a 422 Problem for a charged API without a price."""
    before, after = await edit_row(change.connection, app_mapping, mapping_id, edit.version, columns_of(edit.changes()))
    if after["needfee"] and after["price_fen"] == 0:
        raise invalid_field("price_fen", "must be above 0 for an API with needfee")
    await change.record("edit", app_mapping.name, mapping_id, before, after)
    await change.emit_routes([mapping_id])
    return after


async def purge_cache(change: Change, mapping_id: int) -> Row:
    """Gateways give none of the answers kept so far any more, not even while the service fails. Returns the row after.

    Raises RowMissing, a 409 Problem for an API that keeps none.
    """
    before = await fetch_row(change.connection, app_mapping, mapping_id, lock=True)
    if not (before["cache_ttl_s"] and before["idempotents"]):
        raise Problem(
            409,
            "nothing-kept",
            "this API keeps no answers: only an idempotent API whose cache_ttl_s is above 0 does",
            "该 API 未启用缓存：仅幂等且 cache_ttl_s 大于 0 的 API 才缓存响应",
        )
    after = await update_row(change.connection, app_mapping, before, {"cache_epoch": before["cache_epoch"] + 1})
    await change.record("purge-cache", app_mapping.name, mapping_id, before, after)
    await change.emit_routes([mapping_id])
    return after


async def switch_mappings(change: Change, selection: Selection[MappingFilter], state: int) -> BulkResult:
    """Makes many available (1) or not (0). Raises SelectionTooLarge, SelectionChanged."""
    chosen = await choose_mappings(change.connection, selection)
    before = [row for row in chosen.rows if row["state"] != state]
    after = await update_rows(change.connection, app_mapping, before, {"state": state})
    await change.record_edits("edit", app_mapping.name, before, after)
    await change.emit_routes([row["id"] for row in after])
    return BulkResult.of_chosen(chosen, after)


async def delete_mapping(change: Change, mapping_id: int) -> None:
    """The API is gone for callers within a second, and the grants for it. Raises RowMissing."""
    app_ids = await drop_grants(change.connection, mapping_id)
    before = await delete_row(change.connection, app_mapping, mapping_id)
    await change.record("delete", app_mapping.name, mapping_id, before=before | {"granted_to": app_ids})
    await change.emit_removal("route", before["gateway_api_name"])
    await change.emit_apps(app_ids)  # else an API of this name that comes later would be granted to them


def columns_of(values: dict[str, Any]) -> dict[str, Any]:
    """The values as columns hold them: documents as JSON text."""
    documents = {n: to_json(values[n]) for n in DOCUMENTS if values.get(n) is not None}
    return values | documents
