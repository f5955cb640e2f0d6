"""The way of a call to its service: an instance, a kept connection, one wait; and what is done when that does not work.

A call that goes well takes the straight road in `call`: no task, no timer of its own, one future. Everything else is
`Persistence`, which tries again where that is allowed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from gateway.upstream.answer import UpstreamAnswer, UpstreamBounds
from gateway.upstream.budget import RetryBudget
from gateway.upstream.dialling import DialRules
from gateway.upstream.failures import AttemptFailed, AttemptLate, ServiceBusy
from gateway.upstream.persistence import BUSY_STATUSES, Persistence
from gateway.upstream.services import Services
from openplatform.errors import REMOTE_TIMEOUT, REMOTE_UNAVAILABLE, PlatformUnavailable, unsent
from openplatform.jobs import running
from openplatform.ports import ServiceDirectory


class Upstreams:
    """Calls services by service_id. One per process and event loop.

    directory: who is running; pinned: service_id → fixed `host:port` addresses, which win over the directory;
    rules: where connections may go. Raises SettingsError for fixed addresses that cannot be read or may not be dialled.
    """

    def __init__(
        self,
        directory: ServiceDirectory,
        *,
        pinned: Mapping[str, Sequence[str]] | None = None,
        bounds: UpstreamBounds | None = None,
        rules: DialRules | None = None,
    ) -> None:
        self._services = Services(directory, pinned or {}, bounds or UpstreamBounds(), rules)
        self._loop = asyncio.get_running_loop()

    async def call(
        self, service_id: str, head: bytes, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> UpstreamAnswer:
        """Sends one HTTP request and returns the answer, whatever its status.

        head: request line and headers with the final empty line, Content-Length included when there is a body; it goes to any
        instance as it is. timeout_s covers everything. A second attempt is made on another instance if there is one: of
        idempotent calls, within the service's retry budget, after broken connections, attempts that are late and 502, 503, 504;
        of others only when no connection could be made. Raises UpstreamFailed: REMOTE_UNAVAILABLE (no instance, all pools
        full), REMOTE_CONNECTION_ERROR, REMOTE_TIMEOUT, REMOTE_PARSE_ERROR, REMOTE_RESULT_UNKNOWN (a call that is not idempotent
        was sent and not answered); PlatformUnavailable when a new service cannot be looked up. Any of them is marked `is_unsent`
        if no byte has left.
        """
        now = self._loop.time()
        deadline = now + timeout_s
        balancer = self._services.known(service_id)
        if balancer is None:
            try:
                async with asyncio.timeout_at(deadline):
                    balancer = await self._services.find(service_id)
            except TimeoutError:
                raise unsent(REMOTE_TIMEOUT()) from None
            except PlatformUnavailable as error:
                raise unsent(error)  # noqa: B904  # the same error, marked
        balancer.budget.call_begins(now)
        member = balancer.choose(now)
        if member is None:
            raise unsent(REMOTE_UNAVAILABLE(f"no instance of {service_id} is running"))
        request = head + body if body else head
        connection = member.pool.take(now)
        if connection is None:
            return await Persistence(balancer, request, deadline, idempotent).run(member)
        has_another = idempotent and len(balancer.members) > 1
        member.in_flight += 1
        waiter = connection.exchange(request, now + timeout_s / 2 if has_another else deadline)
        failure: AttemptFailed
        try:
            answer = await waiter
        except AttemptFailed as error:
            failure = error.with_traceback(None)  # which holds this frame, which holds the failure: a cycle
        except BaseException:
            member.in_flight -= 1
            connection.abandon(waiter)
            raise
        else:
            if answer.status not in BUSY_STATUSES:
                member.in_flight -= 1
                if member.failures:
                    balancer.succeeded(member)
                return answer
            failure = ServiceBusy(answer)
        member.in_flight -= 1
        persistence = Persistence(balancer, request, deadline, idempotent)
        if isinstance(failure, AttemptLate):
            return await persistence.after_late(member, connection, failure)
        return await persistence.after(member, failure)

    def budgets(self) -> Mapping[str, RetryBudget]:
        """service_id → what its calls may still be repeated, of every service that has been called."""
        return {balancer.service_id: balancer.budget for balancer in self._services.balancers()}

    async def refresh_forever(self) -> None:
        """Keeps the lists of instances true, until cancelled."""
        await self._services.refresh_forever()

    async def aclose(self) -> None:
        """Closes all connections; calls under way fail."""
        self._services.close()


@asynccontextmanager
async def open_upstreams(
    directory: ServiceDirectory,
    *,
    pinned: Mapping[str, Sequence[str]] | None = None,
    bounds: UpstreamBounds | None = None,
    rules: DialRules | None = None,
) -> AsyncIterator[Upstreams]:
    """Upstreams with their background refresh."""
    upstreams = Upstreams(directory, pinned=pinned, bounds=bounds, rules=rules)
    try:
        async with running(upstreams.refresh_forever(), name="refresh of service instances"):
            yield upstreams
    finally:
        await upstreams.aclose()
