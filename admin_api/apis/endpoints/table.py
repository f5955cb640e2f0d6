"""/mappings/table and /mappings/import: the route table as a whole, for `pailou routes`."""

from zoneinfo import ZoneInfo

from fastapi import APIRouter

from admin_api.apis.endpoints.mappings import MappingFields, fields_of
from admin_api.apis.repository import all_mappings
from admin_api.apis.service.table import TableChange, change_table, etag_of
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.shapes import View
from openplatform.sql import Database

REMOVING = "gw:mapping:remove"


class TableView(View):
    """The whole route table. etag: names this state of it."""

    etag: str
    mappings: list[MappingFields]


class TableChanged(View):
    """Names of the APIs that were made, changed and deleted; etag: the table's state now."""

    made: list[str]
    changed: list[str]
    removed: list[str]
    etag: str


def table_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of the table; to be added before those of single mappings, whose id would take their names."""
    router = APIRouter(prefix="/mappings", tags=["API映射"], route_class=GuardedRoute)

    @router.get("/table", openapi_extra=needs("gw:mapping:export"))
    async def get_table() -> TableView:
        async with database.read() as connection:
            rows = await all_mappings(connection)
        return TableView(etag=etag_of(rows), mappings=[MappingFields.of(fields_of(row), zone) for row in rows])

    @router.post("/import", openapi_extra=needs("gw:mapping:import"))
    async def import_table(wanted: TableChange, desk: AtDesk) -> TableChanged:
        if wanted.remove and not desk.by.permissions.allows(REMOVING):
            problem = f"you need the permission {REMOVING} to delete APIs"
            raise Problem(403, "forbidden", problem, f"缺少权限 {REMOVING}", more={"missing": REMOVING})
        made, changed, removed, etag = await desk.change(lambda change: change_table(change, wanted))
        return TableChanged(made=made, changed=changed, removed=removed, etag=etag)

    return router
