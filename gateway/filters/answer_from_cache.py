"""Stage 9, cache: an API that may be repeated and has a time to live is answered from the response cache."""

import asyncio
import hashlib
from collections.abc import Awaitable

import orjson

from gateway.answer_cache import AnswerCache, Landing
from gateway.call import Call
from openplatform.errors import UpstreamFailed
from openplatform.protocol import SYSTEM_PARAMS


class AnswerFromCache:
    """Calls that would get the same answer ask for it once. What the same answer is: the route as it is configured now, the
    merchant, what the grant lets the app see, and the business parameters."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers

    def __call__(self, call: Call) -> Awaitable[None] | None:
        assert call.route is not None
        salt = call.route.cache_salt
        return self._find(call, salt) if salt and not call.service_body else None

    async def _find(self, call: Call, salt: bytes) -> None:
        assert call.route is not None
        key = _key(call, salt)
        while (flight := self._answers.flight(key)) is not None:
            landing = await asyncio.shield(flight.landed)  # a caller that leaves takes nothing from the others
            if landing is not None:
                self._answers.joined += 1
                _take(call, landing)
                return
        flight = call.flight = self._answers.begin(key, call.request_id)
        body = await self._answers.look(flight, timeout_s=call.route.timeout_s)
        if body:
            call.service_body = body
            call.cached = True
        call.stale_body = flight.stale


class NoteAnswer:
    """Keeps the answer as it came: what an operator's own filters make of it is for one call, and made again for the next."""

    def __call__(self, call: Call) -> None:
        if call.flight is not None:
            call.flight.body = call.service_body


class ServeStale:
    """The service failed, or its breaker is open: an answer whose time is over is better than none, and says what it is."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers

    def __call__(self, call: Call) -> None:
        if not call.stale_body or not isinstance(call.error, UpstreamFailed):
            return
        call.service_body = call.stale_body
        _mark_fallback(call, "stale")
        call.error = None
        self._answers.stale_served += 1


class LandFlight:
    """Whatever became of the call that fetched an answer for others: they are told, and a good answer is kept."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers

    def __call__(self, call: Call) -> None:
        flight = call.flight
        if flight is None:
            return
        assert call.route is not None
        landing: Landing | None
        if call.error is None:
            landing = Landing(flight.body or call.stale_body, fallback=call.fallback, is_kept=call.cached)
        elif call.given_up:
            landing = None
        else:
            landing = Landing(error=call.error)
        self._answers.land(flight, landing, ttl_s=call.route.route.cache_ttl_s)


def _take(call: Call, landing: Landing) -> None:
    """What another call fetched is this one's as well; it asked no service of its own."""
    if landing.error is not None:
        raise landing.error.again()
    call.service_body = landing.body
    call.cached = True
    if landing.fallback:
        _mark_fallback(call, landing.fallback)


def _mark_fallback(call: Call, kind: str) -> None:
    call.fallback = kind
    call.headers.append((b"x-fallback", kind.encode()))


def _key(call: Call, salt: bytes) -> str:
    scope = "" if call.grant is None else call.grant.data_scope
    asked = sorted(pair for pair in call.params.items() if pair[0] not in SYSTEM_PARAMS)
    return hashlib.blake2b(salt + orjson.dumps((call.vender_id, scope, asked)), digest_size=20).hexdigest()
