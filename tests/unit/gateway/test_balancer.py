"""Which instance of a service is asked: load, weights, and instances that fail."""

import asyncio
from collections import Counter

from gateway.upstream import UpstreamBounds
from gateway.upstream.balancer import FAILURES_IN_A_ROW, SET_ASIDE_S, Balancer
from openplatform.records import Instance


def balancer(*weights: int, started_at_ms: int = 0, now_ms: float = 1e6) -> Balancer:
    made = Balancer("svc", UpstreamBounds(), asyncio.get_running_loop())
    made.update(
        [
            Instance(service_id="svc", host="10.0.0.1", port=port, weight=weight, started_at_ms=started_at_ms)
            for port, weight in enumerate(weights, start=1)
        ],
        now_ms=now_ms,
    )
    return made


async def test_the_less_busy_of_two_is_chosen() -> None:
    """Requests in flight decide, in proportion to the weights."""
    pair = balancer(100, 100)
    pair.members[0].in_flight = 3
    assert {pair.choose(0.0) for _ in range(50)} == {pair.members[1]}
    pair = balancer(100, 400)
    pair.members[0].in_flight, pair.members[1].in_flight = 2, 7
    assert {pair.choose(0.0) for _ in range(50)} == {pair.members[1]}
    pair.members[1].in_flight = 9
    assert {pair.choose(0.0) for _ in range(50)} == {pair.members[0]}


async def test_idle_instances_share_by_weight() -> None:
    """Without load the weights still hold, and every instance gets some."""
    pair = balancer(100, 300)
    counts = Counter(chosen.address for _ in range(4000) if (chosen := pair.choose(0.0)))
    assert 800 < counts["10.0.0.1:1"] < 1200


async def test_a_new_instance_grows_to_its_weight() -> None:
    """Ten percent at first, all of it after 30 s."""
    assert balancer(100, started_at_ms=1_000_000, now_ms=1_000_000).members[0].weight == 10
    assert balancer(100, started_at_ms=1_000_000, now_ms=1_015_000).members[0].weight == 50
    assert balancer(100, started_at_ms=1_000_000, now_ms=1_060_000).members[0].weight == 100


async def test_five_failures_in_a_row_set_an_instance_aside() -> None:
    """Four are forgiven by one success; five keep it out for ten seconds, then one call at a time probes it."""
    pair = balancer(100, 100)
    bad, good = pair.members
    for _ in range(3):
        for _ in range(FAILURES_IN_A_ROW - 1):
            pair.failed(bad, 0.0)
        pair.succeeded(bad)
    assert {pair.choose(0.0) for _ in range(50)} == {bad, good}
    for _ in range(FAILURES_IN_A_ROW):
        pair.failed(bad, 0.0)
    assert {pair.choose(SET_ASIDE_S - 0.1) for _ in range(50)} == {good}
    good.in_flight = 1
    assert pair.choose(SET_ASIDE_S) is bad
    bad.in_flight = 1
    assert {pair.choose(SET_ASIDE_S) for _ in range(50)} == {good}
    pair.failed(bad, SET_ASIDE_S)
    bad.in_flight = 0
    assert {pair.choose(2 * SET_ASIDE_S - 0.1) for _ in range(50)} == {good}
    pair.succeeded(bad)
    good.in_flight = 0
    assert {pair.choose(2 * SET_ASIDE_S) for _ in range(50)} == {bad, good}


async def test_a_refused_connection_sets_aside_at_once() -> None:
    """Nothing listens there: the next calls need not find that out again."""
    pair = balancer(100, 100)
    pair.failed(pair.members[0], 0.0, refused=True)
    assert {pair.choose(1.0) for _ in range(50)} == {pair.members[1]}


async def test_when_all_are_aside_they_are_asked_all_the_same() -> None:
    """A service is never declared dead by this process alone."""
    single = balancer(100)
    single.failed(single.members[0], 0.0, refused=True)
    assert single.choose(1.0) is single.members[0]
