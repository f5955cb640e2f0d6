"""Whether a service is asked at all: for each API, and for each service, a bound on calls at once and a breaker.

All of it is this process's own knowledge, looked up once per route and kept while routes change.
"""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import asdict, replace
from pybreaker import STATE_CLOSED, CircuitBreaker, CircuitBreakerListener, CircuitBreakerState

from openplatform.breaker import REFUSED, Breaker
from openplatform.errors import REMOTE_UNAVAILABLE, unsent
from openplatform.records import BreakerRules, Route

Permits = tuple[int, int]
"""The API's breaker's and the service's."""
MOST_NAMED = 500
"""Breakers that a process tells of: with a thousand APIs of one dead service a heartbeat stays below 100 kB."""


class Gate(CircuitBreakerListener):
    """One API's bulkhead and breaker, or one service's.

    scope: `api` or `service`; limit: calls in flight at once; in_flight: how many there are; rejected: how many there was no room
    for; troubled: where it stands while its breaker is not closed.
    """

    __slots__ = ("_troubled", "breaker", "in_flight", "limit", "name", "rejected", "scope")

    def __init__(self, scope: str, name: str, limit: int, rules: BreakerRules, troubled: dict[str, "Gate"]) -> None:
        self.scope = scope
        self.name = name
        self.limit = limit
        self.in_flight = 0
        self.rejected = 0
        self._troubled = troubled
        self.breaker = Breaker(f"{scope} {name}", rules, listeners=[self])

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        if new_state.name == STATE_CLOSED:
            self._troubled.pop(self.breaker.name, None)
        else:
            self._troubled[self.breaker.name] = self


class Guard:
    """What a call of one API has to pass on its way to the service: the API's gate, then the one that all APIs of the service share.

    Who has entered leaves by exactly one of `answered`, `failed` and `given_up`. Times are monotonic seconds.
    """

    __slots__ = ("api", "service")

    def __init__(self, api: Gate, service: Gate) -> None:
        self.api = api
        self.service = service

    def enter(self, now: float) -> Permits | None:
        """None while a breaker is open. Raises REMOTE_UNAVAILABLE when a bulkhead is full: nobody waits in a queue."""
        api, service = self.api, self.service
        if api.in_flight >= api.limit or service.in_flight >= service.limit:
            full = api if api.in_flight >= api.limit else service
            full.rejected += 1
            raise unsent(REMOTE_UNAVAILABLE(f"too many calls of this {full.scope} are under way", retry_after_s=1))
        own, shared = api.breaker, service.breaker
        if own.is_closed and shared.is_closed:
            permits = own.generation, shared.generation
        else:
            asked = self._ask(now)
            if asked is None:
                return None
            permits = asked
        api.in_flight += 1
        service.in_flight += 1
        return permits

    def retry_after_s(self, now: float) -> int:
        """Whole seconds until a call that met an open breaker may be worth repeating, at least 1."""
        pause_s = max(self.api.breaker.retry_after_s(now), self.service.breaker.retry_after_s(now))
        return max(1, int(pause_s) + 1)

    def answered(self, permits: Permits, now: float, took_s: float) -> None:
        """The service answered, with whatever an answer of a healthy service may say."""
        api, service = self.api, self.service
        api.in_flight -= 1
        service.in_flight -= 1
        own, shared = permits
        breaker = api.breaker
        counts, before = breaker.is_closed, breaker.generation
        breaker.succeeded(own, now, took_s)
        if not counts:
            service.breaker.succeeded(shared, now)
        elif breaker.generation == before:
            service.breaker.succeeded(shared, now, took_s)
        else:  # it was too slow once too often
            self._part(shared)

    def failed(self, permits: Permits, now: float, took_s: float) -> None:
        """The service did not answer, or as one that is out of order."""
        api, service = self.api, self.service
        api.in_flight -= 1
        service.in_flight -= 1
        own, shared = permits
        breaker = api.breaker
        before = breaker.generation
        counts = breaker.is_closed and own == before
        breaker.failed(own, now, took_s)
        if not counts:
            service.breaker.given_up(shared)
        elif breaker.generation == before:
            service.breaker.failed(shared, now, took_s)
        else:
            self._part(shared)

    def given_up(self, permits: Permits) -> None:
        """The caller left, or the call ended before the service had its chance."""
        self.api.in_flight -= 1
        self.service.in_flight -= 1
        self.api.breaker.given_up(permits[0])
        self.service.breaker.given_up(permits[1])

    def _ask(self, now: float) -> Permits | None:
        own = self.api.breaker.enter(now)
        if own == REFUSED:
            return None
        shared = self.service.breaker.enter(now)
        if shared == REFUSED:
            self.api.breaker.given_up(own)
            return None
        return own, shared

    def _part(self, shared: int) -> None:
        """The API's breaker has opened: what this API did is not held against the service's other APIs."""
        breaker = self.service.breaker
        breaker.given_up(shared)
        if breaker.is_closed:
            breaker.forget()


class Guards:
    """All of one process. rules: of routes without their own; api_limit, service_limit: calls in flight at once.

    The service's breaker needs twice as many calls as an API's to judge. With `Guard._part` that keeps one dead API from taking
    the service's other APIs with it: until its own breaker opens it cannot be half of what the service's breaker sees.
    """

    def __init__(self, *, rules: BreakerRules | None = None, api_limit: int = 256, service_limit: int = 512) -> None:
        self._rules = rules or BreakerRules()
        self._service_rules = replace(self._rules, min_calls=2 * self._rules.min_calls)
        self._api_limit = api_limit
        self._service_limit = service_limit
        self._guards: dict[str, Guard] = {}
        self._services: dict[str, Gate] = {}
        self._troubled: dict[str, Gate] = {}

    def of(self, route: Route) -> Guard:
        """The route's guard: the one it had, with the limits it has now, unless it has moved to another service."""
        guard = self._guards.get(route.api_name)
        if guard is None or guard.service.name != route.service_id:
            service = self._services.get(route.service_id)
            if service is None:
                service = Gate("service", route.service_id, self._service_limit, self._service_rules, self._troubled)
                self._services[route.service_id] = service
            guard = Guard(Gate("api", route.api_name, self._api_limit, self._rules, self._troubled), service)
            self._guards[route.api_name] = guard
        guard.api.limit = self._api_limit if route.max_concurrency is None else route.max_concurrency
        guard.api.breaker.follow(route.breaker or self._rules)
        return guard

    def gates(self) -> Iterator[tuple[str, str, Gate]]:
        """Of every service and API that has been called: service_id, the API's name ("" = the service's own gate), the gate."""
        for service in list(self._services.values()):
            yield service.name, "", service
        for guard in list(self._guards.values()):
            yield guard.service.name, guard.api.name, guard.api

    def not_closed(self) -> dict[str, dict[str, Any]]:
        """Breakers that hold calls back now: `api open.order.get` → its state and the members of its BreakerReason; MOST_NAMED at
        most, services first."""
        troubled = sorted(self._troubled.items(), reverse=True)[:MOST_NAMED]
        return {name: {"state": gate.breaker.state, **asdict(gate.breaker.reason)} for name, gate in troubled}
