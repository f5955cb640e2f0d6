"""The desk at which endpoints make changes: who asks, and the answer's word on whether the change is in force."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response

from admin_api.outbox.changes import Change, Changes
from admin_api.outbox.relay import Relay
from admin_api.security.operators import By, Operator
from admin_api.security.problems import stale
from admin_api.security.repository import last_change_of
from admin_api.tables.rows import RowStale

T = TypeVar("T")

IN_FORCE_HEADER = "X-In-Force"
"""`true`: the change has reached Redis and was announced; `false`: it is kept and comes as soon as Redis answers."""


class ChangeDesk:
    """What the application shares between all desks."""

    def __init__(self, changes: Changes, relay: Relay, zone: ZoneInfo) -> None:
        self.changes = changes
        self.relay = relay
        self.zone = zone


class Desk:
    """One request's desk."""

    def __init__(self, by: Operator, shared: ChangeDesk, answer: Response) -> None:
        self.by = by
        self._shared = shared
        self._answer = answer

    async def change(self, work: Callable[[Change], Awaitable[T]]) -> T:
        """Makes the change; waits up to a second for it to come into force and says so in the answer's X-In-Force."""
        try:
            made = await self._shared.changes.make(self.by, work)
        except RowStale as error:
            raise await self._with_author(error) from error
        if made.outbox_id is not None:
            in_force = await self._shared.relay.in_force(made.outbox_id)
            self._answer.headers[IN_FORCE_HEADER] = "true" if in_force else "false"
        return made.value

    async def _with_author(self, error: RowStale) -> Exception:
        async with self._shared.changes.database.read() as connection:
            last = await last_change_of(connection, error.table, error.current["id"])
        if last is None:
            return stale(error, "", None)
        return stale(error, last["who"], last["create_time"].astimezone(self._shared.zone))


def desk_of(request: Request, answer: Response, by: By) -> Desk:
    """The desk of this request."""
    return Desk(by, request.app.state.desk, answer)


AtDesk = Annotated[Desk, Depends(desk_of)]
"""An endpoint's parameter: where it makes its change."""
