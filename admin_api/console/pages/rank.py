"""/rank: the ten most called APIs of a day."""

from datetime import date, datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.security.permissions import needs
from openplatform.errors import PlatformUnavailable

TOP = 10
KEPT_DAYS = 30


def rank_pages(parts: Parts) -> APIRouter:
    """The page of the ranking."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/rank", openapi_extra=needs("gw:rank:view"))
    async def rank(request: Request, day: str = "") -> Response:
        today = datetime.fromtimestamp(parts.clock.now(), parts.settings.time_zone).date()
        chosen = _day(day, today)
        top: list[tuple[str, int]] | None
        try:
            top = list(await parts.ranking.top(chosen, TOP))
        except PlatformUnavailable:
            top = None
        oldest = today - timedelta(days=KEPT_DAYS - 1)
        return await parts.console.page(
            request,
            "rank/rank.html",
            top=top,
            total=sum(n for _, n in top or ()),
            day=chosen,
            today=today,
            oldest=oldest,
        )

    return router


def _day(text: str, today: date) -> date:
    """The day that the address names, if it is kept; else today."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if today - timedelta(days=KEPT_DAYS) < day <= today else today
