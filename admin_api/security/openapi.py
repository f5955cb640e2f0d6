"""The OpenAPI document: what FastAPI finds in the models, plus who may call what and how the API says no."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from admin_api.security.permissions import PUBLIC
from admin_api.security.problems import MEDIA_TYPE, ProblemBody

API_PREFIX = "/api/v1"
OPENAPI_PATH = "/api/openapi.json"

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


_TAGS = {
    "个人": "The operator's own account: session, profile, password.",
    "应用管理": "Applications with their secrets, grants and allowed addresses.",
    "限流策略": "Limits and how much of them is used.",
    "API映射": "Public APIs and where they lead.",
    "TOKEN管理": "Sessions that users granted to applications.",
    "客户管理": "Whom applications belong to and whose balance pays.",
    "充值管理": "Top-ups and the ledger.",
    "系统参数": "Parameters that every call must carry.",
    "API测试台": "Calls signed and sent for an app, and what is wrong with calls of others.",
    "今日排行": "The most called APIs of a day.",
    "日志搜索": "Records of calls.",
    "API统计": "Calls, errors and times by API.",
    "报警规则": "What the monitor watches, and whom it tells.",
    "报警事件": "Alerts with their mails, acknowledgements and silences.",
    "用户": "Operators of this back office.",
    "角色": "Sets of menus whose permissions operators hold.",
    "菜单": "The tree of directories, menus and buttons that carries the permissions.",
    "审计日志": "Who changed what, and who tried to sign in.",
    "健康与任务": "What waits in the platform's queues, and what lies aside.",
}
"""Tag → what its operations are about. Tags are the names of menus, so that the console and its API speak alike."""


def operation_id(route: APIRoute) -> str:
    """The endpoint's own name: what generated clients call the operation."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
        )
        document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
        document.setdefault("components", {})["securitySchemes"] = _SECURITY_SCHEMES
        for item in document["paths"].values():
            for operation in item.values():
                if operation["x-perms"] != [PUBLIC]:
                    operation["security"] = [{"bearer": []}, {"cookie": []}]
                refusal = operation["responses"]["default"]["content"]
                refusal[MEDIA_TYPE] = refusal.pop("application/json")
        app.openapi_schema = document
    return app.openapi_schema
