"""Which instance of a service takes the next call: the less busy of two chosen at random, leaving out those that fail."""

import asyncio
from collections.abc import Collection, Sequence
from random import random

from gateway.upstream.answer import UpstreamBounds
from gateway.upstream.budget import RetryBudget
from gateway.upstream.dialling import DialRules
from gateway.upstream.pool import ConnectionPool
from openplatform.records import Instance

FAILURES_IN_A_ROW = 5
SET_ASIDE_S = 10.0
GROWTH_S = 30.0
"""A new instance takes its full share only after this: caches are cold, and a bad release should hurt few calls."""
_SMALLEST_GROWTH = 0.1


class Member:
    """One instance as this process sees it: its connections, how busy it is, how well it does.

    weight: share of calls relative to the others, grown; in_flight: calls that wait for it; failures: in a row;
    aside_until: 0.0 = takes calls, else loop time after which one call at a time may probe it.
    """

    __slots__ = ("address", "aside_until", "failures", "in_flight", "pool", "weight")

    def __init__(self, address: str, pool: ConnectionPool) -> None:
        self.address = address
        self.pool = pool
        self.weight = 100.0
        self.in_flight = 0
        self.failures = 0
        self.aside_until = 0.0


class Balancer:
    """The instances of one service_id."""

    def __init__(
        self,
        service_id: str,
        bounds: UpstreamBounds,
        loop: asyncio.AbstractEventLoop,
        rules: DialRules | None = None,
    ) -> None:
        self.service_id = service_id
        self.budget = RetryBudget()
        self._bounds = bounds
        self._loop = loop
        self._rules = rules or DialRules()
        self.members: Sequence[Member] = ()
        self._some_are_aside = False

    def update(self, instances: Sequence[Instance], *, now_ms: float) -> None:
        """Takes over who is running; what is known of those that stay is kept. now_ms: wall clock, epoch ms."""
        known = {member.address: member for member in self.members}
        members = []
        # Workers behind one port register one address each: to a caller that is one instance.
        for instance in {instance.address: instance for instance in instances}.values():
            member = known.pop(instance.address, None)
            if member is None:
                member = Member(instance.address, self._pool(instance))
            grown = min(1.0, max(_SMALLEST_GROWTH, (now_ms - instance.started_at_ms) / (GROWTH_S * 1000)))
            member.weight = max(1, instance.weight) * grown
            members.append(member)
        self.members = members
        self._some_are_aside = any(member.aside_until for member in members)
        for member in known.values():
            member.pool.close()

    def _pool(self, instance: Instance) -> ConnectionPool:
        return ConnectionPool(
            instance.host, instance.port, self._bounds, self._loop, service_id=self.service_id, rules=self._rules
        )

    def choose(self, now: float, tried: Collection[Member] = ()) -> Member | None:
        """An instance for the next attempt, not one of those tried; None when there is none. now: loop time."""
        members: Sequence[Member] = self.members
        if len(members) == 1 and not tried:  # when all of them are aside, asking one may help and cannot make it worse
            return members[0]
        if tried:
            members = [member for member in members if member not in tried]
        if self._some_are_aside:
            members = [m for m in members if not m.aside_until or (m.aside_until <= now and not m.in_flight)] or members
        count = len(members)
        if count < 2:
            return members[0] if count else None
        first = int(random() * count)  # noqa: S311  # spreads load, guards nothing
        second = int(random() * (count - 1))  # noqa: S311
        one, other = members[first], members[second + (second >= first)]
        one_load, other_load = one.in_flight * other.weight, other.in_flight * one.weight
        if one_load == other_load and one.weight != other.weight:
            return one if random() * (one.weight + other.weight) < one.weight else other  # noqa: S311
        return one if one_load <= other_load else other

    def succeeded(self, member: Member) -> None:
        """The member gave an answer that counts as healthy."""
        member.failures = 0
        if member.aside_until:
            member.aside_until = 0.0
            self._some_are_aside = any(m.aside_until for m in self.members)

    def failed(self, member: Member, now: float, *, refused: bool = False) -> None:
        """The member did not answer properly; refused: it did not even take the connection."""
        member.failures += 1
        if refused or member.failures >= FAILURES_IN_A_ROW:
            member.aside_until = now + SET_ASIDE_S
            self._some_are_aside = True

    def close(self) -> None:
        """Closes all connections, exchanges under way included."""
        for member in self.members:
            member.pool.abort()
