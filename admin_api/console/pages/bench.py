"""/try: a call composed from the API's schema, signed with the app's secret, sent; with the time of each stage."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apis.repository import MappingListing, list_mappings
from admin_api.apps.repository.apps import AppListing, list_apps
from admin_api.apps.service.bench import Trial, prepare_trial
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED, PageRoute
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.rows import Row

_OFFERED = 100
"""Apps and APIs that the inputs offer; others are typed."""
_MAKING_SESSIONS = "gw:token:add"
_STAGE_WORDS = {
    "ValidateParams": N_("Parameters"), "IdentifyApp": N_("Application"), "VerifySign": N_("Signature"),
    "CheckPermission": N_("Permission"), "AuthenticateSession": N_("Session"), "ValidateArguments": N_("Schema"),
    "LimitCalls": N_("Limits and price"), "AnswerBuiltIn": N_("Built-in APIs"), "AnswerFromCache": N_("Cache"),
    "GuardReplay": N_("Replay guard"), "InvokeService": N_("Service"), "NoteAnswer": N_("Keeping the answer"),
    "RenderAnswer": N_("Envelope"),
}  # fmt: skip


def bench_pages(parts: Parts) -> APIRouter:
    """The test bench."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    async def app_of(key: str) -> Row | None:
        if not 0 < len(key) <= 50:
            return None
        async with parts.database.read() as connection:
            rows, _ = await list_apps(connection, AppListing(q=key, size=100))
        return next((row for row in rows if row["app_key"] == key), None)

    async def mapping_of(name: str) -> Row | None:
        if not 0 < len(name) <= 100:
            return None
        async with parts.database.read() as connection:
            rows, _ = await list_mappings(connection, MappingListing(q=name, size=100))
        return next((row for row in rows if row["gateway_api_name"] == name), None)

    @router.get("/try", openapi_extra=needs("gw:try"))
    async def bench(request: Request, api_name: str = "", app_key: str = "") -> Response:
        async with parts.database.read() as connection:
            apps, _ = await list_apps(connection, AppListing(state=1, sort="id", size=_OFFERED))
            mappings, _ = await list_mappings(connection, MappingListing(state=1, size=_OFFERED))
        chosen = api_name[:100] or (mappings[0]["gateway_api_name"] if mappings else "")
        given = dict(request.query_params)
        values = {
            "app_key": app_key[:50] or (apps[0]["app_key"] if apps else ""), "api_name": chosen,
            "format": "json", "sign_method": "hmac-sha256", "session": "", "user_id": "", "more": "",
        }  # fmt: skip
        fields = _fields(await mapping_of(chosen))
        return await console.page(
            request,
            "bench/bench.html",
            apps=[(app["app_key"], app["app_name"]) for app in apps],
            mappings=mappings,
            fields=fields,
            values=values | given,
        )

    @router.get("/try/params", openapi_extra=needs("gw:try"))
    async def params(request: Request, api_name: str = "") -> Response:
        fields = _fields(await mapping_of(api_name))
        return await console.page(request, "bench/params.html", fields=fields, values={"more": ""})

    @router.post("/try", openapi_extra=needs("gw:try"))
    async def try_call(request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        view = await console.views.of(request)
        try:
            app = await app_of(str(sent.get("app_key", "")).strip())
            if app is None:
                raise invalid_field("app_key", "names no app")
            trial = parse(Trial, sent, app_id=app["id"], params=_params_of(sent))
            if trial.user_id is not None and not desk.by.permissions.allows(_MAKING_SESSIONS):
                raise Problem(
                    403, "forbidden", f"you need the permission {_MAKING_SESSIONS}", f"缺少权限 {_MAKING_SESSIONS}"
                )
            caller = await desk.change(lambda change: prepare_trial(change, parts.seal, trial))
            call = parts.bench.sign(trial, caller)
            tried = await parts.bench.send(call)
        except REFUSED as error:
            return await console.form_again(request, "bench/refused.html", error)
        stages = [(view.say(_STAGE_WORDS.get(stage, stage)), micros) for stage, micros in tried.stages]
        chart = {
            "kind": "bar", "horizontal": True, "categories": [stage for stage, _ in stages], "unit": "µs", "digits": 1,
            "axis": view.say(N_("Stage")), "series": [{"name": view.say(N_("Duration")), "data": [m for _, m in stages], "tone": "blue"}],
        }  # fmt: skip
        return await console.page(
            request, "bench/tried.html", call=call, tried=tried, shown=_pretty(tried.body), chart=chart
        )

    return router


def _fields(mapping: Row | None) -> list[dict[str, Any]]:
    """The API's parameters, required ones first, as its schema and path tell."""
    if mapping is None:
        return []
    schema: dict[str, Any] = json.loads(mapping["request_schema"] or "{}")
    required = set(schema.get("required", ()))
    fields = [
        {
            "name": name, "required": name in required, "about": str(about.get("description", "")),
            "type": str(about.get("type", "")), "choices": [str(c) for c in about.get("enum", ())],
            "value": str(next(iter(about.get("examples", ())), about.get("default", ""))),
        }
        for name, about in schema.get("properties", {}).items()
        if isinstance(about, dict)
    ]  # fmt: skip
    return sorted(fields, key=lambda field: not field["required"])


def _params_of(sent: Mapping[str, Any]) -> dict[str, str]:
    """Business parameters: filled fields, then the lines of `more`, which win. Raises a 422 Problem."""
    params = {
        name.removeprefix("p."): str(value)
        for name, value in sent.items()
        if name.startswith("p.") and str(value) != ""
    }
    for line in str(sent.get("more", "")).splitlines():
        if line.strip():
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                raise invalid_field("more", "must have one name=value in each line")
            params[name.strip()] = value
    return params


def _pretty(body: str) -> str:
    with suppress(ValueError):
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    return body
