"""/rank: today's ten most called APIs."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.shapes import View
from openplatform.ports import ApiRanking, Clock

TOP = 10


class Ranked(View):
    """share: of all ten, 0 to 1."""

    api_name: str
    calls: int
    share: float


class Ranking(View):
    """The day's ten most called APIs, by accepted calls."""

    day: date
    items: list[Ranked]


def ranking_routes(ranking: ApiRanking, clock: Clock, zone: ZoneInfo) -> APIRouter:
    """The route of the ranking."""
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/rank", tags=["今日排行"], openapi_extra=needs("gw:rank:view"))
    async def top_ten(
        day: Annotated[date, Query(description="of the platform's zone, kept 30 days")] | None = None,
    ) -> Ranking:
        day = day or datetime.fromtimestamp(clock.now(), zone).date()
        top = await ranking.top(day, TOP)
        total = sum(calls for _, calls in top) or 1
        return Ranking(day=day, items=[Ranked(api_name=n, calls=c, share=round(c / total, 4)) for n, c in top])

    return router
