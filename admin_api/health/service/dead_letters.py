"""Dead letters of the call log queue, at the indexer; what operators send again is audited here."""

from typing import Annotated, Any

from pydantic import Field

from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.tables.shapes import Body, View
from openplatform.errors import ServiceRejected, UpstreamFailed
from openplatform.service_client import ServiceClient

INDEXER = "log-indexer"
DEADLINE_S = 30.0
"""The indexer holds up to 10,000 letters for a look, and waits for a confirm of each that it sends again."""


class DeadLetterListing(Body):
    """reason: occurs in the letter's, in any case of letters; before_ms: put aside before then, epoch ms; limit: at most so many."""

    reason: Annotated[str, Field(max_length=200)] = ""
    before_ms: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class DeadLetterRow(View):
    """A call log, or a line that is none, that no store takes. dead_at_ms: since when, epoch ms, null = the broker put it aside;
    preview: the beginning of its text."""

    id: str
    reason: str
    dead_at_ms: int | None
    bytes: int
    preview: str


class DeadLetterRows(View):
    """Oldest first. total: how many lie there, of any kind; looked_at: how many of them were compared (the oldest 10,000)."""

    letters: list[DeadLetterRow]
    total: int
    looked_at: int


class DeadLetterView(View):
    """One letter with its whole text; bytes that are no text are written as \\xNN."""

    id: str
    reason: str
    dead_at_ms: int | None
    bytes: int
    text: str


class Replay(Body):
    """Which letters are sent again, all conditions combined. ids: any of them, none = all; limit: the oldest so many."""

    ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=1000)] = []
    reason: Annotated[str, Field(max_length=200)] = ""
    before_ms: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000


class Replayed(View):
    """How many went back into the queue; what is refused again comes back with a later time."""

    replayed: int


class DeadLetters:
    """Raises a 503 Problem `dead-letters-unavailable` while the indexer or its queue cannot be asked."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def page(self, listing: DeadLetterListing) -> DeadLetterRows:
        params = {name: value for name, value in listing.model_dump().items() if value not in (None, "")}
        return DeadLetterRows.model_validate(await self._get("/dead-letters", params))

    async def find(self, letter_id: str) -> DeadLetterView:
        """Raises a 404 Problem."""
        return DeadLetterView.model_validate(await self._get(f"/dead-letters/{letter_id}", {}))

    async def replay(self, change: Change, replay: Replay) -> Replayed:
        """Sends them again. Not repeated when the answer is lost: what was sent twice is indexed once."""
        try:
            answer = await self._client.post(
                INDEXER, "/dead-letters/replay", replay.model_dump(), deadline_s=DEADLINE_S
            )
        except (UpstreamFailed, ServiceRejected) as error:
            raise _problem(error) from error
        replayed = Replayed.model_validate(answer)
        if replayed.replayed:
            asked = replay.model_dump(exclude_defaults=True)
            await change.record("replay", "dead_letter", "", after={**asked, "replayed": replayed.replayed})
        return replayed

    async def _get(self, path: str, params: dict[str, str | int]) -> dict[str, Any]:
        try:
            return await self._client.get(INDEXER, path, params=params, deadline_s=DEADLINE_S)
        except (UpstreamFailed, ServiceRejected) as error:
            raise _problem(error) from error


def _problem(error: UpstreamFailed | ServiceRejected) -> Problem:
    if isinstance(error, ServiceRejected) and error.http_status == 404:
        return Problem(404, "not-found", error.sub_msg, "没有这条死信，可能已被重放")
    return Problem(
        503,
        "dead-letters-unavailable",
        f"the dead letters cannot be read now: {error.sub_msg}",
        "死信队列暂时不可用",
        headers={"Retry-After": "5"},
    )
