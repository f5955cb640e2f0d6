"""GET /dead-letters, /dead-letters/count and /dead-letters/{id}, POST /dead-letters/replay: call logs that no store takes."""

from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openplatform.arguments import whole_number
from openplatform.errors import business_error
from openplatform.ports import DeadLetters
from openplatform.records import DeadLetter, DeadLetterQuery, Record
from openplatform.web import invalid

MAX_LIMIT = 1_000
MAX_IDS = 1_000
PREVIEW_CHARS = 300
_MAX_TEXT = 200
_MAX_MS = 253_402_300_799_999


class Replay(Record, frozen=True, kw_only=True):
    """The body of a replay: which letters, all conditions combined, and how many of them at most."""

    ids: tuple[str, ...] = ()
    reason: str = ""
    before_ms: int | None = None
    limit: int = MAX_LIMIT


class DeadLetterEndpoints:
    """JSON. A list has {"total", "looked_at", "letters": [{id, reason, dead_at_ms, bytes, preview}]}, one letter its whole `text`
    instead of the preview; a replay {"replayed"}. 404: no such letter; 503: the queue is down."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    def routes(self) -> list[Route]:
        return [
            Route("/dead-letters", self.look),
            Route("/dead-letters/count", self.count),
            Route("/dead-letters/replay", self.replay, methods=["POST"]),
            Route("/dead-letters/{id}", self.show),
        ]

    async def count(self, request: Request) -> Response:
        return _json({"count": await self._letters.count()})

    async def look(self, request: Request) -> Response:
        query, limit = _query(request.query_params)
        page = await self._letters.look(query, limit=limit)
        shown = [_about(letter) | {"preview": _text(letter)[:PREVIEW_CHARS]} for letter in page.letters]
        return _json({"total": page.total, "looked_at": page.looked_at, "letters": shown})

    async def show(self, request: Request) -> Response:
        page = await self._letters.look(DeadLetterQuery(ids=(request.path_params["id"],)), limit=1)
        if not page.letters:
            raise business_error(
                "isv.not-found", "no dead letter has this id: it may have been sent again", http_status=404
            )
        (letter,) = page.letters
        return _json(_about(letter) | {"text": _text(letter)})

    async def replay(self, request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await request.body() or b"{}", type=Replay)
        except msgspec.DecodeError as error:
            raise invalid("body", f"cannot be read: {error}") from None
        if not 1 <= asked.limit <= MAX_LIMIT:
            raise invalid("limit", f"must be from 1 to {MAX_LIMIT}")
        if len(asked.ids) > MAX_IDS:
            raise invalid("ids", f"must be at most {MAX_IDS}")
        query = DeadLetterQuery(ids=asked.ids, reason=asked.reason, before_ms=asked.before_ms)
        return _json({"replayed": await self._letters.replay(query, limit=asked.limit)})


def _query(params: QueryParams) -> tuple[DeadLetterQuery, int]:
    for name in params:
        if name not in ("reason", "before_ms", "limit"):
            raise invalid(name[:50], "is not a parameter of this request")
    reason, before_ms, limit = params.get("reason", ""), params.get("before_ms"), params.get("limit", "50")
    if len(reason) > _MAX_TEXT:
        raise invalid("reason", f"must have at most {_MAX_TEXT} characters")
    query = DeadLetterQuery(
        reason=reason,
        before_ms=None if before_ms is None else whole_number("before_ms", before_ms, low=0, high=_MAX_MS),
    )
    return query, whole_number("limit", limit, low=1, high=MAX_LIMIT)


def _about(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "reason": letter.reason,
        "dead_at_ms": letter.dead_at_ms,
        "bytes": len(letter.body),
    }


def _text(letter: DeadLetter) -> str:
    return letter.body.decode(errors="backslashreplace")


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
