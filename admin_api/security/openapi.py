"""The OpenAPI document: what FastAPI finds in the models, plus who may call what and how the API says no."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from admin_api.security.permissions import PUBLIC
from admin_api.security.problems import MEDIA_TYPE, ProblemBody

API_PREFIX = "/api/v1"

DEFAULT_ANSWERS: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A refusal: an RFC 9457 problem document.", "model": ProblemBody}
}

_DESCRIPTION = (
    "Sign in with POST /api/v1/login; send the token as `Authorization: Bearer`, or use the cookie and send csrf_token as "
    "X-CSRF-Token with every write. `x-perms` names the permission that an operation needs. Edits name the row's version: 409 "
    "`stale-version` holds both values. A change that gateways must hear of is answered with X-In-Force: true when it is on its "
    "way to every gateway process, false when it is kept and comes as soon as Redis answers. Times are ISO 8601, money is fen."
)
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
}


def operation_id(route: APIRoute) -> str:
    """The endpoint's own name: what generated clients call the operation."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
        )
        document.setdefault("components", {})["securitySchemes"] = _SECURITY_SCHEMES
        for item in document["paths"].values():
            for operation in item.values():
                if operation["x-perms"] != [PUBLIC]:
                    operation["security"] = [{"bearer": []}, {"cookie": []}]
                refusal = operation["responses"]["default"]["content"]
                refusal[MEDIA_TYPE] = refusal.pop("application/json")
        app.openapi_schema = document
    return app.openapi_schema
