"""/sys/health: every service, gateway and queue at once; dead letters looked at and sent again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.health.service.dead_letters import DeadLetterListing, DeadLetters, Replay
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem

_SENT_AGAIN = N_("Sent again: what still fits nowhere comes back.")
_SHOWN = 20


def health_pages(parts: Parts) -> APIRouter:
    """The health screen."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, letters = parts.console, DeadLetters(parts.services)

    async def shown_letters(request: Request, reason: str, headers: dict[str, str] | None = None) -> Response:
        try:
            page = await letters.page(DeadLetterListing(reason=reason, limit=_SHOWN))
        except Problem as problem:
            return await console.page(
                request, "health/letters.html", headers=headers, problem=problem, page=None, reason=reason
            )
        return await console.page(request, "health/letters.html", headers=headers, page=page, reason=reason)

    @router.get("/sys/health", openapi_extra=needs("sys:health:view"))
    async def screen(request: Request) -> Response:
        return await console.page(request, "health/health.html")

    @router.get("/sys/health/now", openapi_extra=needs("sys:health:view"))
    async def now(request: Request) -> Response:
        return await console.page(request, "health/now.html", health=await parts.health.look())

    @router.get("/sys/health/dead-letters", openapi_extra=needs("sys:health:view"))
    async def dead_letters(request: Request, reason: Annotated[str, Query(max_length=200)] = "") -> Response:
        return await shown_letters(request, reason)

    @router.get("/sys/health/dead-letters/{letter_id}", openapi_extra=needs("sys:health:view"))
    async def dead_letter(request: Request, letter_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
        return await console.page(request, "health/letter.html", letter=await letters.find(letter_id))

    @router.post("/sys/health/dead-letters/replay", openapi_extra=needs("sys:health:replay"))
    async def replay(request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        wanted = parse(Replay, sent)
        await desk.change(lambda change: letters.replay(change, wanted))
        headers = await console.toast(request, _SENT_AGAIN)
        return await shown_letters(request, str(sent.get("shown", ""))[:200], headers)

    return router
