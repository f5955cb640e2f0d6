"""/assets: scripts, styles and icons, for everybody."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.console.assets import ASSETS_PATH, assets
from admin_api.console.parts import Parts
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import PUBLIC, needs
from admin_api.security.problems import Problem


def static_files(parts: Parts) -> APIRouter:
    """The files of static/; under their full address they may be kept for ever."""
    router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

    @router.get(ASSETS_PATH + "/{path:path}", openapi_extra=needs(PUBLIC))
    async def asset(path: str, request: Request, v: str = "") -> Response:
        found = assets().get(path)
        if found is None:
            raise Problem(404, "no-such-path", "there is no such file", "文件不存在")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if v == found.tag else "no-cache",
            "ETag": f'"{found.tag}"',
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.gzipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.media_type)
        return Response(found.content, headers=headers, media_type=found.media_type)

    return router
