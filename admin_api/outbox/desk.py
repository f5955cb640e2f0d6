"""The desk at which endpoints make changes: who asks, and the answer's word on whether the change is in force."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from admin_api.outbox.answers import Answer, Asked, given_answer, keep_answer
from admin_api.outbox.changes import Change, Changes
from admin_api.outbox.relay import Relay
from admin_api.security.operators import By, Operator
from admin_api.security.problems import stale
from admin_api.security.repository import last_change_of
from admin_api.tables.rows import SECRET_COLUMNS, Row, RowConflict, RowStale, ValueTaken
from openplatform.sealing import Seal

T = TypeVar("T")

IN_FORCE_HEADER = "X-In-Force"
"""`true`: the change has reached Redis and was announced; `false`: it is kept and comes as soon as Redis answers."""
CONFIG_VERSION_HEADER = "X-Config-Version"
"""With `true`: a version of the catalogue that holds the change; a gateway whose config_version is that or more applies it."""
REPLAYED_HEADER = "Idempotent-Replayed"
"""`true`: this request came before under its Idempotency-Key; the answer is the one of then, and nothing was changed."""

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=100, pattern=r"^[!-~]+$", description="the same key again = the same answer again"),
]


class ChangeDesk:
    """What the application shares between all desks."""

    def __init__(self, changes: Changes, relay: Relay, seal: Seal, zone: ZoneInfo) -> None:
        self.changes = changes
        self.relay = relay
        self.seal = seal
        self.zone = zone


class Desk:
    """One request's desk."""

    def __init__(self, by: Operator, shared: ChangeDesk, answer: Response) -> None:
        self.by = by
        self._shared = shared
        self._answer = answer
        self.in_force: bool | None = None
        """Of the last change: whether it is on its way to every gateway; None = nothing that they must hear of."""

    async def change(self, work: Callable[[Change], Awaitable[T]]) -> T:
        """Makes the change; waits up to a second for it to come into force and says so in the answer's X-In-Force."""
        try:
            made = await self._shared.changes.make(self.by, work)
        except RowStale as error:
            raise await self._with_author(error) from error
        if made.outbox_id is not None:
            self.in_force = await self._shared.relay.in_force(made.outbox_id)
            self._answer.headers[IN_FORCE_HEADER] = "true" if self.in_force else "false"
            if self.in_force:
                self._answer.headers[CONFIG_VERSION_HEADER] = str(self._shared.relay.catalogue_version)
        return made.value

    async def _with_author(self, error: RowStale) -> Exception:
        async with self._shared.changes.database.read() as connection:
            last = await last_change_of(connection, error.table, error.current["id"])
        if last is None:
            return stale(error, "", None)
        return stale(error, last["who"], last["create_time"].astimezone(self._shared.zone))


class CreatingDesk(Desk):
    """The desk of a request that makes something new, or moves money: sent again under its key it does so once."""

    def __init__(self, by: Operator, shared: ChangeDesk, answer: Response, asked_as: str, key: str | None) -> None:
        super().__init__(by, shared, answer)
        self._asked_as = asked_as
        self._key = key

    async def create(self, request: BaseModel | None, work: Callable[[Change], Awaitable[Answer]]) -> Answer:
        """What `work` answers (a JSON object: ids, and secrets that are shown once), or answered when this request came before.

        request: its body. Raises what `work` raises, and a 409 Problem for a key that came with another request.
        """
        if self._key is None:
            return await self.change(work)
        text = "" if request is None else request.model_dump_json(exclude=set(SECRET_COLUMNS))
        asked = Asked(self._key, hashlib.sha256(f"{self._asked_as}\n{text}".encode()).hexdigest())
        seal = self._shared.seal

        async def once(change: Change) -> tuple[Answer, bool]:
            given = await given_answer(change, seal, asked)
            if given is not None:
                return given, True
            made = await work(change)
            await keep_answer(change, seal, asked, made)
            return made, False

        try:
            answer, is_replayed = await self.change(once)
        except (RowConflict, ValueTaken):  # perhaps by this very request, sent twice at once
            answer, is_replayed = await self.change(once)
        if is_replayed:
            self._answer.headers[REPLAYED_HEADER] = "true"
        return answer

    async def create_row(self, request: BaseModel, work: Callable[[Change], Awaitable[Row]]) -> int:
        """The same for a plain new row: its id."""

        async def answered(change: Change) -> Answer:
            return {"id": (await work(change))["id"]}

        return int((await self.create(request, answered))["id"])


def desk_of(request: Request, answer: Response, by: By) -> Desk:
    """The desk of this request."""
    return Desk(by, request.app.state.desk, answer)


def creating_desk_of(
    request: Request, answer: Response, by: By, idempotency_key: IdempotencyKey = None
) -> CreatingDesk:
    """The same for a request that makes something new."""
    return CreatingDesk(by, request.app.state.desk, answer, f"{request.method} {request.url.path}", idempotency_key)


AtDesk = Annotated[Desk, Depends(desk_of)]
"""An endpoint's parameter: where it makes its change."""
AtCreatingDesk = Annotated[CreatingDesk, Depends(creating_desk_of)]
"""The same where something new is made, or money moves."""
