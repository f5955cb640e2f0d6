"""Passwords: Argon2id in threads, two at once, the same work for unknown users."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Annotated, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import StringConstraints

from admin_api.security.problems import Problem

R = TypeVar("R")

PASSWORD_LENGTH = (10, 128)
Password = Annotated[str, StringConstraints(min_length=PASSWORD_LENGTH[0], max_length=PASSWORD_LENGTH[1])]
GivenPassword = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_LENGTH[1])]
"""A password to be compared, not set: older rules may have allowed it."""

NO_PASSWORD = "!"  # noqa: S105  # the stored form of "cannot log in": no hash begins like this

_AT_ONCE = 2  # hashing takes a whole core: more at once would starve the event loop
_WAITING = 32  # about 1 s of work; past that answer "busy" instead of queueing up


class Passwords:
    """Hashes and verifies passwords: Argon2id with 19 MiB, 2 passes, 1 lane (OWASP's minimum; 25 ms here)."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._dummy = self._hasher.hash(secrets.token_hex(16))
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to store. Raises a 503 Problem when too many wait."""
        return await self._in_turn(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """True if it is the password. None or an unusable hash: does the same work and says no."""
        usable = stored is not None and stored != NO_PASSWORD
        return await self._in_turn(self._matches, stored if usable and stored else self._dummy, password) and usable

    def is_outdated(self, stored: str) -> bool:
        """True if it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[..., R], *args: str) -> R:
        if self._waiting >= _WAITING:
            raise Problem(
                503, "busy", "too many logins at once: try again", "登录繁忙，请重试", headers={"Retry-After": "1"}
            )
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *args)
        finally:
            self._waiting -= 1
