"""What a change of an API mapping would do, before it is made: nothing is written."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from admin_api.apis.repository import apps_with_grant, apps_without_grant
from admin_api.apis.service.mappings import DOCUMENTS, MappingDraft, MappingEdit, columns_of
from admin_api.security.problems import invalid_field
from admin_api.tables.apis import app_mapping
from admin_api.tables.rows import Row, RowStale, fetch_row
from openplatform.errors import PlatformUnavailable
from openplatform.ports import ServiceDirectory
from openplatform.records import Instance
from openplatform.sql import AsyncConnection

_CONNECT_S = 2.0
_PROBED = 20


@dataclass(frozen=True, slots=True)
class Consequence:
    """What callers or the platform will feel. code: stable, for programs."""

    code: str
    detail: str
    detail_zh: str


@dataclass(frozen=True, slots=True)
class Reached:
    """An instance of a service and whether it accepts connections; ms: how long that took."""

    address: str
    is_reachable: bool
    ms: float
    error: str


async def preview_edit(
    connection: AsyncConnection, mapping_id: int, edit: MappingEdit
) -> tuple[Row, dict[str, tuple[Any, Any]], list[Consequence]]:
    """The row as it is, field → before and after, and consequences. Raises RowMissing, RowStale, a 422 Problem, as the edit would."""
    before = await fetch_row(connection, app_mapping, mapping_id)
    if before["version"] != edit.version:
        raise RowStale(app_mapping.name, before, edit.changes())
    values = columns_of(edit.changes())
    after = before | {name: int(v) if isinstance(v, bool) else v for name, v in values.items()}
    if after["needfee"] and after["price_fen"] == 0:
        raise invalid_field("price_fen", "must be above 0 for an API with needfee")
    changed = {
        name: (_plain(name, before[name]), _plain(name, after[name])) for name in values if before[name] != after[name]
    }
    return before, changed, await _consequences(connection, before, after)


def preview_draft(draft: MappingDraft) -> dict[str, tuple[Any, Any]]:
    """The fields of a new API that are not at their defaults."""
    default = {name: field.default for name, field in MappingDraft.model_fields.items()}
    sent = draft.model_dump()
    return {name: (None, value) for name, value in sent.items() if value != default[name]}


async def probe(directory: ServiceDirectory, service_id: str) -> list[Reached]:
    """Whether the service's registered instances accept connections from here: none other is ever dialled.

    Raises PlatformUnavailable when the directory cannot be asked.
    """
    instances = {i.address: i for i in await directory.instances(service_id)}
    return list(await asyncio.gather(*(_reach(i) for i in list(instances.values())[:_PROBED])))


async def is_running(directory: ServiceDirectory, service_id: str) -> bool | None:
    """Whether an instance is registered; None = the directory cannot be asked."""
    try:
        return bool(await directory.instances(service_id))
    except PlatformUnavailable:
        return None


async def _reach(instance: Instance) -> Reached:
    started = time.monotonic()
    error = ""
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(instance.host, instance.port)
        writer.close()
    except TimeoutError:
        error = f"no connection within {_CONNECT_S:.0f} s"
    except OSError as failure:
        error = failure.strerror or type(failure).__name__
    return Reached(instance.address, not error, round((time.monotonic() - started) * 1000, 2), error)


async def _consequences(connection: AsyncConnection, before: Row, after: Row) -> list[Consequence]:
    found: list[Consequence] = []
    granted = await apps_with_grant(connection, before["id"])
    if before["state"] == 1 and after["state"] == 0:
        found.append(Consequence("closes", f"every call is refused with code 22; {granted} apps hold a grant",
                                 f"所有调用将返回错误 22，{granted} 个应用已获授权"))  # fmt: skip
    if before["is_open"] and not after["is_open"]:
        without = await apps_without_grant(connection, before["id"])
        found.append(Consequence("needs-grants", f"{without} enabled apps hold no grant and are refused",
                                 f"{without} 个启用的应用没有授权，将被拒绝"))  # fmt: skip
    if not before["is_open"] and after["is_open"]:
        found.append(Consequence("opens", "every app may call it", "所有应用都可以调用"))
    if not before["need_session"] and after["need_session"]:
        found.append(
            Consequence(
                "needs-session", "calls without a session are refused with code 26", "没有会话的调用将返回错误 26"
            )
        )
    if before["need_session"] and not after["need_session"]:
        found.append(Consequence("no-session", "calls need no session: the service is told no merchant",
                                 "调用不再需要会话，服务将不知道商家"))  # fmt: skip
    if after["needfee"] and (not before["needfee"] or after["price_fen"] > before["price_fen"]):
        price = f"{after['price_fen'] / 100:.2f}"
        found.append(Consequence("costs", f"a call costs ¥{price}", f"每次调用收费 ¥{price}"))
    if not before["idempotents"] and after["idempotents"]:
        found.append(Consequence("repeats", "the gateway may repeat a call that failed", "失败的调用可能被网关重试"))
    return found


def _plain(name: str, value: Any) -> Any:
    return json.loads(value) if name in DOCUMENTS and value is not None else value
