"""/mappings/preview and /mappings/…/probe: what a change would do, and whether its service can be reached."""

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from admin_api.apis.repository import mapping_named
from admin_api.apis.service.mappings import MappingDraft, MappingEdit
from admin_api.apis.service.preview import Consequence, is_running, preview_draft, preview_edit, probe
from admin_api.apis.service.rules import ServiceId
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.apis import app_mapping
from admin_api.tables.rows import ValueTaken, fetch_row
from admin_api.tables.shapes import Body, Id, View
from openplatform.ports import ServiceDirectory
from openplatform.sql import Database


class FieldChange(View):
    """A field before and after."""

    field: str
    before: Any
    after: Any


class ConsequenceView(View):
    """What will be felt, in both languages."""

    code: str
    detail: str
    detail_zh: str


class PreviewView(View):
    """changes: empty = nothing would change; service_is_running: null = the directory does not answer."""

    changes: list[FieldChange]
    consequences: list[ConsequenceView]
    service_is_running: bool | None


class ReachedView(View):
    """An instance that registered itself, and whether it accepts connections from admin_api."""

    address: str
    is_reachable: bool
    ms: float
    error: str


class ProbeView(View):
    """instances: empty = none is registered."""

    service_id: str
    instances: list[ReachedView]


class ProbeOf(Body):
    """Which service."""

    service_id: ServiceId


def preview_routes(database: Database, directory: ServiceDirectory, zone: ZoneInfo) -> APIRouter:
    """To be added before the routes of single mappings, whose id would take these names."""
    router = APIRouter(prefix="/mappings", tags=["API映射"], route_class=GuardedRoute)

    async def shown(
        changes: dict[str, tuple[Any, Any]], consequences: list[Consequence], service_id: str
    ) -> PreviewView:
        running = await is_running(directory, service_id)
        if running is False:
            consequences.append(Consequence("no-instance", f"no instance of {service_id} is running: calls end with code 15",
                                            f"没有 {service_id} 的运行实例，调用将返回错误 15"))  # fmt: skip
        return PreviewView(
            changes=[FieldChange(field=f, before=before, after=after) for f, (before, after) in changes.items()],
            consequences=[ConsequenceView(code=c.code, detail=c.detail, detail_zh=c.detail_zh) for c in consequences],
            service_is_running=running,
        )

    async def probed(service_id: str) -> ProbeView:
        reached = await probe(directory, service_id)
        instances = [
            ReachedView(address=r.address, is_reachable=r.is_reachable, ms=r.ms, error=r.error) for r in reached
        ]
        return ProbeView(service_id=service_id, instances=instances)

    @router.post("/preview", openapi_extra=needs("gw:mapping:add"))
    async def preview_new_mapping(draft: MappingDraft) -> PreviewView:
        """Refuses what adding it would refuse; writes nothing."""
        async with database.read() as connection:
            if await mapping_named(connection, draft.gateway_api_name):
                raise ValueTaken(app_mapping.name, "gateway_api_name")
        return await shown(preview_draft(draft), [], draft.service_id)

    @router.post("/probe", openapi_extra=needs("gw:mapping:edit"))
    async def probe_service(of: ProbeOf) -> ProbeView:
        return await probed(of.service_id)

    @router.post("/{mapping_id}/preview", openapi_extra=needs("gw:mapping:edit"))
    async def preview_mapping(mapping_id: Id, edit: MappingEdit) -> PreviewView:
        """Refuses what the edit would refuse; writes nothing."""
        async with database.read() as connection:
            before, changes, consequences = await preview_edit(connection, mapping_id, edit)
        service_id = changes["service_id"][1] if "service_id" in changes else before["service_id"]
        return await shown(changes, consequences, service_id)

    @router.post("/{mapping_id}/probe", openapi_extra=needs("gw:mapping:edit"))
    async def probe_mapping(mapping_id: Id) -> ProbeView:
        async with database.read() as connection:
            row = await fetch_row(connection, app_mapping, mapping_id)
        return await probed(row["service_id"])

    return router
