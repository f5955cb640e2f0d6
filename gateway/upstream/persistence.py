"""What is done for a call that the straight road did not bring through: another instance, a fresh connection, a second asking.

The rules, after the platform's service-call contract: a request is sent twice at most, only if it is idempotent, and only while
second sendings stay under a tenth of the service's calls (budget.py); an instance that does not take the connection costs
nothing, so up to three are dialled for any call. An idempotent attempt that takes more than half of the time is not given up:
another instance is asked as well, and the first good answer wins; a slow but healthy service loses no call that way.
"""

import asyncio
import random

from gateway.upstream.answer import UpstreamAnswer
from gateway.upstream.balancer import Balancer, Member
from gateway.upstream.connection import Connection
from gateway.upstream.failures import (
    AnswerUnreadable,
    AttemptFailed,
    AttemptLate,
    ConnectionBroke,
    NotConnected,
    ServiceBusy,
)
from openplatform.errors import (
    REMOTE_CONNECTION_ERROR,
    REMOTE_PARSE_ERROR,
    REMOTE_RESULT_UNKNOWN,
    REMOTE_TIMEOUT,
    REMOTE_UNAVAILABLE,
    OpenPlatformError,
    unsent,
)

BUSY_STATUSES = frozenset((502, 503, 504))
_MAX_SENT = 2
_MAX_TRIES = 3
_JITTER_S = (0.02, 0.1)
"""Callers that failed together shall not come back together."""


class Persistence:
    """One call's attempts after the first trouble. deadline: loop time, covers everything."""

    def __init__(self, balancer: Balancer, request: bytes, deadline: float, idempotent: bool) -> None:
        self._balancer = balancer
        self._request = request
        self._deadline = deadline
        self._idempotent = idempotent
        self._loop = asyncio.get_running_loop()
        self._tried: list[Member] = []
        self._tries = 0
        self._sent = 0
        self._wants_fresh = False
        self._has_paid = False

    async def run(self, member: Member) -> UpstreamAnswer:
        """Attempts until there is an answer; member: the first to ask."""
        following: Member | None = member
        while following is not None:
            member = following
            self._tries += 1
            try:
                return await self._attempt(member)
            except AttemptFailed as error:
                failure = error.with_traceback(None)
            following = await self._after_failure(member, failure)
        return self._end(failure)

    async def after(self, member: Member, failure: AttemptFailed) -> UpstreamAnswer:
        """Goes on after a first attempt, sent over a kept connection to member, has failed."""
        self._tries = self._sent = 1
        other = await self._after_failure(member, failure)
        return self._end(failure) if other is None else await self.run(other)

    async def after_late(self, member: Member, connection: Connection, late: AttemptLate) -> UpstreamAnswer:
        """Goes on after a first attempt took its share of the time; its exchange is still under way."""
        self._tries = self._sent = 1
        member.in_flight += 1
        try:
            return await self._beside(member, connection, late)
        except AttemptFailed as error:
            failure = error.with_traceback(None)
        finally:
            member.in_flight -= 1
        other = await self._after_failure(member, failure)
        return self._end(failure) if other is None else await self.run(other)

    async def _attempt(self, member: Member) -> UpstreamAnswer:
        """One attempt on one instance; raises AttemptFailed."""
        member.in_flight += 1
        try:
            pool = member.pool
            connection = None if self._wants_fresh and not pool.is_full else pool.take(self._loop.time())
            if connection is None:
                connection = await pool.dial(self._deadline)
            self._sent += 1
            waiter = connection.exchange(self._request, self._limit())
            try:
                answer = await waiter
            except AttemptLate as late:
                return await self._beside(member, connection, late)
            except AttemptFailed:
                raise
            except BaseException:
                connection.abandon(waiter)
                raise
        finally:
            member.in_flight -= 1
        return self._accepted(member, answer)

    def _accepted(self, member: Member, answer: UpstreamAnswer) -> UpstreamAnswer:
        if answer.status in BUSY_STATUSES:
            raise ServiceBusy(answer)
        self._balancer.succeeded(member)
        answer.attempts = self._sent
        return answer

    def _limit(self) -> float:
        """When the attempt being sent is late: half of the time that is left, if another instance could be asked then."""
        if self._idempotent and self._sent < _MAX_SENT and len(self._balancer.members) > len(self._tried) + 1:
            now = self._loop.time()
            return now + (self._deadline - now) / 2
        return self._deadline

    async def _beside(self, member: Member, connection: Connection, late: AttemptLate) -> UpstreamAnswer:
        """Waits on for a late answer, and asks another instance at the same time if that is allowed."""
        first = late.successor
        second: asyncio.Task[UpstreamAnswer] | None = None
        now = self._loop.time()
        try:
            if now >= self._deadline - 0.0015:  # uvloop's clock counts whole milliseconds
                raise late
            connection.extend(self._deadline)
            other = self._balancer.choose(now, (*self._tried, member)) if self._may_send_again() else None
            if other is None or not self._pays(now):
                return self._accepted(member, await first)
            self._tried.append(member)
            second = asyncio.create_task(self._second(other))
            await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
            if first.done() and first.exception() is None and first.result().status not in BUSY_STATUSES:
                return self._accepted(member, first.result())
            try:
                answer = await second
            except AttemptFailed:
                return self._accepted(member, await first)
            self._balancer.failed(member, self._loop.time())
            return answer
        finally:
            connection.abandon(first)
            if second is not None:
                second.cancel()
                second.add_done_callback(_notice)

    async def _second(self, member: Member) -> UpstreamAnswer:
        try:
            return await self._attempt(member)
        except AttemptFailed as failure:
            self._balancer.failed(member, self._loop.time(), refused=isinstance(failure, NotConnected))
            if isinstance(failure, NotConnected):
                self._is_paid_back()
            raise

    def _may_send_again(self) -> bool:
        return self._idempotent and self._sent < _MAX_SENT and self._tries < _MAX_TRIES

    def _pays(self, now: float, *, even_so: bool = False) -> bool:
        """Whether the service's retry budget has room for a second sending; it is taken once, however many dials that needs."""
        self._has_paid = self._has_paid or self._balancer.budget.take(now, even_so=even_so)
        return self._has_paid

    def _is_paid_back(self) -> None:
        if self._has_paid:
            self._has_paid = False
            self._balancer.budget.give_back()

    async def _after_failure(self, member: Member, failure: AttemptFailed) -> Member | None:
        """Settles a failed attempt; the instance to ask next, or None when this failure is the call's end."""
        now = self._loop.time()
        if not isinstance(failure, NotConnected):
            self._balancer.failed(member, now)
        elif not failure.is_full and not failure.is_late:
            self._balancer.failed(member, now, refused=True)
        self._tried.append(member)
        if self._tries >= _MAX_TRIES or now >= self._deadline:
            return None
        if isinstance(failure, NotConnected):  # no byte has left
            return self._balancer.choose(now, self._tried)
        if not self._may_send_again() or isinstance(failure, AttemptLate | AnswerUnreadable):
            return None
        is_stale = isinstance(failure, ConnectionBroke) and failure.is_stale
        # An instance that goes away cuts all its kept connections in one moment: the other one is well, and takes what they carried.
        if not self._pays(now, even_so=is_stale):
            return None
        if isinstance(failure, ConnectionBroke):
            self._wants_fresh = True  # the other kept connections are as old as this one
        if not is_stale:
            await asyncio.sleep(min(random.uniform(*_JITTER_S), max(0.0, self._deadline - now)))  # noqa: S311
        return self._balancer.choose(now, self._tried) or member

    def _end(self, failure: AttemptFailed) -> UpstreamAnswer:
        """The answer of a busy service is passed on, everything else raised as the error that the caller sees."""
        if self._sent < _MAX_SENT:
            self._is_paid_back()
        if isinstance(failure, ServiceBusy):
            failure.answer.attempts = self._sent
            return failure.answer
        verdict = self._verdict(failure)
        raise (verdict if self._sent else unsent(verdict)) from failure

    def _verdict(self, failure: AttemptFailed) -> OpenPlatformError:
        """The error that the caller of the gateway sees."""
        service = self._balancer.service_id
        if isinstance(failure, NotConnected):
            if failure.is_full:
                return REMOTE_UNAVAILABLE(f"{service} is busy")
            return REMOTE_TIMEOUT() if failure.is_late else REMOTE_CONNECTION_ERROR()
        if isinstance(failure, AnswerUnreadable):
            return REMOTE_PARSE_ERROR()
        if not self._idempotent:
            return REMOTE_RESULT_UNKNOWN()
        if isinstance(failure, AttemptLate):
            return REMOTE_TIMEOUT()
        if isinstance(failure, ConnectionBroke) and failure.has_begun:
            return REMOTE_PARSE_ERROR()
        return REMOTE_CONNECTION_ERROR()


def _notice(done: asyncio.Task[UpstreamAnswer]) -> None:
    if not done.cancelled():
        done.exception()  # or asyncio would report it as lost
