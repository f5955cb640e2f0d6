"""Operators' sessions: a random id in a cookie or a bearer header, its hash in SQL, ended by time or by hand."""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from admin_api.security.last_known import KNOWN_FOR, Known, LastKnown
from admin_api.security.operators import Operator
from admin_api.security.permissions import EVERYTHING, Permissions
from admin_api.security.repository import (
    active_roles,
    add_session,
    end_session,
    find_session,
    perms_of_roles,
    touch_session,
)
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=8)
_TOUCH_EVERY = timedelta(seconds=30)  # a write per request would cost more than the half minute of exactness is worth


def hash_of(session_id: str) -> str:
    """What is stored in place of a session's id."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def csrf_token_of(session_id: str) -> str:
    """The session's anti-forgery token: follows from the id, which other sites cannot read, and does not give it away."""
    return hashlib.sha256(f"csrf|{session_id}".encode()).hexdigest()


class Sessions:
    """Opens and finds sessions. Idle for 30 minutes or 8 hours old: over."""

    def __init__(self, database: Database, clock: Clock, last_known: LastKnown) -> None:
        self._database = database
        self._clock = clock
        self._last_known = last_known

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    async def open(
        self, connection: AsyncConnection, user_id: int, *, remote_ip: str, user_agent: str
    ) -> tuple[str, datetime]:
        """A new session's id (256 random bits) and when it ends at the latest."""
        session_id = secrets.token_urlsafe(32)
        now = self.now()
        session = {
            "id_hash": hash_of(session_id),
            "user_id": user_id,
            "create_time": now,
            "seen_time": now,
            "expire_time": now + ABSOLUTE,
            "remote_ip": remote_ip,
            "user_agent": user_agent[:200],
        }
        await add_session(connection, session, now)
        return session_id, now + ABSOLUTE

    async def find(self, session_id: str, *, remote_ip: str, request_id: str) -> Operator | None:
        """The operator of a living session, with their permissions of this moment; None = sign in again.

        Raises DatabaseAway.
        """
        now, forgotten = self.now(), self._last_known.forgotten
        async with self._database.read() as connection:
            row = await find_session(connection, hash_of(session_id))
            if row is None or now >= row["expire_time"] or now - row["seen_time"] >= IDLE:
                if self.known(session_id) is not None:
                    self._last_known.forget(hash_of(session_id))
                return None
            permissions = await permissions_of_user(connection, row["id"])
        seen = row["seen_time"]
        if now - seen >= _TOUCH_EVERY:
            with suppress(PlatformUnavailable):  # a database that takes no writes can still be read
                async with self._database.begin() as connection:
                    await touch_session(connection, row["id_hash"], now)
                seen = now
        operator = Operator(
            user_id=row["id"],
            email=row["email"],
            real_name=row["real_name"],
            permissions=permissions,
            must_change_password=row["must_change_password"] == 1,
            session_hash=row["id_hash"],
            remote_ip=remote_ip,
            request_id=request_id,
        )
        until = min(now + KNOWN_FOR, seen + IDLE, row["expire_time"])
        self._last_known.keep(operator, until, forgotten=forgotten)
        return operator

    def known(self, session_id: str) -> Known | None:
        """Whom the database has vouched for a short while ago; None = nobody, or too long ago."""
        return self._last_known.find(hash_of(session_id), self.now())

    def find_known(self, session_id: str, *, remote_ip: str, request_id: str) -> Operator | None:
        """The same as find() without the database, for who only reads: with the permissions of then."""
        known = self.known(session_id)
        return None if known is None else replace(known.operator, remote_ip=remote_ip, request_id=request_id)

    async def end(self, session_hash: str) -> None:
        """Ends one session."""
        try:
            async with self._database.begin() as connection:
                await end_session(connection, session_hash)
        finally:
            self._last_known.forget(session_hash)

    def forget(self, session_hash: str) -> None:
        """The session was ended by somebody's transaction."""
        self._last_known.forget(session_hash)


async def permissions_of_user(connection: AsyncConnection, user_id: int) -> Permissions:
    """What the user's active roles grant: their menus' permissions, or everything for the built-in administrator."""
    role_ids, is_administrator = await active_roles(connection, user_id)
    if is_administrator:
        return Permissions.of([EVERYTHING])
    return Permissions.of(await perms_of_roles(connection, role_ids))
