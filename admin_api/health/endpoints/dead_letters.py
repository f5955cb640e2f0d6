"""/dead-letters: call logs that no store takes, looked at and sent again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from admin_api.health.service.dead_letters import (
    DeadLetterListing,
    DeadLetterRows,
    DeadLetters,
    DeadLetterView,
    Replay,
    Replayed,
)
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs


def dead_letter_routes(letters: DeadLetters) -> APIRouter:
    """The routes of dead letters."""
    router = APIRouter(tags=["健康与任务"], route_class=GuardedRoute)

    @router.get("/dead-letters", openapi_extra=needs("sys:health:view"))
    async def get_dead_letters(listing: Annotated[DeadLetterListing, Query()]) -> DeadLetterRows:
        return await letters.page(listing)

    @router.get("/dead-letters/{letter_id}", openapi_extra=needs("sys:health:view"))
    async def get_dead_letter(letter_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> DeadLetterView:
        return await letters.find(letter_id)

    @router.post("/dead-letters/replay", openapi_extra=needs("sys:health:replay"))
    async def replay_dead_letters(replay: Replay, desk: AtDesk) -> Replayed:
        """What was sent twice is indexed once."""
        return await desk.change(lambda change: letters.replay(change, replay))

    return router
