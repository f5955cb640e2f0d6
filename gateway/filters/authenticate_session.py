"""Stage 5, session: exists, not expired, not revoked, belongs to this app, holds this API → vender_id."""

from collections.abc import Awaitable

from gateway.call import Call
from gateway.sessions import Sessions, scope_covers, token_hash
from openplatform.errors import (
    API_NOT_GRANTED,
    EXPIRED_SESSION,
    FOREIGN_SESSION,
    MISSING_SESSION,
    UNKNOWN_SESSION,
)
from openplatform.ports import Clock
from openplatform.records import AccessToken, TokenHash


class AuthenticateSession:
    """From memory without waiting, else from Redis. Redis down and session unknown: error 10, never 27."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def __call__(self, call: Call) -> Awaitable[None] | None:
        assert call.route is not None
        session = call.params.get("session")
        if not call.route.route.needs_session:
            return None
        if not session:
            raise MISSING_SESSION()
        hashed = token_hash(session)
        token = self._sessions.recall(hashed)
        if token is None:
            return self._look_up(call, hashed)
        self._accept(call, token)
        return None

    async def _look_up(self, call: Call, hashed: TokenHash) -> None:
        token = await self._sessions.find(hashed)
        if token is None:
            raise UNKNOWN_SESSION()
        self._accept(call, token)

    def _accept(self, call: Call, token: AccessToken) -> None:
        assert call.app is not None and call.route is not None
        if self._clock.now() * 1000 >= token.expire_at_ms:
            raise EXPIRED_SESSION()
        if token.app_id != call.app.app.id:
            raise FOREIGN_SESSION()
        if token.scope and not scope_covers(token.scope, call.route.route.api_name, call.route.route.group):
            raise API_NOT_GRANTED("this session was granted for other APIs: let the user authorise this one too")
        call.vender_id = token.vender_id
