"""Signing in, and confirming by password what must not happen by a stolen session."""

from dataclasses import dataclass
from datetime import datetime

from admin_api.security.attempts import Attempts
from admin_api.security.metrics import AdminMetrics
from admin_api.security.operators import Operator
from admin_api.security.passwords import Passwords
from admin_api.security.problems import Problem
from admin_api.security.repository import end_session, find_user, set_password
from admin_api.security.sessions import Sessions, hash_of
from admin_api.tables.rows import Row
from openplatform.sql import AsyncConnection, Database


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. session_id: the only copy; expire_time: when it ends at the latest."""

    session_id: str
    expire_time: datetime
    user_id: int
    must_change_password: bool


class SignIn:
    """Compares passwords. Unknown, disabled and wrong get the same answer after the same work."""

    def __init__(self, database: Database, passwords: Passwords, sessions: Sessions, metrics: AdminMetrics) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._attempts = Attempts(database)
        self._metrics = metrics

    async def sign_in(
        self, email: str, password: str, *, remote_ip: str, user_agent: str, replacing: str = ""
    ) -> SignedIn:
        """Opens a session with an id of its own. replacing: the session that the caller came with, which ends.

        Raises a Problem: 401 wrong, 429 locked, 503 too many at once.
        """
        email = email.lower()
        attempt_id, user = await self._verified(email, password, remote_ip, user_agent)
        hashed = await self._passwords.hash(password) if self._passwords.is_outdated(user["password"]) else None

        async def work(connection: AsyncConnection) -> SignedIn:
            await self._attempts.succeed(connection, attempt_id)
            if hashed is not None:
                await set_password(connection, user["id"], hashed)
            if replacing:
                await end_session(connection, hash_of(replacing))
            session_id, expire_time = await self._sessions.open(
                connection, user["id"], remote_ip=remote_ip, user_agent=user_agent
            )
            return SignedIn(session_id, expire_time, user["id"], user["must_change_password"] == 1)

        try:
            return await self._database.run(work)
        finally:
            if replacing:
                self._sessions.forget(hash_of(replacing))

    async def confirm(self, operator: Operator, password: str) -> str:
        """The stored hash that the operator's own password matched. Raises a 403 Problem; a failure counts as a failed login."""
        try:
            attempt_id, user = await self._verified(operator.email, password, operator.remote_ip, "confirmation")
        except Problem as problem:
            if problem.status != 401:
                raise
            raise Problem(403, "wrong-password", "this is not your password", "密码错误") from problem
        async with self._database.begin() as connection:
            await self._attempts.succeed(connection, attempt_id)
        return str(user["password"])

    async def _verified(self, email: str, password: str, remote_ip: str, user_agent: str) -> tuple[int, Row]:
        try:
            attempt_id = await self._attempts.begin(email, remote_ip, user_agent, self._sessions.now())
        except Problem:
            self._metrics.count_login("refused")
            raise
        async with self._database.read() as connection:
            user = await find_user(connection, email)
        stored = user["password"] if user is not None and user["status"] == 1 else None
        try:
            is_right = await self._passwords.verify(stored, password)
        except Problem:
            await self._attempts.dismiss(attempt_id)
            raise
        self._metrics.count_login("succeeded" if is_right else "failed")
        if user is None or not is_right:
            raise Problem(401, "bad-credentials", "the e-mail address or the password is wrong", "邮箱或密码错误")
        return attempt_id, user
