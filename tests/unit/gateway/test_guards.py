"""Bulkheads and breakers of APIs and services: what is counted where, and that a dead API does not take others with it."""

import random

import pytest

from gateway.guards import Guard, Guards
from openplatform.errors import UpstreamFailed
from openplatform.records import ApiName, BreakerRules, Route


def route(api_name: str = "open.a.get", **fields: object) -> Route:
    values: dict[str, object] = {
        "api_name": ApiName(api_name), "service_id": "svc", "inside_api_url": "/a", "enabled": True,
    }  # fmt: skip
    return Route(**{**values, **fields})


def fails(guard: Guard, now: float = 1.0) -> bool:
    """One failing call; whether it got as far as the service."""
    permits = guard.enter(now)
    if permits is not None:
        guard.failed(permits, now, 0.1)
    return permits is not None


def succeeds(guard: Guard, now: float = 1.0, took_s: float = 0.01) -> bool:
    permits = guard.enter(now)
    if permits is not None:
        guard.answered(permits, now, took_s)
    return permits is not None


@pytest.mark.parametrize("others", [0.0, 0.1, 0.5, 0.9])
def test_a_dead_api_leaves_the_others_of_its_service_alone(others: float) -> None:
    """Whatever share of the calls it has: 20 calls reach the service per pause, and no call of another API is refused."""
    chance = random.Random(7)
    guards = Guards()
    dead, well = guards.of(route("open.dead.get")), guards.of(route("open.well.get"))
    sent = 0
    for number in range(2000):
        now = 1 + number * 0.002  # 4 s: less than a pause
        if chance.random() < others:
            assert succeeds(well, now)
        else:
            sent += fails(dead, now)
    assert sent == 20
    assert succeeds(well, 5.0)
    assert list(guards.not_closed()) == ["api open.dead.get"]


def test_calls_of_a_dead_api_that_were_on_their_way_are_not_held_against_the_service() -> None:
    """100 calls hang and fail together: 20 of them open the API's breaker, the other 80 change nothing."""
    guards = Guards()
    dead, well = guards.of(route("open.dead.get")), guards.of(route("open.well.get"))
    on_their_way = [dead.enter(1.0) for _ in range(100)]
    for permits in on_their_way:
        assert permits is not None
        dead.failed(permits, 2.0, 1.0)
    assert (dead.api.in_flight, dead.service.in_flight) == (0, 0)
    assert all(succeeds(well, 2.0) for _ in range(100))


def test_a_slow_api_leaves_the_others_of_its_service_alone() -> None:
    """Slowness is counted like failure."""
    guards = Guards(rules=BreakerRules(slow_ms=100))
    slow, well = guards.of(route("open.slow.get")), guards.of(route("open.well.get"))
    assert [succeeds(slow, took_s=0.2) for _ in range(30)].count(True) == 20
    assert all(succeeds(well) for _ in range(100))


def test_a_dead_service_is_left_alone_before_each_of_its_apis_has_found_out() -> None:
    """Ten APIs, a few calls each: the service's breaker opens for all of them."""
    guards = Guards()
    apis = [guards.of(route(f"open.a{n}.get")) for n in range(10)]
    sent = sum(fails(apis[n % 10]) for n in range(200))
    assert sent == 40
    assert list(guards.not_closed()) == ["service svc"]
    probes = [apis[n % 10].enter(8.0) for n in range(100)]
    assert sum(permits is not None for permits in probes) == 3


def test_the_service_closes_on_the_good_probes_of_any_api() -> None:
    """Also of one whose own breaker was open; a failing probe of such an API does not open the service's again."""
    guards = Guards(rules=BreakerRules(permits=2))
    sick, well = guards.of(route("open.sick.get")), guards.of(route("open.well.get"))
    others = [guards.of(route(f"open.a{n}.get")) for n in range(4)]
    for _ in range(20):
        fails(sick)
    for n in range(60):
        fails(others[n % 4])
    assert list(guards.not_closed()) == ["service svc", "api open.sick.get"]
    assert fails(sick, 9.0)
    assert succeeds(well, 9.0) and succeeds(well, 9.0)
    assert list(guards.not_closed()) == ["api open.sick.get"]


def test_a_bulkhead_holds_its_number_whatever_becomes_of_the_calls() -> None:
    """Full is full at once; each way out makes room for exactly one."""
    guards = Guards(api_limit=3, service_limit=4)
    one, other = guards.of(route("open.one.get")), guards.of(route("open.other.get"))
    entered = [one.enter(1.0) for _ in range(3)]
    with pytest.raises(UpstreamFailed, match="too many calls of this api are under way") as caught:
        one.enter(1.0)
    assert caught.value.retry_after_s == 1
    last = other.enter(1.0)
    with pytest.raises(UpstreamFailed, match="too many calls of this service"):
        other.enter(1.0)
    assert all(permits is not None for permits in entered) and last is not None
    one.given_up(entered[0])  # type: ignore[arg-type]
    one.failed(entered[1], 1.0, 0.1)  # type: ignore[arg-type]
    one.answered(entered[2], 1.0, 0.1)  # type: ignore[arg-type]
    assert [gate.in_flight for _, _, gate in guards.gates()] == [1, 0, 1]
    other.given_up(last)
    assert [(gate.scope, gate.in_flight, gate.rejected) for _, _, gate in guards.gates()] == [
        ("service", 0, 1), ("api", 0, 1), ("api", 0, 0),
    ]  # fmt: skip
    assert all(one.enter(1.0) for _ in range(3))


def test_callers_that_leave_open_nothing() -> None:
    """30 cancellations: closed, and nobody in flight."""
    guards = Guards()
    guard = guards.of(route())
    for _ in range(30):
        permits = guard.enter(1.0)
        assert permits is not None
        guard.given_up(permits)
    assert guards.not_closed() == {} and guard.api.in_flight == 0


def test_a_guard_survives_changes_of_its_route() -> None:
    """Other limits and rules apply at once; state and calls in flight stay; another service begins anew."""
    guards = Guards()
    guard = guards.of(route())
    guard.enter(1.0)
    for _ in range(20):
        fails(guard)
    changed = route(description="new", max_concurrency=1, breaker=BreakerRules(open_s=1.0))
    assert guards.of(changed) is guard
    held = {"state": "open", "cause": "calls", "calls": 20, "failed": 20, "slow": 0}
    assert guards.not_closed() == {"api open.a.get": held}
    assert (guard.api.limit, guard.api.in_flight, guard.api.breaker.rules.open_s) == (1, 1, 1.0)
    guards.of(route())
    assert (guard.api.limit, guard.api.breaker.rules.open_s) == (256, 5.0)
    moved = guards.of(route(service_id="another"))
    assert moved is not guard and succeeds(moved)


def test_an_open_breaker_says_when_to_come_back() -> None:
    """Whole seconds, at least one, not less than the pause."""
    guard = Guards().of(route())
    while fails(guard):
        pass
    assert 5 <= guard.retry_after_s(1.0) <= 7
    assert guard.retry_after_s(100.0) == 1
