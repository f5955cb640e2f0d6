"""Against guessing: five failed logins of an account or from an address lock it for ten minutes, then longer."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from admin_api.security.problems import Problem
from admin_api.security.repository import FAILED, REFUSED, SUCCEEDED, add_attempt, attempts_since, settle_attempt
from admin_api.tables.rows import Row
from openplatform.sql import AsyncConnection, Database

FAILURES = 5
FIRST_LOCK = timedelta(minutes=10)
LONGEST_LOCK = timedelta(hours=24)
_REMEMBERED = timedelta(hours=48)  # the longest lock and as much again


def locked_until(failures: list[datetime]) -> datetime | None:
    """When the lock ends that these failures (oldest first) cause: 10 min after every fifth, doubling each time, at most a day."""
    rounds = len(failures) // FAILURES
    if rounds == 0:
        return None
    return failures[rounds * FAILURES - 1] + min(FIRST_LOCK * (1 << min(rounds - 1, 10)), LONGEST_LOCK)


class Attempts:
    """The log of logins, and the locks that follow from it.

    An attempt counts as failed from its beginning until it has succeeded, so that many at once get no more tries than one after
    another. A success clears the failures of its account, and of its account from its address: not those of other accounts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, email: str, remote_ip: str, user_agent: str, now: datetime) -> int:
        """The attempt's id. Raises a 429 Problem while the account or the address is locked; unknown accounts lock alike."""
        email = email[:100]

        async def work(connection: AsyncConnection) -> tuple[int, datetime | None]:
            rows = await attempts_since(connection, email, remote_ip, now - _REMEMBERED)
            ends = _lock(rows, email, remote_ip)
            if ends is not None and ends <= now:
                ends = None
            attempt = {
                "email": email,
                "remote_ip": remote_ip,
                "user_agent": user_agent[:200],
                "outcome": FAILED if ends is None else REFUSED,
                "create_time": now,
            }
            return await add_attempt(connection, attempt), ends

        attempt_id, ends = await self._database.run(work)
        if ends is not None:
            raise _locked(ends - now)
        return attempt_id

    async def succeed(self, connection: AsyncConnection, attempt_id: int) -> None:
        """The attempt was right after all."""
        await settle_attempt(connection, attempt_id, SUCCEEDED)

    async def dismiss(self, attempt_id: int) -> None:
        """Nothing was compared, for want of time: it counts neither way."""
        async with self._database.begin() as connection:
            await settle_attempt(connection, attempt_id, REFUSED)


def _lock(attempts: list[Row], email: str, remote_ip: str) -> datetime | None:
    of_account = _failures(row for row in attempts if row["email"] == email)
    from_address = _failures(row for row in attempts if row["remote_ip"] == remote_ip)
    ends = [end for end in (locked_until(of_account), locked_until(from_address)) if end is not None]
    return max(ends, default=None)


def _locked(left: timedelta) -> Problem:
    seconds = max(1, int(left.total_seconds()))
    minutes = -(-seconds // 60)
    return Problem(
        429,
        "login-locked",
        f"too many failed logins: try again in {minutes} min",
        f"登录失败次数过多，请 {minutes} 分钟后再试",
        headers={"Retry-After": str(seconds)},
        more={"minutes_left": minutes},
    )


def _failures(attempts: Iterable[Row]) -> list[datetime]:
    """The failures that no later success of the same account has cleared."""
    failed: list[tuple[datetime, str]] = []
    for row in attempts:
        if row["outcome"] == SUCCEEDED:
            failed = [(at, whose) for at, whose in failed if whose != row["email"]]
        else:
            failed.append((row["create_time"], row["email"]))
    return [at for at, _ in failed]
