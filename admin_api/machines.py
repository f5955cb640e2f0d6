"""For machines: health to everybody, figures to this machine and to scrapers, the OpenAPI document."""

from collections.abc import Sequence

from fastapi import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from admin_api.security.doorway import is_from_here
from admin_api.security.metrics import AdminMetrics
from admin_api.security.openapi import OPENAPI_PATH
from admin_api.security.problems import Problem
from admin_api.settings import SERVICE_ID
from admin_api.tables.schema import ping
from openplatform.metrics import CONTENT_TYPE_LATEST, exposition, may_scrape
from openplatform.sql import Database
from openplatform.web import health_routes, metrics_source


def machine_routes(database: Database, metrics_kept: AdminMetrics, internal_keys: Sequence[str]) -> list[BaseRoute]:
    """/healthz, /readyz, /metrics, /api/openapi.json. internal_keys: who may read /metrics from elsewhere."""

    async def database_answers() -> None:
        async with database.read() as connection:
            await ping(connection)

    async def metrics(request: Request) -> Response:
        if not is_from_here(request) and not may_scrape(request.scope["headers"], internal_keys):
            raise Problem(
                403, "not-local", "this path answers this machine, and an internal key as bearer token",
                "该地址仅限本机或持内部密钥（Bearer）访问",
            )  # fmt: skip
        return Response(await exposition(source), media_type=CONTENT_TYPE_LATEST)

    async def openapi(request: Request) -> Response:
        return JSONResponse(request.app.openapi())

    # Redis is no reason to be unready: what operators change is kept, and they must see that it waits.
    checks = {"database": database_answers}
    source = metrics_source(SERVICE_ID, checks, metrics_kept.registry)
    return [*health_routes(checks), Route("/metrics", metrics), Route(OPENAPI_PATH, openapi)]
